"""Refuses a plan that would do what must never happen unattended."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.core.desired import Desired, unit_paths
from shared.core.modes import Mode
from shared.core.naming import SAFE_ID
from shared.core.plan import WRITES, Change
from shared.core.resource_ids import AccountId
from shared.errors import GuardRefused, Held

_SHARE_COUNTS_FROM = 5  # served deployments; below it one is already a large share


@dataclass(frozen=True, slots=True)
class Brake:
    """How many served deployments one run may take off by itself."""

    most: int
    most_percent: int

    def holds(self, *, lost: int, served: int) -> bool:
        too_large = served >= _SHARE_COUNTS_FROM and lost * 100 > served * self.most_percent
        return lost > self.most or too_large


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


def check_removals(desired: Desired, brake: Brake, *, go_ahead: bool) -> None:
    """Hold a run that would take off more than an accident may.

    Raises:
        Held: too many for a run without a go-ahead; says how to give one.
    """
    lost = len(desired.lost)
    if go_ahead or desired.mode is Mode.OBSERVE:
        return
    if not brake.holds(lost=lost, served=desired.served):
        return
    names = ", ".join(sorted(desired.lost)[:10]) + (", ..." if lost > 10 else "")
    raise Held(
        f"would take {lost} of {desired.served} deployments off the gateway ({names}). "
        "If that is right, POST /api/reimport with the account and allow_removals: true"
    )
