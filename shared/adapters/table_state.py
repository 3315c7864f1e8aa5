"""State on Table Storage: the unit rows, and the ledger of runs and deployments.

Everything here can be lost: what is ours is marked in the gateway, and a sweep finds it again.
"""

import asyncio
import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
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

from shared.adapters import state_rows as rows
from shared.adapters.storage import translated
from shared.core import single_flight
from shared.core.model import Json
from shared.core.resource_ids import AccountId
from shared.core.runs import Run
from shared.core.single_flight import Cause, Claim, Ending, UnitRow
from shared.errors import Unavailable

UNITS, DEPLOYMENTS, RUNS = "onrampunits", "onrampdeployments", "onrampruns"
_UNIT = "unit"  # the one partition of the unit rows
_TRIES = 30
_BATCH = 100  # entities in a transaction


class TableState:
    """The StateStore and History ports."""

    def __init__(self, service: TableServiceClient, *, lease: timedelta) -> None:
        self._service = service
        self._lease = lease
        self._ready = asyncio.Event()
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def close(self) -> None:
        await self._service.close()

    async def mark(self, unit: AccountId, cause: Cause) -> bool:
        def step(row: UnitRow, _now: datetime) -> UnitRow:
            return single_flight.marked(row, cause)

        row = await self._swap(unit, step)
        return row is None or row.is_dirty

    async def claim(self, unit: AccountId) -> Claim | timedelta | None:
        owner = uuid4().hex
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

    async def record_run(self, run: Run) -> None:
        runs = await self._table(RUNS)
        with self._translated(RUNS):
            for run_id in run.ids:
                await runs.upsert_entity(rows.run_entity(run_id, run), UpdateMode.REPLACE)

    async def record_deployments(self, run: Run) -> None:
        if run.verdicts is None:
            return
        table = await self._table(DEPLOYMENTS)
        partition = rows.unit_key(run.unit)
        with self._translated(DEPLOYMENTS):
            found = table.query_entities("PartitionKey eq @unit", parameters={"unit": partition})
            before = {entity["RowKey"]: dict(entity) async for entity in found}
            changed = rows.changed_deployments(run, before)
            for start in range(0, len(changed), _BATCH):
                batch = changed[start : start + _BATCH]
                await table.submit_transaction(
                    [("upsert", entity, {"mode": UpdateMode.REPLACE}) for entity in batch]
                )

    async def proofs(self, unit: AccountId) -> Mapping[str, str]:
        table = await self._table(DEPLOYMENTS)
        with self._translated(DEPLOYMENTS):
            found = table.query_entities(
                "PartitionKey eq @unit",
                parameters={"unit": rows.unit_key(unit)},
                select=["RowKey", "proof"],
            )
            return {it["RowKey"]: it["proof"] async for it in found if it.get("proof")}

    async def run(self, run_id: str) -> list[Json]:
        table = await self._table(RUNS)
        with self._translated(RUNS):
            found = table.query_entities("PartitionKey eq @id", parameters={"id": run_id})
            return [rows.run_json(entity) async for entity in found]

    async def deployments(self) -> list[Json]:
        table = await self._table(DEPLOYMENTS)
        with self._translated(DEPLOYMENTS):
            return [rows.deployment_json(entity) async for entity in table.list_entities()]

    async def unfinished(self) -> tuple[AccountId, ...]:
        table = await self._table(UNITS)
        with self._translated(UNITS):
            found = [entity async for entity in table.list_entities()]
        return tuple(
            AccountId.parse(entity["unit"]) for entity in found if rows.unit_row(entity).is_dirty
        )

    async def _swap(
        self, unit: AccountId, step: Callable[[UnitRow, datetime], UnitRow | None]
    ) -> UnitRow | None:
        """Replace the unit's row by what *step* makes of it, under its ETag, until that holds.

        Returns:
            The row as it stands after the step; None when the step had nothing to do.
        """
        table = await self._table(UNITS)
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
        with self._translated(UNITS):
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

    @contextmanager
    def _translated(self, table: str) -> Iterator[None]:
        """Errors as ours; a table that was deleted is made anew at the next use."""
        with translated(f"table {table}"):
            try:
                yield
            except ResourceNotFoundError:
                self._ready.clear()
                raise

    async def _table(self, name: str) -> TableClient:
        if not self._ready.is_set():
            with translated("tables"):
                for table in (UNITS, DEPLOYMENTS, RUNS):
                    await self._service.create_table_if_not_exists(table)
            self._ready.set()
        return self._service.get_table_client(name)


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
