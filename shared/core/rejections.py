"""What API Management refused for good, and when it makes sense to ask again.

The same body is refused again, so it is not sent on every look; but somebody may have made room
meanwhile (removed the other API on our path), so it is not given up either. A reimport asks at
once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from shared.core.applied import AppliedChange, ChangeStatus
from shared.core.plan import WRITES, Change

_FIRST, _LONGEST = timedelta(minutes=30), timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Rejection:
    path: str
    content: str  # of what was refused
    times: int
    again: datetime
    detail: str


def withheld(
    plan: Sequence[Change], rejections: Sequence[Rejection], now: datetime
) -> Mapping[str, AppliedChange]:
    """The changes that are not worth a try yet, as they will be recorded."""
    known = {item.path: item for item in rejections}
    return {
        change.path: AppliedChange(change, ChangeStatus.REJECTED, _again(known[change.path]))
        for change in plan
        if change.action in WRITES
        and change.path in known
        and known[change.path].content == _content(change)
        and now < known[change.path].again
    }


def after(
    changes: Sequence[AppliedChange],
    before: Sequence[Rejection],
    waiting: Mapping[str, AppliedChange],
    now: datetime,
) -> tuple[Rejection, ...]:
    """What stays refused: *waiting* was not tried, everything else was."""
    known = {item.path: item for item in before}
    return tuple(
        known[item.change.path]
        if item.change.path in waiting
        else _refused(item, known.get(item.change.path), now)
        for item in changes
        if item.status is ChangeStatus.REJECTED
    )


def _refused(item: AppliedChange, before: Rejection | None, now: datetime) -> Rejection:
    content = _content(item.change)
    times = before.times + 1 if before and before.content == content else 1
    wait = min(_FIRST * (1 << min(times - 1, 10)), _LONGEST)
    return Rejection(item.change.path, content, times, now + wait, item.detail)


def _again(rejection: Rejection) -> str:
    return f"{rejection.detail} (asked {rejection.times} times, again {rejection.again:%H:%M}Z)"


def _content(change: Change) -> str:
    body = repr(change.desired.body) if change.desired else ""
    return sha256(f"{change.action.value} {body}".encode()).hexdigest()[:16]
