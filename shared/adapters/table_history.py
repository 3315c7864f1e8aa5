"""What the ledger tells people, from Table Storage."""

from itertools import chain

from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables.aio import TableServiceClient

from shared.adapters import ledger_rows as rows
from shared.adapters.applied_state_rows import applied_state
from shared.adapters.deployment_rows import deployment_key, deployment_record
from shared.adapters.run_rows import BRIEF, run_answers
from shared.adapters.tables import DEPLOYMENTS, RUNS, STATES, UNITS, Tables
from shared.adapters.unit_rows import Entity, unit_key
from shared.core.applied_states import AppliedState
from shared.core.records import ChapterRecord, DeploymentRecord, RunAnswer, SweepRecord
from shared.core.resource_ids import AccountId

_CHAPTERS = 100  # of a story


class TableHistory:
    """The History port."""

    def __init__(self, service: TableServiceClient) -> None:
        self._tables = Tables(service)

    async def runs(self, *, limit: int, after: str = "") -> list[RunAnswer]:
        table = await self._tables.table(RUNS)
        found: list[list[Entity]] = []
        with self._tables.translated(RUNS):
            newer = table.query_entities(
                "PartitionKey gt @after", parameters={"after": after}, select=BRIEF
            )
            async for entity in newer:  # sorted by partition: a run's units come together
                if not found or found[-1][0]["PartitionKey"] != entity["PartitionKey"]:
                    if len(found) == limit:
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

    async def last_sweep(self) -> SweepRecord | None:
        table = await self._tables.table(UNITS)
        with self._tables.translated(UNITS):
            try:
                entity = await table.get_entity(rows.SWEEP, "last")
            except ResourceNotFoundError:
                return None
            return SweepRecord.model_validate_json(entity["sweep"])
