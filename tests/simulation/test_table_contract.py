"""The tables in memory against Azurite: one script, played on each of them, one result."""

from collections.abc import AsyncIterator, Awaitable, Callable
from email.utils import parsedate_to_datetime
from typing import Any
from uuid import uuid4

import pytest
from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError
from azure.data.tables import TableErrorCode, UpdateMode
from azure.data.tables.aio import TableServiceClient

from sandbox.azurite import azurite
from tests.simulation.simulation import Simulation
from tests.simulation.tables import TableService
from tests.simulation.weather import calm

type Tables = Any  # TableServiceClient, or its double
type TableScript = Callable[[Tables, str], Awaitable[object]]


def row(key: str = "a", **values: object) -> dict[str, object]:
    return {"PartitionKey": "p", "RowKey": key, **values}


async def refusal(call: Awaitable[object]) -> object:
    """How a call is refused, as far as the app looks."""
    try:
        await call
    except HttpResponseError as exc:
        no_table = getattr(exc, "error_code", "") == TableErrorCode.TABLE_NOT_FOUND
        return type(exc).__name__, exc.status_code, no_table
    return "done"


async def inserted_twice(tables: Tables, name: str) -> object:
    table = tables.get_table_client(name)
    return [await refusal(table.create_entity(row())) for _ in range(2)]


async def updated_with_a_stale_etag(tables: Tables, name: str) -> object:
    table = tables.get_table_client(name)
    first = (await table.create_entity(row(n=1)))["etag"]

    def update(number: int) -> Awaitable[object]:
        condition = MatchConditions.IfNotModified
        entity = row(n=number)
        found: Awaitable[object] = table.update_entity(
            entity, mode=UpdateMode.REPLACE, etag=first, match_condition=condition
        )
        return found

    answers = [await refusal(update(2)), await refusal(update(3))]
    return answers, (await table.get_entity("p", "a"))["n"]


async def updated_without_being_there(tables: Tables, name: str) -> object:
    table = tables.get_table_client(name)
    etag = (await table.create_entity(row("b")))["etag"]
    condition = MatchConditions.IfNotModified
    return await refusal(
        table.update_entity(row(), mode=UpdateMode.REPLACE, etag=etag, match_condition=condition)
    )


async def read(tables: Tables, name: str) -> object:
    table = tables.get_table_client(name)
    await table.create_entity(row(text="x", number=3, empty=""))
    dates: list[str] = []

    def note(response: Any) -> None:
        dates.append(response.http_response.headers["Date"])

    first = await table.get_entity("p", "a", raw_response_hook=note)
    second = await table.get_entity("p", "a")
    same = first.metadata["etag"] == second.metadata["etag"]
    return dict(first), same, [parsedate_to_datetime(date).microsecond for date in dates]


async def read_without_being_there(tables: Tables, name: str) -> object:
    table = tables.get_table_client(name)
    answer = await refusal(table.get_entity("p", "nobody"))
    try:
        await table.get_entity("p", "nobody")
    except HttpResponseError as exc:
        response: Any = exc.response
        return answer, parsedate_to_datetime(response.headers["Date"]).microsecond
    return answer


async def listed(tables: Tables, name: str) -> object:
    table = tables.get_table_client(name)
    other = {"PartitionKey": "q", "RowKey": "c"}
    await table.submit_transaction(
        [("upsert", entity, {"mode": UpdateMode.REPLACE}) for entity in (row("a"), row("b"))]
    )
    await table.upsert_entity(other, UpdateMode.REPLACE)
    found = table.query_entities("PartitionKey eq @id", parameters={"id": "p"})
    of_one = [entity["RowKey"] async for entity in found]
    return of_one, [entity["RowKey"] async for entity in table.list_entities()]


async def queried(tables: Tables, name: str) -> object:
    table = tables.get_table_client(name)
    for entity in (row("a", run="1"), row("b", run="2"), row("c"), row("~x|1"), row("~y|1")):
        await table.upsert_entity(entity, UpdateMode.REPLACE)
    queries = (
        "PartitionKey eq @p and run eq @one",
        "PartitionKey gt @o and RowKey lt @end",
        "RowKey ge @x and RowKey lt @xs",
    )
    values = {"p": "p", "one": "1", "o": "o", "end": "~", "x": "~x|", "xs": "~x|~"}
    return [
        [entity["RowKey"] async for entity in table.query_entities(it, parameters=values)]
        for it in queries
    ]


async def deleted_twice(tables: Tables, name: str) -> object:
    table = tables.get_table_client(name)
    await table.upsert_entity(row("a"), UpdateMode.REPLACE)
    answers = [await refusal(table.delete_entity("p", "a")) for _ in range(2)]
    return answers, [entity["RowKey"] async for entity in table.list_entities()]


async def replaced(tables: Tables, name: str) -> object:
    table = tables.get_table_client(name)
    await table.upsert_entity(row(old=1), UpdateMode.REPLACE)
    await table.upsert_entity(row(new=2), UpdateMode.REPLACE)
    return dict(await table.get_entity("p", "a"))


async def merged(tables: Tables, name: str) -> object:
    table = tables.get_table_client(name)
    absent = await refusal(table.update_entity(row(n=1), UpdateMode.MERGE))
    await table.upsert_entity(row(n=1, kept=2), UpdateMode.REPLACE)
    await table.update_entity(row(n=3), UpdateMode.MERGE)
    updated = dict(await table.get_entity("p", "a"))
    for key in ("a", "new"):
        await table.upsert_entity(row(key, n=4), UpdateMode.MERGE)
    upserted = [dict(await table.get_entity("p", key)) for key in ("a", "new")]
    return absent, updated, upserted


async def asked_for_a_table_that_is_not_there(tables: Tables, _name: str) -> object:
    return await refusal(tables.get_table_client("nowhere").get_entity("p", "a"))


TABLE_SCRIPTS = (
    inserted_twice,
    updated_with_a_stale_etag,
    updated_without_being_there,
    read,
    read_without_being_there,
    listed,
    queried,
    deleted_twice,
    replaced,
    merged,
    asked_for_a_table_that_is_not_there,
)


@pytest.fixture(scope="module")
async def real_tables() -> AsyncIterator[TableServiceClient]:
    async with (
        azurite() as storage,
        TableServiceClient.from_connection_string(storage.connection_string) as tables,
    ):
        yield tables


@pytest.mark.parametrize("script", TABLE_SCRIPTS, ids=lambda script: script.__name__)
async def test_the_tables_answer_as_azurite_does(
    real_tables: TableServiceClient, script: TableScript
) -> None:
    name = f"t{uuid4().hex}"
    simulation = Simulation(0, weather_=calm())
    double = TableService(simulation.storage)

    async def play(tables: Tables) -> object:
        await tables.create_table_if_not_exists(name)
        return await script(tables, name)

    in_memory = simulation.loop.run(play(double))

    assert in_memory == await play(real_tables)
