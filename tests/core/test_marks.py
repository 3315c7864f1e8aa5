"""What a mark makes of a unit's row, and whose order it leaves there."""

from dataclasses import replace

import pytest

from shared.core.marks import marked
from shared.core.orders import NO_ORDER, Order
from shared.core.single_flight import Cause, Ending, UnitRow, finished
from shared.errors import OrderPending, TooManyRuns
from tests.core.claims import CLEAN, DIRTY, HOLD, NOW, ORDER, OWNED, SECOND, take

FORCE, BACK = Order(force=True), Order(rollback="s")
RELEASE = Cause(run_id="2", kind="release", release=True)
CALL_OFF = Cause(run_id="2", calls_off=True)


@pytest.mark.parametrize(
    ("row", "gen"),
    [
        (UnitRow(), 1),
        (CLEAN, 4),
        (DIRTY, 1),  # dirty and free: whoever takes it reads everything anew
        (OWNED, 2),  # its owner may have read already
    ],
)
def test_a_mark_makes_the_unit_dirty_for_whoever_reads_next(row: UnitRow, gen: int) -> None:
    after = marked(row, Cause(event_id="e", run_id=""))

    assert after.gen == gen
    assert after.is_dirty


def test_a_redelivered_event_changes_nothing() -> None:
    once = marked(CLEAN, Cause(event_id="e", run_id=""))

    assert marked(once, Cause(event_id="e", run_id="")) == once


def test_a_storm_on_a_unit_that_waits_anyway_writes_nothing() -> None:
    once = marked(CLEAN, Cause(event_id="e", written="gpt-4o"))

    assert marked(once, Cause(event_id="f", written="gpt-4o")) == once
    assert marked(once, Cause(event_id="f", full=True)) != once


def test_only_the_last_events_are_remembered() -> None:
    row = OWNED
    for number in range(30):
        row = marked(row, Cause(event_id=f"e{number}", run_id=""))

    assert row.events == tuple(f"e{number}" for number in range(10, 30))


def test_an_older_deletion_that_comes_late_does_not_take_back_what_was_written_since() -> None:
    """Seed 4696: written, deleted, written within a second; the deletion's event came last."""
    row = marked(UnitRow(), Cause(event_id="1", written="a", at=NOW + SECOND))
    late = marked(row, Cause(event_id="2", deleted="a", at=NOW))

    assert take(late)[1].expected_names == ("a",)


def test_why_it_is_looked_at_is_remembered_until_a_run_answers() -> None:
    row = marked(UnitRow(), Cause(event_id="1", event_type="Written", written="a", at=NOW))
    taken, claim = take(marked(row, Cause(full=True)))
    assert [it.kind for it in claim.causes] == ["event", "sweep"]
    meanwhile = marked(taken, Cause(run_id="r"))

    tried = finished(meanwhile, claim, Ending(done=False), NOW)
    done = finished(meanwhile, claim, Ending(done=True), NOW)

    assert tried is not None
    assert done is not None
    assert [it.kind for it in tried.causes] == ["event", "sweep", "reimport"]
    assert [it.kind for it in done.causes] == ["reimport"]


def test_only_the_last_causes_are_remembered() -> None:
    row = OWNED
    for number in range(30):
        row = marked(row, Cause(event_id=f"e{number}"))

    assert [it.event_id for it in row.causes] == [f"e{number}" for number in range(20, 30)]


def test_a_mark_without_an_order_leaves_the_order_that_waits() -> None:
    row = marked(marked(CLEAN, Cause(order=ORDER)), Cause(event_id="e", full=True))

    assert take(row)[1].order == ORDER


@pytest.mark.parametrize("pending", [ORDER, FORCE, BACK])
@pytest.mark.parametrize("new", [Order(digest="other"), FORCE, ORDER])
def test_a_second_order_is_refused(pending: Order, new: Order) -> None:
    row = marked(CLEAN, Cause(run_id="1", order=pending))

    if new == pending:
        assert marked(row, Cause(run_id="2", order=new)).order_runs == ("1", "2")
        return
    with pytest.raises(OrderPending):
        marked(row, Cause(run_id="2", order=new))


@pytest.mark.parametrize(
    ("pending", "change", "left"),
    [
        (FORCE, Cause(run_id="2", order=BACK), BACK),
        (BACK, Cause(run_id="2", order=Order(rollback="o")), Order(rollback="o")),
        (FORCE, CALL_OFF, NO_ORDER),
        (BACK, CALL_OFF, NO_ORDER),
        (BACK, RELEASE, NO_ORDER),
    ],
)
def test_whoever_ordered_is_told_that_it_was_called_off(
    pending: Order, change: Cause, left: Order
) -> None:
    row = marked(marked(CLEAN, Cause(run_id="0")), Cause(run_id="1", order=pending))

    row = marked(row, change)

    assert (row.order, row.called_off) == (left, ("1",))
    assert row.runs == ("0", "2"), "they wait for the next run, whatever it was ordered to do"
    taken, claim = take(row)
    assert claim.called_off == ("1",)
    done = finished(taken, claim, Ending(done=False), NOW)
    assert done is not None
    assert done.called_off == ()


def test_a_release_leaves_what_was_ordered_besides() -> None:
    row = replace(marked(CLEAN, Cause(run_id="1", order=FORCE)), hold=HOLD)

    row = marked(row, RELEASE)

    assert (row.order, row.hold, row.called_off) == (FORCE, None, ())


def test_to_call_off_touches_neither_a_hold_nor_the_brake() -> None:
    row = replace(marked(CLEAN, Cause(run_id="1", order=FORCE)), hold=HOLD)

    row = marked(row, CALL_OFF)

    assert (row.hold, row.go_ahead_gen, row.release_gen) == (HOLD, 0, 0)


def test_an_order_that_was_done_when_it_was_called_off_was_done() -> None:
    taken, claim = take(marked(CLEAN, Cause(run_id="1", order=FORCE)))
    late = marked(taken, CALL_OFF)
    assert late.called_off == ("1",)

    done = finished(late, claim, Ending(done=True), NOW)

    assert done is not None
    assert (done.called_off, done.runs) == ((), ("2",))


def test_no_run_that_waits_is_forgotten() -> None:
    row = CLEAN
    for number in range(500):
        row = marked(row, Cause(run_id=f"{number:032}"))

    with pytest.raises(TooManyRuns, match="500"):
        marked(row, Cause(run_id="one more"))
    assert marked(row, Cause(event_id="e")).is_dirty, "an event asks for no run of its own"


def test_a_release_during_a_rollback_is_not_undone_by_its_end() -> None:
    taken, claim = take(marked(CLEAN, Cause(kind="rollback", order=Order(rollback="s"))))
    meanwhile = marked(taken, Cause(run_id="r", kind="release", release=True, full=True))

    left = Ending(done=False, order=Order(rollback="s"), hold=HOLD)
    after = finished(meanwhile, claim, left, NOW)

    assert after is not None
    assert (after.hold, take(after)[1].order) == (None, NO_ORDER)


def test_a_release_of_one_plan_lifts_the_hold_only_when_that_plan_is_written() -> None:
    held = replace(CLEAN, hold=HOLD)
    wish = Cause(run_id="r", kind="release", release=True, order=Order(digest="d"))

    taken, claim = take(marked(held, wish))

    assert (taken.hold, claim.hold, claim.order.digest) == (HOLD, HOLD, "d")
    assert not claim.has_other_causes


@pytest.mark.parametrize(
    "cause",
    [
        Cause(order=ORDER),
        Cause(kind="release", release=True),
        Cause(run_id="r"),
        Cause(calls_off=True),
    ],
)
def test_what_somebody_asks_for_is_never_lost_in_a_mark_that_is_there(cause: Cause) -> None:
    once = marked(CLEAN, Cause(event_id="e"))

    assert marked(once, cause) != once
