"""What became of a change."""

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum

from shared.core.plan import Change


class ChangeStatus(Enum):
    APPLIED = "applied"
    KEPT = "kept"
    BLOCKED = "blocked"
    REJECTED = "rejected"  # refused for good
    POSTPONED = "postponed"  # failed in a way that passes, or waits for something that did
    SKIPPED = "skipped"  # needs something that is blocked or was rejected
    PLANNED = "planned"  # mode observe: it would be done
    STALE = "stale"  # somebody wrote meanwhile: everything is read again


@dataclass(frozen=True, slots=True)
class AppliedChange:
    change: Change
    status: ChangeStatus
    detail: str = ""
    wait: timedelta | None = None  # how long the outside asked to be left alone
