"""Whether the app is at work, for those who wait until it is not."""

import asyncio
import base64
from collections.abc import AsyncIterator

import pytest
from azure.storage.queue.aio import QueueServiceClient

from tests.sandbox.functions_host.hosts import APPS, Host, hosted

GATED = "gated-busy"


@pytest.fixture
async def host(connection: str, queues: QueueServiceClient) -> AsyncIterator[Host]:
    await queues.create_queue(GATED)
    others = {"IN_QUEUE": "no-in", "FAILING_QUEUE": "no-failing", "GATED_QUEUE": GATED}
    async with hosted(APPS / "queues", {"AzureWebJobsStorage": connection, **others}) as running:
        yield running


async def is_busy(host: Host) -> bool:
    return bool(await host.json("/sandbox/busy", headers=host.admin()))


async def test_a_host_is_busy_from_taking_a_message_to_the_end_of_its_function(
    host: Host, queues: QueueServiceClient
) -> None:
    queue = queues.get_queue_client(GATED)
    await queue.send_message(base64.b64encode(b"1").decode())

    async with asyncio.timeout(120):
        while await queue.peek_messages():  # noqa: ASYNC110 - asked over HTTP
            await asyncio.sleep(0.01)
        while await is_busy(host):  # noqa: ASYNC110 - asked over HTTP
            await asyncio.sleep(0.02)

    done = await host.json("/api/seen?queue=gated-done&count=0")
    assert len(done) == 1
    refused, _, _ = await host.request("GET", "/sandbox/busy")
    assert refused == 401  # without the master key
