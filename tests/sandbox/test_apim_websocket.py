"""WebSocket APIs and their one operation."""

from typing import Any

import pytest

from sandbox.arm.apim.call import ApimOptions
from tests.sandbox.apim_client import (
    API,
    OPERATION,
    Apim,
    a_document,
    a_policy,
    details,
    local_apim,
)

SOCKET = {
    "displayName": "Realtime",
    "path": "realtime",
    "type": "websocket",
    "protocols": ["wss"],
    "serviceUrl": "wss://a.openai.azure.com/openai/realtime",
}
HANDSHAKE = "apis/rt/operations/onHandshake"


async def test_the_service_makes_the_handshake_operation(apim: Apim) -> None:
    made = await apim.must("apis/rt", SOCKET)

    operation = await apim.get("APIS/RT/operations/ONHANDSHAKE/")
    assert made["properties"]["type"] == "websocket"
    assert made["properties"]["serviceUrl"] == SOCKET["serviceUrl"]
    assert await apim.names("apis/rt/operations") == ["onHandshake"]
    assert operation.body["name"] == "onHandshake"
    assert operation.body["properties"]["method"] == "GET"


@pytest.mark.parametrize("members", [{"type": None, "apiType": "websocket"}, {"protocols": None}])
async def test_samples_say_the_type_in_two_ways(apim: Apim, members: dict[str, Any]) -> None:
    made = await apim.must("apis/rt", SOCKET | members)

    assert made["properties"]["type"] == "websocket"
    assert made["properties"]["protocols"] == ["wss"]


@pytest.mark.parametrize(
    ("properties", "target"),
    [
        (SOCKET | {"serviceUrl": "https://a.openai.azure.com"}, "serviceUrl"),
        (SOCKET | {"serviceUrl": None}, "serviceUrl"),
        (SOCKET | {"protocols": ["wss", "https"]}, "protocols"),
        (SOCKET | {"format": "openapi+json", "value": a_document("one")}, "format"),
        (API | {"protocols": ["wss"]}, "protocols"),
    ],
)
async def test_type_protocols_and_url_fit_together(
    apim: Apim, properties: dict[str, Any], target: str
) -> None:
    assert details(await apim.put("apis/rt", properties))[0][0] == target
    assert await apim.names("apis") == []


async def test_an_api_keeps_its_type(apim: Apim) -> None:
    await apim.must("apis/rt", SOCKET)

    changed = await apim.put("apis/rt", API | {"type": "http"})
    silent = await apim.must("apis/rt", SOCKET | {"type": None, "displayName": "Other"})

    assert details(changed)[0][0] == "type"
    assert silent["properties"]["type"] == "websocket"
    assert await apim.names("apis/rt/operations") == ["onHandshake"]


async def test_consumption_has_no_websocket_apis() -> None:
    async with local_apim(sku="Consumption") as apim:
        answer = await apim.put("apis/rt", SOCKET)

    assert "Consumption" in details(answer)[0][1]


@pytest.mark.parametrize(
    ("method", "tail"),
    [
        ("PUT", HANDSHAKE),
        ("PATCH", HANDSHAKE),
        ("DELETE", HANDSHAKE),
        ("PUT", "apis/rt/operations/other"),
    ],
)
async def test_the_operation_stays_alone_and_as_it_is(apim: Apim, method: str, tail: str) -> None:
    await apim.must("apis/rt", SOCKET)
    before = await apim.get(HANDSHAKE)

    answer = await apim.call(method, tail, body={"properties": OPERATION})

    assert answer.status == 400
    assert (await apim.get(HANDSHAKE)).body == before.body
    assert await apim.names("apis/rt/operations") == ["onHandshake"]


async def test_policies_belong_to_the_handshake(apim: Apim) -> None:
    await apim.must("apis/rt", SOCKET)

    at_api = await apim.put("apis/rt/policies/policy", a_policy())
    await apim.must(f"{HANDSHAKE}/policies/policy", a_policy())
    unfit = await apim.put(
        f"{HANDSHAKE}/policies/policy", a_policy("<set-body>x</set-body>") | {"format": "xml"}
    )

    assert details(at_api)[0][0] == "scope"
    assert "not supported by the onHandshake operation" in details(unfit)[0][1]


async def test_the_operation_counts_against_the_quota() -> None:
    async with local_apim(ApimOptions("inline", quotas={"apis/operations": 1})) as apim:
        await apim.must("apis/rt", SOCKET)
        answer = await apim.put("apis/two", SOCKET | {"path": "two"})
        again = await apim.put("apis/rt", SOCKET)

    assert "maximum number" in details(answer)[0][1]
    assert again.status == 200


async def test_a_revision_has_the_operation_too(apim: Apim) -> None:
    await apim.must("apis/rt", SOCKET)

    made = await apim.must("apis/rt;rev=2", {"sourceApiId": "/apis/rt", "path": "realtime"})

    assert made["properties"]["type"] == "websocket"
    assert await apim.names("apis/rt;rev=2/operations") == ["onHandshake"]


async def test_the_operation_goes_with_its_api(apim: Apim) -> None:
    await apim.must("apis/rt", SOCKET)

    assert (await apim.delete("apis/rt")).status in (200, 202)
    assert (await apim.get(HANDSHAKE)).status == 404
