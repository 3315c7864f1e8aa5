"""A run: one reconcile of one unit, with its history."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum

from shared.core.applied import AppliedChange, ChangeStatus
from shared.core.applied_states import AppliedState
from shared.core.orders import NO_ORDER, Hold, Noted, Order
from shared.core.records import UnitRunRecord
from shared.core.rejections import Rejection
from shared.core.resource_ids import AccountId
from shared.core.states import DeploymentState, Verdict


class RunStatus(Enum):
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    INCOMPLETE = "incomplete"  # all that could be done is done; something was refused for good
    HELD = "held"  # it would take off too much: nothing is done without a go-ahead
    WAITING = "waiting"  # something will be tried again by itself
    FAILED = "failed"  # nothing could be done until somebody changes something


@dataclass(frozen=True, slots=True)
class Run:
    """What a reconcile of *unit* found and did.

    Attributes:
        ids: The ids under which it can be looked up: every reimport it answers, or its own.
        earlier: What is told of tries before this one, by id: a run that waits is tried again.
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
    mode: str | None = None  # of the account's tag; None when it was not read
    stands: tuple[str, ...] | None = None  # what a later look must find in the gateway
    seen: str = ""  # fingerprint of the inventory, where the gateway agrees with it
    rejections: tuple[Rejection, ...] = ()
    written: Mapping[str, datetime] = field(default_factory=dict)  # deployments, by their events
    causes: tuple[Noted, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)  # of the account and the gateway
    planned: int = 0  # writes
    arm_calls: int = 0
    drifted: tuple[str, ...] = ()  # paths that somebody had changed or deleted by hand
    order: Order = NO_ORDER  # what is left of what was asked for
    hold: Hold | None = None
    applied_state: AppliedState | None = None  # where this run made a new one
    earlier: Mapping[str, UnitRunRecord] = field(default_factory=dict)
    epoch: int = 0  # of the claim: of those that do one run in turn, the last is right

    @property
    def is_stale(self) -> bool:
        """Somebody else wrote while this run did."""
        return any(item.status is ChangeStatus.STALE for item in self.changes)

    @property
    def is_open(self) -> bool:
        """Something that was decided is still to be written."""
        open_ = {ChangeStatus.STALE, ChangeStatus.POSTPONED}
        return any(item.status in open_ for item in self.changes)

    @property
    def is_news(self) -> bool:
        """Whether somebody may want to read of it: not of a look that found all as it should be.

        What is left out for good is noted by every look, and would fill the table.
        """
        quiet = self.status is RunStatus.SUCCEEDED
        return not quiet or any(item.status is not ChangeStatus.KEPT for item in self.changes)

    @property
    def writes(self) -> int:
        return sum(item.status is ChangeStatus.APPLIED for item in self.changes)


_STOPPED = {
    ChangeStatus.BLOCKED: DeploymentState.QUARANTINED,
    ChangeStatus.REJECTED: DeploymentState.QUARANTINED,
    ChangeStatus.SKIPPED: DeploymentState.QUARANTINED,
    ChangeStatus.POSTPONED: DeploymentState.SEEN,
    ChangeStatus.STALE: DeploymentState.SEEN,
    ChangeStatus.PLANNED: DeploymentState.SEEN,
}


_REFUSED = frozenset(s for s, state in _STOPPED.items() if state is DeploymentState.QUARANTINED)


# The first of these that a unit has is the status of the whole.
_PRECEDENCE = (
    *(RunStatus.RUNNING, RunStatus.QUEUED, RunStatus.WAITING, RunStatus.HELD),
    *(RunStatus.FAILED, RunStatus.INCOMPLETE, RunStatus.SUCCEEDED),
)


def most_urgent(statuses: Iterable[str]) -> str:
    """The status of a run over several units; there is at least one."""
    found = set(statuses)
    return next(status.value for status in _PRECEDENCE if status.value in found)


def run_status(changes: Sequence[AppliedChange], verdicts: Sequence[Verdict]) -> RunStatus:
    """The status of a run that came to its end.

    Args:
        changes: What became of the plan.
        verdicts: As they were before the changes: what ARM says is not ready yet.
    """
    statuses = {item.status for item in changes}
    waiting = any(verdict.state is DeploymentState.SEEN for verdict in verdicts)
    if statuses & {ChangeStatus.POSTPONED, ChangeStatus.STALE} or waiting:
        return RunStatus.WAITING
    if statuses & _REFUSED:
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
                reason = f"{item.status.value}: {path}: {item.detail or item.change.reason}"
                return replace(verdict, state=_STOPPED[item.status], reason=reason)
        return verdict

    return tuple(judge(verdict) for verdict in verdicts)
