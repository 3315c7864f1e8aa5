"""Table Storage in memory, behind the few calls of the SDK that the app makes.

A double of `azure.data.tables.aio.TableServiceClient`; test_table_contract holds it to Azurite.
What a call does is atomic, as in the service; that it did is a different matter: answers get lost,
and the SDK's own retry of a write that did land brings back a conflict with oneself
(Azure/azure-sdk-for-net#39146).
"""

import copy
import itertools
import operator
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from types import SimpleNamespace
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import (
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
    ServiceRequestError,
    ServiceResponseError,
)
from azure.data.tables import TableEntity, UpdateMode

from tests.simulation.network import Fate, Network

START = datetime(2026, 11, 23, 12, tzinfo=UTC)
_FAULTS = ("storage-503", "storage-before", "storage-after", "storage-echo", "kill-after")

type Key = tuple[str, str]
_COMPARED = {"eq": operator.eq, "lt": operator.lt, "ge": operator.ge, "gt": operator.gt}


@dataclass(frozen=True, slots=True)
class Row:
    values: Mapping[str, Any]
    etag: str


@dataclass(slots=True)
class Storage:
    """One storage account: what every process sees."""

    network: Network
    tables: dict[str, dict[Key, Row]] = field(default_factory=dict)
    watch: Callable[[str, Row | None, Row], None] = lambda _table, _before, _after: None
    _writes: "itertools.count[int]" = field(default_factory=itertools.count)

    def now(self) -> datetime:
        return START + timedelta(seconds=self.network.loop.time())

    def date(self) -> dict[str, str]:
        """A Date header: whole seconds."""
        return {"Date": format_datetime(self.now().replace(microsecond=0), usegmt=True)}

    def new_etag(self) -> str:
        return f"W/\"datetime'{self.now().isoformat()}.{next(self._writes)}'\""


@dataclass(frozen=True, slots=True)
class TableService:
    storage: Storage

    async def create_table_if_not_exists(self, name: str) -> None:
        self.storage.tables.setdefault(name, {})

    def get_table_client(self, name: str) -> "Table":
        return Table(self.storage, name)

    async def close(self) -> None:
        """Hold nothing."""


@dataclass(frozen=True, slots=True)
class Table:
    storage: Storage
    name: str

    @property
    def rows(self) -> dict[Key, Row]:
        if self.name not in self.storage.tables:
            raise _refused(ResourceNotFoundError, 404, "TableNotFound", self.storage)
        return self.storage.tables[self.name]

    async def get_entity(
        self, partition: str, key: str, *, raw_response_hook: Callable[[Any], None] | None = None
    ) -> TableEntity:
        def read() -> tuple[Row | None, dict[str, str]]:
            return self.rows.get((partition, key)), self.storage.date()

        row, headers = await self._read(read, f"get {key}")
        response = SimpleNamespace(headers=headers, status_code=200 if row else 404)
        if row is None:
            raise _error(ResourceNotFoundError, response, "ResourceNotFound")
        if raw_response_hook:
            raw_response_hook(SimpleNamespace(http_response=response))
        return _entity(row)

    async def create_entity(self, entity: Mapping[str, Any]) -> Any:
        def create() -> dict[str, Any]:
            if _key(entity) in self.rows:
                raise _refused(ResourceExistsError, 409, "EntityAlreadyExists", self.storage)
            return self._store(entity)

        return await self._write(create, f"create {entity['RowKey']}", ResourceExistsError)

    async def update_entity(
        self,
        entity: Mapping[str, Any],
        mode: UpdateMode,
        *,
        etag: str | None = None,
        match_condition: MatchConditions = MatchConditions.Unconditionally,
    ) -> Any:
        assert (etag is not None) == (match_condition is MatchConditions.IfNotModified)

        def update() -> dict[str, Any]:
            have = self.rows.get(_key(entity))
            if have is None:
                raise _refused(ResourceNotFoundError, 404, "ResourceNotFound", self.storage)
            if etag not in (None, have.etag):
                raise _refused(
                    ResourceModifiedError, 412, "UpdateConditionNotSatisfied", self.storage
                )
            return self._store(entity, mode)

        return await self._write(update, f"update {entity['RowKey']}", ResourceModifiedError)

    async def upsert_entity(self, entity: Mapping[str, Any], mode: UpdateMode) -> Any:
        what = f"upsert {entity['RowKey']}"
        return await self._write(lambda: self._store(entity, mode), what, None)

    async def submit_transaction(self, operations: Sequence[tuple[str, Any, Any]]) -> None:
        def submit() -> Any:
            for kind, entity, _options in operations:
                assert kind == "upsert"
                self._store(entity)
            return {}

        await self._write(submit, f"upsert {len(operations)} rows", None)

    def list_entities(self) -> AsyncIterator[TableEntity]:
        return self._items(lambda _row: True)

    def query_entities(
        self, query: str, *, parameters: Mapping[str, str], **_options: object
    ) -> AsyncIterator[TableEntity]:
        """Clauses such as ``RowKey lt @end``, joined by ``and``: the only form the app uses."""
        clauses = [clause.split(" ") for clause in query.split(" and ")]
        tests = [(name, _COMPARED[how], parameters[value[1:]]) for name, how, value in clauses]
        return self._items(
            lambda row: all(
                name in row.values and compare(row.values[name], value)
                for name, compare, value in tests
            )
        )

    async def delete_entity(self, partition: str, key: str) -> None:
        def delete() -> dict[str, Any]:
            self.rows.pop((partition, key), None)
            return {}

        await self._write(delete, f"delete {key}", None)

    async def _items(self, wanted: Callable[[Row], bool]) -> AsyncIterator[TableEntity]:
        rows = await self._read(lambda: [row for _key, row in sorted(self.rows.items())], "list")
        for row in rows:
            if wanted(row):
                yield _entity(row)

    def _store(
        self, entity: Mapping[str, Any], mode: UpdateMode = UpdateMode.REPLACE
    ) -> dict[str, Any]:
        before = self.rows.get(_key(entity))
        kept = before.values if before and mode is UpdateMode.MERGE else {}
        row = Row(copy.deepcopy({**kept, **entity}), self.storage.new_etag())
        self.rows[_key(entity)] = row
        self.storage.watch(self.name, before, row)
        return {"etag": row.etag}

    async def _read(self, effect: Callable[[], Any], what: str) -> Any:
        network = self.storage.network
        kind = network.fault("storage-503", "storage-before", "kill-before")
        if kind:
            network.journal.fault(kind, f"{self.name} {what}")
        fate = Fate(
            network.latency() / 4,
            network.latency() / 4,
            instead=_unanswered(kind, self.storage),
            kills=kind == "kill-before",
        )
        return await network.call(effect, fate)

    async def _write(
        self, effect: Callable[[], Any], what: str, echo: type[HttpResponseError] | None
    ) -> Any:
        network = self.storage.network
        kind = network.fault(*_FAULTS)
        if kind:
            network.journal.fault(kind, f"{self.name} {what}")
        instead = _unanswered(kind, self.storage)
        if kind == "storage-echo":
            instead = _refused(echo, 412, "Echo", self.storage) if echo else None
        fate = Fate(
            network.latency() / 4,
            network.latency() / 4,
            has_effect=kind not in ("storage-503", "storage-before"),
            instead=instead,
            kills=kind == "kill-after",
        )
        return await network.call(effect, fate)


def _unanswered(kind: str | None, storage: Storage) -> Exception | None:
    match kind:
        case "storage-503":
            return _refused(HttpResponseError, 503, "ServerBusy", storage)
        case "storage-before":
            return ServiceRequestError("no connection")
        case "storage-after":
            return ServiceResponseError("no answer")
        case _:
            return None


def _key(entity: Mapping[str, Any]) -> Key:
    return entity["PartitionKey"], entity["RowKey"]


def _entity(row: Row) -> TableEntity:
    entity = TableEntity(copy.deepcopy(dict(row.values)))
    entity._metadata = {"etag": row.etag, "timestamp": None}
    return entity


def _refused(
    kind: type[HttpResponseError], status: int, code: str, storage: Storage
) -> HttpResponseError:
    return _error(kind, SimpleNamespace(headers=storage.date(), status_code=status), code)


def _error(
    kind: type[HttpResponseError], response: SimpleNamespace, code: str
) -> HttpResponseError:
    error: Any = kind(code)
    error.response = response
    error.status_code = response.status_code
    error.error_code = code
    refused: HttpResponseError = error
    return refused
