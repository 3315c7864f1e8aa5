"""One worker per unit, and no event forgotten: the unit row's steps as pure functions.

Every step reads the row, applies one of these and replaces the row under its ETag, so each is one
compare-and-swap. `gen` counts what happened, `done` is the last generation known to be applied.
A claim answers for the generation that stood in the row it replaced, fixed before anything else
is read, and only that generation becomes done at its end. Two variants that look as good lose
updates: writing `done = gen` at the end, and taking `gen` after the inventory was read.

The lease counts from the storage service's own clock at the read before the claim, and is longer
than a run's deadline plus its longest write, so it can only pass for a holder that is dead or has
stopped writing. Marks don't prolong it.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.core.rejections import Rejection
from shared.core.resource_ids import AccountId

_REMEMBERED_EVENTS = 20
_WAITING_RUNS = 20
_EXPECTED = 50


@dataclass(frozen=True, slots=True)
class UnitRow:
    gen: int = 0
    done: int = 0
    owner: str = ""
    epoch: int = 0
    attempts: int = 0
    lease_start: datetime | None = None
    lease: timedelta = timedelta()
    full_gen: int = 0  # the last generation that asked for a full look
    go_ahead_gen: int = 0  # the last generation that allowed any number of removals
    seen: str = ""  # fingerprint of the inventory that the gateway is known to agree with
    events: tuple[str, ...] = ()  # the last few event ids, to know a redelivery
    runs: tuple[str, ...] = ()  # reimports waiting for this unit
    expected: tuple[str, ...] = ()  # deployments that an event said were written
    rejections: tuple[Rejection, ...] = ()

    @property
    def is_dirty(self) -> bool:
        return self.gen > self.done

    def is_leased(self, now: datetime) -> bool:
        return bool(self.owner) and (
            self.lease_start is None or now < self.lease_start + self.lease
        )


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a unit is marked.

    Attributes:
        full: Look at the gateway even if the inventory is as it was.
        go_ahead: Somebody says that any number of removals is right.
        written: A deployment that an event says was written; ARM's list may lack it for a while.
        deleted: A deployment that an event says is gone.
    """

    event_id: str = ""
    run_id: str = ""
    full: bool = False
    go_ahead: bool = False
    written: str = ""
    deleted: str = ""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to be the only one that reconciles *unit*, until the lease passes.

    Attributes:
        gen: The generation that this claim answers for, as read in the row that was claimed.
        attempts: How many claims in a row ended without being done.
        run_ids: The reimports waiting for this unit at that moment.
    """

    unit: AccountId
    gen: int
    owner: str
    epoch: int
    attempts: int = 0
    run_ids: tuple[str, ...] = ()
    full: bool = True
    go_ahead: bool = False
    seen: str = ""
    expected: tuple[str, ...] = ()
    rejections: tuple[Rejection, ...] = ()


@dataclass(frozen=True, slots=True)
class Ending:
    """How a claim is given back."""

    done: bool
    seen: str = ""
    rejections: tuple[Rejection, ...] = ()


def marked(row: UnitRow, cause: Cause) -> UnitRow:
    """Note that the unit may have changed.

    A known event changes nothing. A unit that is dirty and free needs no higher generation, for
    whoever claims it next reads everything anew; one that is owned always does.
    """
    if cause.event_id and cause.event_id in row.events:
        return row
    gen = row.gen if row.is_dirty and not row.owner else row.gen + 1
    return replace(
        row,
        gen=gen,
        full_gen=gen if cause.full else row.full_gen,
        go_ahead_gen=gen if cause.go_ahead else row.go_ahead_gen,
        events=_last(row.events, cause.event_id, _REMEMBERED_EVENTS),
        runs=_last(row.runs, cause.run_id, _WAITING_RUNS),
        expected=_last(
            tuple(name for name in row.expected if name != cause.deleted),
            cause.written,
            _EXPECTED,
        ),
    )


def claimed(row: UnitRow, *, owner: str, now: datetime, lease: timedelta) -> UnitRow | None:
    """Take the unit; None if it is clean, or somebody has it."""
    if not row.is_dirty or row.is_leased(now):
        return None
    return replace(
        row,
        owner=owner,
        epoch=row.epoch + 1,
        attempts=row.attempts + 1,
        lease_start=now,
        lease=lease,
    )


def claim_of(unit: AccountId, before: UnitRow, after: UnitRow) -> Claim:
    """What a claim answers for: all of it as it stood in the row that was replaced."""
    return Claim(
        unit,
        gen=before.gen,
        owner=after.owner,
        epoch=after.epoch,
        attempts=before.attempts,
        run_ids=before.runs,
        full=before.full_gen > before.done or not before.seen,
        go_ahead=before.go_ahead_gen > before.done,
        seen=before.seen,
        expected=before.expected,
        rejections=before.rejections,
    )


def finished(row: UnitRow, claim: Claim, ending: Ending) -> UnitRow | None:
    """Give the unit back; None if it is no longer ours to give."""
    if (row.owner, row.epoch) != (claim.owner, claim.epoch):
        return None
    free = replace(row, owner="", lease_start=None, seen=ending.seen, rejections=ending.rejections)
    if not ending.done:
        return free
    return replace(
        free,
        done=max(row.done, claim.gen),
        attempts=0,
        runs=tuple(run for run in row.runs if run not in claim.run_ids),
        expected=tuple(name for name in row.expected if name not in claim.expected),
    )


def _last(items: tuple[str, ...], new: str, limit: int) -> tuple[str, ...]:
    return (*(item for item in items if item != new), new)[-limit:] if new else items
