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

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.core.moments import said
from shared.core.orders import NO_ORDER, Hold, Noted, Order
from shared.core.rejections import Rejection
from shared.core.resource_ids import AccountId


@dataclass(frozen=True, slots=True)
class Expected:
    """A deployment that an event says was written at *at*; ARM's list may lack it for a while."""

    name: str
    at: datetime | None = None


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
    woken: int = 0  # the epoch whose end somebody was told to wait for
    not_before: datetime | None = None  # the outside asked to be left alone until then
    mode: str = ""  # of the account's tag, when it was last seen
    seen: str = ""  # fingerprint of the inventory that the gateway is known to agree with
    events: tuple[str, ...] = ()  # the last few event ids, to know a redelivery
    runs: tuple[str, ...] = ()  # reimports waiting for this unit
    expected: tuple[Expected, ...] = ()
    stands: tuple[str, ...] = ()  # paths in the gateway that a list may lack and are there
    rejections: tuple[Rejection, ...] = ()
    causes: tuple[Noted, ...] = ()  # the last few that are not answered yet
    order: Order = NO_ORDER
    order_gen: int = 0  # the generation that brought it
    order_runs: tuple[str, ...] = ()  # those of *runs* that wait for it
    called_off: tuple[str, ...] = ()  # runs whose order was, and that were not told yet
    hold: Hold | None = None
    release_gen: int = 0  # the last generation that lifted a hold
    blocked: str = ""  # what was told of why nothing is done
    left: str = ""  # the applied state that stands, if nobody changes it; "" while that is unsure

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
        written: A deployment that an event says was written.
        deleted: A deployment that an event says is gone.
        at: When that happened: events come in any order.
        kind: Where not told by *event_id* (an event) or *run_id* (a reimport).
        release: Lift the unit's hold.
        calls_off: Forget what was ordered.
        trace: W3C traceparent of what takes it in.
    """

    event_id: str = ""
    run_id: str = ""
    full: bool = False
    go_ahead: bool = False
    written: str = ""
    deleted: str = ""
    at: datetime | None = None
    kind: str = ""
    event_type: str = ""
    order: Order = NO_ORDER
    release: bool = False
    calls_off: bool = False
    trace: str = ""

    @property
    def lifts_hold(self) -> bool:
        """With a digest the run lifts it, if the plan is still that one."""
        return self.release and self.order == NO_ORDER

    @property
    def noted(self) -> Noted:
        told = "event" if self.event_id else "reimport" if self.run_id else "sweep"
        return Noted(
            self.kind or told,
            self.event_type,
            self.event_id,
            self.written or self.deleted,
            said(self.at) if self.at else "",
            self.trace,
        )


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to be the only one that reconciles *unit*, until the lease passes.

    Attributes:
        gen: The generation that this claim answers for, as read in the row that was claimed.
        owner: The run that has the unit, by the id that is its own.
        attempts: How many claims in a row ended without being done.
        run_ids: The reimports waiting for this unit at that moment.
        order_runs: Those of them that wait for the order.
        called_off: Runs that are to be told that what they waited for won't be done.
        cut_short: Who had the unit before and never gave it back.
    """

    unit: AccountId
    gen: int
    owner: str
    epoch: int
    attempts: int = 0
    run_ids: tuple[str, ...] = ()
    order_runs: tuple[str, ...] = ()
    called_off: tuple[str, ...] = ()
    cut_short: str = ""
    full: bool = True
    go_ahead: bool = False
    mode: str = ""
    seen: str = ""
    expected: tuple[Expected, ...] = ()
    stands: tuple[str, ...] = ()
    rejections: tuple[Rejection, ...] = ()
    causes: tuple[Noted, ...] = ()
    order: Order = NO_ORDER
    hold: Hold | None = None
    blocked: str = ""
    left: str = ""

    @property
    def expected_names(self) -> tuple[str, ...]:
        return tuple(it.name for it in self.expected)

    @property
    def has_other_causes(self) -> bool:
        """Besides one reimport."""
        return len(self.run_ids) > 1 or any(
            it.kind not in ("reimport", "release") for it in self.causes
        )


@dataclass(frozen=True, slots=True)
class Ending:
    """How a claim is given back.

    Attributes:
        decided: The run came to a plan: a go-ahead is used up by that, whatever became of it.
        unanswered: Reimports that wait on, though the run is done.
        wait: For how long the outside wants to be left alone.
        stands: What stands in the gateway now; None where the run did not get to know.
        order: What is left of the claim's.
    """

    done: bool
    decided: bool = False
    unanswered: tuple[str, ...] = ()
    wait: timedelta | None = None
    mode: str | None = None
    seen: str = ""
    stands: tuple[str, ...] | None = None
    rejections: tuple[Rejection, ...] = ()
    order: Order = NO_ORDER
    hold: Hold | None = None
    blocked: str = ""
    left: str = ""


def claimed(row: UnitRow, *, owner: str, now: datetime, lease: timedelta) -> UnitRow | None:
    """Take the unit; None if it is clean, if somebody has it, or if it is not yet time."""
    too_early = row.not_before is not None and now < row.not_before
    if not row.is_dirty or row.is_leased(now) or too_early:
        return None
    return replace(
        row,
        owner=owner,
        epoch=row.epoch + 1,
        attempts=row.attempts + 1,
        lease_start=now,
        lease=lease,
        seen="",  # a run may die in the middle of writing: then nobody is sure of what stands
        left="",
    )


def woken(row: UnitRow, now: datetime) -> tuple[UnitRow, timedelta] | None:
    """How long to wait for whoever has the unit, said to one of those who ask."""
    if not row.is_dirty or not row.is_leased(now) or row.woken == row.epoch:
        return None
    start = row.lease_start or now
    return replace(row, woken=row.epoch), start + row.lease - now


def claim_of(unit: AccountId, before: UnitRow, after: UnitRow) -> Claim:
    """What a claim answers for: all of it as it stood in the row that was replaced."""
    return Claim(
        unit,
        gen=before.gen,
        owner=after.owner,
        epoch=after.epoch,
        attempts=before.attempts,
        run_ids=before.runs,
        order_runs=before.order_runs,
        called_off=before.called_off,
        cut_short=before.owner,
        full=before.full_gen > before.done or not before.seen,
        go_ahead=before.go_ahead_gen > before.done,
        mode=before.mode,
        seen=before.seen,
        expected=before.expected,
        stands=before.stands,
        rejections=before.rejections,
        causes=before.causes,
        order=before.order if before.order_gen > before.done else NO_ORDER,
        hold=before.hold,
        blocked=before.blocked,
        left=before.left,
    )


def has(row: UnitRow, claim: Claim) -> bool:
    """Whether the unit is still the claim's; its lease may have passed to somebody else."""
    return (row.owner, row.epoch) == (claim.owner, claim.epoch)


def noted(row: UnitRow, claim: Claim, paths: Iterable[str]) -> UnitRow | None:
    """Write down what is about to be made; None if the unit is no longer the claim's.

    A list of the gateway can lack what was made, and whoever made it may be dead by then.
    """
    if not has(row, claim):
        return None
    order = row.order if row.order_gen > claim.gen else claim.order
    return replace(row, stands=tuple(sorted({*row.stands, *paths})), order=order)


def finished(row: UnitRow, claim: Claim, ending: Ending, now: datetime) -> UnitRow | None:
    """Give the unit back; None if it is no longer ours to give."""
    if not has(row, claim):
        return None
    used = ending.decided and row.go_ahead_gen <= claim.gen
    is_later = row.order_gen > claim.gen  # somebody wants something else by now
    order = row.order if is_later else ending.order
    answered = tuple(run for run in claim.run_ids if run not in ending.unanswered)
    told = (*claim.called_off, *(answered if ending.done else ()))
    free = replace(
        row,
        owner="",
        lease_start=None,
        not_before=now + ending.wait if ending.wait else None,
        mode=row.mode if ending.mode is None else ending.mode,
        seen=ending.seen,
        stands=row.stands if ending.stands is None else ending.stands,
        rejections=ending.rejections,
        go_ahead_gen=0 if used else row.go_ahead_gen,
        order=order,
        order_runs=() if order == NO_ORDER else row.order_runs,
        called_off=tuple(run for run in row.called_off if run not in told),
        hold=None if row.release_gen > claim.gen else ending.hold,
        blocked=ending.blocked,
        left=ending.left,
    )
    if not ending.done:
        return free
    return replace(
        free,
        done=max(row.done, claim.gen),
        attempts=0,
        runs=tuple(run for run in row.runs if run not in answered),
        expected=tuple(it for it in row.expected if it not in claim.expected),
        causes=tuple(it for it in row.causes if it not in claim.causes),
    )
