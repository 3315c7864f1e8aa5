"""Dead letters, from the container and the poison queue into a table of our own.

A letter's row key follows from what it was read from, so the same thing read twice is one row.
"""

import asyncio
import heapq
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import (
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.data.tables import UpdateMode
from azure.data.tables.aio import TableServiceClient
from azure.storage.blob import BlobProperties
from azure.storage.blob.aio import BlobClient, ContainerClient

from shared.adapters.storage import translated
from shared.core.dead_letters import (
    MAX_BLOB_BYTES,
    DeadLetter,
    LetterKind,
    is_letter_id,
    letter_id,
    poisoned,
    read_blob,
    unreadable_blob,
)
from shared.core.resource_ids import AccountId
from shared.errors import InvalidEvent

TABLE = "onrampdeadletters"
_PARTITION = "letter"
_BLOBS_AT_A_TIME = 200  # what one sweep has time for; the next one goes on
_PARALLEL = 8
_PAGE = 1000  # entities that the service gives at once
_KEPT = timedelta(days=30)
# Metadata of a blob that was recorded and can't be read: somebody may want to see what it is.
_RECORDED = "onramprecorded"
_COLUMNS = ("deployment", "operation", "event_id", "event_time", "reason", "outcome", "problem")


class DeadLetters:
    """What was given up. A container or a table that is not there holds nothing."""

    def __init__(self, tables: TableServiceClient, container: ContainerClient) -> None:
        self._tables = tables
        self._table = tables.get_table_client(TABLE)
        self._container = container

    async def close(self) -> None:
        await self._tables.close()
        await self._container.close()

    async def collect(self) -> int:
        """Record what Event Grid gave up since; how many letters are new.

        One blob that fails keeps no other from being read; a blob goes when its rows stand. Letters
        of long ago go too: a unit that keeps failing leaves one with each sweep.
        """
        await self._forget_old()
        slots = asyncio.Semaphore(_PARALLEL)

        async def take(blob: BlobProperties) -> int:
            async with slots:
                return await self._take(blob)

        taken = await asyncio.gather(
            *(take(blob) for blob in await self._oldest()), return_exceptions=True
        )
        for failure in taken:
            if isinstance(failure, BaseException):
                raise failure
        return sum(count for count in taken if isinstance(count, int))

    async def record_message(self, text: str, *, message_id: str, at: datetime) -> DeadLetter:
        """Record a message of the poison queue, which was put there at *at*."""
        letter = poisoned(text, message_id=message_id, at=at)
        await self._record(letter)
        return letter

    async def page(
        self, limit: int, *, after: str = "", replayed: bool | None = None
    ) -> tuple[tuple[DeadLetter, ...], str]:
        """The newest letters after *after*, and the id to go on after; empty at the end."""
        rows = await self._rows(after=after, replayed=replayed, limit=limit + 1)
        found = tuple(_letter(row) for row in rows[:limit])
        return found, found[-1].id if len(rows) > limit else ""

    async def count(self) -> Mapping[LetterKind, int]:
        """How many are neither replayed nor forgotten."""
        found = await self._rows(replayed=False, select=["kind"])
        return Counter(LetterKind(it["kind"]) for it in found)

    async def get(self, id_: str) -> DeadLetter | None:
        if not is_letter_id(id_):
            return None
        with translated(f"table {TABLE}"):
            try:
                return _letter(await self._table.get_entity(_PARTITION, id_))
            except ResourceNotFoundError:
                return None

    async def mark_replayed(self, id_: str, run_id: str) -> None:
        """Say so in the letter's row; nothing if somebody has let it go meanwhile."""
        now = datetime.now(UTC).isoformat()
        changes = {"replayed_at": now, "run": run_id}
        with translated(f"table {TABLE}"):
            try:
                await self._table.update_entity({**_key(id_), **changes}, UpdateMode.MERGE)
            except ResourceNotFoundError:
                return

    async def forget(self, id_: str) -> None:
        with translated(f"table {TABLE}"):
            await self._table.delete_entity(_PARTITION, id_)

    async def _forget_old(self) -> None:
        bound = letter_id(datetime.now(UTC) - _KEPT)
        for row in await self._rows(after=bound, limit=_PAGE):
            await self.forget(row["RowKey"])

    async def _oldest(self) -> list[BlobProperties]:
        """By time: the dates in their names have no zeros, so names don't sort by it."""
        with translated(f"container {self._container.container_name}"):
            try:
                waiting = [
                    blob
                    async for blob in self._container.list_blobs(include=["metadata"])
                    if _RECORDED not in (blob.metadata or {}) and blob.name.endswith(".json")
                ]
            except ResourceNotFoundError:
                return []
        return heapq.nsmallest(_BLOBS_AT_A_TIME, waiting, key=lambda it: it.last_modified)

    async def _take(self, blob: BlobProperties) -> int:
        """Record what *blob* tells; what is new counts, whoever is faster to take the blob away."""
        gone = (ResourceNotFoundError, ResourceModifiedError)  # or somebody has just written to it
        unchanged: dict[str, Any] = {
            "etag": blob.etag,
            "match_condition": MatchConditions.IfNotModified,
        }
        client = self._container.get_blob_client(blob.name)
        with translated(f"container {self._container.container_name}"):
            try:
                letters = await self._read(client, blob, unchanged)
            except gone:
                return 0
            except InvalidEvent as exc:
                letter = unreadable_blob(exc, name=blob.name, at=blob.last_modified)
                new = await self._record(letter)
                with suppress(*gone):
                    await client.set_blob_metadata({_RECORDED: "true"}, **unchanged)
                return int(new)
            count = sum([await self._record(letter) for letter in letters])
            with suppress(*gone):
                await client.delete_blob(**unchanged)
            return count

    async def _read(
        self, client: BlobClient, blob: BlobProperties, unchanged: Mapping[str, Any]
    ) -> tuple[DeadLetter, ...]:
        if blob.size > MAX_BLOB_BYTES:
            raise InvalidEvent("oversized", f"{blob.size} bytes")
        stream = await client.download_blob(**unchanged)
        return read_blob(await stream.readall(), name=blob.name, at=blob.last_modified)

    async def _record(self, letter: DeadLetter) -> bool:
        """Write the row; False when it stands, as it was recorded first."""
        with translated(f"table {TABLE}"):
            try:
                await self._create(letter)
            except ResourceExistsError:
                return False
            return True

    async def _create(self, letter: DeadLetter) -> None:
        try:
            await self._table.create_entity(_entity(letter))
        except ResourceNotFoundError:
            await self._tables.create_table_if_not_exists(TABLE)
            await self._table.create_entity(_entity(letter))

    async def _rows(
        self,
        *,
        after: str = "",
        replayed: bool | None = None,
        limit: int | None = None,
        select: list[str] | None = None,
    ) -> list[Mapping[str, Any]]:
        asked = {None: "", True: " and replayed_at ne ''", False: " and replayed_at eq ''"}
        found = self._table.query_entities(
            f"PartitionKey eq @partition and RowKey gt @after{asked[replayed]}",
            parameters={"partition": _PARTITION, "after": after},
            results_per_page=min(limit or _PAGE, _PAGE),
            select=select,
        )
        rows: list[Mapping[str, Any]] = []
        with translated(f"table {TABLE}"):
            try:
                async for row in found:
                    rows.append(row)
                    if len(rows) == limit:
                        break
            except ResourceNotFoundError:
                return []
        return rows


def _key(id_: str) -> dict[str, str]:
    return {"PartitionKey": _PARTITION, "RowKey": id_}


def _entity(letter: DeadLetter) -> dict[str, Any]:
    return {
        **_key(letter.id),
        **{name: getattr(letter, name) for name in _COLUMNS},
        "kind": letter.kind.value,
        "unit": letter.unit.arm_id if letter.unit else "",
        "attempts": letter.attempts,
        "given_up_at": letter.given_up_at.isoformat(),
        "recorded_at": datetime.now(UTC).isoformat(),
        "replayed_at": "",
        "run": "",
    }


def _letter(entity: Mapping[str, Any]) -> DeadLetter:
    replayed = entity.get("replayed_at")
    return DeadLetter(
        entity["RowKey"],
        LetterKind(entity["kind"]),
        datetime.fromisoformat(entity["given_up_at"]),
        unit=AccountId.parse(entity["unit"]) if entity["unit"] else None,
        attempts=int(entity["attempts"]),
        replayed_at=datetime.fromisoformat(replayed) if replayed else None,
        run_id=entity["run"],
        **{name: entity[name] for name in _COLUMNS},
    )
