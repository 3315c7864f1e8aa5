import io
import json
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from azure.core.credentials import AzureKeyCredential, AzureSasCredential
from azure.core.exceptions import ClientAuthenticationError
from azure.core.messaging import CloudEvent
from azure.eventgrid import EventGridEvent, generate_sas
from azure.eventgrid.aio import EventGridPublisherClient
from azure.identity.aio import DefaultAzureCredential

from sandbox.event_grid.emulator import EventGrid
from sandbox.event_grid.events import Schema
from sandbox.event_grid.options import DEFAULT_TOPIC_KEY
from sandbox.event_grid.subscriptions import Subscription, Webhook
from sandbox.identity import create_app, environment
from sandbox.processes import listen
from sandbox.tls import ensure_certificates
from sandbox.tokens import Directory, Identity, issue_token
from tests.sandbox.event_grid import SUBSCRIPTION, a_write
from tests.sandbox.event_receiver import receiver

_TOPIC = f"{SUBSCRIPTION}/resourceGroups/rg-ai/providers/Microsoft.EventGrid/topics/outcomes"


@pytest.fixture
async def grid() -> AsyncIterator[EventGrid]:
    async with EventGrid() as running:
        yield running


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


def _endpoint(grid: EventGrid) -> str:
    return f"{grid.url}/topics/outcomes/api/events"


def _an_event() -> EventGridEvent:
    return EventGridEvent(
        subject="/units/contoso", event_type="Onramp.Reconciled", data={"a": 1}, data_version="1"
    )


def _a_cloud_event() -> CloudEvent[Any]:
    return CloudEvent(source="/onramp", type="Onramp.Reconciled", data={"a": 1})


async def _published(grid: EventGrid, http: aiohttp.ClientSession) -> list[dict[str, Any]]:
    async with http.get(f"{grid.url}/_sandbox/topics/outcomes/events") as reply:
        found: list[dict[str, Any]] = await reply.json()
        return found


async def test_the_real_publisher_sends_event_grid_events(
    grid: EventGrid, http: aiohttp.ClientSession
) -> None:
    key = AzureKeyCredential(DEFAULT_TOPIC_KEY)
    async with EventGridPublisherClient(_endpoint(grid), key) as client:
        await client.send([_an_event(), _an_event()])

    first, _ = await _published(grid, http)
    assert (first["eventType"], first["data"], first["topic"], first["metadataVersion"]) == (
        "Onramp.Reconciled",
        {"a": 1},
        "/topics/outcomes",
        "1",
    )


async def test_the_real_publisher_sends_cloud_events(
    grid: EventGrid, http: aiohttp.ClientSession
) -> None:
    key = AzureKeyCredential(DEFAULT_TOPIC_KEY)
    async with EventGridPublisherClient(_endpoint(grid), key) as client:
        await client.send(_a_cloud_event())

    (event,) = await _published(grid, http)
    assert (event["specversion"], event["type"]) == ("1.0", "Onramp.Reconciled")


async def test_a_shared_access_signature_is_as_good_as_the_key(
    grid: EventGrid, http: aiohttp.ClientSession
) -> None:
    sas = generate_sas(_endpoint(grid), DEFAULT_TOPIC_KEY, datetime.now(UTC) + timedelta(hours=1))
    async with EventGridPublisherClient(_endpoint(grid), AzureSasCredential(sas)) as client:
        await client.send(_an_event())

    assert len(await _published(grid, http)) == 1


@pytest.mark.parametrize(
    ("key", "hours"),
    [(DEFAULT_TOPIC_KEY, -1), ("d3Jvbmc=", 1)],
    ids=["expired", "signed with another key"],
)
async def test_a_wrong_signature_is_refused(grid: EventGrid, key: str, hours: int) -> None:
    sas = generate_sas(_endpoint(grid), key, datetime.now(UTC) + timedelta(hours=hours))
    async with EventGridPublisherClient(_endpoint(grid), AzureSasCredential(sas)) as client:
        with pytest.raises(ClientAuthenticationError):
            await client.send(_an_event())


async def test_a_wrong_key_is_refused(grid: EventGrid) -> None:
    async with EventGridPublisherClient(_endpoint(grid), AzureKeyCredential("x")) as client:
        with pytest.raises(ClientAuthenticationError):
            await client.send(_an_event())


def _token(audience: str, lifetime_s: int) -> str:
    identity = Identity("client", "principal")
    now = int(time.time())
    return issue_token(
        Directory((identity,)), identity, audience=audience, now=now, lifetime_s=lifetime_s
    )


_GOOD = {
    "id": "1",
    "subject": "s",
    "eventType": "t",
    "eventTime": "2026-11-20T09:14:32Z",
    "dataVersion": "1",
    "data": {},
}
_CLOUD = {"id": "1", "source": "s", "type": "t", "specversion": "1.0"}
_KEY = {"aeg-sas-key": DEFAULT_TOPIC_KEY, "Content-Type": "application/json"}
_BATCH = _KEY | {"Content-Type": "application/cloudevents-batch+json"}
_SINGLE = _KEY | {"Content-Type": "application/cloudevents+json"}


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        (_KEY, [_GOOD], 200),
        (_BATCH, [_CLOUD], 200),
        (_SINGLE, _CLOUD, 200),
        ({}, [_GOOD], 401),
        ({"Authorization": f"Bearer {_token('https://eventgrid.azure.net', 9999)}"}, [_GOOD], 200),
        ({"Authorization": f"Bearer {_token('https://eventgrid.azure.net', -60)}"}, [_GOOD], 401),
        ({"Authorization": f"Bearer {_token('https://management.azure.com', 3600)}"}, [_GOOD], 401),
        ({"Authorization": "Bearer rubbish"}, [_GOOD], 401),
        (_KEY, _GOOD, 400),
        (_KEY, ["x"], 400),
        (_KEY, [{**_GOOD, "id": ""}], 400),
        (_KEY, [{**_GOOD, "metadataVersion": "2"}], 400),
        (_BATCH, [_GOOD], 400),
        (_KEY, [{**_GOOD, "data": "x" * 1_048_576}], 413),
    ],
)
async def test_publishing_is_strict(
    grid: EventGrid,
    http: aiohttp.ClientSession,
    headers: dict[str, str],
    body: Any,
    status: int,
) -> None:
    url = f"{_endpoint(grid)}?api-version=2018-01-01"
    async with http.post(url, headers=headers, data=io.BytesIO(json.dumps(body).encode())) as reply:
        answer = await reply.text()

    assert reply.status == status
    assert (answer == "") is (status == 200)
    assert len(await _published(grid, http)) == (1 if status == 200 else 0)


async def test_publishing_needs_an_api_version(
    grid: EventGrid, http: aiohttp.ClientSession
) -> None:
    async with http.post(_endpoint(grid), headers=_KEY, json=[_GOOD]) as reply:
        assert reply.status == 400


async def test_events_of_a_topic_reach_its_subscription(
    grid: EventGrid, http: aiohttp.ClientSession
) -> None:
    async with receiver() as endpoint:
        await grid.subscribe(Subscription("outcomes", _TOPIC, Webhook(endpoint.url)))
        grid.publish("Outcomes", [_GOOD])
        grid.publish("other", [_GOOD])
        grid.publish_write(a_write())
        async with http.get(f"{grid.url}/_sandbox/idle") as reply:
            assert reply.status == 200

    assert endpoint.events == [_GOOD]


@pytest.mark.parametrize("schema", list(Schema))
@pytest.mark.parametrize("body", [b"not json", b"[]", b'"x"', b'{"specversion": 7}', b""])
async def test_anything_can_be_injected(
    grid: EventGrid, http: aiohttp.ClientSession, schema: Schema, body: bytes
) -> None:
    async with receiver() as endpoint:
        target = Subscription("target", SUBSCRIPTION, Webhook(endpoint.url), schema=schema)
        await grid.subscribe(target)
        async with http.post(f"{grid.url}/_sandbox/publish", data=body) as reply:
            assert await reply.json() == {"subscriptions": 1}
        await grid.idle()

    (got,) = endpoint.received
    is_json = body not in {b"not json", b""}
    wrapped = b"[" + body + b"]" if is_json and schema is Schema.EVENT_GRID else body
    assert got.body == wrapped


async def test_injecting_can_choose_the_subscription(
    grid: EventGrid, http: aiohttp.ClientSession
) -> None:
    url = f"{grid.url}/_sandbox/publish?subscription=nobody"
    async with http.post(url, json={}) as reply:
        assert await reply.json() == {"subscriptions": 0}


async def test_the_log_of_attempts_can_be_read(
    grid: EventGrid, http: aiohttp.ClientSession
) -> None:
    async with receiver() as endpoint:
        await grid.subscribe(Subscription("one", SUBSCRIPTION, Webhook(endpoint.url)))
        await grid.subscribe(Subscription("two", SUBSCRIPTION, Webhook(endpoint.url)))
        grid.publish_write(a_write())
        await grid.idle()
    async with http.get(f"{grid.url}/_sandbox/deliveries?subscription=two") as reply:
        (attempt,) = await reply.json()
    async with http.get(f"{grid.url}/_sandbox/subscriptions") as reply:
        names = [each["name"] for each in await reply.json()]

    assert {key: attempt[key] for key in ("subscription", "attempt", "status", "fate")} == {
        "subscription": "two",
        "attempt": 1,
        "status": 200,
        "fate": "delivered",
    }
    assert names == ["one", "two"]


@pytest.mark.parametrize("code", ["", "guess"])
async def test_a_guessed_validation_code_validates_nothing(
    grid: EventGrid, http: aiohttp.ClientSession, code: str
) -> None:
    async with http.get(f"{grid.url}/eventsubscriptions/x/validate?id={code}") as reply:
        assert reply.status == 400


async def test_a_managed_identity_publishes_over_https(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificates = ensure_certificates(tmp_path)
    assigned = Identity("client", "principal")
    directory = Directory((), system_assigned=assigned)
    for name in ("AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_TOKEN_CREDENTIALS"):
        monkeypatch.delenv(name, raising=False)
    async with (
        listen(create_app(directory)) as identity,
        EventGrid(tls=certificates.server_context()) as grid,
    ):
        for name, value in environment(identity, directory).items():
            monkeypatch.setenv(name, value)
        async with (
            DefaultAzureCredential() as credential,
            EventGridPublisherClient(
                _endpoint(grid), credential, connection_verify=str(certificates.ca)
            ) as client,
        ):
            await client.send(_a_cloud_event())

        assert [each["type"] for each in grid.topic_events("outcomes")] == ["Onramp.Reconciled"]
