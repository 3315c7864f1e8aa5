"""Whoever wants events has to say so first."""

import asyncio
import re
import socket

import aiohttp
import pytest
from aiohttp import web

from sandbox.event_grid.emulator import EventGrid
from sandbox.event_grid.events import Schema
from sandbox.event_grid.handshake import HandshakeError
from sandbox.event_grid.options import Options
from sandbox.processes import HOST, listen
from tests.sandbox.event_grid import a_subscription
from tests.sandbox.event_receiver import receiver


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
    async with EventGrid() as grid:
        with socket.socket() as taken:
            taken.bind((HOST, 0))  # nobody else gets it, and nobody listens
            url = f"http://{HOST}:{taken.getsockname()[1]}/x?code=secret"
            with pytest.raises(HandshakeError) as caught:
                await grid.subscribe(a_subscription(url))

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
