"""A unit's row as people see it."""

from datetime import timedelta
from typing import Any

import pytest

from shared.core.marks import marked
from shared.core.modes import Mode
from shared.core.naming import unit_hash
from shared.core.orders import Hold
from shared.core.rejections import Rejection
from shared.core.single_flight import Cause, UnitRow
from shared.core.unit_records import unit_record
from tests.builders import NOW, UNIT

HOLD = Hold("removals", "too many", NOW, "0123456789abcdef")
LEASED = {"owner": "me", "lease_start": NOW, "lease": timedelta(minutes=6)}
DIRTY = {"gen": 2, "done": 1}


@pytest.mark.parametrize(
    ("row", "status"),
    [
        ({}, "done"),
        (DIRTY, "marked"),
        ({**DIRTY, **LEASED, "attempts": 1}, "running"),
        ({**DIRTY, **LEASED, "lease_start": NOW - timedelta(minutes=7)}, "marked"),
        ({**DIRTY, "attempts": 2}, "waiting"),
        ({"hold": HOLD}, "held"),
        ({**DIRTY, "hold": HOLD}, "held"),
        ({**DIRTY, **LEASED, "hold": HOLD}, "running"),
        (LEASED, "done"),  # given back in all but name: nothing is left to do
    ],
)
def test_the_status_says_what_happens_to_the_unit(row: dict[str, Any], status: str) -> None:
    assert unit_record(UNIT, UnitRow(**row), NOW, Mode.SYNC).status == status


def test_a_record_says_what_holds_the_unit_and_what_was_refused() -> None:
    row = UnitRow(
        hold=HOLD,
        mode="sync",
        rejections=(Rejection("apis/x", "f", 1, NOW, "no such SKU"),),
    )

    found = unit_record(UNIT, row, NOW, Mode.SYNC)

    assert (found.id, found.account, found.mode) == (unit_hash(UNIT), UNIT.arm_id, "sync")
    assert found.refused == ("apis/x: no such SKU",)
    assert found.hold is not None
    assert found.hold.since == "2026-11-23T12:00:00.000Z"
    assert (found.hold.kind, found.hold.digest) == ("removals", "0123456789abcdef")


@pytest.mark.parametrize(("minutes", "said"), [(5, "2026-11-23T12:05:00.000Z"), (0, ""), (-5, "")])
def test_when_it_is_tried_again_is_said_until_then(minutes: int, said: str) -> None:
    row = UnitRow(gen=2, done=1, not_before=NOW + timedelta(minutes=minutes))

    assert unit_record(UNIT, row, NOW, Mode.SYNC).not_before == said


def test_of_a_cause_only_what_names_it_is_said() -> None:
    row = marked(UnitRow(), Cause(event_id="e1", written="gpt-4o", event_type="Written", at=NOW))

    (cause,) = unit_record(UNIT, row, NOW, Mode.SYNC).causes

    assert (cause.kind, cause.event_id, cause.deployment) == ("event", "e1", "gpt-4o")
