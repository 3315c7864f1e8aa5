"""What happens to an event that an endpoint did not take: tried again, put off or dropped."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from aiohttp import web

from sandbox.event_grid.emulator import EventGrid
from sandbox.event_grid.options import Options
from sandbox.event_grid.subscriptions import RetryPolicy, Webhook
from sandbox.processes import listen
from tests.sandbox.event_grid import FAST, a_subscription, a_write, fates
from tests.sandbox.event_receiver import receiver


@pytest.mark.parametrize("status", [200, 201, 202, 203, 204])
async def test_success_is_final(status: int) -> None:
    async with receiver(status) as endpoint, EventGrid(options=FAST) as grid:
        await grid.subscribe(a_subscription(endpoint))
        grid.publish_write(a_write())
        await grid.idle()

        assert fates(grid) == [(status, "delivered")]


@pytest.mark.parametrize("status", [206, 301, 404, 408, 409, 429, 500, 503])
async def test_another_status_is_tried_again(status: int) -> None:
    async with (
        receiver(lambda n: status if n == 1 else 200) as endpoint,
        EventGrid(options=FAST) as grid,
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
    async with receiver(status) as endpoint, EventGrid(options=FAST) as grid:
        destination = Webhook(endpoint.url, azure_resource=azure_resource)
        await grid.subscribe(a_subscription(endpoint, destination=destination))
        grid.publish_write(a_write())
        await grid.idle()

        assert fates(grid)[0] == (status, expected)


async def test_the_number_of_attempts_is_limited() -> None:
    async with receiver(500) as endpoint, EventGrid(options=FAST) as grid:
        await grid.subscribe(a_subscription(endpoint, retry=RetryPolicy(max_attempts=3)))
        grid.publish_write(a_write())
        await grid.idle()

        assert [each.fate for each in grid.deliveries] == ["retry", "retry", "drop"]
        assert grid.deliveries[-1].reason == "MaxDeliveryAttemptsExceeded"


async def test_half_an_hour_to_live_means_six_attempts() -> None:
    # The documentation's own example (delivery-and-retry#retry-policy).
    policy = RetryPolicy(time_to_live=timedelta(minutes=30))
    async with receiver(500) as endpoint, EventGrid(options=FAST) as grid:
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
    options = replace(FAST, response_timeout_s=0.05)
    async with listen(app) as url, EventGrid(options=options) as grid:
        # Past the handshake, which waits 30 seconds whatever the option says.
        subscription = a_subscription(f"{url}/", retry=RetryPolicy(max_attempts=1))
        grid._delivery.dispatch(subscription, {"id": "1"})
        await grid.idle()
        release.set()

        assert [(each.outcome, each.fate) for each in grid.deliveries] == [("TimedOut", "drop")]


async def test_a_closed_port_is_tried_again() -> None:
    async with EventGrid(options=FAST) as grid:
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
    # Probation lasts 5 minutes after a 404 and 10 seconds after a 500: here 30 seconds and one.
    options = Options(time_scale=0.1, probation_after=1)
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
        while len(grid.deliveries) < 4:  # noqa: ASYNC110
            await asyncio.sleep(0.01)

        later = [(each.subscription, each.fate) for each in grid.deliveries[2:]]
    assert later == [("busy", "delivered")] * 2


async def test_failures_with_successes_between_are_no_reason_for_probation() -> None:
    options = replace(FAST, probation_after=2)
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
    async with receiver(500) as endpoint, EventGrid(options=FAST) as grid:
        subscription = a_subscription(endpoint)
        await grid.subscribe(subscription)
        grid.publish_write(a_write())
        grid.unsubscribe(subscription)
        await grid.idle()

    assert endpoint.received == []
