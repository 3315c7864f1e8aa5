"""The unit rows on Table Storage."""

import asyncio
import random
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from uuid import uuid4

from azure.core import MatchConditions
from azure.core.exceptions import (
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.data.tables import TableErrorCode, UpdateMode
from azure.data.tables.aio import TableClient, TableServiceClient

from shared.adapters import unit_rows as rows
from shared.adapters.tables import UNITS, Tables
from shared.core import single_flight
from shared.core.marks import marked
from shared.core.resource_ids import AccountId
from shared.core.run_ids import run_id
from shared.core.single_flight import Cause, Claim, Ending, UnitRow
from shared.errors import Unavailable

_UNIT = rows.PARTITION
_TRIES = 30


class TableState:
    """The StateStore port."""

    def __init__(self, service: TableServiceClient, *, lease: timedelta) -> None:
        self._service = service
        self._tables = Tables(service)
        self._lease = lease
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def close(self) -> None:
        await self._tables.close()

    async def mark(self, unit: AccountId, cause: Cause) -> bool:
        def step(row: UnitRow, _now: datetime) -> UnitRow:
            return marked(row, cause)

        row = await self._swap(unit, step)
        return row is None or row.is_dirty

    async def claim(self, unit: AccountId) -> Claim | timedelta | None:
        owner = run_id(datetime.now(UTC), uuid4().hex)
        before, wait = UnitRow(), timedelta()

        def step(row: UnitRow, now: datetime) -> UnitRow | None:
            nonlocal before, wait
            before = row
            if (told := single_flight.woken(row, now)) is not None:
                after, wait = told
                return after
            return single_flight.claimed(row, owner=owner, now=now, lease=self._lease)

        row = await self._swap(unit, step)
        if row is None:
            return None
        return single_flight.claim_of(unit, before, row) if row.owner == owner else wait

    async def note(self, claim: Claim, paths: Iterable[str]) -> None:
        def step(row: UnitRow, _now: datetime) -> UnitRow | None:
            return single_flight.noted(row, claim, paths)

        if await self._swap(claim.unit, step) is None:
            raise Unavailable(f"{claim.unit.arm_id}: the lease has passed to somebody else")

    async def finish(self, claim: Claim, ending: Ending) -> bool:
        def step(row: UnitRow, now: datetime) -> UnitRow | None:
            return single_flight.finished(row, claim, ending, now)

        row = await self._swap(claim.unit, step)
        return row is not None and row.gen > claim.gen

    async def has(self, claim: Claim) -> bool:
        return single_flight.has(await self._row(claim.unit), claim)

    async def peek(self, unit: AccountId) -> Claim:
        row = await self._row(unit)
        return single_flight.claim_of(unit, row, row)

    async def units(self) -> tuple[tuple[AccountId, UnitRow], ...]:
        table = await self._tables.table(UNITS)
        with self._tables.translated(UNITS):
            found = table.query_entities("PartitionKey eq @unit", parameters={"unit": _UNIT})
            return tuple([(AccountId.parse(it["unit"]), rows.unit_row(it)) async for it in found])

    async def unfinished(self) -> tuple[AccountId, ...]:
        """The units that are marked and not done."""
        return tuple(unit for unit, row in await self.units() if row.is_dirty)

    async def _row(self, unit: AccountId) -> UnitRow:
        table = await self._tables.table(UNITS)
        with self._tables.translated(UNITS):
            entity, _now = await _read(table, rows.unit_key(unit))
        return rows.unit_row(entity)

    async def _swap(
        self, unit: AccountId, step: Callable[[UnitRow, datetime], UnitRow | None]
    ) -> UnitRow | None:
        """Replace the unit's row by what *step* makes of it, under its ETag, until that holds.

        Returns:
            The row as it stands after the step; None when the step had nothing to do.
        """
        table = await self._tables.table(UNITS)
        key = rows.unit_key(unit)
        # Those of one process take turns; only other processes are left to collide with.
        async with self._turns[key]:
            return await self._swap_in_turn(table, unit, step)

    async def _swap_in_turn(
        self,
        table: TableClient,
        unit: AccountId,
        step: Callable[[UnitRow, datetime], UnitRow | None],
    ) -> UnitRow | None:
        key = rows.unit_key(unit)
        with self._tables.translated(UNITS):
            for attempt in range(_TRIES):
                entity, now = await _read(table, key)
                row = rows.unit_row(entity)
                new = step(row, now)
                if new is None or new == row:
                    return new
                nonce = uuid4().hex
                changed = rows.unit_entity(unit, new, nonce=nonce)
                if await _replace(table, changed, entity, nonce=nonce):
                    return new
                # Many workers may want the row at once; spread them.
                await asyncio.sleep(random.uniform(0, 0.02 * (attempt + 1)))  # noqa: S311
        raise Unavailable(f"{unit.arm_id}: too many writers on its row")


async def _read(table: TableClient, key: str) -> tuple[dict[str, Any] | None, datetime]:
    """A unit's row and the storage service's time; a lease must not trust any worker's clock."""
    dates: list[str] = []

    def note(response: Any) -> None:
        dates.append(response.http_response.headers["Date"])

    try:
        entity = await table.get_entity(_UNIT, key, raw_response_hook=note)
    except ResourceNotFoundError as exc:
        if getattr(exc, "error_code", None) == TableErrorCode.TABLE_NOT_FOUND:
            raise
        response: Any = exc.response
        return None, _date(response.headers["Date"])
    return {**entity, "etag": entity.metadata["etag"]}, _date(dates[-1])


def _date(text: str) -> datetime:
    return parsedate_to_datetime(text).astimezone(UTC)


async def _replace(
    table: TableClient, new: dict[str, Any], old: dict[str, Any] | None, *, nonce: str
) -> bool:
    """Write *new* if *old* still stands; False if somebody else was faster.

    The SDK repeats a write that timed out, and the first may have landed: then the conflict that
    comes back is our own echo (Azure/azure-sdk-for-net#39146), and the nonce in the row says so.
    """
    try:
        if old is None:
            await table.create_entity(new)
        else:
            await table.update_entity(
                new,
                mode=UpdateMode.REPLACE,
                etag=old["etag"],
                match_condition=MatchConditions.IfNotModified,
            )
    except (ResourceExistsError, ResourceModifiedError, ResourceNotFoundError):
        return await _is_ours(table, new["RowKey"], nonce)
    except HttpResponseError:
        if await _is_ours(table, new["RowKey"], nonce):
            return True
        raise
    return True


async def _is_ours(table: TableClient, key: str, nonce: str) -> bool:
    entity, _now = await _read(table, key)
    return entity is not None and entity.get("nonce") == nonce
