"""What becomes of each deployment, and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from shared.core import naming
from shared.core.model import Account, Deployment
from shared.core.model_kinds import ModelKind, model_kind
from shared.core.resource_ids import AccountId, is_deployment_name
from shared.core.surfaces import Surface, backend_url

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
    fits = [s for s in surfaces if s.serves(deployment) and backend_url(account, s)]
    ready = deployment.provisioning_state.lower() == "succeeded"
    obstacle = problem or _deployment_problem(deployment, kind, fits)
    if obstacle is not None:
        return Verdict(deployment.name, DeploymentState.QUARANTINED, obstacle, kind, deployment)
    if not ready and deployment.name.lower() not in served:
        reason = f"ARM says {deployment.provisioning_state}"
        return Verdict(deployment.name, DeploymentState.SEEN, reason, kind, deployment)
    paths = tuple(path for s in fits for path in surface_paths(account.id, s.name))
    return Verdict(deployment.name, DeploymentState.APPLIED, "onboarded", kind, deployment, paths)


def _deployment_problem(
    deployment: Deployment, kind: ModelKind, fits: Sequence[Surface]
) -> str | None:
    if not is_deployment_name(deployment.name):
        return "the name has characters outside the allowlist"
    if deployment.sku.lower().endswith("batch"):
        return f"{deployment.sku} serves no online requests"
    if not fits:
        model = deployment.model
        return f"no enabled surface serves {model.format} {model.name} (kind {kind.value})"
    return None
