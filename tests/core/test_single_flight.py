from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from shared.core.single_flight import Claim, UnitRow, claimed, finished, marked
from tests.builders import UNIT

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
LEASE = timedelta(minutes=6)
DIRTY = UnitRow(gen=1)
CLEAN = UnitRow(gen=3, done=3)


def claim_of(row: UnitRow, owner: str = "a") -> tuple[UnitRow, Claim]:
    taken = claimed(row, owner=owner, now=NOW, lease=LEASE)
    assert taken is not None
    return taken, Claim(UNIT, row.gen, owner, taken.epoch, row.runs, row.attempts)


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
    after = marked(row, event_id="e", run_id="")

    assert after.gen == gen
    assert after.is_dirty


def test_a_redelivered_event_changes_nothing() -> None:
    once = marked(CLEAN, event_id="e", run_id="")

    assert marked(once, event_id="e", run_id="") == once


def test_only_the_last_events_are_remembered() -> None:
    row = UnitRow()
    for number in range(30):
        row = marked(row, event_id=f"e{number}", run_id="")

    assert row.events == tuple(f"e{number}" for number in range(10, 30))


def test_a_clean_unit_is_not_claimed() -> None:
    assert claimed(CLEAN, owner="a", now=NOW, lease=LEASE) is None


@pytest.mark.parametrize(
    ("later", "free"), [(timedelta(), False), (LEASE - timedelta(seconds=1), False), (LEASE, True)]
)
def test_a_unit_is_claimed_again_only_when_the_lease_passed(
    later: timedelta, *, free: bool
) -> None:
    taken, _ = claim_of(DIRTY)

    assert (claimed(taken, owner="b", now=NOW + later, lease=LEASE) is not None) is free


def test_marks_do_not_prolong_a_lease() -> None:
    taken, _ = claim_of(DIRTY)

    again = marked(taken, event_id="e", run_id="")

    assert claimed(again, owner="b", now=NOW + LEASE, lease=LEASE) is not None


def test_a_finished_unit_is_clean_and_free() -> None:
    taken, claim = claim_of(DIRTY)

    after = finished(taken, claim, done=True)

    assert after is not None
    assert (after.is_dirty, after.owner, after.attempts) == (False, "", 0)


def test_what_happened_during_the_run_is_not_done_by_it() -> None:
    taken, claim = claim_of(DIRTY)
    changed = marked(taken, event_id="later", run_id="later-run")

    after = finished(changed, claim, done=True)

    assert after is not None
    assert after.is_dirty
    assert after.runs == ("later-run",)


def test_a_run_that_failed_leaves_the_unit_dirty_and_counts() -> None:
    taken, claim = claim_of(marked(DIRTY, event_id="", run_id="r"))

    after = finished(taken, claim, done=False)

    assert after is not None
    assert (after.is_dirty, after.owner, after.attempts, after.runs) == (True, "", 1, ("r",))


def test_an_owner_whose_unit_was_taken_over_can_not_finish_it() -> None:
    taken, claim = claim_of(DIRTY)
    over = claimed(taken, owner="b", now=NOW + LEASE, lease=LEASE)
    assert over is not None

    assert finished(over, claim, done=True) is None


def test_done_never_goes_back() -> None:
    taken, claim = claim_of(DIRTY)

    after = finished(replace(taken, done=7), claim, done=True)

    assert after is not None
    assert after.done == 7
