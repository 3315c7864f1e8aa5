import asyncio
import base64
import json
import re
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from azure.storage.blob.aio import BlobServiceClient
from azure.storage.queue.aio import QueueServiceClient

from sandbox.azurite import Azurite, azurite
from sandbox.event_grid.emulator import EventGrid
from sandbox.event_grid.events import Schema
from sandbox.event_grid.filters import parse_filter
from sandbox.event_grid.handshake import HandshakeError
from sandbox.event_grid.options import Chaos, Options
from sandbox.event_grid.subscriptions import RetryPolicy, StorageQueue, Subscription, Webhook
from sandbox.processes import listen, take_ports
from sandbox.tls import ensure_certificates
from tests.sandbox.event_receiver import Receiver, receiver
from tests.sandbox.test_event_grid_events import DEPLOYMENT, SUBSCRIPTION, a_write

# A second lasts ten microseconds: the whole day of retries is over in one.
_FAST = Options(time_scale=0.00001, probation_after=None)


@pytest.fixture(scope="module")
async def storage() -> AsyncIterator[Azurite]:
    async with azurite() as running:
        yield running


def a_subscription(to: Receiver | str, **changes: Any) -> Subscription:
    url = to if isinstance(to, str) else to.url
    return replace(Subscription("onramp", SUBSCRIPTION, Webhook(url)), **changes)


def fates(grid: EventGrid) -> list[tuple[int | None, str]]:
    return [(each.status, each.fate) for each in grid.deliveries]


async def test_a_write_arrives_with_the_headers_of_the_service() -> None:
    async with receiver() as endpoint, EventGrid() as grid:
        await grid.subscribe(a_subscription(endpoint))

        grid.publish_write(a_write())
        await grid.idle()

    (got,) = endpoint.received
    assert got.json[0]["subject"] == DEPLOYMENT
    assert {name: value for name, value in got.headers.items() if name.startswith("aeg-")} == {
        "aeg-event-type": "Notification",
        "aeg-subscription-name": "ONRAMP",
        "aeg-delivery-count": "0",
        "aeg-data-version": "2",
        "aeg-metadata-version": "1",
        "aeg-output-event-id": got.json[0]["id"],
    }
    assert got.headers["Content-Type"] == "application/json; charset=utf-8"


async def test_a_cloud_event_arrives_as_an_object() -> None:
    async with receiver() as endpoint, EventGrid() as grid:
        await grid.subscribe(a_subscription(endpoint, schema=Schema.CLOUD_EVENTS))

        grid.publish_write(a_write())
        await grid.idle()

    (got,) = endpoint.received
    assert (got.json["specversion"], got.json["source"]) == ("1.0", SUBSCRIPTION)
    assert got.headers["Content-Type"] == "application/cloudevents+json; charset=utf-8"
    assert got.headers["aeg-metadata-version"] == "1.0"
    assert "aeg-data-version" not in got.headers


@pytest.mark.parametrize(
    ("source", "arrives"),
    [
        (SUBSCRIPTION, True),
        (SUBSCRIPTION.upper(), True),
        (f"{SUBSCRIPTION}/resourceGroups/RG-AI", True),
        (f"{SUBSCRIPTION}/resourceGroups/rg", False),
        ("/subscriptions/22222222-2222-3333-4444-555555555555", False),
    ],
)
async def test_a_topic_has_a_scope(source: str, *, arrives: bool) -> None:
    async with receiver() as endpoint, EventGrid() as grid:
        await grid.subscribe(a_subscription(endpoint, source=source))

        grid.publish_write(a_write())
        await grid.idle()

    assert [event["topic"] for event in endpoint.events] == ([source] if arrives else [])


async def test_a_filter_keeps_events_back() -> None:
    wanted = parse_filter(
        {"includedEventTypes": ["Microsoft.Resources.ResourceDeleteSuccess"]}, Schema.EVENT_GRID
    )
    async with receiver() as endpoint, EventGrid() as grid:
        await grid.subscribe(a_subscription(endpoint, filter=wanted))

        grid.publish_write(a_write())
        grid.publish_write(a_write(kind="Delete"))
        await grid.idle()

    assert [e["eventType"] for e in endpoint.events] == [
        "Microsoft.Resources.ResourceDeleteSuccess"
    ]


@pytest.mark.parametrize("schema", list(Schema))
async def test_an_endpoint_is_asked_before_it_gets_events(schema: Schema) -> None:
    async with receiver() as endpoint, EventGrid() as grid:
        await grid.subscribe(a_subscription(endpoint, schema=schema))

    (asked,) = endpoint.handshakes
    if schema is Schema.CLOUD_EVENTS:
        assert asked.headers["WebHook-Request-Origin"] == "eventgrid.azure.net"
    else:
        assert asked.headers["aeg-event-type"] == "SubscriptionValidation"
        assert asked.json[0]["eventType"] == "Microsoft.EventGrid.SubscriptionValidationEvent"


@pytest.mark.parametrize(
    ("schema", "answer"),
    [
        (Schema.EVENT_GRID, web.Response(status=404)),
        (Schema.EVENT_GRID, web.Response(status=200)),
        (Schema.EVENT_GRID, web.json_response({"validationResponse": "guess"})),
        (Schema.EVENT_GRID, web.Response(status=202, text='{"validationResponse": "ECHO"}')),
        (Schema.CLOUD_EVENTS, web.Response(status=401)),
        (Schema.CLOUD_EVENTS, web.Response(status=200)),
        (
            Schema.CLOUD_EVENTS,
            web.Response(headers={"WebHook-Allowed-Origin": "example.com"}),
        ),
    ],
)
async def test_an_endpoint_that_does_not_agree_gets_nothing(
    schema: Schema, answer: web.Response
) -> None:
    async def refuse(request: web.Request) -> web.Response:
        text = answer.text or ""
        if "ECHO" in text:
            (event,) = await request.json()
            text = text.replace("ECHO", event["data"]["validationCode"])
        return web.Response(status=answer.status, headers=answer.headers, text=text)

    app = web.Application()
    app.add_routes([web.route("*", "/", refuse)])
    options = Options(manual_validation_s=0.05)
    async with listen(app) as url, EventGrid(options=options) as grid:
        with pytest.raises(HandshakeError, match=re.escape(url)):
            await grid.subscribe(a_subscription(f"{url}/", schema=schema))

        assert grid.subscriptions == ()


async def test_an_endpoint_that_does_not_exist_fails_the_handshake_without_its_key() -> None:
    (port,) = take_ports(1)
    async with EventGrid() as grid:
        with pytest.raises(HandshakeError) as caught:
            await grid.subscribe(a_subscription(f"http://127.0.0.1:{port}/x?code=secret"))

    assert "response code Unknown" in str(caught.value)
    assert "secret" not in str(caught.value)


async def test_a_visit_to_the_validation_url_is_a_handshake_too() -> None:
    urls: asyncio.Queue[str] = asyncio.Queue()

    async def remember(request: web.Request) -> web.Response:
        (event,) = await request.json()
        await urls.put(event["data"]["validationUrl"])
        return web.Response()

    app = web.Application()
    app.add_routes([web.post("/", remember)])
    async with listen(app) as url, EventGrid() as grid, aiohttp.ClientSession() as session:
        subscribing = asyncio.create_task(grid.subscribe(a_subscription(f"{url}/")))
        async with session.get(await urls.get()) as reply:
            assert reply.status == 200
        await subscribing

        assert [each.name for each in grid.subscriptions] == ["onramp"]


@pytest.mark.parametrize("status", [200, 201, 202, 203, 204])
async def test_success_is_final(status: int) -> None:
    async with receiver(status) as endpoint, EventGrid(options=_FAST) as grid:
        await grid.subscribe(a_subscription(endpoint))
        grid.publish_write(a_write())
        await grid.idle()

        assert fates(grid) == [(status, "delivered")]


@pytest.mark.parametrize("status", [206, 301, 404, 408, 409, 429, 500, 503])
async def test_another_status_is_tried_again(status: int) -> None:
    async with (
        receiver(lambda n: status if n == 1 else 200) as endpoint,
        EventGrid(options=_FAST) as grid,
    ):
        await grid.subscribe(a_subscription(endpoint))
        grid.publish_write(a_write())
        await grid.idle()

        assert fates(grid) == [(status, "retry"), (200, "delivered")]
    assert [got.headers["aeg-delivery-count"] for got in endpoint.received] == ["0", "1"]
    assert len({event["id"] for event in endpoint.events}) == 1


@pytest.mark.parametrize(
    ("status", "azure_resource", "expected"),
    [
        (400, False, "drop"),
        (401, False, "drop"),
        (403, False, "drop"),
        (413, False, "drop"),
        (400, True, "drop"),
        (401, True, "retry"),
        (403, True, "drop"),
        (413, True, "drop"),
    ],
)
async def test_some_statuses_are_never_tried_again(
    status: int, *, azure_resource: bool, expected: str
) -> None:
    async with receiver(status) as endpoint, EventGrid(options=_FAST) as grid:
        destination = Webhook(endpoint.url, azure_resource=azure_resource)
        await grid.subscribe(a_subscription(endpoint, destination=destination))
        grid.publish_write(a_write())
        await grid.idle()

        assert fates(grid)[0] == (status, expected)


async def test_the_number_of_attempts_is_limited() -> None:
    async with receiver(500) as endpoint, EventGrid(options=_FAST) as grid:
        await grid.subscribe(a_subscription(endpoint, retry=RetryPolicy(max_attempts=3)))
        grid.publish_write(a_write())
        await grid.idle()

        assert [each.fate for each in grid.deliveries] == ["retry", "retry", "drop"]
        assert grid.deliveries[-1].reason == "MaxDeliveryAttemptsExceeded"


async def test_half_an_hour_to_live_means_six_attempts() -> None:
    # The documentation's own example (delivery-and-retry#retry-policy).
    policy = RetryPolicy(time_to_live=timedelta(minutes=30))
    async with receiver(500) as endpoint, EventGrid(options=_FAST) as grid:
        await grid.subscribe(a_subscription(endpoint, retry=policy))
        grid.publish_write(a_write())
        await grid.idle()

        assert len(endpoint.received) == 6
        assert grid.deliveries[-1].reason == "TimeToLiveExceeded"


async def test_a_slow_answer_is_no_answer() -> None:
    release = asyncio.Event()

    async def slow(_request: web.Request) -> web.Response:
        await release.wait()
        return web.Response()

    app = web.Application()
    app.add_routes([web.post("/", slow)])
    options = replace(_FAST, response_timeout_s=0.05)
    async with listen(app) as url, EventGrid(options=options) as grid:
        # Past the handshake, which waits 30 seconds whatever the option says.
        subscription = a_subscription(f"{url}/", retry=RetryPolicy(max_attempts=1))
        grid._delivery.dispatch(subscription, {"id": "1"})
        await grid.idle()
        release.set()

        assert [(each.outcome, each.fate) for each in grid.deliveries] == [("TimedOut", "drop")]


async def test_a_closed_port_is_tried_again() -> None:
    async with EventGrid(options=_FAST) as grid:
        async with receiver() as endpoint:
            await grid.subscribe(a_subscription(endpoint, retry=RetryPolicy(max_attempts=2)))
        grid.publish_write(a_write())
        await grid.idle()

        assert [(each.outcome, each.fate) for each in grid.deliveries] == [
            ("SocketError", "retry"),
            ("SocketError", "drop"),
        ]


async def test_one_stuck_event_does_not_hold_up_another() -> None:
    stuck = asyncio.Event()
    arrived: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        (event,) = await request.json()
        if request.headers["aeg-event-type"] == "SubscriptionValidation":
            return web.json_response({"validationResponse": event["data"]["validationCode"]})
        if event["data"]["status"] == "Failed":
            await stuck.wait()
        else:
            stuck.set()
        arrived.append(event["data"]["status"])
        return web.Response()

    app = web.Application()
    app.add_routes([web.post("/", answer)])
    async with listen(app) as url, EventGrid() as grid:
        await grid.subscribe(a_subscription(f"{url}/"))
        grid.publish_write(a_write(status="Failed"))
        grid.publish_write(a_write())
        await grid.idle()

    assert arrived == ["Succeeded", "Failed"]


async def test_a_failing_endpoint_keeps_new_events_waiting() -> None:
    # Probation lasts 5 minutes after a 404 and 10 seconds after a 500.
    options = Options(time_scale=0.001, probation_after=1)
    async with (
        receiver(lambda n: 404 if n == 1 else 200) as sick,
        receiver(lambda n: 500 if n == 1 else 200) as busy,
        EventGrid(options=options) as grid,
    ):
        await grid.subscribe(a_subscription(sick, name="sick"))
        await grid.subscribe(a_subscription(busy, name="busy"))
        grid.publish_write(a_write())
        while len(grid.deliveries) < 2:  # noqa: ASYNC110  # a log raises no event
            await asyncio.sleep(0)
        grid.publish_write(a_write())
        await grid.idle()

        later = [(each.subscription, each.fate) for each in grid.deliveries[2:]]
    assert later == [("busy", "delivered")] * 2 + [("sick", "delivered")] * 2


async def test_failures_with_successes_between_are_no_reason_for_probation() -> None:
    options = replace(_FAST, probation_after=2)
    async with (
        receiver(lambda n: 500 if n % 2 else 200) as endpoint,
        EventGrid(options=options) as grid,
    ):
        subscription = a_subscription(endpoint)
        await grid.subscribe(subscription)
        for _ in range(3):
            grid.publish_write(a_write())
            await grid.idle()

        assert grid._delivery._health[subscription.key].probation_ends == 0


async def test_a_deleted_subscription_gets_no_retries() -> None:
    async with receiver(500) as endpoint, EventGrid(options=_FAST) as grid:
        subscription = a_subscription(endpoint)
        await grid.subscribe(subscription)
        grid.publish_write(a_write())
        grid.unsubscribe(subscription)
        await grid.idle()

    assert endpoint.received == []


@pytest.mark.parametrize("schema", list(Schema))
async def test_a_dead_letter_lies_where_the_documentation_says(
    storage: Azurite, schema: Schema
) -> None:
    container = f"dead-{schema.name.lower().replace('_', '-')}"
    async with (
        receiver(400) as endpoint,
        EventGrid(options=_FAST, storage=storage.connection_string) as grid,
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
    options = replace(_FAST, time_scale=0.000001)
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
        EventGrid(options=_FAST, storage=storage.connection_string) as grid,
        QueueServiceClient.from_connection_string(storage.connection_string) as queues,
    ):
        retrying = RetryPolicy(max_attempts=30)
        await grid.subscribe(a_subscription("", destination=StorageQueue("late"), retry=retrying))
        grid.publish_write(a_write())
        while not grid.deliveries:  # noqa: ASYNC110  # a log raises no event
            await asyncio.sleep(0.01)
        await queues.create_queue("late")
        await grid.idle()

        assert fates(grid)[0] == (404, "retry")
        assert fates(grid)[-1] == (201, "delivered")


@pytest.mark.parametrize(
    ("chaos", "expected"),
    [
        (Chaos(), 20),
        (Chaos(drop=1), 0),
        (Chaos(duplicate=1), 40),
        (Chaos(delay_s=10, reorder_s=1000), 20),
    ],
)
async def test_chaos_is_what_was_asked_for(chaos: Chaos, expected: int) -> None:
    async with receiver() as endpoint, EventGrid(options=replace(_FAST, chaos=chaos)) as grid:
        await grid.subscribe(a_subscription(endpoint))
        for _ in range(20):
            grid.publish_write(a_write())
        await grid.idle()

    assert len(endpoint.received) == expected


async def test_chaos_reorders_the_same_way_for_the_same_seed() -> None:
    orders = []
    for _ in range(2):
        options = Options(time_scale=0.001, chaos=Chaos(reorder_s=200, seed=7))
        async with receiver() as endpoint, EventGrid(options=options) as grid:
            await grid.subscribe(a_subscription(endpoint))
            for number in range(4):
                grid.publish_write(a_write(correlation_id=str(number)))
            await grid.idle()
        orders.append([event["data"]["correlationId"] for event in endpoint.events])

    assert orders[0] == orders[1] != ["0", "1", "2", "3"]


async def test_events_go_to_https_endpoints_too(tmp_path: Path) -> None:
    certificates = ensure_certificates(tmp_path)
    got: list[Any] = []

    async def answer(request: web.Request) -> web.Response:
        got.append(await request.json())
        code = got[0][0]["data"].get("validationCode")
        return web.json_response({"validationResponse": code})

    app = web.Application()
    app.add_routes([web.post("/", answer)])
    trust = ssl.create_default_context(cafile=certificates.ca)
    async with (
        listen(app, tls=certificates.server_context()) as url,
        EventGrid(trust=trust) as grid,
    ):
        await grid.subscribe(a_subscription(f"{url}/"))
        grid.publish_write(a_write())
        await grid.idle()

    assert len(got) == 2
