"""What the gateway serves of a unit now, read off our own resources in it.

Not from the tables: they may be lost. Foreign resources on our paths say nothing here.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.core.model import Actual
from shared.core.naming import api_id, unit_hash
from shared.core.ownership import read_mark
from shared.core.policy_documents import PolicyRules, read_rules
from shared.core.resource_ids import AccountId
from shared.core.surfaces import SURFACES


@dataclass(frozen=True, slots=True)
class StandingApi:
    """An API of ours: what its policy says, and the ids of its operations."""

    rules: PolicyRules
    operations: frozenset[str]


type Standing = Mapping[str, StandingApi]  # by surface


def read_standing(unit: AccountId, actual: Actual, *, owner: str) -> Standing:
    found = {}
    for surface in SURFACES:
        path = f"apis/{api_id(unit, surface)}"
        api = actual.resources.get(path)
        if api is None:
            continue
        mark = read_mark(api.body.get("properties", {}).get("description"))
        if mark is None or not mark.is_of(owner, unit_hash(unit)):
            continue
        policy = actual.resources.get(f"{path}/policies/policy")
        text = policy.body.get("properties", {}).get("value", "") if policy else ""
        operations = frozenset(name for name, _method, _template in api.operations)
        found[surface] = StandingApi(read_rules(text), operations)
    return found


def served_names(standing: Standing) -> frozenset[str]:
    """The deployments, lower-cased, that some surface serves."""
    return frozenset(name for api in standing.values() for name in api.rules.served)
