"""Why a unit is looked at, in what its row remembers."""

from datetime import UTC, datetime

import pytest

from shared.core.orders import NO_ORDER, Noted, Order
from shared.core.single_flight import Cause
from shared.core.stories import cause_record

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
WRITE = "ResourceWriteSuccess"


@pytest.mark.parametrize(
    ("cause", "noted"),
    [
        (
            Cause(event_id="1", event_type=WRITE, written="gpt-4o", at=NOW),
            Noted("event", WRITE, "1", "gpt-4o", "2026-11-23T12:00:00.000Z"),
        ),
        (Cause(event_id="1", deleted="gpt-4o"), Noted("event", "", "1", "gpt-4o")),
        (Cause(run_id="r", full=True), Noted("reimport")),
        (Cause(full=True), Noted("sweep")),
        (Cause(kind="release", release=True), Noted("release")),
        (Cause(run_id="r", kind="rollback", order=Order(rollback="s")), Noted("rollback")),
        (Cause(event_id="1", kind="replay", full=True), Noted("replay", "", "1")),
    ],
)
def test_a_cause_is_noted_by_its_kind_and_by_what_names_it(cause: Cause, noted: Noted) -> None:
    assert cause.noted == noted


def test_a_cause_is_told_as_it_was_noted() -> None:
    noted = Noted("event", WRITE, "1", "gpt-4o", "2026-11-23T12:00:00.000Z")

    assert cause_record(noted).json_body() == {
        "kind": "event",
        "event": WRITE,
        "eventId": "1",
        "deployment": "gpt-4o",
        "at": "2026-11-23T12:00:00.000Z",
    }


@pytest.mark.parametrize(
    "order", [Order(force=True), Order(digest="d"), Order(approved=("",)), Order(rollback="s")]
)
def test_whatever_is_ordered_is_an_order(order: Order) -> None:
    assert order != NO_ORDER
