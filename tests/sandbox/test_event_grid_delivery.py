"""What arrives at an endpoint, and what does not."""

import ssl
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from sandbox.event_grid.emulator import EventGrid
from sandbox.event_grid.events import Schema
from sandbox.event_grid.filters import parse_filter
from sandbox.processes import listen
from sandbox.tls import ensure_certificates
from tests.sandbox.event_grid import DEPLOYMENT, SUBSCRIPTION, a_subscription, a_write
from tests.sandbox.event_receiver import receiver


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
