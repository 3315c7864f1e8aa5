"""Rows of a unit, and how one is claimed, for tests of what becomes of them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from shared.core.orders import Hold, Order
from shared.core.single_flight import Claim, UnitRow, claim_of, claimed
from tests.builders import UNIT

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
LEASE = timedelta(minutes=6)
DIRTY = UnitRow(gen=1)
OWNED = replace(DIRTY, owner="a")
CLEAN = UnitRow(gen=3, done=3)
ORDER = Order(digest="d1935")
HOLD = Hold("removals", "too many", NOW, "d1935")


def take(row: UnitRow, owner: str = "a") -> tuple[UnitRow, Claim]:
    taken = claimed(row, owner=owner, now=NOW, lease=LEASE)
    assert taken is not None
    return taken, claim_of(UNIT, row, taken)
