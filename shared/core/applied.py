"""What became of a change, and what would."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from itertools import groupby

from shared.core.plan import Action, Change


class ChangeStatus(Enum):
    APPLIED = "applied"
    KEPT = "kept"
    BLOCKED = "blocked"
    REJECTED = "rejected"  # refused for good
    POSTPONED = "postponed"  # failed in a way that passes, or waits for something that did
    SKIPPED = "skipped"  # needs something that is blocked or was rejected
    PLANNED = "planned"  # mode observe: it would be done
    STALE = "stale"  # somebody wrote meanwhile: everything is read again


STANDS = frozenset({ChangeStatus.APPLIED, ChangeStatus.KEPT})


@dataclass(frozen=True, slots=True)
class AppliedChange:
    change: Change
    status: ChangeStatus
    detail: str = ""
    wait: timedelta | None = None  # how long the outside asked to be left alone


def foreseen(
    plan: Sequence[Change], withheld: Mapping[str, AppliedChange]
) -> tuple[AppliedChange, ...]:
    """What becomes of each change if all that can be tried succeeds.

    Args:
        plan: In its order.
        withheld: What is not tried, as it will be recorded.
    """
    done: list[AppliedChange] = []
    for _, level in groupby(plan, key=lambda change: change.level):
        failed = {item.change.path: item for item in done if item.status not in STANDS}
        done += [
            withheld.get(change.path)
            or untried(change, failed)
            or AppliedChange(change, ChangeStatus.APPLIED)
            for change in level
        ]
    return tuple(done)


def untried(change: Change, failed: Mapping[str, AppliedChange]) -> AppliedChange | None:
    """What becomes of a change that is not to be written, or can't be after what *failed*."""
    if change.action is Action.KEEP:
        return AppliedChange(change, ChangeStatus.KEPT)
    if change.action is Action.BLOCKED:
        return AppliedChange(change, ChangeStatus.BLOCKED, change.reason)
    needs = change.desired.needs if change.desired else ()
    if change.action is Action.DELETE:  # a backend goes only after the APIs that name it
        needs = tuple(path for path, item in failed.items() if item.change.action is Action.DELETE)
    for path in needs:
        if path in failed:
            status = failed[path].status
            passes = status is ChangeStatus.POSTPONED
            becomes = ChangeStatus.POSTPONED if passes else ChangeStatus.SKIPPED
            return AppliedChange(change, becomes, f"needs {path}, which is {status.value}")
    return None
