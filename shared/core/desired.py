"""What should stand in the gateway for one account: pure, same input, same output."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from shared.core import naming
from shared.core.model import Account, Json, Resource, Service
from shared.core.model_kinds import ModelKind
from shared.core.modes import Mode, account_mode
from shared.core.openapi import fingerprint, imported_operations, openapi_document
from shared.core.ownership import Mark
from shared.core.policy_documents import DeploymentRule, RetiredRule, policy_document
from shared.core.resource_ids import AccountId
from shared.core.standing import Standing, served_names
from shared.core.surfaces import SURFACES, Surface, backend_url
from shared.core.verdicts import (
    DeploymentState,
    Verdict,
    judge,
    on_surface,
    surface_paths,
)

# No llm-token-limit there (learn.microsoft.com/azure/api-management/llm-token-limit-policy).
_NO_TOKEN_LIMIT = frozenset({"consumption"})
# An API without its policy leads here, and here leads nowhere (RFC 2606): the policy alone says
# where requests go, so none gets past its rules to the model.
_NOWHERE = "https://not-onboarded.invalid"
_GONE = "ARM does not have this account"


@dataclass(frozen=True, slots=True)
class Rules:
    """What the settings say of how deployments become APIs."""

    owner: str
    surfaces: tuple[str, ...]
    path_prefix: str
    token_limits: bool
    mode: Mode
    grace: timedelta  # how long the gateway says that a deployment is gone, before it forgets it


@dataclass(frozen=True, slots=True)
class Desired:
    """What should stand.

    Attributes:
        retained: Paths that are left as they stand, because a deployment that is gone still
            answers there.
        lost: Deployments, lower-cased, that some surface serves now and would no longer.
        served: How many are served now.
        notes: What was left out or kept, and why.
    """

    resources: tuple[Resource, ...]
    verdicts: tuple[Verdict, ...]
    mode: Mode
    retained: frozenset[str] = frozenset()
    lost: frozenset[str] = frozenset()
    served: int = 0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Observed:
    """What was read before anything is decided.

    Attributes:
        account: None when ARM confirmed that it is gone.
        standing: What the gateway serves now. It stays while ARM has it, whatever state it is in,
            and answers 410 for the grace period when ARM no longer has it.
        service: The gateway, for what its tier can't do.
        now: Aware, UTC.
    """

    unit: AccountId
    account: Account | None
    standing: Standing
    service: Service
    now: datetime
    last_mode: Mode | None = None  # of the account, when it was last seen


@dataclass(frozen=True, slots=True)
class _Part:
    """One surface of the account: whom it serves, and who is gone from ARM."""

    live: Mapping[str, Verdict]
    kept: Mapping[str, int | None] = field(default_factory=dict)  # upsert-only takes nothing off
    retired: Mapping[str, datetime] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        return not (self.live or self.kept or self.retired)


def unit_paths(unit: AccountId) -> tuple[str, ...]:
    """Every path that a unit can have in the gateway, whatever the settings are today."""
    return tuple(path for surface in SURFACES for path in surface_paths(unit, surface))


def desired(observed: Observed, rules: Rules) -> Desired:
    """What should stand for the unit that was observed."""
    account, served = observed.account, served_names(observed.standing)
    mode, notes = _mode(observed, rules)
    surfaces = [SURFACES[name] for name in rules.surfaces]
    verdicts = judge(account, surfaces, served=served) if account else ()
    limits = rules.token_limits and observed.service.sku.lower() not in _NO_TOKEN_LIMIT
    if limits != rules.token_limits:
        notes += (f"no token limits: tier {observed.service.sku}",)
    parts = {s.name: _part(observed, s.name, verdicts, rules, mode) for s in surfaces}
    made = [
        _surface(observed, SURFACES[name], part, rules, limits=limits)
        for name, part in parts.items()
    ]
    lost = {
        name
        for surface, api in observed.standing.items()
        for name in api.rules.served
        if surface not in parts or name not in {**parts[surface].live, **parts[surface].kept}
    }
    return Desired(
        resources=tuple(resource for resources, _retained in made for resource in resources),
        verdicts=(*verdicts, *_gone_verdicts(parts, _names(verdicts), rules)),
        mode=mode,
        retained=frozenset(path for _resources, retained in made for path in retained),
        lost=frozenset(lost),
        served=len(served),
        notes=notes if account else (*notes, _GONE),
    )


def _mode(observed: Observed, rules: Rules) -> tuple[Mode, tuple[str, ...]]:
    if observed.account is None:  # and its tags with it
        return observed.last_mode or rules.mode, ()
    return account_mode(observed.account.tags, rules.mode)


def _names(verdicts: Sequence[Verdict]) -> frozenset[str]:
    return frozenset(verdict.name.lower() for verdict in verdicts)


def _part(
    observed: Observed, surface: str, verdicts: Sequence[Verdict], rules: Rules, mode: Mode
) -> _Part:
    live = on_surface(verdicts, observed.unit, surface)
    standing = observed.standing.get(surface)
    if standing is None:
        return _Part(live)
    lost = {name: limit for name, limit in standing.rules.served.items() if name not in live}
    doubtful = {verdict.name.lower() for verdict in verdicts if surface in verdict.keeps}
    present, oldest = _names(verdicts), observed.now - rules.grace
    gone = {name: since for name, since in standing.rules.retired.items() if name not in present}
    if mode is Mode.UPSERT_ONLY:
        return _Part(live, kept=lost, retired=gone)
    gone |= {name: observed.now for name in lost if name not in present}
    return _Part(
        live,
        kept={name: limit for name, limit in lost.items() if name in doubtful},
        retired={name: since for name, since in gone.items() if since > oldest},
    )


def _gone_verdicts(
    parts: Mapping[str, _Part], present: frozenset[str], rules: Rules
) -> tuple[Verdict, ...]:
    retired = {name: since for part in parts.values() for name, since in part.retired.items()}
    kept = {name for part in parts.values() for name in part.kept} - present
    reasons = {
        **{
            name: f"ARM no longer has it; answers 410 until {since + rules.grace:%Y-%m-%d %H:%M}Z"
            for name, since in retired.items()
        },
        **dict.fromkeys(kept, f"ARM no longer has it; kept in mode {Mode.UPSERT_ONLY.value}"),
    }
    return tuple(
        Verdict(name, DeploymentState.RETIRING, reason, ModelKind.UNKNOWN)
        for name, reason in sorted(reasons.items())
        if name not in present
    )


def _surface(
    observed: Observed, surface: Surface, part: _Part, rules: Rules, *, limits: bool
) -> tuple[tuple[Resource, ...], tuple[str, ...]]:
    """What a surface needs, and what of it is retained as it stands."""
    unit, account = observed.unit, observed.account
    backend, api, policy = surface_paths(unit, surface.name)
    if part.is_empty:
        return (), ()
    body = {"properties": {"format": "xml", "value": _policy(unit, surface, part, limits=limits)}}
    if account is None or not part.live:
        return (Resource(policy, body),), (backend, api)
    kinds = frozenset(verdict.kind for verdict in part.live.values())
    standing = observed.standing.get(surface.name)
    if standing is not None and (part.kept or part.retired):  # what is gone still answers there
        kinds |= {it.kind for it in surface.operations if it.id in standing.operations}
    return (
        *_backend_and_api(account, surface, kinds, rules),
        Resource(policy, body, needs=(api, backend)),
    ), ()


def _policy(unit: AccountId, surface: Surface, part: _Part, *, limits: bool) -> str:
    return policy_document(
        surface,
        backend=naming.backend_id(unit, surface.name),
        unit=naming.unit_hash(unit),
        served=[
            *(DeploymentRule(v.name, _tokens(v, limits=limits)) for v in part.live.values()),
            *(DeploymentRule(name, tokens) for name, tokens in part.kept.items()),
        ],
        retired=[RetiredRule(name, since) for name, since in part.retired.items()],
    )


def _tokens(verdict: Verdict, *, limits: bool) -> int | None:
    return verdict.deployment.tokens_per_minute if limits and verdict.deployment else None


def _backend_and_api(
    account: Account, surface: Surface, kinds: frozenset[ModelKind], rules: Rules
) -> tuple[Resource, Resource]:
    unit = account.id
    backend, api, _policy = surface_paths(unit, surface.name)
    url = backend_url(account, surface) or ""
    title = f"{unit.name} ({surface.title})"
    document = openapi_document(surface, kinds, title=title, server=_NOWHERE)
    return (
        Resource(backend, _backend_body(unit, title, url, rules.owner)),
        Resource(api, _api_body(unit, surface, document, rules), imported_operations(document)),
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
            "credentials": {"managedIdentity": {"resource": _audience(url)}},
        }
    }


def _audience(url: str) -> str:
    """What tokens for Azure OpenAI and Foundry are issued for, in the cloud of *url*.

    With the slash, as the wizard sets it
    (learn.microsoft.com/azure/api-management/api-management-authenticate-authorize-ai-apis).
    """
    cloud = (urlsplit(url).hostname or "").rpartition(".")[2]
    return f"https://cognitiveservices.azure.{cloud}/"


def _api_body(unit: AccountId, surface: Surface, document: Json, rules: Rules) -> Json:
    mark = Mark(rules.owner, naming.unit_hash(unit), content=fingerprint(document))
    title = document["info"]["title"]
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
            "serviceUrl": _NOWHERE,
            "subscriptionRequired": True,
            "subscriptionKeyParameterNames": {"header": "api-key", "query": "subscription-key"},
            "format": "openapi+json",
            "value": json.dumps(document),
        }
    }
