"""The Event Grid webhook, for both schemas."""

import io
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.sandbox.functions_host.hosts import APPS, Host, hosted

NOTIFICATION = {"aeg-event-type": "Notification"}


@pytest.fixture(scope="module")
async def host() -> AsyncIterator[Host]:
    async with hosted(APPS / "events") as running:
        yield running


def an_event(id_: str) -> dict[str, Any]:
    return {
        "id": id_,
        "topic": "/subscriptions/s",
        "subject": "/a/b",
        "eventType": "Microsoft.Resources.ResourceWriteSuccess",
        "eventTime": "2026-11-23T06:20:30.1234567Z",
        "data": {"status": "Succeeded"},
        "dataVersion": "2",
        "metadataVersion": "1",
    }


def a_cloud_event(id_: str) -> dict[str, Any]:
    return {
        "id": id_,
        "source": "/subscriptions/s",
        "subject": "/a/b",
        "type": "Microsoft.Resources.ResourceWriteSuccess",
        "time": "2026-11-23T06:20:30Z",
        "specversion": "1.0",
        "data": {},
    }


def validation(data: Any) -> dict[str, Any]:
    return an_event("v") | {"data": data}


async def post(
    host: Host, function: str, body: Any, headers: dict[str, str], kind: str = "application/json"
) -> tuple[int, str]:
    text = body if isinstance(body, str) else json.dumps(body)
    status, answer, _ = await host.request(
        "POST",
        host.process.event_grid_url(function),
        data=io.BytesIO(text.encode()),
        headers=headers | {"Content-Type": kind},
    )
    return status, answer


@pytest.mark.parametrize(
    ("body", "kind", "expected"),
    [
        ([an_event("1")], "application/json; charset=utf-8", ["EventGridEvent"]),
        (an_event("1"), "application/json", ["EventGridEvent"]),
        (a_cloud_event("1"), "application/cloudevents+json", ["CloudEvent"]),
        (
            [a_cloud_event("1"), a_cloud_event("2")],
            "application/cloudevents-batch+json; charset=utf-8",
            ["CloudEvent", "CloudEvent"],
        ),
    ],
)
async def test_each_event_is_one_invocation(
    host: Host, body: Any, kind: str, expected: list[str]
) -> None:
    before = len(await host.json("/api/seen"))

    status, _ = await post(host, "on_event", body, NOTIFICATION, kind)

    seen = await host.json(f"/api/seen?count={before + len(expected)}")
    assert status == 202
    assert [event["kind"] for event in seen[before:]] == expected


async def test_an_event_reaches_a_text_parameter_unchanged(host: Host) -> None:
    before = len(await host.json("/api/seen"))

    await post(host, "on_text", [an_event("ä")], NOTIFICATION)

    assert (await host.json("/api/seen"))[before:] == [an_event("ä")]


async def test_one_failed_event_fails_the_whole_delivery(host: Host) -> None:
    before = len(await host.json("/api/seen"))
    body = [an_event("good"), an_event("bad"), an_event("late")]

    status, text = await post(host, "on_trouble", body, NOTIFICATION)

    assert status == 500
    assert text == "Exception while executing function: Functions.on_trouble"
    assert len(await host.json("/api/seen")) == before + 3


@pytest.mark.parametrize(
    "body",
    [
        [validation({"validationCode": "c-1", "validationUrl": "https://x"})],
        validation(json.dumps({"validationCode": "c-1"})),  # CloudEvents: data is a string
    ],
)
async def test_the_subscription_handshake_is_echoed(host: Host, body: Any) -> None:
    headers = {"Aeg-Event-Type": "subscriptionvalidation"}

    status, text = await post(host, "on_text", body, headers)

    assert (status, json.loads(text)) == (200, {"validationResponse": "c-1"})


@pytest.mark.parametrize(
    ("asked", "allowed"),
    [
        ("eventgrid.azure.net", "eventgrid.azure.net"),
        ("eventgrid.azure.cn", "eventgrid.azure.cn"),
        ("evil.example", "eventgrid.azure.net"),
        (None, "eventgrid.azure.net"),
    ],
)
async def test_the_cloud_events_handshake_allows_the_origin(
    host: Host, asked: str | None, allowed: str
) -> None:
    headers = {} if asked is None else {"WebHook-Request-Origin": asked}

    status, _, response = await host.request(
        "OPTIONS", host.process.event_grid_url("on_text"), headers=headers
    )

    assert (status, response.headers["WebHook-Allowed-Origin"]) == (200, allowed)


@pytest.mark.parametrize(
    ("function", "body", "headers", "status"),
    [
        ("on_text", [], NOTIFICATION, 202),
        ("on_text", "not json", NOTIFICATION, 500),
        ("on_text", '"text"', NOTIFICATION, 500),
        ("on_text", [], {"aeg-event-type": "Unsubscribe"}, 202),
        ("on_text", [an_event("1")], {}, 400),
        ("on_text", [], {"aeg-event-type": "Other"}, 400),
        ("ON_TEXT", [], NOTIFICATION, 404),
        ("seen", [], NOTIFICATION, 404),
        ("on_text", [], {"aeg-event-type": "SubscriptionValidation"}, 500),
    ],
)
async def test_other_deliveries_are_answered(
    host: Host, function: str, body: Any, headers: dict[str, str], status: int
) -> None:
    assert (await post(host, function, body, headers))[0] == status


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/RUNTIME/Webhooks/eventGRID?functionName=on_text&code={key}", 202),
        ("/runtime/webhooks/eventgrid?functionName=on_text", 401),
        ("/runtime/webhooks/eventgrid?functionName=on_text&code=wrong", 401),
        ("/runtime/webhooks/blobs?functionName=on_text&code={key}", 404),
    ],
)
async def test_the_webhook_needs_its_system_key(host: Host, path: str, status: int) -> None:
    url = path.format(key=host.process.ready.event_grid_key)

    assert (await host.request("POST", url, data=b"[]", headers=NOTIFICATION))[0] == status


async def test_an_event_of_one_megabyte_is_the_senders_limit_not_ours(host: Host) -> None:
    event = an_event("big") | {"data": {"text": "x" * 2_000_000}}

    assert (await post(host, "on_text", [event], NOTIFICATION))[0] == 202


async def test_admin_runs_an_event_function(host: Host) -> None:
    before = len(await host.json("/api/seen"))
    body = {"input": json.dumps(an_event("manual"))}

    await host.request("POST", "/admin/functions/on_text", json=body, headers=host.admin())

    assert (await host.json(f"/api/seen?count={before + 1}"))[-1] == an_event("manual")
