"""What should stand in the gateway for one account: pure, same input, same output."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from shared.core import naming
from shared.core.model import Account, Deployment, Json, Resource, Service
from shared.core.model_kinds import ModelKind, model_kind
from shared.core.openapi import fingerprint, imported_operations, openapi_document
from shared.core.ownership import Mark
from shared.core.policy_documents import DeploymentRule, policy_document
from shared.core.resource_ids import AccountId, is_deployment_name
from shared.core.surfaces import SURFACES, Surface, backend_url

# The resource that tokens for Azure OpenAI and Foundry are issued for, as the wizard sets it
# (learn.microsoft.com/azure/api-management/api-management-authenticate-authorize-ai-apis).
_AUDIENCE = "https://cognitiveservices.azure.com/"
_ACCOUNT_KINDS = frozenset({"openai", "aiservices"})
# No llm-token-limit there (learn.microsoft.com/azure/api-management/llm-token-limit-policy).
_NO_TOKEN_LIMIT = frozenset({"consumption"})


class DeploymentState(Enum):
    SEEN = "seen"  # there, but not ready
    APPLIED = "applied"
    QUARANTINED = "quarantined"  # can't be onboarded until somebody changes something
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Rules:
    """What the settings say of how deployments become APIs."""

    owner: str
    surfaces: tuple[str, ...]
    path_prefix: str
    token_limits: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of one deployment, and why; *resources* are the paths it depends on."""

    name: str
    state: DeploymentState
    reason: str
    deployment: Deployment
    kind: ModelKind
    resources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Desired:
    resources: tuple[Resource, ...]
    verdicts: tuple[Verdict, ...]
    notes: tuple[str, ...] = ()  # what was left out, and why


def unit_paths(unit: AccountId) -> tuple[str, ...]:
    """Every path that a unit can have in the gateway, whatever the settings are today."""
    return tuple(
        path
        for surface in SURFACES
        for path in (
            f"backends/{naming.backend_id(unit, surface)}",
            f"apis/{naming.api_id(unit, surface)}",
            f"apis/{naming.api_id(unit, surface)}/policies/policy",
        )
    )


def desired(
    unit: AccountId,
    account: Account | None,
    *,
    onboarded: frozenset[str],
    service: Service,
    rules: Rules,
) -> Desired:
    """What should stand for *unit*.

    Args:
        unit: The account's id.
        account: The account as observed; None when ARM confirmed that it is gone.
        onboarded: Names, lower-cased, that the gateway serves now: these stay while ARM still has
            them, whatever state they are in.
        service: The gateway, for what its tier can't do.
        rules: The settings.
    """
    if account is None:
        return Desired((), (), ("ARM does not have this account",))
    problem = _account_problem(account)
    limits = rules.token_limits and service.sku.lower() not in _NO_TOKEN_LIMIT
    notes = () if limits == rules.token_limits else (f"no token limits: tier {service.sku}",)
    surfaces = [SURFACES[name] for name in rules.surfaces]
    verdicts: list[Verdict] = []
    for deployment in sorted(account.deployments, key=lambda item: item.name.lower()):
        fits = [s for s in surfaces if s.serves(deployment) and backend_url(account, s)]
        verdicts.append(_verdict(deployment, unit, fits, problem=problem, onboarded=onboarded))
    applied = [v for v in verdicts if v.state is DeploymentState.APPLIED]
    resources = [
        resource
        for surface in surfaces
        if (mine := _of_surface(applied, unit, surface))
        for resource in _resources(account, surface, mine, rules=rules, limits=limits)
    ]
    return Desired(tuple(resources), tuple(verdicts), notes)


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
    unit: AccountId,
    surfaces: Sequence[Surface],
    *,
    problem: str | None,
    onboarded: frozenset[str],
) -> Verdict:
    kind = model_kind(deployment.model, deployment.capabilities)

    def verdict(state: DeploymentState, reason: str) -> Verdict:
        paths = tuple(
            f"apis/{naming.api_id(unit, surface.name)}{part}"
            for surface in surfaces
            for part in ("", "/policies/policy")
        ) + tuple(f"backends/{naming.backend_id(unit, surface.name)}" for surface in surfaces)
        depends = paths if state is DeploymentState.APPLIED else ()
        return Verdict(deployment.name, state, reason, deployment, kind, depends)

    if not is_deployment_name(deployment.name):
        return verdict(DeploymentState.QUARANTINED, "the name has characters outside the allowlist")
    if problem is not None:
        return verdict(DeploymentState.QUARANTINED, problem)
    if deployment.sku.lower().endswith("batch"):
        return verdict(DeploymentState.QUARANTINED, f"{deployment.sku} serves no online requests")
    if not surfaces:
        model = deployment.model
        return verdict(
            DeploymentState.QUARANTINED,
            f"no enabled surface serves {model.format} {model.name} (kind {kind.value})",
        )
    ready = deployment.provisioning_state.lower() == "succeeded"
    if not ready and deployment.name.lower() not in onboarded:
        return verdict(DeploymentState.SEEN, f"ARM says {deployment.provisioning_state}")
    return verdict(DeploymentState.APPLIED, "onboarded")


def _of_surface(applied: Sequence[Verdict], unit: AccountId, surface: Surface) -> list[Verdict]:
    path = f"apis/{naming.api_id(unit, surface.name)}"
    return [verdict for verdict in applied if path in verdict.resources]


def _resources(
    account: Account, surface: Surface, verdicts: Sequence[Verdict], *, rules: Rules, limits: bool
) -> tuple[Resource, ...]:
    unit = account.id
    api, backend = naming.api_id(unit, surface.name), naming.backend_id(unit, surface.name)
    url = backend_url(account, surface) or ""
    title = f"{unit.name} ({surface.title})"
    document = openapi_document(
        surface, frozenset(verdict.kind for verdict in verdicts), title=title, server=url
    )
    policy = policy_document(
        surface,
        backend=backend,
        unit=naming.unit_hash(unit),
        deployments=[
            DeploymentRule(v.name, v.deployment.tokens_per_minute if limits else None)
            for v in verdicts
        ],
    )
    return (
        Resource(f"backends/{backend}", _backend_body(unit, title, url, rules.owner)),
        Resource(
            f"apis/{api}",
            _api_body(unit, surface, document, rules),
            imported_operations(document),
        ),
        Resource(
            f"apis/{api}/policies/policy",
            {"properties": {"format": "xml", "value": policy}},
            needs=(f"apis/{api}", f"backends/{backend}"),
        ),
    )


def _backend_body(unit: AccountId, title: str, url: str, owner: str) -> Json:
    mark = Mark(owner, naming.unit_hash(unit), account=unit.arm_id)
    return {
        "properties": {
            "title": title,
            "description": f"Made by model-onramp; changes by hand are overwritten. {mark}",
            "url": url,
            "protocol": "http",
            # In no published specification, yet what the portal sets and the service keeps
            # (Azure/azure-rest-api-specs#32665).
            "credentials": {"managedIdentity": {"resource": _AUDIENCE}},
        }
    }


def _api_body(unit: AccountId, surface: Surface, document: Json, rules: Rules) -> Json:
    mark = Mark(rules.owner, naming.unit_hash(unit), content=fingerprint(document))
    title, server = document["info"]["title"], document["servers"][0]["url"]
    description = f"Made by model-onramp; changes by hand are overwritten. {mark}"
    # Said twice, so that the import's own info.description can't replace the mark.
    document = {**document, "info": {**document["info"], "description": description}}
    return {
        "properties": {
            "displayName": title,
            "description": description,
            "path": naming.api_path(unit, surface.path_suffix, prefix=rules.path_prefix),
            "protocols": ["https"],
            # An import without it blanks it (Azure/azure-cli#29363).
            "serviceUrl": server,
            "subscriptionRequired": True,
            "subscriptionKeyParameterNames": {"header": "api-key", "query": "subscription-key"},
            "format": "openapi+json",
            "value": json.dumps(document),
        }
    }
