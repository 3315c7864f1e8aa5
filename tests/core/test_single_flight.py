from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from shared.core.marks import marked
from shared.core.orders import NO_ORDER, Hold, Order
from shared.core.single_flight import (
    Cause,
    Claim,
    Ending,
    UnitRow,
    claim_of,
    claimed,
    finished,
    noted,
)
from shared.errors import OrderPending, TooManyRuns
from tests.builders import UNIT

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
LEASE = timedelta(minutes=6)
DIRTY = UnitRow(gen=1)
CLEAN = UnitRow(gen=3, done=3)
ORDER = Order(digest="d1935")
HOLD = Hold("removals", "too many", NOW, "d1935")


def take(row: UnitRow, owner: str = "a") -> tuple[UnitRow, Claim]:
    taken = claimed(row, owner=owner, now=NOW, lease=LEASE)
    assert taken is not None
    return taken, claim_of(UNIT, row, taken)


@pytest.mark.parametrize(
    ("row", "gen"),
    [
        (UnitRow(), 1),
        (CLEAN, 4),
        (DIRTY, 1),  # dirty and free: whoever takes it reads everything anew
        (replace(DIRTY, owner="a"), 2),  # its owner may have read already
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
    row = replace(DIRTY, owner="a")
    for number in range(30):
        row = marked(row, Cause(event_id=f"e{number}", run_id=""))

    assert row.events == tuple(f"e{number}" for number in range(10, 30))


def test_a_clean_unit_is_not_claimed() -> None:
    assert claimed(CLEAN, owner="a", now=NOW, lease=LEASE) is None


@pytest.mark.parametrize(
    ("later", "free"), [(timedelta(), False), (LEASE - timedelta(seconds=1), False), (LEASE, True)]
)
def test_a_unit_is_claimed_again_only_when_the_lease_passed(
    later: timedelta, *, free: bool
) -> None:
    taken, _ = take(DIRTY)

    assert (claimed(taken, owner="b", now=NOW + later, lease=LEASE) is not None) is free


def test_marks_do_not_prolong_a_lease() -> None:
    taken, _ = take(DIRTY)

    again = marked(taken, Cause(event_id="e", run_id=""))

    assert claimed(again, owner="b", now=NOW + LEASE, lease=LEASE) is not None


def test_a_finished_unit_is_clean_and_free() -> None:
    taken, claim = take(DIRTY)

    after = finished(taken, claim, Ending(done=True), NOW)

    assert after is not None
    assert (after.is_dirty, after.owner, after.attempts) == (False, "", 0)


def test_what_happened_during_the_run_is_not_done_by_it() -> None:
    taken, claim = take(DIRTY)
    changed = marked(taken, Cause(event_id="later", run_id="later-run"))

    after = finished(changed, claim, Ending(done=True), NOW)

    assert after is not None
    assert after.is_dirty
    assert after.runs == ("later-run",)


def test_a_run_that_failed_leaves_the_unit_dirty_and_counts() -> None:
    taken, claim = take(marked(DIRTY, Cause(event_id="", run_id="r")))

    after = finished(taken, claim, Ending(done=False), NOW)

    assert after is not None
    assert (after.is_dirty, after.owner, after.attempts, after.runs) == (True, "", 1, ("r",))


def test_an_owner_whose_unit_was_taken_over_can_not_finish_it() -> None:
    taken, claim = take(DIRTY)
    over = claimed(taken, owner="b", now=NOW + LEASE, lease=LEASE)
    assert over is not None

    assert finished(over, claim, Ending(done=True), NOW) is None


def test_done_never_goes_back() -> None:
    taken, claim = take(DIRTY)

    after = finished(replace(taken, done=7), claim, Ending(done=True), NOW)

    assert after is not None
    assert after.done == 7


def test_a_full_look_and_a_go_ahead_hold_until_they_are_done() -> None:
    row = UnitRow(gen=1, done=1, seen="as it was")
    taken, claim = take(marked(row, Cause(full=True, go_ahead=True)))
    assert (claim.full, claim.go_ahead) == (True, True)

    tried = finished(taken, claim, Ending(done=False, seen="as it was"), NOW)
    assert tried is not None
    taken, claim = take(tried)
    assert (claim.full, claim.go_ahead) == (True, True)

    done = finished(taken, claim, Ending(done=True, seen="as it was"), NOW)
    assert done is not None
    _, claim = take(marked(done, Cause(event_id="e")))
    assert (claim.full, claim.go_ahead) == (False, False)


def test_a_full_look_asked_for_during_a_run_is_not_answered_by_it() -> None:
    taken, claim = take(UnitRow(gen=1, seen="as it was"))
    meanwhile = marked(taken, Cause(full=True))

    done = finished(meanwhile, claim, Ending(done=True, seen="as it was"), NOW)

    assert done is not None
    assert take(done)[1].full


def test_a_unit_that_was_never_seen_gets_a_full_look() -> None:
    assert take(DIRTY)[1].full


def test_a_written_deployment_is_expected_until_a_run_or_its_deletion() -> None:
    row = marked(UnitRow(), Cause(event_id="1", written="a", at=NOW))
    row = marked(row, Cause(event_id="2", written="b", at=NOW))
    row = marked(row, Cause(event_id="3", deleted="a", at=NOW + SECOND))
    taken, claim = take(row)
    later = marked(taken, Cause(event_id="4", written="c", at=NOW))
    assert claim.expected_names == ("b",)

    done = finished(later, claim, Ending(done=True), NOW)

    assert done is not None
    assert [it.name for it in done.expected] == ["c"]


def test_an_older_deletion_that_comes_late_does_not_take_back_what_was_written_since() -> None:
    """Seed 4696: written, deleted, written within a second; the deletion's event came last."""
    row = marked(UnitRow(), Cause(event_id="1", written="a", at=NOW + SECOND))
    late = marked(row, Cause(event_id="2", deleted="a", at=NOW))

    assert take(late)[1].expected_names == ("a",)


def test_what_was_written_again_during_a_run_is_still_expected_after_it() -> None:
    taken, claim = take(marked(UnitRow(), Cause(event_id="1", written="a", at=NOW)))
    meanwhile = marked(taken, Cause(event_id="2", deleted="a", at=NOW + SECOND))
    meanwhile = marked(meanwhile, Cause(event_id="3", written="a", at=NOW + 2 * SECOND))

    done = finished(meanwhile, claim, Ending(done=True), NOW)

    assert done is not None
    assert take(done)[1].expected_names == ("a",)


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
    row = replace(DIRTY, owner="a")
    for number in range(30):
        row = marked(row, Cause(event_id=f"e{number}"))

    assert [it.event_id for it in row.causes] == [f"e{number}" for number in range(20, 30)]


def test_an_order_is_the_claims_and_is_over_with_it() -> None:
    taken, claim = take(marked(CLEAN, Cause(run_id="r", order=ORDER)))
    assert claim.order == ORDER

    done = finished(taken, claim, Ending(done=True), NOW)

    assert done is not None
    assert take(marked(done, Cause(full=True)))[1].order == NO_ORDER


def test_what_is_left_of_an_order_is_the_next_claims() -> None:
    taken, claim = take(marked(CLEAN, Cause(run_id="r", order=ORDER)))
    left = Order(approved=("", "a1b2"))

    tried = finished(taken, claim, Ending(done=False, order=left), NOW)

    assert tried is not None
    assert take(tried)[1].order == left


def test_a_mark_without_an_order_leaves_the_order_that_waits() -> None:
    row = marked(marked(CLEAN, Cause(order=ORDER)), Cause(event_id="e", full=True))

    assert take(row)[1].order == ORDER


def test_an_order_that_came_during_a_run_is_not_over_with_it() -> None:
    taken, claim = take(marked(CLEAN, Cause(full=True)))
    meanwhile = marked(taken, Cause(run_id="r", order=ORDER))

    done = finished(meanwhile, claim, Ending(done=True), NOW)

    assert done is not None
    assert take(done)[1].order == ORDER


FORCE, BACK = Order(force=True), Order(rollback="s")
RELEASE = Cause(run_id="2", kind="release", release=True)
CALL_OFF = Cause(run_id="2", calls_off=True)


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


def test_an_agreed_plan_is_agreed_to_before_it_is_begun() -> None:
    """Killed in the middle of writing, the plan that is left is another one."""
    taken, claim = take(marked(CLEAN, Cause(run_id="r", order=Order(digest="d"))))
    begun = replace(claim, order=Order(approved=("", "a1b2")))

    row = noted(taken, begun, ())

    assert row is not None
    assert row.order == Order(approved=("", "a1b2"))


def test_a_hold_stays_until_it_is_released() -> None:
    taken, claim = take(marked(CLEAN, Cause(full=True)))
    held = finished(taken, claim, Ending(done=True, hold=HOLD, blocked=HOLD.reason), NOW)
    assert held is not None

    _, claim = take(marked(held, Cause(full=True)))
    assert (claim.hold, claim.blocked) == (HOLD, HOLD.reason)

    _, claim = take(marked(held, Cause(kind="release", release=True)))
    assert claim.hold is None


def test_a_release_during_a_run_is_not_undone_by_its_end() -> None:
    taken, claim = take(marked(CLEAN, Cause(full=True)))
    meanwhile = marked(taken, Cause(kind="release", release=True))

    after = finished(meanwhile, claim, Ending(done=True, hold=HOLD), NOW)

    assert after is not None
    assert after.hold is None
    assert after.is_dirty


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


def test_what_was_told_of_being_blocked_is_forgotten_when_the_way_is_free() -> None:
    taken, claim = take(replace(DIRTY, blocked="too many"))
    assert claim.blocked == "too many"

    after = finished(taken, claim, Ending(done=True), NOW)

    assert after is not None
    assert after.blocked == ""


@pytest.mark.parametrize(("read", "left"), [(None, "observe"), ("", ""), ("sync", "sync")])
def test_the_mode_of_a_tag_is_remembered_until_there_is_another_or_none(
    read: str | None, left: str
) -> None:
    taken, claim = take(replace(DIRTY, mode="observe"))

    after = finished(taken, claim, Ending(done=True, mode=read), NOW)

    assert after is not None
    assert after.mode == left
