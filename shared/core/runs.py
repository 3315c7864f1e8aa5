"""A run: one reconcile of one unit, with its history."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum

from shared.core.desired import DeploymentState, Verdict
from shared.core.plan import Change
from shared.core.resource_ids import AccountId


class RunStatus(Enum):
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    INCOMPLETE = "incomplete"  # all that could be done is done; something was refused for good
    WAITING = "waiting"  # something will be tried again by itself
    FAILED = "failed"  # nothing could be done until somebody changes something


class ChangeStatus(Enum):
    APPLIED = "applied"
    KEPT = "kept"
    BLOCKED = "blocked"
    REJECTED = "rejected"  # refused for good
    POSTPONED = "postponed"  # failed in a way that passes, or waits for something that did
    SKIPPED = "skipped"  # needs something that is blocked or was rejected
    STALE = "stale"  # somebody wrote meanwhile: everything is read again


@dataclass(frozen=True, slots=True)
class AppliedChange:
    change: Change
    status: ChangeStatus
    detail: str = ""
    wait: timedelta | None = None  # how long the outside asked to be left alone


@dataclass(frozen=True, slots=True)
class Run:
    """What a reconcile of *unit* found and did.

    Attributes:
        ids: The ids under which it can be looked up: every reimport it answers, or its own.
        verdicts: None when the run ended before the inventory was read.
    """

    ids: tuple[str, ...]
    unit: AccountId
    status: RunStatus
    started: datetime
    finished: datetime | None = None
    changes: tuple[AppliedChange, ...] = ()
    verdicts: tuple[Verdict, ...] | None = None
    notes: tuple[str, ...] = ()
    error: str = ""
    wait: timedelta | None = None  # before it makes sense to try again

    @property
    def is_stale(self) -> bool:
        """Somebody else wrote while this run did."""
        return any(item.status is ChangeStatus.STALE for item in self.changes)

    @property
    def writes(self) -> int:
        return sum(item.status is ChangeStatus.APPLIED for item in self.changes)


_STOPPED = {
    ChangeStatus.BLOCKED: DeploymentState.QUARANTINED,
    ChangeStatus.REJECTED: DeploymentState.QUARANTINED,
    ChangeStatus.SKIPPED: DeploymentState.QUARANTINED,
    ChangeStatus.POSTPONED: DeploymentState.SEEN,
    ChangeStatus.STALE: DeploymentState.SEEN,
}


def run_status(changes: Sequence[AppliedChange], verdicts: Sequence[Verdict]) -> RunStatus:
    """The status of a run that came to its end."""
    statuses = {item.status for item in changes}
    waiting = any(verdict.state is DeploymentState.SEEN for verdict in verdicts)
    if statuses & {ChangeStatus.POSTPONED, ChangeStatus.STALE} or waiting:
        return RunStatus.WAITING
    if statuses & _STOPPED.keys():
        return RunStatus.INCOMPLETE
    return RunStatus.SUCCEEDED


def after_changes(
    verdicts: Sequence[Verdict], changes: Sequence[AppliedChange]
) -> tuple[Verdict, ...]:
    """The verdicts as the changes left them: what a deployment needs may not stand."""
    stopped = {item.change.path: item for item in changes if item.status in _STOPPED}

    def judge(verdict: Verdict) -> Verdict:
        for path in verdict.resources:
            if path in stopped:
                item = stopped[path]
                reason = f"{path}: {item.detail or item.change.reason}"
                return replace(verdict, state=_STOPPED[item.status], reason=reason)
        return verdict

    return tuple(judge(verdict) for verdict in verdicts)
