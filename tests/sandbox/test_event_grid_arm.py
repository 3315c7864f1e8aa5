"""Event Grid's resources on the local ARM, and an ARM write that becomes an event."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from aiohttp import ClientSession

from sandbox.arm.compose import arm_app
from sandbox.arm.server import Options as ArmOptions
from sandbox.arm.server import serve
from sandbox.event_grid.arm_provider import EventGridProvider
from sandbox.event_grid.emulator import EventGrid
from sandbox.event_grid.options import Options
from tests.sandbox.arm_client import ACCOUNT, GROUP, RESOURCES, SUB, Answer, Arm, a_world
from tests.sandbox.event_receiver import Receiver, receiver

_VERSION = "2025-02-15"
_TOPIC = f"{GROUP}/providers/Microsoft.EventGrid/systemTopics/subscription-events"
_NESTED = f"{_TOPIC}/eventSubscriptions/onramp"
_EXTENSION = f"{SUB}/providers/Microsoft.EventGrid/eventSubscriptions/onramp"
_CUSTOM = f"{GROUP}/providers/Microsoft.EventGrid/topics/outcomes"
_TOPIC_BODY = {
    "location": "global",
    "identity": {"type": "SystemAssigned"},
    "properties": {"source": SUB, "topicType": "Microsoft.Resources.Subscriptions"},
}
_DEPLOYMENT = {
    "sku": {"name": "GlobalStandard", "capacity": 1},
    "properties": {"model": {"format": "OpenAI", "name": "gpt-4o", "version": "2024-11-20"}},
}
_WRITE = "Microsoft.CognitiveServices/accounts/deployments/write"
_FILTER = {
    "includedEventTypes": ["Microsoft.Resources.ResourceWriteSuccess"],
    "advancedFilters": [
        {
            "operatorType": "StringIn",
            "key": "data.operationName",
            "values": [_WRITE],
        }
    ],
}


@dataclass(frozen=True, slots=True)
class Azure:
    arm: Arm
    grid: EventGrid

    async def call(self, method: str, path: str, body: Any = None) -> Answer:
        return await self.arm.call(method, path, _VERSION, body=body)

    async def subscribe(self, path: str, endpoint: Receiver | str, **properties: Any) -> Answer:
        url = endpoint if isinstance(endpoint, str) else endpoint.url
        destination = {"endpointType": "WebHook", "properties": {"endpointUrl": url}}
        body = {"properties": {"destination": destination, **properties}}
        answer = await self.call("PUT", path, body)
        while answer.status < 300 and _state(answer) in {"Creating", "Updating"}:
            await asyncio.sleep(0.01)
            answer = await self.call("GET", path)
        return answer

    async def deploy(self) -> None:
        name = f"{ACCOUNT}/deployments/another"
        assert (await self.arm.call("PUT", name, body=_DEPLOYMENT)).status == 201
        await self.grid.idle()


def _state(answer: Answer) -> str:
    return str(answer.body["properties"]["provisioningState"])


@pytest.fixture
async def azure() -> AsyncIterator[Azure]:
    async with EventGrid(options=Options(manual_validation_s=0.05)) as grid:
        app = arm_app(
            a_world(),
            options=ArmOptions(on_write=grid.publish_write),
            extra=[lambda context: EventGridProvider(context, grid)],
        )
        async with serve(app) as serving, ClientSession() as session:
            yield Azure(Arm(serving.base_url, serving.door, session), grid)


async def test_a_deployment_raises_an_event_through_a_system_topic(azure: Azure) -> None:
    async with receiver() as endpoint:
        topic = await azure.call("PUT", _TOPIC, _TOPIC_BODY)
        created = await azure.subscribe(_NESTED, endpoint, filter=_FILTER)
        await azure.deploy()

    assert (topic.status, topic.body["identity"]["type"]) == (201, "SystemAssigned")
    assert _state(created) == "Succeeded"
    assert created.body["properties"]["topic"] == _TOPIC
    (event,) = endpoint.events
    assert event["topic"] == SUB
    assert event["data"]["operationName"] == _WRITE


async def test_an_event_subscription_can_be_an_extension_of_a_subscription(azure: Azure) -> None:
    async with receiver() as endpoint:
        created = await azure.subscribe(_EXTENSION, endpoint, filter=_FILTER)
        await azure.deploy()

    assert (_state(created), created.body["properties"]["topic"]) == ("Succeeded", SUB)
    assert len(endpoint.events) == 1


async def test_a_get_hides_the_key_in_the_url_and_a_post_shows_it(azure: Azure) -> None:
    async with receiver() as endpoint:
        created = await azure.subscribe(_EXTENSION, endpoint)
        full = await azure.call("POST", f"{_EXTENSION}/getFullUrl")

    destination = created.body["properties"]["destination"]["properties"]
    assert destination["endpointBaseUrl"] == endpoint.url.partition("?")[0]
    assert "secret" not in str(created.body)
    assert full.body == {"endpointUrl": endpoint.url}


async def test_a_failed_handshake_fails_the_subscription(azure: Azure) -> None:
    created = await azure.subscribe(_EXTENSION, f"{azure.arm.base_url}/nothing")

    assert _state(created) == "Failed"
    assert azure.grid.subscriptions == ()


async def test_deleting_a_topic_ends_its_deliveries(azure: Azure) -> None:
    async with receiver() as endpoint:
        await azure.call("PUT", _TOPIC, _TOPIC_BODY)
        await azure.subscribe(_NESTED, endpoint)
        deleted = await azure.call("DELETE", _TOPIC)
        await azure.deploy()

        assert (deleted.status, endpoint.received) == (200, [])
        assert (await azure.call("GET", _NESTED)).status == 404
        assert (await azure.call("DELETE", _TOPIC)).status == 204


async def test_a_deleted_resource_group_ends_deliveries_too(azure: Azure) -> None:
    group = f"{SUB}/resourceGroups/rg-events"
    topic = f"{group}/providers/Microsoft.EventGrid/systemTopics/subscription-events"
    async with receiver() as endpoint:
        await azure.arm.call("PUT", group, RESOURCES, body={"location": "westeurope"})
        await azure.call("PUT", topic, _TOPIC_BODY)
        await azure.subscribe(f"{topic}/eventSubscriptions/onramp", endpoint, filter=_FILTER)
        await azure.arm.call("DELETE", group, RESOURCES)
        await azure.deploy()

    assert endpoint.received == []


async def test_an_update_replaces_the_filter_and_asks_the_endpoint_again(azure: Azure) -> None:
    async with receiver() as endpoint:
        await azure.subscribe(_EXTENSION, endpoint, filter=_FILTER)
        change = {"filter": {"subjectEndsWith": "/nothing"}}
        updated = await azure.call("PATCH", _EXTENSION, change)
        while _state(updated) == "Updating":
            await asyncio.sleep(0.01)
            updated = await azure.call("GET", _EXTENSION)
        await azure.deploy()

    assert (len(endpoint.handshakes), len(endpoint.received)) == (2, 0)
    assert updated.body["properties"]["filter"]["subjectEndsWith"] == "/nothing"


async def test_collections_list_what_was_made(azure: Azure) -> None:
    await azure.call("PUT", _TOPIC, _TOPIC_BODY)
    async with receiver() as endpoint:
        await azure.subscribe(_NESTED, endpoint)
        await azure.subscribe(_EXTENSION, endpoint)

    for collection, expected in (
        (f"{GROUP}/providers/Microsoft.EventGrid/systemTopics", _TOPIC),
        (f"{SUB}/providers/Microsoft.EventGrid/systemTopics", _TOPIC),
        (f"{_TOPIC}/eventSubscriptions", _NESTED),
        (f"{SUB}/providers/Microsoft.EventGrid/eventSubscriptions", _EXTENSION),
    ):
        listed = await azure.call("GET", collection)
        assert [each["id"] for each in listed.body["value"]] == [expected]


async def test_a_custom_topic_has_an_endpoint_and_keys(azure: Azure) -> None:
    topic = await azure.call("PUT", _CUSTOM, {"location": "westeurope"})
    keys = await azure.call("POST", f"{_CUSTOM}/listKeys")
    event = {"id": "1", "subject": "s", "eventType": "t", "eventTime": "2026-11-20T09:14:32Z"}
    url = f"{topic.body['properties']['endpoint']}?api-version=2018-01-01"
    headers = {"aeg-sas-key": keys.body["key1"]}
    async with azure.arm.session.post(url, json=[event], headers=headers) as published:
        assert published.status == 200

    assert [each["id"] for each in azure.grid.topic_events("outcomes")] == ["1"]


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        (_TOPIC, {**_TOPIC_BODY, "location": "westeurope"}, "InvalidRequest"),
        (_TOPIC, {"location": "global", "properties": {}}, "InvalidRequest"),
        (_CUSTOM, {}, "LocationRequired"),
        (_NESTED, {"properties": {}}, "ParentResourceNotFound"),
        (_EXTENSION, {"properties": {}}, "InvalidRequest"),
        (
            _EXTENSION,
            {"properties": {"retryPolicy": {"maxDeliveryAttempts": 99}}},
            "InvalidRequest",
        ),
    ],
)
async def test_bad_bodies_are_refused(azure: Azure, path: str, body: Any, code: str) -> None:
    assert (await azure.call("PUT", path, body)).code == code


async def test_a_source_has_one_system_topic(azure: Azure) -> None:
    await azure.call("PUT", _TOPIC, _TOPIC_BODY)

    assert (await azure.call("PUT", f"{_TOPIC}-2", _TOPIC_BODY)).code == "InvalidRequest"
