"""A list of the gateway may lack what stands; the unit's row does not."""

from datetime import UTC, datetime, timedelta

from shared.core.applied import AppliedChange, ChangeStatus
from shared.core.model import Resource
from shared.core.plan import Action, Change
from shared.core.single_flight import Claim, Ending, UnitRow, claim_of, claimed, finished, noted
from shared.core.stands import made_anew, what_stands
from tests.builders import UNIT

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
API, BACKEND, POLICY = "apis/a", "backends/b", "apis/a/policies/policy"


def change(action: Action, path: str) -> Change:
    return Change(action, path, "", Resource(path, {}))


def took(row: UnitRow) -> tuple[UnitRow, Claim]:
    after = claimed(row, owner="me", now=NOW, lease=timedelta(minutes=6))
    assert after is not None
    return after, claim_of(UNIT, row, after)


def test_only_what_lists_tell_of_is_written_down_before_it_is_made() -> None:
    plan = [
        change(Action.CREATE, API),
        change(Action.CREATE, POLICY),
        change(Action.CREATE, "products/p"),
        change(Action.UPDATE, BACKEND),
        change(Action.CREATE, "backends/held"),
    ]

    assert made_anew(plan, {"backends/held"}) == {API}


def test_what_stands_is_what_was_found_and_made_less_what_was_deleted() -> None:
    changes = [
        AppliedChange(change(Action.CREATE, API), ChangeStatus.POSTPONED),
        AppliedChange(change(Action.CREATE, "apis/refused"), ChangeStatus.REJECTED),
        AppliedChange(change(Action.DELETE, BACKEND), ChangeStatus.APPLIED),
        AppliedChange(change(Action.DELETE, "backends/kept"), ChangeStatus.POSTPONED),
    ]

    found = [BACKEND, "backends/kept", "apis/old", "apis/old/policies/policy", "namedValues/k"]
    assert what_stands(found, changes) == (API, "apis/old", "backends/kept")


def test_what_a_dead_worker_was_about_to_make_is_looked_for_by_the_next() -> None:
    row, claim = took(UnitRow(gen=1, stands=(BACKEND,)))

    written = noted(row, claim, {API})

    assert written is not None
    later = claimed(written, owner="you", now=NOW + timedelta(minutes=7), lease=timedelta(1))
    assert later is not None
    assert claim_of(UNIT, written, later).stands == (API, BACKEND)
    assert noted(later, claim, {"apis/late"}) is None  # the first one is too late


def test_a_run_that_did_not_get_to_know_leaves_it_as_it_was() -> None:
    row, claim = took(UnitRow(gen=1, stands=(API,)))

    unknown = finished(row, claim, Ending(done=False), NOW)
    known = finished(row, claim, Ending(done=True, stands=()), NOW)

    assert unknown is not None
    assert known is not None
    assert (unknown.stands, known.stands) == ((API,), ())
