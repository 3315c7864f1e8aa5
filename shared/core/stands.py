"""What must be found in the gateway, whatever its lists say.

Lists lag behind and can be cut short, and an API that nobody sees any more would serve for ever.
So the unit's row names what stands, written down before it is made.
"""

from collections.abc import Collection, Iterable

from shared.core.applied import AppliedChange, ChangeStatus
from shared.core.plan import Action, Change
from shared.core.resource_kinds import ResourceKind

_LISTED = frozenset({ResourceKind.API, ResourceKind.BACKEND})


def made_anew(plan: Iterable[Change], withheld: Collection[str]) -> set[str]:
    """What the plan is about to make of what only lists tell."""
    return {
        change.path
        for change in plan
        if change.action is Action.CREATE and change.kind in _LISTED and change.path not in withheld
    }


def what_stands(found: Iterable[str], changes: Iterable[AppliedChange]) -> tuple[str, ...]:
    """What was found and not deleted, and what may have been made."""
    done = [item for item in changes if item.status is ChangeStatus.APPLIED]
    deleted = {item.change.path for item in done if item.change.action is Action.DELETE}
    made = {
        item.change.path
        for item in changes
        if item.change.action is Action.CREATE and item.status in _MAY_STAND
    }
    listed = {path for path in (*found, *made) if path.split("/")[0] in ("apis", "backends")}
    return tuple(sorted(path for path in listed - deleted if path.count("/") == 1))


_MAY_STAND = frozenset({ChangeStatus.APPLIED, ChangeStatus.POSTPONED, ChangeStatus.STALE})
