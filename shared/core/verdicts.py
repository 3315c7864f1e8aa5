"""What becomes of each deployment, and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from shared.core import naming
from shared.core.model import Account, Deployment
from shared.core.model_kinds import ModelKind, model_kind
from shared.core.resource_ids import AccountId, is_deployment_name
from shared.core.surfaces import Surface, backend_url

_ENDED_BADLY = frozenset({"failed", "canceled", "disabled"})
_ACCOUNT_KINDS = frozenset({"openai", "aiservices"})


class DeploymentState(Enum):
    SEEN = "seen"  # there, but not ready, or not written yet
    APPLIED = "applied"
    QUARANTINED = "quarantined"  # can't be onboarded until somebody changes something
    RETIRING = "retiring"  # gone from ARM, and the gateway says so for a while
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of one deployment, and why; *resources* are the paths it depends on."""

    name: str
    state: DeploymentState
    reason: str
    kind: ModelKind
    deployment: Deployment | None = None  # None: ARM no longer has it
    resources: tuple[str, ...] = ()
    keeps: frozenset[str] = frozenset()  # surfaces where it stays as it stands, if not served anew


def judge(
    account: Account, surfaces: Sequence[Surface], *, served: frozenset[str]
) -> tuple[Verdict, ...]:
    """The verdicts on what ARM has, by name; *served* are the names that the gateway serves now."""
    problem = _account_problem(account)
    deployments = sorted(account.deployments, key=lambda item: item.name.lower())
    return tuple(
        _verdict(deployment, account, surfaces, problem=problem, served=served)
        for deployment in deployments
    )


def surface_paths(unit: AccountId, surface: str) -> tuple[str, str, str]:
    """Backend, API and policy of a unit's surface."""
    api = f"apis/{naming.api_id(unit, surface)}"
    return f"backends/{naming.backend_id(unit, surface)}", api, f"{api}/policies/policy"


def on_surface(verdicts: Sequence[Verdict], unit: AccountId, surface: str) -> Mapping[str, Verdict]:
    """Those that a surface is to serve, by lower-cased name."""
    _backend, api, _policy = surface_paths(unit, surface)
    return {verdict.name.lower(): verdict for verdict in verdicts if api in verdict.resources}


def _account_problem(account: Account) -> str | None:
    if account.kind.lower() not in _ACCOUNT_KINDS:
        return f"accounts of kind {account.kind} have no model deployments to onboard"
    if account.custom_subdomain is None:
        return (
            "the account has no custom subdomain, which a managed identity needs: "
            "az cognitiveservices account update --custom-domain <name>"
        )
    return None


def _verdict(
    deployment: Deployment,
    account: Account,
    surfaces: Sequence[Surface],
    *,
    problem: str | None,
    served: frozenset[str],
) -> Verdict:
    kind = model_kind(deployment.model, deployment.capabilities)
    suited = [surface for surface in surfaces if surface.serves(deployment)]
    reachable = [surface for surface in suited if backend_url(account, surface)]
    state, reason = _state(deployment, kind, reachable, problem)
    applied = state is DeploymentState.APPLIED
    doubtful = _doubtful(deployment, kind, surfaces, account)
    kept = doubtful if deployment.name.lower() in served else frozenset[str]()
    if kept and not applied:
        state, reason = DeploymentState.APPLIED, f"kept as it was: {reason}"
    fits = reachable if applied else []
    paths = tuple(path for s in fits for path in surface_paths(account.id, s.name))
    return Verdict(deployment.name, state, reason, kind, deployment, paths, kept)


def _state(
    deployment: Deployment, kind: ModelKind, fits: Sequence[Surface], problem: str | None
) -> tuple[DeploymentState, str]:
    model, state = deployment.model, deployment.provisioning_state
    obstacles = (
        (problem is not None, problem or ""),
        (not is_deployment_name(deployment.name), "the name has characters outside the allowlist"),
        (deployment.sku.lower().endswith("batch"), f"{deployment.sku} serves no online requests"),
        (state.lower() in _ENDED_BADLY, f"ARM says {state}: create it again, or delete it"),
        (
            not fits and _is_ready(deployment),
            f"no enabled surface serves {model.format} {model.name} (kind {kind.value})",
        ),
    )
    for holds, reason in obstacles:
        if holds:
            return DeploymentState.QUARANTINED, reason
    if not _is_ready(deployment):
        return DeploymentState.SEEN, f"ARM says {state}"
    return DeploymentState.APPLIED, "onboarded"


def _is_ready(deployment: Deployment) -> bool:
    return deployment.provisioning_state.lower() == "succeeded"


def _doubtful(
    deployment: Deployment,
    kind: ModelKind,
    surfaces: Sequence[Surface],
    account: Account,
) -> frozenset[str]:
    """The surfaces that may lack nothing but a fact to serve the deployment.

    Answers can lack capabilities or endpoints for a while. What is served is given up for a
    404 or for a fact, never for the lack of one.
    """
    if not account.endpoints:
        return frozenset(surface.name for surface in surfaces)
    if deployment.sku.lower().endswith("batch") or _account_problem(account) is not None:
        return frozenset()
    if kind is ModelKind.UNKNOWN or not _is_ready(deployment):
        return frozenset(surface.name for surface in surfaces)
    return frozenset(
        surface.name
        for surface in surfaces
        if surface.serves(deployment) and not account.endpoints.keys() & set(surface.endpoint_names)
    )
