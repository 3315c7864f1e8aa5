"""What the ledger tells people, from Table Storage."""

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from itertools import chain
from typing import Any

from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables.aio import TableClient, TableServiceClient

from shared.adapters import ledger_rows as rows
from shared.adapters.applied_state_rows import applied_state
from shared.adapters.deployment_rows import deployment_key, deployment_record
from shared.adapters.run_rows import BRIEF, run_answers
from shared.adapters.tables import DEPLOYMENTS, RUNS, STATES, UNITS, Tables
from shared.adapters.unit_rows import PARTITION, Entity, unit_key, unit_row
from shared.core.applied_states import AppliedState
from shared.core.health import UnitSigns
from shared.core.records import (
    ChapterRecord,
    DeploymentRecord,
    ErrorRecord,
    RunAnswer,
    SweepRecord,
)
from shared.core.resource_ids import AccountId
from shared.core.run_ids import until_the_end
from shared.core.run_summaries import ENOUGH
from shared.core.states import DeploymentState

_CHAPTERS = 100  # of a story
_PAGE = 1000  # entities that the service gives at once
_SIGNS = ["gen", "done", "hold", "Timestamp"]
_ERROR = ["PartitionKey", "unit", "started", "finished", "error"]


class TableHistory:
    """The History port."""

    def __init__(self, service: TableServiceClient) -> None:
        self._tables = Tables(service)

    async def runs(self, *, limit: int, after: str = "") -> list[RunAnswer]:
        table = await self._tables.table(RUNS)
        found: list[list[Entity]] = []
        with self._tables.translated(RUNS):
            # Sorted by partition: a run's units come together.
            async for entity in _rows_after(table, after, least=limit + 1):
                if not found or found[-1][0]["PartitionKey"] != entity["PartitionKey"]:
                    if len(found) == limit or sum(map(len, found)) >= ENOUGH:
                        break
                    found.append([])
                found[-1].append(dict(entity))
        return run_answers(chain.from_iterable(found))

    async def run(self, run_id: str) -> RunAnswer | None:
        table = await self._tables.table(RUNS)
        with self._tables.translated(RUNS):
            found = table.query_entities("PartitionKey eq @id", parameters={"id": run_id})
            return next(iter(run_answers([dict(it) async for it in found])), None)

    async def deployments(self) -> list[DeploymentRecord]:
        table = await self._tables.table(DEPLOYMENTS)
        with self._tables.translated(DEPLOYMENTS):
            found = table.query_entities("RowKey lt @end", parameters={"end": rows.FIRST_OTHER})
            return [deployment_record(entity) async for entity in found]

    async def deployment(self, unit: AccountId, key: str) -> DeploymentRecord | None:
        table = await self._tables.table(DEPLOYMENTS)
        with self._tables.translated(DEPLOYMENTS):
            try:
                return deployment_record(await table.get_entity(unit_key(unit), key))
            except ResourceNotFoundError:
                return None

    async def story(self, unit: AccountId, name: str) -> list[ChapterRecord]:
        table = await self._tables.table(DEPLOYMENTS)
        start = rows.story_key(deployment_key(name))
        with self._tables.translated(DEPLOYMENTS):
            found = table.query_entities(
                "PartitionKey eq @unit and RowKey ge @start and RowKey lt @end",
                parameters={"unit": unit_key(unit), "start": start, "end": start + rows.BEHIND},
                results_per_page=_CHAPTERS,
            )
            chapters: list[ChapterRecord] = []
            async for entity in found:
                chapters.append(rows.chapter_record(entity))
                if len(chapters) == _CHAPTERS:
                    break
            return chapters

    async def applied_states(self, unit: AccountId) -> list[AppliedState]:
        table = await self._tables.table(STATES)
        with self._tables.translated(STATES):
            found = table.query_entities(
                "PartitionKey eq @unit", parameters={"unit": unit_key(unit)}
            )
            return [applied_state(entity) async for entity in found]

    async def quarantined(self) -> int:
        table = await self._tables.table(DEPLOYMENTS)
        with self._tables.translated(DEPLOYMENTS):
            found = table.query_entities(
                "RowKey lt @end and state eq @state",
                parameters={
                    "end": rows.FIRST_OTHER,
                    "state": DeploymentState.QUARANTINED.value,
                },
                select=["PartitionKey"],
            )
            return sum([1 async for _row in found])

    async def unit_signs(self) -> UnitSigns:
        table = await self._tables.table(UNITS)
        with self._tables.translated(UNITS):
            found = table.query_entities(
                "PartitionKey eq @unit", parameters={"unit": PARTITION}, select=_SIGNS
            )
            entities = [it async for it in found]
        units = [unit_row(it) for it in entities]
        return UnitSigns(
            unfinished=sum(row.is_dirty for row in units),
            held=sum(row.hold is not None for row in units),
            touched=min(filter(None, (it.metadata["timestamp"] for it in entities)), default=None),
        )

    async def last_error(self, since: datetime) -> ErrorRecord | None:
        table = await self._tables.table(RUNS)
        with self._tables.translated(RUNS):
            found = table.query_entities(
                "PartitionKey le @since and error ne ''",
                parameters={"since": until_the_end(since)},
                select=_ERROR,
                results_per_page=1,
            )
            return await anext((_error_record(it) async for it in found), None)

    async def last_sweep(self) -> SweepRecord | None:
        table = await self._tables.table(UNITS)
        with self._tables.translated(UNITS):
            try:
                entity = await table.get_entity(rows.SWEEP, "last")
            except ResourceNotFoundError:
                return None
            return SweepRecord.model_validate_json(entity["sweep"])


async def _rows_after(table: TableClient, after: str, *, least: int) -> AsyncIterator[Entity]:
    """The rows of the runs after *after*, *least* of them at once, then more and more.

    Most runs have one row, and a page of 1000 would be read for fifty of them; one over all
    accounts has hundreds.
    """
    size, token = least, ""
    while token is not None:
        pages: Any = table.query_entities(
            "PartitionKey gt @after",
            parameters={"after": after},
            select=BRIEF,
            results_per_page=size,
        ).by_page(token or None)
        async for entity in await anext(pages):
            yield entity
        size, token = min(2 * size, _PAGE), pages.continuation_token


def _error_record(entity: Mapping[str, Any]) -> ErrorRecord:
    return ErrorRecord(
        at=entity["finished"] or entity["started"],
        run=entity["PartitionKey"],
        account=entity["unit"],
        message=entity["error"],
    )
