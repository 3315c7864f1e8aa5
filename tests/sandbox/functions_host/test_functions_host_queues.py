"""Queue triggers, queue and table outputs, against Azurite."""

import asyncio
import base64
from collections.abc import AsyncIterator

import pytest
from azure.data.tables.aio import TableServiceClient
from azure.storage.queue import QueueMessage
from azure.storage.queue.aio import QueueServiceClient

from sandbox.functions_host.queues import poison_name
from tests.sandbox.functions_host.hosts import APPS, Host, hosted

FAST = {
    "AzureFunctionsJobHost__extensions__queues__maxPollingInterval": "00:00:00.2",
    "AzureFunctionsJobHost__extensions__queues__maxDequeueCount": "2",
}


@pytest.fixture(scope="module")
async def host(connection: str, queues: QueueServiceClient) -> AsyncIterator[Host]:
    for name in ("incoming", "failing", "relay"):
        await queues.create_queue(name)
    env = settings(connection, incoming="incoming")
    async with hosted(APPS / "queues", env) as running:
        yield running


def settings(
    connection: str, *, incoming: str = "no-in", gated: str = "no-gate", failing: str = "failing"
) -> dict[str, str]:
    """Hosts share the storage: each has queues of its own, or they would share the messages."""
    queues = {"IN_QUEUE": incoming, "GATED_QUEUE": gated, "FAILING_QUEUE": failing}
    return {"AzureWebJobsStorage": connection, **queues, **FAST}


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


async def taken(queues: QueueServiceClient, name: str, count: int) -> list[QueueMessage]:
    """The messages of a queue, once there are so many; the queue may not exist yet."""
    found: list[QueueMessage] = []
    client = queues.get_queue_client(name)
    async with asyncio.timeout(120):
        while len(found) < count:
            if name in [item.name async for item in queues.list_queues()]:
                found += [item async for item in client.receive_messages(visibility_timeout=60)]
            await asyncio.sleep(0.05)
    return found


async def test_a_message_is_handed_over_with_its_metadata_and_deleted(
    host: Host, queues: QueueServiceClient
) -> None:
    before = len(await host.json("/api/seen?queue=plain&count=0"))
    sent = await queues.get_queue_client("incoming").send_message(encoded('{"a": "ä"}'))

    (seen,) = [
        it for it in await host.json(f"/api/seen?queue=plain&count={before + 1}") if it["count"]
    ]

    assert seen == {
        "queue": "plain",
        "body": '{"a": "ä"}',
        "id": sent.id,
        "receipt": True,
        "count": 1,
        "inserted": str(sent.inserted_on),
        "expires": str(sent.expires_on),
        "visible": seen["visible"],
    }
    assert seen["visible"] > seen["inserted"]
    await _empty(queues, "incoming")


async def _empty(queues: QueueServiceClient, name: str) -> None:
    queue = queues.get_queue_client(name)
    async with asyncio.timeout(120):
        while (await queue.get_queue_properties()).approximate_message_count:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_a_failing_message_is_tried_again_and_then_poisoned(
    host: Host, queues: QueueServiceClient
) -> None:
    await queues.get_queue_client("failing").send_message(encoded("bad"))

    poisoned = await taken(queues, "failing-poison", 1)
    seen = await host.json("/api/seen?queue=failing&count=2")

    assert [message["count"] for message in seen] == [1, 2]
    assert [message.content for message in poisoned] == [encoded("bad")]
    await _empty(queues, "failing")


async def test_a_message_that_fails_in_a_poison_queue_stays_there_for_ten_minutes(
    connection: str, queues: QueueServiceClient
) -> None:
    queue = await queues.create_queue("given-up-poison")
    await queue.send_message(encoded("bad"))
    async with hosted(APPS / "queues", settings(connection, failing="given-up-poison")) as other:
        await other.json("/api/seen?queue=failing&count=1")

        assert await other.process.stop() == 0

    assert (await queue.get_queue_properties()).approximate_message_count == 1
    assert [item async for item in queue.receive_messages()] == []
    assert "given-up-poison-poison" not in [item.name async for item in queues.list_queues()]


@pytest.mark.parametrize(
    ("queue", "poison"),
    [("units", "units-poison"), ("units-poison", None), ("q" * 56, "q" * 56 + "-poison")],
)
def test_a_poison_queue_has_no_poison_queue(queue: str, poison: str | None) -> None:
    assert poison_name(queue) == poison
    assert poison_name("q" * 57) is None


async def test_a_message_that_is_not_base64_is_poisoned_as_it_is(
    host: Host, queues: QueueServiceClient
) -> None:
    await queues.get_queue_client("incoming").send_message("plain text")

    poisoned = await taken(queues, "incoming-poison", 1)

    assert [message.content for message in poisoned] == ["plain text"]
    assert host.process.pid is not None


async def test_a_returned_value_goes_to_the_output_queue(
    host: Host, queues: QueueServiceClient
) -> None:
    await queues.get_queue_client("relay").send_message(encoded("x"))

    relayed = await taken(queues, "relayed", 1)

    assert [message.content for message in relayed] == [encoded("relayed x")]
    assert host.process.pid is not None


async def test_outputs_are_written_and_what_is_missing_is_created(
    host: Host, queues: QueueServiceClient, connection: str
) -> None:
    body = {"one": "1", "many": ["a", "b"], "rows": [{"N": 1}, {"RowKey": "own", "B": True}]}

    answer = await host.request("POST", "/api/out/ann", json=body)

    assert answer[:2] == (200, "done")
    assert [message.content for message in await taken(queues, "out-ann", 1)] == [encoded("1")]
    many = {message.content for message in await taken(queues, "out-many", 2)}
    assert many == {encoded("a"), encoded("b")}
    async with TableServiceClient.from_connection_string(connection) as tables:
        rows = tables.get_table_client("Rows").list_entities()
        found = [row async for row in rows if row["PartitionKey"] != "bob"]  # of another test
    assert {row["PartitionKey"] for row in found} == {"ann"}
    assert [row.get("B") for row in found if row["RowKey"] == "own"] == [True]
    assert [row["N"] for row in found if "N" in row] == [1]


async def test_a_table_output_adds_and_does_not_replace(host: Host) -> None:
    body = {"rows": {"RowKey": "twice"}}

    first = await host.request("POST", "/api/out/bob", json=body)
    second = await host.request("POST", "/api/out/bob", json=body)

    assert (first[0], second[0]) == (200, 500)


async def test_outputs_that_were_not_set_write_nothing(
    host: Host, queues: QueueServiceClient
) -> None:
    await host.request("POST", "/api/out/none", json={})

    assert "out-none" not in [item.name async for item in queues.list_queues()]


async def test_a_queue_that_comes_later_is_served(
    connection: str, queues: QueueServiceClient
) -> None:
    async with hosted(APPS / "queues", settings(connection, incoming="later")) as other:
        assert "later" not in [item.name async for item in queues.list_queues()]
        await queues.create_queue("later")
        await queues.get_queue_client("later").send_message(encoded("x"))

        assert len(await other.json("/api/seen?queue=plain&count=1")) == 1


async def test_admin_runs_a_queue_function_without_a_message(host: Host) -> None:
    before = len(await host.json("/api/seen?queue=plain&count=0"))
    options = {"json": {"input": "by hand"}, "headers": host.admin()}

    status, _, _ = await host.request("POST", "/admin/functions/on_message", **options)

    seen = await host.json(f"/api/seen?queue=plain&count={before + 1}")
    assert (status, seen[-1]["body"], seen[-1]["count"]) == (202, "by hand", 0)


async def test_a_graceful_stop_finishes_the_message_that_is_being_processed(
    connection: str, queues: QueueServiceClient
) -> None:
    queue = await queues.create_queue("gated-stop")
    async with hosted(APPS / "queues", settings(connection, gated="gated-stop")) as other:
        await queue.send_message(encoded("0.5"))
        await other.json("/api/seen?queue=gated&count=1")
        code = await other.process.stop()

    assert code == 0
    assert any("Executed 'Functions.on_gated' (Succeeded" in line for line in other.process.log)
    assert (await queue.get_queue_properties()).approximate_message_count == 0


async def test_a_killed_host_leaves_its_message_invisible_and_undeleted(
    connection: str, queues: QueueServiceClient
) -> None:
    queue = await queues.create_queue("gated-kill")
    async with hosted(APPS / "queues", settings(connection, gated="gated-kill")) as other:
        ready = other.process.ready
        await queue.send_message(encoded("600"))
        await other.json("/api/seen?queue=gated&count=1")
        code = await other.process.kill()
        await other.process.restart()

        assert code == -9
        assert other.process.ready == ready
    assert (await queue.get_queue_properties()).approximate_message_count == 1
    assert [item async for item in queue.receive_messages()] == []
