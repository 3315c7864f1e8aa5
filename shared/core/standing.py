"""What the gateway serves of a unit now, read off our own resources in it.

Not from the tables: they may be lost. Foreign resources on our paths say nothing here.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.core.model import Actual
from shared.core.naming import api_id, policy_path, unit_hash
from shared.core.ownership import mark_of
from shared.core.policy_rules import PolicyRules, read_rules
from shared.core.resource_ids import AccountId
from shared.core.surfaces import SURFACES, Protocol


@dataclass(frozen=True, slots=True)
class StandingApi:
    """An API of ours: what its policy says, the ids of its operations, and what we linked it to."""

    rules: PolicyRules
    operations: frozenset[str]
    products: tuple[str, ...] = ()


type Standing = Mapping[str, StandingApi]  # by surface


def read_standing(unit: AccountId, actual: Actual, *, owner: str) -> Standing:
    links = {it.lower() for it in actual.resources if it.startswith("products/")}
    found = {}
    for name, surface in SURFACES.items():
        websocket = surface.protocol is Protocol.WEBSOCKET
        path = f"apis/{api_id(unit, name)}"
        api = actual.resources.get(path)
        if api is None:
            continue
        mark = mark_of(api.body)
        if mark is None or not mark.is_of(owner, unit_hash(unit)):
            continue
        policy = actual.resources.get(policy_path(api_id(unit, name), websocket=websocket))
        text = policy.body.get("properties", {}).get("value", "") if policy else ""
        operations = frozenset(id_ for id_, _method, _template in api.operations)
        linked = tuple(it for it in mark.products if f"products/{it}/{path}" in links)
        found[name] = StandingApi(read_rules(text), operations, linked)
    return found


def served_names(standing: Standing) -> frozenset[str]:
    """The deployments, lower-cased, that some surface serves."""
    return frozenset(name for api in standing.values() for name in api.rules.served)
