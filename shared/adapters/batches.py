"""Many rows at once, within what Table Storage takes.

A transaction has at most 100 entities of one partition, and 4 MiB
(learn.microsoft.com/rest/api/storageservices/performing-entity-group-transactions).
"""

import asyncio
import json
from collections.abc import Iterable, Iterator
from typing import Any

from azure.data.tables.aio import TableClient

from shared.adapters.unit_rows import Entity

type Key = tuple[str, str]

# The 4 MiB are not used: what goes around the entities is not counted, and a body of 1 MiB would
# hold up the event loop (aiohttp warns of that).
_ENTITIES, _BYTES = 100, 600_000
_AT_ONCE = 10


def transactions(groups: Iterable[list[Entity]]) -> Iterator[list[Entity]]:
    """The rows in as few transactions as will do; none splits a group."""
    batch: list[Entity] = []
    size = 0
    for group in groups:
        more = sum(len(json.dumps(entity, default=str)) for entity in group)
        if batch and (len(batch) + len(group) > _ENTITIES or size + more > _BYTES):
            yield batch
            batch, size = [], 0
        batch, size = [*batch, *group], size + more
    if batch:
        yield batch


async def remove(table: TableClient, keys: Iterable[Key]) -> None:
    """Delete rows one by one: what is gone already must not hold up the rest."""
    slots = asyncio.Semaphore(_AT_ONCE)

    async def one(key: Key) -> None:
        async with slots:
            await table.delete_entity(*key)

    await asyncio.gather(*map(one, keys))


async def keys_of(found: Any, *, most: int | None = None) -> list[Key]:
    """The keys of the first rows that a query finds."""
    keys: list[Key] = []
    async for entity in found:
        keys.append((str(entity["PartitionKey"]), str(entity["RowKey"])))
        if len(keys) == most:
            break
    return keys
