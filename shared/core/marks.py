"""What becomes of a unit's row when something happened, or somebody wants something: pure."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from shared.core.orders import NO_ORDER, Order
from shared.core.single_flight import Cause, Expected, UnitRow
from shared.errors import OrderPending, TooManyRuns

_REMEMBERED_EVENTS = 20
_WAITING_RUNS = 500  # their ids are a property of the row, which holds 32 Ki characters
_EXPECTED = 50
_NOTED = 10


def marked(row: UnitRow, cause: Cause) -> UnitRow:
    """Note that the unit may have changed.

    A known event changes nothing. A unit that is dirty and free needs no higher generation, for
    whoever claims it next reads everything anew; one that is owned always does.

    Raises:
        OrderPending: something else was ordered, and is not done.
        TooManyRuns: more can't be remembered.
    """
    if cause.event_id and cause.event_id in row.events:
        return row
    if row.is_dirty and not row.owner and not _adds(cause, row):
        return row
    if cause.run_id and len(row.runs) >= _WAITING_RUNS:
        raise TooManyRuns(f"{len(row.runs)} runs wait for this account already")
    gen = row.gen if row.is_dirty and not row.owner else row.gen + 1
    orders = _ordered(_Orders(row.order, row.order_gen, row.order_runs), cause, gen)
    dropped = () if orders.order == row.order else row.order_runs
    runs = _last(row.runs, cause.run_id, _WAITING_RUNS)
    return replace(
        row,
        gen=gen,
        full_gen=gen if cause.full else row.full_gen,
        go_ahead_gen=gen if cause.go_ahead else row.go_ahead_gen,
        events=_last(row.events, cause.event_id, _REMEMBERED_EVENTS),
        runs=tuple(run for run in runs if run not in dropped),
        expected=_expected(row.expected, cause),
        causes=_last(row.causes, cause.noted, _NOTED),
        order=orders.order,
        order_gen=orders.gen,
        order_runs=orders.runs,
        called_off=(*row.called_off, *dropped),
        hold=None if cause.lifts_hold else row.hold,
        release_gen=gen if cause.lifts_hold else row.release_gen,
    )


@dataclass(frozen=True, slots=True)
class _Orders:
    order: Order
    gen: int
    runs: tuple[str, ...]


def _ordered(before: _Orders, cause: Cause, gen: int) -> _Orders:
    """A row has room for one order; whoever brought another must not hear that it was done.

    To go back is always possible, for people do it when the first does harm. A release lets what
    was rolled back go forward, so it calls off the way back that is not done.
    """
    pending, new = before.order, cause.order
    if cause.calls_off or (cause.lifts_hold and pending.rollback):
        return _Orders(NO_ORDER, gen, ())
    if new == NO_ORDER:
        return before
    if pending in (NO_ORDER, new):
        return _Orders(new, gen, _last(before.runs, cause.run_id, _WAITING_RUNS))
    if new.rollback:
        return _Orders(new, gen, _last((), cause.run_id, 1))
    raise OrderPending("what somebody else ordered for this account is not done yet")


def _adds(cause: Cause, row: UnitRow) -> bool:
    """Whether a mark says more than that something happened; that is written down already."""
    asks = cause.run_id or cause.full or cause.go_ahead or cause.deleted or cause.release
    orders = cause.calls_off or cause.order != NO_ORDER
    return bool(asks) or orders or _expected(row.expected, cause) != row.expected


def _expected(known: tuple[Expected, ...], cause: Cause) -> tuple[Expected, ...]:
    """A deletion takes back what was written before it, and never what was written after it."""
    if cause.written:
        same = [it for it in known if it.name == cause.written]
        if any(not _is_before(it.at, cause.at) for it in same):
            return known
        others = tuple(it for it in known if it.name != cause.written)
        return (*others, Expected(cause.written, cause.at))[-_EXPECTED:]
    return tuple(it for it in known if it.name != cause.deleted or not _is_before(it.at, cause.at))


def _is_before(first: datetime | None, second: datetime | None) -> bool:
    """Strictly; what has no time was long ago."""
    long_ago = datetime.min.replace(tzinfo=UTC)
    return (first or long_ago) < (second or long_ago)


def _last[T](items: tuple[T, ...], new: T, limit: int) -> tuple[T, ...]:
    return (*(item for item in items if item != new), new)[-limit:] if new else items
