"""What is written down of runs, on Table Storage."""

import logging
from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import (
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.data.tables import UpdateMode
from azure.data.tables.aio import TableClient, TableServiceClient

from shared import logs, telemetry
from shared.adapters import ledger_rows as rows
from shared.adapters.applied_state_rows import applied_state, state_entity
from shared.adapters.batches import keys_of, remove, transactions
from shared.adapters.run_rows import run_entity, stopped_entity, unit_run
from shared.adapters.tables import DEPLOYMENTS, RUNS, STATES, UNITS, Tables
from shared.adapters.unit_rows import Entity, unit_key, unit_of
from shared.core.applied_states import AppliedState
from shared.core.model import Json
from shared.core.moments import said
from shared.core.records import SweepRecord, UnitRunRecord
from shared.core.resource_ids import AccountId
from shared.core.run_ids import until_the_end
from shared.core.runs import Run, RunStatus
from shared.core.states import DeploymentState

logger = logging.getLogger(__name__)

_STATES = 50  # applied states that are kept of a unit
_WAITING = 1000  # events that are sent after a run; the next one goes on
_PRUNED = 1000  # rows of a kind that one sweep removes; the next one goes on
_AHEAD = timedelta(days=1)  # of every clock
_KEYS = ["PartitionKey", "RowKey"]


class TableLedger:
    """The Ledger and Outbox ports."""

    def __init__(self, service: TableServiceClient, *, tells: bool = False) -> None:
        """Whether it *tells*: an outcome event that nobody sends would stay for long."""
        self._tables = Tables(service)
        self._tells = tells

    async def record_run(self, run: Run) -> None:
        table = await self._tables.table(RUNS)
        with self._tables.translated(RUNS):
            for run_id in run.ids:
                await _write_unless_passed(table, run_entity(run_id, run))

    async def earlier(self, run: Run) -> Mapping[str, UnitRunRecord]:
        table = await self._tables.table(RUNS)
        found: dict[str, UnitRunRecord] = {}
        with self._tables.translated(RUNS):
            for run_id in run.ids:
                with suppress(ResourceNotFoundError):
                    found[run_id] = unit_run(await table.get_entity(run_id, unit_key(run.unit)))
        return found

    async def record_queued(self, run: Run) -> None:
        table = await self._tables.table(RUNS)
        with self._tables.translated(RUNS), suppress(ResourceExistsError):
            for run_id in run.ids:
                await table.create_entity(run_entity(run_id, run))

    async def record_stopped(self, run: Run, *, was: Collection[RunStatus]) -> None:
        table = await self._tables.table(RUNS)
        with self._tables.translated(RUNS):
            for run_id in run.ids:
                whole = run_entity(run_id, run)
                change, mode = stopped_entity(whole), UpdateMode.MERGE
                try:
                    before = await table.get_entity(run_id, whole["RowKey"])
                    is_due = RunStatus(before["status"]) in was
                except ResourceNotFoundError:  # whoever asked for it has not said so yet
                    change, mode = whole, UpdateMode.REPLACE
                    is_due = RunStatus.QUEUED in was
                if is_due:
                    await table.upsert_entity(change, mode)

    async def record_end(self, run: Run, *, was_blocked: str) -> None:
        table = await self._tables.table(DEPLOYMENTS)
        with self._tables.translated(DEPLOYMENTS):
            before = {
                it["RowKey"]: dict(it) async for it in self._deployments(table, unit_key(run.unit))
            }
            groups = rows.ended(run, before, was_blocked=was_blocked, tells=self._tells)
            for batch in transactions(groups):
                await table.submit_transaction(
                    [("upsert", entity, {"mode": UpdateMode.REPLACE}) for entity in batch]
                )
        for seconds in rows.first_answers(groups, before):
            telemetry.record(telemetry.TIME_TO_VERIFIED, seconds)
        if run.applied_state:
            await self._record_state(run.unit, run.applied_state)

    async def proofs(self, unit: AccountId) -> Mapping[str, str]:
        table = await self._tables.table(DEPLOYMENTS)
        with self._tables.translated(DEPLOYMENTS):
            found = self._deployments(table, unit_key(unit))
            return {it["RowKey"]: it["proof"] async for it in found if it.get("proof")}

    async def applied_state(self, unit: AccountId, state_id: str) -> AppliedState | None:
        table = await self._tables.table(STATES)
        with self._tables.translated(STATES):
            found = table.query_entities(
                "PartitionKey eq @unit and RowKey eq @id",
                parameters={"unit": unit_key(unit), "id": state_id},
            )
            return await anext((applied_state(it) async for it in found), None)

    async def record_sweep(self, sweep: SweepRecord) -> None:
        table = await self._tables.table(UNITS)
        with self._tables.translated(UNITS):
            await table.upsert_entity(rows.sweep_entity(sweep), UpdateMode.REPLACE)

    async def untold(self) -> frozenset[AccountId]:
        table = await self._tables.table(DEPLOYMENTS)
        with self._tables.translated(DEPLOYMENTS):
            found = table.query_entities(
                "RowKey ge @first and RowKey lt @end",
                parameters={"first": rows.EVENT_ROWS, "end": rows.EVENT_ROWS + rows.BEHIND},
                select=_KEYS,
            )
            return frozenset([unit_of(it["PartitionKey"]) async for it in found])

    async def outcomes(self, unit: AccountId) -> tuple[Json, ...]:
        table = await self._tables.table(DEPLOYMENTS)
        with self._tables.translated(DEPLOYMENTS):
            first = rows.EVENT_ROWS
            found = self._between(table, unit_key(unit), first, first + rows.BEHIND)
            events: list[Json] = []
            async for entity in found:
                events.append(rows.event(entity))
                if len(events) == _WAITING:
                    break
            return tuple(events)

    async def forget(self, unit: AccountId, ids: Iterable[str]) -> None:
        table = await self._tables.table(DEPLOYMENTS)
        with self._tables.translated(DEPLOYMENTS):
            await remove(table, ((unit_key(unit), key) for key in ids))

    async def prune(self, before: datetime, *, now: datetime) -> int:
        """Remove what is from before *before*, and say how many rows that were.

        The newest chapter of a deployment stays as long as its row, for it says why the deployment
        is as it is; the row goes when the deployment has been gone for so long.
        """
        return (
            await self._prune_runs("PartitionKey gt @bound", until_the_end(before))
            # Ids of an older version were random, so most of them look as if from days to come.
            + await self._prune_runs("PartitionKey lt @bound", until_the_end(now + _AHEAD))
            + await self._prune_told(before)
            + await self._prune_removed(before)
        )

    async def _prune_runs(self, query: str, bound: str) -> int:
        table = await self._tables.table(RUNS)
        with self._tables.translated(RUNS):
            found = table.query_entities(query, parameters={"bound": bound}, select=_KEYS)
            keys = await keys_of(found, most=_PRUNED)
            await remove(table, keys)
            return len(keys)

    async def _prune_told(self, before: datetime) -> int:
        table = await self._tables.table(DEPLOYMENTS)
        with self._tables.translated(DEPLOYMENTS):
            found = table.query_entities(
                "RowKey ge @first", parameters={"first": rows.EVENT_ROWS}, select=_KEYS
            )
            keys = list(islice(rows.past(await keys_of(found), before), _PRUNED))
            await remove(table, keys)
            return len(keys)

    async def _prune_removed(self, before: datetime) -> int:
        table = await self._tables.table(DEPLOYMENTS)
        with self._tables.translated(DEPLOYMENTS):
            found = table.query_entities(
                "RowKey lt @end and state eq @removed and since lt @bound",
                parameters={
                    "end": rows.FIRST_OTHER,
                    "removed": DeploymentState.REMOVED.value,
                    "bound": said(before),
                },
                select=_KEYS,
            )
            keys = await keys_of(found, most=_PRUNED)
            for unit, key in keys:
                start = rows.story_key(key)
                await remove(
                    table, await keys_of(self._between(table, unit, start, start + rows.BEHIND))
                )
            await remove(table, keys)  # last: without its row nobody would find a story again
            return len(keys)

    def _deployments(self, table: TableClient, unit: str) -> AsyncIterator[Any]:
        return self._between(table, unit, "", rows.FIRST_OTHER)

    def _between(self, table: TableClient, unit: str, first: str, end: str) -> AsyncIterator[Any]:
        found: AsyncIterator[Any] = table.query_entities(
            "PartitionKey eq @unit and RowKey ge @first and RowKey lt @end",
            parameters={"unit": unit, "first": first, "end": end},
        )
        return found

    async def _record_state(self, unit: AccountId, state: AppliedState) -> None:
        """Keep what stands, and no more of what stood than somebody may want back."""
        entity = state_entity(unit, state)
        if entity is None:
            logs.warning(logger, "state too large to go back to", resources=len(state.resources))
            return
        table = await self._tables.table(STATES)
        with self._tables.translated(STATES):
            await table.upsert_entity(entity, UpdateMode.REPLACE)
            found = table.query_entities(
                "PartitionKey eq @unit", parameters={"unit": unit_key(unit)}, select=_KEYS
            )
            await remove(table, (await keys_of(found))[_STATES:])


async def _write_unless_passed(table: TableClient, entity: Entity) -> None:
    """Write a run's row; not over what a later claim says of the run, whoever wakes up late."""
    try:
        before = await table.get_entity(entity["PartitionKey"], entity["RowKey"])
    except ResourceNotFoundError:
        await table.upsert_entity(entity, UpdateMode.REPLACE)
        return
    if int(before.get("epoch") or 0) <= entity["epoch"]:
        etag, unchanged = before.metadata["etag"], MatchConditions.IfNotModified
        with suppress(ResourceModifiedError):
            await table.update_entity(
                entity, UpdateMode.REPLACE, etag=etag, match_condition=unchanged
            )
