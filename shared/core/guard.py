"""Refuses a plan that would do what must never happen unattended."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from shared.core.desired import Desired
from shared.core.naming import (
    SAFE_ID,
    api_id,
    backend_id,
    embeddings_backend_id,
    key_name,
    unit_hash,
)
from shared.core.plan import WRITES, Action, Change
from shared.core.resource_ids import AccountId
from shared.core.resource_kinds import ResourceKind
from shared.core.surfaces import SURFACES
from shared.errors import GuardRefused

_SHARE_COUNTS_FROM = 5  # served deployments; below it one is already a large share
_PRODUCT = re.compile(r"products/[A-Za-z0-9](?:[A-Za-z0-9-]{0,78}[A-Za-z0-9])?")


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
    for change in plan:
        if change.action in WRITES and not _is_own(change, unit):
            raise GuardRefused(f"{change.path} is not a resource of {unit.arm_id}")
    return tuple(plan)


def _is_own(change: Change, unit: AccountId) -> bool:
    path = change.path
    roles = f"{unit.arm_id}/providers/Microsoft.Authorization/roleAssignments/"
    match change.kind:
        case ResourceKind.ROLE_ASSIGNMENT:
            return path.startswith(roles) and _is_safe(path.removeprefix(roles))
        case ResourceKind.PRODUCT:  # everybody's: made where there is none, never touched again
            return change.action is Action.CREATE and _PRODUCT.fullmatch(path) is not None
        case ResourceKind.PRODUCT_LINK:
            product, _, api = path.partition("/apis/")
            return _PRODUCT.fullmatch(product) is not None and _is_ours(f"apis/{api}", unit)
        case _:
            return _is_ours("/".join(path.split("/")[:2]), unit)


def _is_ours(path: str, unit: AccountId) -> bool:
    """Whether an API, a backend or a named value can only be the unit's."""
    names = {
        "apis": [api_id(unit, surface) for surface in SURFACES],
        "backends": [
            embeddings_backend_id(unit),
            *(backend_id(unit, surface) for surface in SURFACES),
        ],
        "namedValues": [key_name(unit)],
    }
    collection, _, name = path.partition("/")
    return name in names.get(collection, ()) and _is_safe(name) and unit_hash(unit) in name


def _is_safe(name: str) -> bool:
    return SAFE_ID.fullmatch(name) is not None


def removals_hold(desired: Desired, brake: Brake) -> str:
    """Why a run may not do this by itself: it would take off more than an accident may.

    Returns:
        Words for people, with how to give a go-ahead; empty when it may.
    """
    lost = len(desired.lost)
    if not brake.holds(lost=lost, served=desired.served):
        return ""
    names = ", ".join(sorted(desired.lost)[:10]) + (", ..." if lost > 10 else "")
    return (
        f"would take {lost} of {desired.served} deployments off the gateway ({names}). "
        "If that is right, release the account"
    )
