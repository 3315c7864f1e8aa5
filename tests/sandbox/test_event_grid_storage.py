"""Dead letters in a container, and events in a queue."""

import asyncio
import base64
import json
import re
from dataclasses import replace
from datetime import timedelta

import pytest
from azure.storage.blob.aio import BlobServiceClient
from azure.storage.queue.aio import QueueServiceClient

from sandbox.azurite import Azurite
from sandbox.event_grid.emulator import EventGrid
from sandbox.event_grid.events import Schema
from sandbox.event_grid.subscriptions import RetryPolicy, StorageQueue
from tests.sandbox.event_grid import DEPLOYMENT, FAST, a_subscription, a_write, fates
from tests.sandbox.event_receiver import receiver


@pytest.mark.parametrize("schema", list(Schema))
async def test_a_dead_letter_lies_where_the_documentation_says(
    storage: Azurite, schema: Schema
) -> None:
    container = f"dead-{schema.name.lower().replace('_', '-')}"
    async with (
        receiver(400) as endpoint,
        EventGrid(options=FAST, storage=storage.connection_string) as grid,
        BlobServiceClient.from_connection_string(storage.connection_string) as blobs,
    ):
        client = await blobs.create_container(container)
        await grid.subscribe(
            a_subscription(endpoint, schema=schema, dead_letter_container=container)
        )
        grid.publish_write(a_write())
        await grid.idle()
        (name,) = [blob.name async for blob in client.list_blobs()]
        (letter,) = json.loads(await (await client.download_blob(name)).readall())

    assert re.fullmatch(r"ONRAMP/\d{4}/[1-9]\d?/[1-9]\d?/\d{1,2}/[0-9a-f-]{36}\.json", name)
    added = {
        "deadLetterReason": "UndeliverableDueToHttpBadRequest",
        "deliveryAttempts": 1,
        "lastDeliveryOutcome": "BadRequest",
    }
    if schema is Schema.CLOUD_EVENTS:
        added = {key.lower(): value for key, value in added.items()}
        assert {"publishtime", "lastdeliveryattempttime", "specversion"} <= letter.keys()
    else:
        assert {"publishTime", "lastDeliveryAttemptTime", "eventType"} <= letter.keys()
    assert {key: letter[key] for key in added} == added


async def test_a_dead_letter_without_its_container_is_dropped(storage: Azurite) -> None:
    options = replace(FAST, time_scale=0.000001)
    async with (
        receiver(400) as endpoint,
        EventGrid(options=options, storage=storage.connection_string) as grid,
    ):
        await grid.subscribe(a_subscription(endpoint, dead_letter_container="not-there"))
        grid.publish_write(a_write())
        await grid.idle()

        assert fates(grid) == [(400, "dead-letter")]


async def test_a_queue_gets_the_bare_event_in_base64(storage: Azurite) -> None:
    async with (
        EventGrid(storage=storage.connection_string) as grid,
        QueueServiceClient.from_connection_string(storage.connection_string) as queues,
    ):
        queue = await queues.create_queue("events")
        await grid.subscribe(a_subscription("", destination=StorageQueue("events")))
        grid.publish_write(a_write())
        await grid.idle()
        (message,) = [each async for each in queue.receive_messages()]

    assert json.loads(base64.b64decode(message.content))["subject"] == DEPLOYMENT
    assert fates(grid) == [(201, "delivered")]


async def test_a_queue_that_is_missing_is_tried_again(storage: Azurite) -> None:
    async with (
        EventGrid(options=FAST, storage=storage.connection_string) as grid,
        QueueServiceClient.from_connection_string(storage.connection_string) as queues,
    ):
        # For as long as it takes to make the queue, on whatever machine.
        retrying = RetryPolicy(max_attempts=10**9, time_to_live=timedelta(days=10**6))
        await grid.subscribe(a_subscription("", destination=StorageQueue("late"), retry=retrying))
        grid.publish_write(a_write())
        while not grid.deliveries:  # noqa: ASYNC110  # a log raises no event
            await asyncio.sleep(0.01)
        await queues.create_queue("late")
        await grid.idle()

        assert fates(grid)[0] == (404, "retry")
        assert fates(grid)[-1] == (201, "delivered")
