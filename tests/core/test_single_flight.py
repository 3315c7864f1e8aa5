"""A claim answers for what stood in the row that it replaced, and for nothing later."""

from dataclasses import replace
from datetime import timedelta

import pytest

from shared.core.marks import marked
from shared.core.orders import NO_ORDER, Order
from shared.core.single_flight import Cause, Ending, UnitRow, claimed, finished, noted
from tests.core.claims import CLEAN, DIRTY, HOLD, LEASE, NOW, ORDER, SECOND, take


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


def test_what_was_written_again_during_a_run_is_still_expected_after_it() -> None:
    taken, claim = take(marked(UnitRow(), Cause(event_id="1", written="a", at=NOW)))
    meanwhile = marked(taken, Cause(event_id="2", deleted="a", at=NOW + SECOND))
    meanwhile = marked(meanwhile, Cause(event_id="3", written="a", at=NOW + 2 * SECOND))

    done = finished(meanwhile, claim, Ending(done=True), NOW)

    assert done is not None
    assert take(done)[1].expected_names == ("a",)


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


def test_an_order_that_came_during_a_run_is_not_over_with_it() -> None:
    taken, claim = take(marked(CLEAN, Cause(full=True)))
    meanwhile = marked(taken, Cause(run_id="r", order=ORDER))

    done = finished(meanwhile, claim, Ending(done=True), NOW)

    assert done is not None
    assert take(done)[1].order == ORDER


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
