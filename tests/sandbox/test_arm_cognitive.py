import asyncio
import io
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError
from azure.mgmt.cognitiveservices import CognitiveServicesManagementClient as SyncClient
from azure.mgmt.cognitiveservices.aio import CognitiveServicesManagementClient

from sandbox.arm.front_door import Options
from sandbox.world import SUBSCRIPTION
from tests.sandbox.arm_client import (
    ACCOUNT,
    ACCOUNTS,
    AN_ACCOUNT,
    SUB,
    Arm,
    AsyncCredential,
    Credential,
    a_world,
    local_arm,
    sdk_options,
)


def a_deployment(
    model: str = "gpt-4o-mini", capacity: Any = 3, sku: str = "Standard", **model_members: str
) -> dict[str, Any]:
    return {
        "sku": {"name": sku, "capacity": capacity},
        "properties": {"model": {"name": model, "format": "OpenAI"} | model_members},
    }


@pytest.fixture
async def client(arm: Arm) -> AsyncIterator[CognitiveServicesManagementClient]:
    async with CognitiveServicesManagementClient(
        AsyncCredential(), SUBSCRIPTION, **sdk_options(arm.base_url)
    ) as it:
        yield it


def wire(body: Any) -> io.BytesIO:
    """The body as it goes over the wire: SDK models would reshape it."""
    return io.BytesIO(json.dumps(body).encode())


async def test_the_sdk_walks_a_deployment(client: CognitiveServicesManagementClient) -> None:
    it = client.deployments
    where = ("rg-ai", "contoso", "d2")
    made: Any = await (await it.begin_create_or_update(*where, wire(a_deployment()))).result()
    names = [each.name async for each in it.list("rg-ai", "contoso")]
    tagged = await (await it.begin_update(*where, wire({"tags": {"a": "b"}}))).result()
    await (await it.begin_delete("rg-ai", "contoso", "d2")).result()
    rest = [each.name async for each in it.list("rg-ai", "contoso")]

    assert made.properties.provisioning_state == "Succeeded"
    assert made.properties.model.version == "2024-07-18"
    assert made.properties.capabilities["chatCompletion"] == "true"
    assert (names, tagged.tags, rest) == (["gpt-4o", "d2"], {"a": "b"}, ["gpt-4o"])


async def test_the_sync_sdk_walks_an_account(arm: Arm) -> None:
    def walk() -> tuple[Any, list[str | None], Any, list[str | None]]:
        with SyncClient(Credential(), SUBSCRIPTION, **sdk_options(arm.base_url)) as client:
            made = client.accounts.begin_create("rg-ai", "second", wire(AN_ACCOUNT)).result()
            names = [it.name for it in client.accounts.list()]
            keys = client.accounts.list_keys("rg-ai", "second")
            client.accounts.begin_delete("rg-ai", "second").result()
            return made, names, keys, [it.name for it in client.deleted_accounts.list()]

    made, names, keys, gone = await asyncio.to_thread(walk)

    assert made.properties.endpoint == "https://second-sub.openai.azure.com/"
    assert made.properties.provisioning_state == "Succeeded"
    assert made.identity.principal_id
    assert names == ["contoso", "second"]
    assert keys.key1 != keys.key2
    assert gone == ["second"]


async def test_a_deployment_is_creating_until_its_operation_ends(arm: Arm) -> None:
    arm.door.operations.hold("deployments/write")
    path = f"{ACCOUNT}/deployments/d2"

    made = await arm.call("PUT", path, body=a_deployment())
    during = await arm.call("GET", path)
    arm.door.operations.release()
    after = await arm.call("GET", path)

    states = [it.body["properties"]["provisioningState"] for it in (made, during, after)]
    assert (made.status, states) == (201, ["Creating", "Creating", "Succeeded"])
    assert made.body["etag"] != after.body["etag"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "/deployments/d3", a_deployment()),
        ("DELETE", "/deployments/gpt-4o", None),
        ("PATCH", "", {"tags": {"a": "b"}}),
        ("DELETE", "", None),
    ],
)
async def test_two_writes_under_one_account_conflict(
    arm: Arm, method: str, path: str, body: Any
) -> None:
    arm.door.operations.hold("deployments/write")
    await arm.call("PUT", f"{ACCOUNT}/deployments/d2", body=a_deployment())

    refused = await arm.call(method, f"{ACCOUNT}{path}", body=body)
    arm.door.operations.release()
    later = await arm.call(method, f"{ACCOUNT}{path}", body=body)

    assert (refused.status, refused.code) == (409, "RequestConflict")
    assert "is being performed on the parent resource" in refused.body["error"]["message"]
    assert later.status < 300


async def test_the_sdk_waits_for_a_slow_deployment() -> None:
    async with (
        local_arm(options=Options(retry_after_s=0)) as arm,
        CognitiveServicesManagementClient(
            AsyncCredential(), SUBSCRIPTION, **sdk_options(arm.base_url)
        ) as client,
    ):
        arm.door.operations.hold("deployments/write")
        poller = await client.deployments.begin_create_or_update(
            "rg-ai", "contoso", "d2", wire(a_deployment())
        )
        with pytest.raises(ResourceExistsError) as refused:
            await client.deployments.begin_create_or_update(
                "rg-ai", "contoso", "d3", wire(a_deployment())
            )
        waiting = asyncio.create_task(poller.result())
        while not [it for it in arm.door.journal.log if "/operationStatuses/" in it.path]:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        arm.door.operations.release()
        made: Any = await waiting

    assert refused.value.error is not None
    assert refused.value.error.code == "RequestConflict"
    assert made.properties.provisioning_state == "Succeeded"


@pytest.mark.parametrize(
    ("name", "body", "code"),
    [
        ("x", a_deployment(), "InvalidResourceName"),
        ("a b", a_deployment(), "InvalidResourceName"),
        ("d2", a_deployment("gpt-99"), "DeploymentModelNotSupported"),
        ("d2", a_deployment("gpt-4o-mini", version="1999-01-01"), "DeploymentModelNotSupported"),
        ("d2", a_deployment(sku="Fancy"), "InvalidResourceProperties"),
        ("d2", a_deployment(capacity=0), "InvalidResourceProperties"),
        ("d2", a_deployment(capacity="many"), "InvalidResourceProperties"),
        ("d2", {"sku": {"name": "Standard"}}, "InvalidResourceProperties"),
        ("d2", a_deployment("gpt-4o", 100, "GlobalStandard"), "InsufficientQuota"),
        ("d2", [], "InvalidRequestContent"),
    ],
)
async def test_a_bad_deployment_is_refused(name: str, body: Any, code: str) -> None:
    async with local_arm(a_world(quotas={"GlobalStandard.gpt-4o": 100})) as arm:
        answer = await arm.call("PUT", f"{ACCOUNT}/deployments/{name}", body=body)

    assert (answer.status, answer.code) == (400, code)


async def test_quota_counts_a_deployment_once() -> None:
    async with local_arm(a_world(quotas={"GlobalStandard.gpt-4o": 100})) as arm:
        body = a_deployment("gpt-4o", 100, "GlobalStandard")
        same = await arm.call("PUT", f"{ACCOUNT}/deployments/gpt-4o", body=body)
        other = await arm.call("PUT", f"{ACCOUNT}/deployments/d2", body=body)

    assert same.status == 200
    assert "available capacity 0. The current quota usage is 100" in str(other.body)


async def test_accounts_are_listed_by_group_and_by_subscription(arm: Arm) -> None:
    await arm.call("PUT", f"{SUB}/resourceGroups/g2", "2021-04-01", body={"location": "westus"})
    await arm.call("PUT", ACCOUNTS.replace("rg-ai", "g2") + "/second", body=AN_ACCOUNT)

    in_group = await arm.call("GET", ACCOUNTS)
    everywhere = await arm.call("GET", f"{SUB}/providers/Microsoft.CognitiveServices/accounts")

    assert [it["name"] for it in in_group.body["value"]] == ["contoso"]
    assert [it["name"] for it in everywhere.body["value"]] == ["contoso", "second"]


async def test_an_openai_account_serves_openai_models_only() -> None:
    async with local_arm(a_world(accounts=[{"name": "contoso", "kind": "OpenAI"}])) as arm:
        body = a_deployment("Mistral-Large-3", format="Mistral AI")
        answer = await arm.call("PUT", f"{ACCOUNT}/deployments/d2", body=body)

    assert answer.code == "DeploymentModelNotSupported"


@pytest.mark.parametrize(
    ("capacity", "sku", "shown", "limits"),
    [
        ("7", "Standard", 7, {"request": 7, "token": 7000}),
        (7, "GlobalStandard", 7, {"request": 7, "token": 7000}),
        (100, "ProvisionedManaged", 100, {}),
    ],
)
async def test_capacity_becomes_a_number_and_rate_limits(
    arm: Arm, capacity: Any, sku: str, shown: int, limits: dict[str, int]
) -> None:
    body = a_deployment(capacity=capacity, sku=sku)
    answer = await arm.call("PUT", f"{ACCOUNT}/deployments/d2", body=body)

    assert answer.body["sku"] == {"name": sku, "capacity": shown}
    assert {it["key"]: it["count"] for it in answer.body["properties"]["rateLimits"]} == limits


async def test_a_deployment_can_be_paused_and_resumed(arm: Arm) -> None:
    path = f"{ACCOUNT}/deployments/gpt-4o"

    paused = await arm.call("POST", f"{path}/pause", "2026-03-15-preview")
    seen = await arm.call("GET", path)
    resumed = await arm.call("POST", f"{path}/resume", "2026-03-15-preview")

    states = [it.body["properties"]["deploymentState"] for it in (paused, seen, resumed)]
    assert states == ["Paused", "Paused", "Running"]


async def test_deleting_what_is_not_there_is_no_content(arm: Arm) -> None:
    assert (await arm.call("DELETE", f"{ACCOUNT}/deployments/nope")).status == 204
    assert (await arm.call("DELETE", f"{ACCOUNTS}/nope")).status == 204


async def test_models_are_listed_for_an_account_and_a_location(
    client: CognitiveServicesManagementClient,
) -> None:
    account = {it.name async for it in client.accounts.list_models("rg-ai", "contoso")}
    models = [it.model async for it in client.models.list("swedencentral")]
    location = {it.name for it in models if it is not None}

    assert {"gpt-4o", "claude-sonnet-4-6"} <= account == location


async def test_a_deployment_that_is_not_there_raises_as_in_azure(
    client: CognitiveServicesManagementClient,
) -> None:
    with pytest.raises(HttpResponseError) as missing:
        await client.deployments.get("rg-ai", "contoso", "nope")

    assert missing.value.status_code == 404
    assert missing.value.error is not None
    assert missing.value.error.code == "ResourceNotFound"
