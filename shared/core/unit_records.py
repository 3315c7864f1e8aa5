"""A unit's row for people: pure."""

from datetime import datetime

from shared.core.modes import Mode
from shared.core.moments import said
from shared.core.naming import unit_hash
from shared.core.records import HoldRecord, UnitRecord
from shared.core.resource_ids import AccountId
from shared.core.single_flight import UnitRow
from shared.core.stories import cause_record


def unit_record(unit: AccountId, row: UnitRow, now: datetime, default: Mode) -> UnitRecord:
    is_early = row.not_before is not None and now < row.not_before
    return UnitRecord(
        id=unit_hash(unit),
        account=unit.arm_id,
        status=_status(row, now),
        mode=row.mode or default.value,
        hold=_hold(row),
        ordered=row.order.word,
        attempts=row.attempts,
        not_before=said(row.not_before) if row.not_before and is_early else "",
        causes=tuple(map(cause_record, row.causes)),
        refused=tuple(f"{it.path}: {it.detail}" for it in row.rejections),
    )


def _status(row: UnitRow, now: datetime) -> str:
    rows = (
        (row.is_dirty and row.is_leased(now), "running"),
        (row.hold is not None, "held"),
        (row.is_dirty and row.attempts > 0, "waiting"),
        (row.is_dirty, "marked"),
    )
    return next((word for holds, word in rows if holds), "done")


def _hold(row: UnitRow) -> HoldRecord | None:
    hold = row.hold
    if hold is None:
        return None
    return HoldRecord(
        kind=hold.kind, reason=hold.reason, since=said(hold.since), digest=hold.digest
    )
