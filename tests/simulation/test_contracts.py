"""The doubles against what they stand for: one script, played on each of a pair, one result."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from uuid import uuid4

import pytest
from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError
from azure.data.tables import TableErrorCode, UpdateMode
from azure.data.tables.aio import TableServiceClient

from sandbox.arm.apim.call import ApimOptions
from sandbox.arm.apim.provider import ApimProvider
from sandbox.arm.compose import arm_app
from sandbox.arm.server import serve
from sandbox.azurite import azurite
from sandbox.world import SUBSCRIPTION, World
from shared.adapters.arm import Arm
from shared.adapters.clock import SystemClock
from shared.adapters.gateway import ApimGateway
from shared.core.model import Resource, Wants
from shared.core.naming import api_id, backend_id
from shared.core.plan import Action, Change
from shared.core.resource_ids import AccountId, GatewayId
from shared.errors import Rejected, RetryableError
from shared.ports import Gateway
from tests.sandbox.arm_client import AsyncCredential
from tests.simulation.azure import ACCOUNTS, ACCOUNTS_VERSION, GATEWAY
from tests.simulation.simulation import Simulation
from tests.simulation.tables import TableService
from tests.simulation.weather import calm
from tests.simulation.worker import make_parts

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
    return absent, dict(await table.get_entity("p", "a"))


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


@dataclass(frozen=True, slots=True)
class Side:
    arm: Arm
    gateway: Gateway


type ArmScript = Callable[[Side], Awaitable[object]]
UNIT = AccountId.parse(f"{ACCOUNTS}/contoso")
BACKEND = f"backends/{backend_id(UNIT, 'azure-openai')}"
API = f"apis/{api_id(UNIT, 'azure-openai')}"
POLICY = f"{API}/policies/policy"
DOCUMENT = (
    '{"openapi": "3.0.1", "info": {"title": "A", "version": "1"}, "paths": {"/x": {"post": '
    '{"operationId": "x", "responses": {"200": {"description": "ok"}}}}}}'
)


def backend(url: str = "https://contoso.openai.azure.com/openai") -> Resource:
    return Resource(BACKEND, {"properties": {"url": url, "protocol": "http"}})


def api(path: str = "a") -> Resource:
    body = {
        "displayName": "A",
        "path": path,
        "protocols": ["https"],
        "format": "openapi+json",
        "value": DOCUMENT,
    }
    return Resource(API, {"properties": body}, (("x", "POST", "/x"),))


def policy(inner: str) -> Resource:
    value = f"<policies><inbound><base />{inner}</inbound></policies>"
    return Resource(POLICY, {"properties": {"format": "xml", "value": value}})


async def apply(side: Side, change: Change) -> str:
    try:
        await side.gateway.apply(change, until=soon(side))
    except (RetryableError, Rejected) as exc:
        return type(exc).__name__ + getattr(exc, "code", "")
    return "applied"


def soon(side: Side) -> float:
    return side.arm._clock.monotonic() + 60


async def standing(side: Side) -> object:
    actual = await side.gateway.actual(UNIT, Wants(), until=soon(side))
    return {
        path: (item.body["properties"], item.operations) for path, item in actual.resources.items()
    }


async def created_and_read(side: Side) -> object:
    before = await standing(side)
    resources = (
        backend(),
        api(),
        policy(f'<set-backend-service backend-id="{BACKEND.removeprefix("backends/")}" />'),
    )
    done = [await apply(side, Change(Action.CREATE, it.path, "", it)) for it in resources]
    return before, done, await standing(side)


async def written_on_an_old_etag(side: Side) -> object:
    await apply(side, Change(Action.CREATE, BACKEND, "", backend()))
    actual = (await side.gateway.actual(UNIT, Wants(), until=soon(side))).resources[BACKEND]
    newer = backend("https://newer.openai.azure.com/openai")
    change = Change(Action.UPDATE, BACKEND, "", newer, actual)
    delete = Change(Action.DELETE, BACKEND, "", actual=actual)
    return [await apply(side, it) for it in (change, change, delete)], await standing(side)


async def refused(side: Side) -> object:
    bad = policy('<set-backend-service backend-id="nobody" />')
    await apply(side, Change(Action.CREATE, API, "", api()))
    wild = Resource(BACKEND, {"properties": {"url": "https://contoso.openai.azure.com"}})
    return [await apply(side, Change(Action.CREATE, it.path, "", it)) for it in (bad, wild)]


async def deleted(side: Side) -> object:
    for it in (backend(), api()):
        await apply(side, Change(Action.CREATE, it.path, "", it))
    actual = (await side.gateway.actual(UNIT, Wants(), until=soon(side))).resources
    done = [
        await apply(side, Change(Action.DELETE, path, "", actual=actual[path]))
        for path in (API, BACKEND, BACKEND)
    ]
    return done, await standing(side)


async def asked_for_what_is_not_there(side: Side) -> object:
    account = await side.arm.get(f"{ACCOUNTS}/nobody", api_version=ACCOUNTS_VERSION)
    path = f"{ACCOUNTS}/nobody/deployments"
    return account, [item async for item in side.arm.list(path, api_version=ACCOUNTS_VERSION)]


ARM_SCRIPTS = (
    created_and_read,
    written_on_an_old_etag,
    refused,
    deleted,
    asked_for_what_is_not_there,
)


@pytest.mark.parametrize("shape", ["inline", "async", "accepted"])
@pytest.mark.parametrize("script", ARM_SCRIPTS, ids=lambda script: script.__name__)
async def test_arm_in_process_answers_as_over_http(script: ArmScript, shape: Any) -> None:
    in_process = play_in_process(script, shape)

    assert in_process == await play_over_http(script, shape)


def play_in_process(script: ArmScript, shape: Any) -> object:
    simulation = Simulation(0, weather_=calm(), shape=shape)
    host = simulation.host
    parts = make_parts(
        host.line,
        host.storage,
        host.queue,
        oracles=host.oracles,
        limits=host.limits,
        skew=timedelta(),
    )
    return simulation.loop.run(script_of(script, Side(parts.arm, parts.gateway)))


async def script_of(script: ArmScript, side: Side) -> object:
    return await script(side)


async def play_over_http(script: ArmScript, shape: Any) -> object:
    options = ApimOptions(api_put_shape=shape)
    app = arm_app(World(), extra=[lambda context: ApimProvider(context, options)])
    async with serve(app) as serving:
        clock = SystemClock()
        arm = Arm(
            AsyncCredential(),
            clock,
            endpoint=serving.base_url,
            subscription=SUBSCRIPTION,
            request_timeout=timedelta(seconds=10),
        )
        gateway = ApimGateway(
            arm, clock, GatewayId.parse(GATEWAY), parallel_reads=4, parallel_writes=4
        )
        try:
            return await script(Side(arm, gateway))
        finally:
            await arm.close()
