"""The resources of one surface of an account, and those that its surfaces share."""

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, replace

from shared.core import bodies
from shared.core.features import counts_tokens
from shared.core.model import Resource
from shared.core.model_kinds import ModelKind
from shared.core.naming import (
    api_id,
    backend_id,
    embeddings_backend_id,
    key_name,
    policy_path,
    unit_hash,
)
from shared.core.observed import Observed, Rules
from shared.core.openapi import all_kinds
from shared.core.parts import Part
from shared.core.policy_documents import Access, ApiPolicy, KeptRule, RetiredRule, policy_document
from shared.core.probes import Probe, probe_of
from shared.core.resource_ids import AccountId
from shared.core.rulebook import Names
from shared.core.surfaces import SURFACES, Protocol, Surface, backend_url
from shared.core.tiers import policy_bytes
from shared.core.verdicts import Terms

_MOST_PRODUCTS = 12  # ids of 80 characters in a mark


@dataclass(frozen=True, slots=True)
class Made:
    """Resources that should stand, and paths that are left as they are."""

    resources: tuple[Resource, ...] = ()
    retained: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Maker:
    """All that the resources of an account are made from."""

    observed: Observed
    rules: Rules
    terms: Terms
    named: Mapping[str, Names]  # by surface

    def without_room(self, surface: Surface, part: Part) -> tuple[str, ...]:
        """The deployments that the policy has no room for; those served now go before new ones.

        A policy that is too large would be refused whole, and nothing of it change any more.
        """
        if not part.live:
            return ()
        standing = self.observed.standing.get(surface.name)
        known = standing.rules.served if standing else {}
        names = sorted(part.live, key=lambda name: (name not in known, name))

        def is_too_large(count: int) -> bool:
            live = {name: part.live[name] for name in names[:count]}
            stays = {name: known[name] for name in names[count:] if name in known}
            fewer = replace(part, live=live, kept={**part.kept, **stays})
            policy = self._policy(self._base(surface), all_kinds(surface), fewer)
            size = len(policy_document(policy).encode())
            return size > policy_bytes(self.observed.service.sku)

        if not is_too_large(len(names)):
            return ()
        first = bisect_left(range(len(names)), True, key=is_too_large)
        return tuple(names[max(0, first - 1) :])

    def surface(self, surface: Surface, part: Part) -> Made:
        """What *surface* needs; with nobody to serve, only its policy is written."""
        if not part.live:
            return leftover(self.observed, surface, part)
        base, kinds = self._base(surface), self._kinds(surface, part)
        api, policy = bodies.api(base, kinds), self._policy(base, kinds, part)
        backend = () if surface.protocol is Protocol.WEBSOCKET else (bodies.backend(base),)
        needs = (api.path, *(it.path for it in backend), *self._needs(policy))
        logger = self.terms.features.logger if policy.metric else ""
        return Made(
            (
                *backend,
                api,
                Resource(paths_of(base.unit, surface)[1], _body(policy), needs=needs),
                *((bodies.diagnostics(api.path, logger),) if logger else ()),
                *bodies.product_links(api.path, base.choices, self.terms.features),
            )
        )

    def shared(self, parts: Mapping[str, Part]) -> tuple[Made, tuple[str, ...]]:
        """What the account's APIs need together, and what to say about it."""
        unit, choices, owner = self.observed.unit, self.terms.chosen.choices, self.rules.owner
        if not any(part.live for part in parts.values()):
            return Made(), ()
        service, facts = self.observed.service, self.observed.facts
        role, said = bodies.role_assignment(unit, choices, service, facts, owner)
        products = [
            bodies.product(it)
            for it in choices.products
            if it.create and it.id.lower() not in facts.products
        ]
        resources = (bodies.named_value(unit, choices, owner), role, self._vectors(parts))
        retained = kept_paths(self.observed)[2:] if choices.role.mode == "off" else ()
        made = Made((*(it for it in resources if it is not None), *products), retained)
        return made, (said,) if said else ()

    def probes(self, parts: Mapping[str, Part]) -> Mapping[str, tuple[Probe, ...]]:
        """How each live deployment can be proven on its surfaces."""
        found: dict[str, tuple[Probe, ...]] = {}
        for surface_name, part in parts.items():
            if not part.live:  # what is only to go has no name any more
                continue
            base = self._base(SURFACES[surface_name])
            for name, verdict in part.live.items():
                if verdict.deployment is None:
                    continue
                path = self.named[surface_name].path
                probe = probe_of(verdict.deployment, base.surface, api_path=path, url=base.url)
                found[name] = (*found.get(name, ()), *((probe,) if probe else ()))
        return found

    def _base(self, surface: Surface) -> bodies.Base:
        choices = self.terms.chosen.choices
        url = backend_url(self.terms.account, surface, by_key=bool(choices.access_key))
        return bodies.Base(
            unit=self.observed.unit,
            owner=self.rules.owner,
            surface=surface,
            choices=choices,
            names=self.named[surface.name],
            url=url or "",
            products=self._products(surface),
        )

    def _products(self, surface: Surface) -> tuple[str, ...]:
        """Those to link, and those that we linked and are still to be taken off."""
        standing = self.observed.standing.get(surface.name)
        chosen = {it.lower() for it in self.terms.features.products}
        stale = sorted(set(standing.products if standing else ()) - chosen)
        return (*sorted(chosen), *stale)[:_MOST_PRODUCTS]

    def _policy(self, base: bodies.Base, kinds: frozenset[ModelKind], part: Part) -> ApiPolicy:
        counted = counts_tokens(base.surface, kinds, self.observed.service.sku)
        return ApiPolicy(
            base.surface,
            base.surface.needed(kinds),
            unit=unit_hash(base.unit),
            access=base.access,
            served=[verdict.rules[base.surface.name] for verdict in part.live.values()],
            kept=_kept(part),
            retired=_retired(part),
            metric=self.terms.features.metric if counted else None,
            cache=self.terms.features.cache,
            cache_backend=embeddings_backend_id(base.unit),
        )

    def _needs(self, policy: ApiPolicy) -> tuple[str, ...]:
        """What else of ours the policy names."""
        named_value, vectors = shared_paths(self.observed.unit)
        is_cached = any(rule.is_cached for rule in policy.served)
        return (
            *((named_value,) if policy.access.key else ()),
            *((vectors,) if is_cached else ()),
        )

    def _kinds(self, surface: Surface, part: Part) -> frozenset[ModelKind]:
        """The kinds whose operations the API needs: what is gone still answers on its own."""
        if self.terms.chosen.choices.operations == "all":
            return all_kinds(surface)
        live = [it.deployment for it in part.live.values() if it.deployment]
        kinds = frozenset[ModelKind]().union(*map(surface.kinds_of, live))
        standing = self.observed.standing.get(surface.name)
        if standing is None or not (part.kept or part.retired):
            return kinds
        return kinds | {
            it.kind for it in surface.operations if it.kind and it.id in standing.operations
        }

    def _vectors(self, parts: Mapping[str, Part]) -> Resource | None:
        url = backend_url(self.terms.account, SURFACES["azure-openai"])
        rules = (it.rules.values() for part in parts.values() for it in part.live.values())
        if url is None or not any(rule.is_cached for found in rules for rule in found):
            return None
        deployment = self.terms.features.embeddings
        return bodies.embeddings_backend(self.observed.unit, url, deployment, self.rules.owner)


def leftover(observed: Observed, surface: Surface, part: Part) -> Made:
    """A surface without a live deployment: its policy says who is gone, the rest stays."""
    standing = observed.standing.get(surface.name)
    if part.is_empty or standing is None:
        return Made()
    unit = observed.unit
    api, path, *backend = paths_of(unit, surface)
    if (part.kept, part.retired) == (standing.rules.served, standing.rules.retired):
        return Made((), (api, path, *backend, *kept_paths(observed)))
    operations = tuple(it for it in surface.operations if it.id in standing.operations)
    policy = ApiPolicy(
        surface,
        operations or surface.operations,
        unit=unit_hash(unit),
        access=Access(backend_id(unit, surface.name), "", key=standing.rules.key),
        kept=_kept(part),
        retired=_retired(part),
    )
    return Made((Resource(path, _body(policy)),), (api, *backend, *kept_paths(observed)))


def paths_of(unit: AccountId, surface: Surface) -> tuple[str, ...]:
    """API, policy and, where it has one, backend."""
    websocket = surface.protocol is Protocol.WEBSOCKET
    api = api_id(unit, surface.name)
    paths = f"apis/{api}", policy_path(api, websocket=websocket)
    return paths if websocket else (*paths, f"backends/{backend_id(unit, surface.name)}")


def shared_paths(unit: AccountId) -> tuple[str, str]:
    """Named value and backend that the account's APIs may share."""
    return f"namedValues/{key_name(unit)}", f"backends/{embeddings_backend_id(unit)}"


def kept_paths(observed: Observed) -> tuple[str, ...]:
    """What calls that are still let through may need: the above, and the right to make them."""
    roles = f"{observed.unit.arm_id}/providers/Microsoft.Authorization/roleAssignments"
    names = (grant.id.rpartition("/")[2].lower() for grant in observed.facts.roles or ())
    return *shared_paths(observed.unit), *(f"{roles}/{name}" for name in names)


def _body(policy: ApiPolicy) -> dict[str, object]:
    return {"properties": {"format": "xml", "value": policy_document(policy)}}


def _kept(part: Part) -> list[KeptRule]:
    return [KeptRule(name, block) for name, block in part.kept.items()]


def _retired(part: Part) -> list[RetiredRule]:
    return [RetiredRule(name, since) for name, since in part.retired.items()]
