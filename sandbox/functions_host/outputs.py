"""Writes what a function set on its output bindings, after it has succeeded."""

import base64
import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError

from sandbox.functions_host.errors import BindingError
from sandbox.functions_host.expressions import resolve
from sandbox.functions_host.functions import Binding, Function
from sandbox.functions_host.newtonsoft import indented, is_json
from sandbox.functions_host.runtime import Datum, Outcome
from sandbox.functions_host.storage import StorageConnections

type BindingData = Mapping[str, Any]

# Json.NET keeps integers as 32 bit where they fit; a wider one needs the Edm.Int64 annotation,
# which azure-data-tables writes for EntityProperty only.
_INT32 = 2**31


class OutputWriter:
    """Queue messages and table entities; HTTP results belong to the HTTP trigger."""

    def __init__(self, storage: StorageConnections, *, base64_queues: bool) -> None:
        self._storage = storage
        self._base64 = base64_queues
        self._writers: Mapping[str, Callable[[Binding, Datum, BindingData], Awaitable[None]]] = {
            "queue": self._write_queue,
            "table": self._write_table,
        }

    async def write(self, function: Function, outcome: Outcome, data: BindingData) -> None:
        """Write every output; the first failure fails the invocation."""
        values = list(outcome.outputs)
        if outcome.returned is not None:
            values.append(("$return", outcome.returned))
        for name, datum in values:
            binding = function.output(name)
            if binding is not None and binding.type in self._writers:
                await self._writers[binding.type](binding, datum, data)

    async def _write_queue(self, binding: Binding, datum: Datum, data: BindingData) -> None:
        service = await self._storage.queues(binding.text("connection"))
        queue = service.get_queue_client(_filled(binding, "queueName", data))
        for body in messages(datum):
            text = base64.b64encode(body).decode() if self._base64 else body.decode()
            try:
                await queue.send_message(text)
            except ResourceNotFoundError:
                # AddMessageAndCreateIfNotExistsAsync of the Storage Queues extension.
                await _create(queue.create_queue)
                await queue.send_message(text)

    async def _write_table(self, binding: Binding, datum: Datum, data: BindingData) -> None:
        service = await self._storage.tables(binding.text("connection"))
        table = service.get_table_client(_filled(binding, "tableName", data))
        keys = {
            name: _filled(binding, name, data)
            for name in ("partitionKey", "rowKey")
            if binding.text(name)
        }
        # Entities without an ETag are added, never merged: TableEntityWriter.cs in
        # Microsoft.Azure.WebJobs.Extensions.Tables. A duplicate key fails the invocation.
        for entity in entities(datum, keys):
            try:
                await table.create_entity(entity)
            except ResourceNotFoundError:
                await _create(table.create_table)
                await table.create_entity(entity)


def messages(datum: Datum) -> list[bytes]:
    """The queue messages in a value: JSON text is parsed, an array makes several messages.

    FunctionBinding.ReadAsEnumerable and BindAsyncCollectorAsync in Azure/azure-functions-host. So
    JSON objects reach the queue indented, and strings of an array without their quotes.
    """
    if isinstance(datum.value, bytes):
        return [datum.value]
    return [indented(item).encode() for item in _items(datum)]


def entities(datum: Datum, keys: Mapping[str, str]) -> list[dict[str, Any]]:
    """The table entities in a value; keys in the entity win over those of the binding."""
    return [_entity(item, keys) for item in _items(datum)]


def _entity(item: Any, keys: Mapping[str, str]) -> dict[str, Any]:
    if not isinstance(item, dict):
        raise BindingError(f"a table entity must be a JSON object, not {indented(item)[:80]}")
    named = {name.casefold(): value for name, value in {**keys, **item}.items()}
    missing = [name for name in ("partitionKey", "rowKey") if name.casefold() not in named]
    if missing:
        raise BindingError(f"table entity has no {missing[0]}, and neither has the binding")
    rest = {
        name: value
        for name, value in item.items()
        if name.casefold() not in {"partitionkey", "rowkey"} and value is not None
    }
    too_wide = [n for n, v in rest.items() if isinstance(v, int) and not -_INT32 <= v < _INT32]
    nested = [name for name, value in rest.items() if isinstance(value, dict | list)]
    if too_wide or nested:
        raise BindingError(f"table property '{(too_wide + nested)[0]}' has no Edm type here")
    return {"PartitionKey": str(named["partitionkey"]), "RowKey": str(named["rowkey"]), **rest}


def _items(datum: Datum) -> list[Any]:
    value = datum.value
    if isinstance(value, bytes):
        value = value.decode()
    if datum.type == "json" or (isinstance(value, str) and is_json(value)):
        value = json.loads(value)
    return value if isinstance(value, list) else [value]


def _filled(binding: Binding, option: str, data: BindingData) -> str:
    return resolve(binding.text(option), data, datetime.now(UTC))


async def _create(create: Callable[[], Awaitable[object]]) -> None:
    try:
        await create()
    except ResourceExistsError:
        return  # another invocation was faster
