"""Refuses a plan that would do what must never happen unattended."""

from collections.abc import Sequence

from shared.core.desired import unit_paths
from shared.core.naming import SAFE_ID
from shared.core.plan import WRITES, Change
from shared.core.resource_ids import AccountId
from shared.errors import GuardRefused


def guard(plan: Sequence[Change], unit: AccountId) -> tuple[Change, ...]:
    """Return *plan* if every write stays inside the unit's own paths.

    Raises:
        GuardRefused: a path is not one of the unit's, or an id in it could be normalised into
            another resource (``..`` reaches the policy of the whole gateway).
    """
    allowed = unit_paths(unit)
    for change in plan:
        if change.action not in WRITES:
            continue
        if change.path not in allowed:
            raise GuardRefused(f"{change.path} is not a resource of {unit.arm_id}")
        if SAFE_ID.fullmatch(change.path.split("/")[1]) is None:
            raise GuardRefused(f"{change.path} has an unsafe id")
    return tuple(plan)
