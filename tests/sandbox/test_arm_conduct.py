import json
from pathlib import Path

import pytest
from aiohttp import ClientError

from sandbox.arm.front_door import Options
from sandbox.arm.latency import Latency
from sandbox.arm.recording import Recorder
from sandbox.arm.throttle import Throttle
from sandbox.contracts import ArmWrite
from tests.sandbox.arm_client import (
    A_DEPLOYMENT,
    ACCOUNT,
    CALLER_ID,
    COGNITIVE,
    DEPLOYMENT,
    RESOURCES,
    SUB,
    Arm,
    local_arm,
)


async def test_throttling_answers_retry_after_when_it_is_enforced() -> None:
    now = [0.0]
    throttle = Throttle(enforced=True, clock=lambda: now[0])
    async with local_arm(options=Options(throttle=throttle)) as arm:
        for _ in range(250):
            assert (await arm.call("GET", SUB, RESOURCES)).status == 200
        refused = await arm.call("GET", SUB, RESOURCES)
        now[0] += 1
        later = await arm.call("GET", SUB, RESOURCES)

    assert (refused.status, refused.headers["Retry-After"]) == (429, "1")
    assert later.status == 200
    assert throttle.overruns["reads"] == 1


async def test_throttling_only_counts_when_it_is_off(arm: Arm) -> None:
    throttle = arm.door.options.throttle
    throttle.clock = lambda: 0.0

    statuses = {(await arm.call("GET", SUB, RESOURCES)).status for _ in range(252)}
    answer = await arm.call("GET", "/_sandbox/requests", None)

    assert statuses == {200}
    assert answer.body["throttled"]["reads"] == throttle.overruns["reads"] > 0


async def test_the_journal_tells_writes_from_reads(arm: Arm) -> None:
    await arm.call("GET", ACCOUNT)
    await arm.call("POST", f"{ACCOUNT}/listKeys")
    await arm.call("PUT", DEPLOYMENT, body=A_DEPLOYMENT)
    before = await arm.call("GET", "/_sandbox/requests", None)
    await arm.call("DELETE", "/_sandbox/requests", None)
    after = await arm.call("GET", "/_sandbox/requests", None)

    assert (before.body["reads"], before.body["writes"]) == (2, 1)
    assert before.body["byPrincipal"][CALLER_ID] == {"reads": 2, "writes": 1}
    assert after.body["log"] == []


async def test_a_recording_has_every_exchange_and_no_secret(tmp_path: Path) -> None:
    file = tmp_path / "record.jsonl"
    async with local_arm(options=Options(recorder=Recorder(file))) as arm:
        keys = await arm.call("POST", f"{ACCOUNT}/listKeys")
        await arm.call("PUT", DEPLOYMENT, body=A_DEPLOYMENT)
        lines = [json.loads(line) for line in file.read_text().splitlines()]

    assert [sorted(line) for line in lines] == [["request", "response"]] * 2
    assert sorted(lines[1]["request"]) == ["body", "headers", "method", "url"]
    assert sorted(lines[1]["response"]) == ["body", "headers", "status"]
    assert lines[0]["response"]["body"] == "REDACTED"
    assert lines[1]["request"]["body"] == A_DEPLOYMENT
    assert lines[1]["request"]["url"].startswith(arm.base_url)
    assert lines[1]["request"]["headers"]["Authorization"] == "REDACTED"
    assert keys.body["key1"] not in file.read_text()
    assert "eyJ" not in file.read_text()


async def test_events_tell_the_request_and_the_end_of_the_operation() -> None:
    writes: list[ArmWrite] = []
    async with local_arm(options=Options(on_write=writes.append)) as arm:
        arm.door.operations.hold("deployments/write")
        path = f"{ACCOUNT}/deployments/second".replace("resourceGroups", "resourcegroups")
        await arm.call("PUT", path, body=A_DEPLOYMENT, headers={"x-ms-client-request-id": "mine"})
        during = len(writes)
        arm.door.operations.release()
        await arm.call("PUT", path, body=A_DEPLOYMENT)
        await arm.call("DELETE", path)
        await arm.call("POST", f"{ACCOUNT}/listKeys")
        await arm.call("PUT", path, body={})

    prefix = "Microsoft.CognitiveServices/accounts"
    assert during == 0
    assert [(it.operation_name, it.status, it.is_create) for it in writes] == [
        (f"{prefix}/deployments/write", "Succeeded", True),
        (f"{prefix}/deployments/write", "Succeeded", False),
        (f"{prefix}/deployments/delete", "Succeeded", False),
        (f"{prefix}/listKeys/action", "Succeeded", False),
        (f"{prefix}/deployments/write", "Failed", False),
    ]
    assert writes[0].resource_id == path
    assert writes[0].url == f"{arm.base_url}{path}?api-version={COGNITIVE}"
    assert writes[0].client_request_id == "mine"
    assert [it.kind for it in writes] == ["Write", "Write", "Delete", "Action", "Write"]


async def test_a_tag_edit_is_an_event_of_the_tagged_resource() -> None:
    writes: list[ArmWrite] = []
    async with local_arm(options=Options(on_write=writes.append)) as arm:
        path = f"{ACCOUNT}/providers/Microsoft.Resources/tags/default"
        await arm.call("PUT", path, RESOURCES, body={"properties": {"tags": {"a": "b"}}})

    assert [(it.resource_id, it.operation_name) for it in writes] == [
        (ACCOUNT, "Microsoft.Resources/tags/write")
    ]


async def test_a_refused_caller_raises_no_event() -> None:
    writes: list[ArmWrite] = []
    async with local_arm(options=Options(on_write=writes.append)) as arm:
        await arm.call("PUT", DEPLOYMENT, body=A_DEPLOYMENT, anonymous=True)

    assert writes == []


@pytest.mark.parametrize(
    ("match", "answer", "status", "code"),
    [
        (
            {"method": "PUT", "path": "/deployments/[^/]+$"},
            {"status": 409, "code": "RequestConflict", "message": "Another operation"},
            409,
            "RequestConflict",
        ),
        (
            {"path": "deployments", "nth": 1},
            {"status": 429, "code": "ResourceRequestsThrottled", "headers": {"Retry-After": "372"}},
            429,
            "ResourceRequestsThrottled",
        ),
        ({"method": ["PUT"]}, {"status": 504, "code": "GatewayTimeout"}, 504, "GatewayTimeout"),
    ],
)
async def test_a_fault_answers_in_place_of_the_service(
    arm: Arm, match: dict[str, object], answer: dict[str, object], status: int, code: str
) -> None:
    arm.door.faults.add(match, answer)

    seen = await arm.call("PUT", f"{ACCOUNT}/deployments/second", body=A_DEPLOYMENT)
    there = await arm.call("GET", f"{ACCOUNT}/deployments/second")

    assert (seen.status, seen.code, there.status) == (status, code, 404)


async def test_a_fault_after_the_effect_loses_only_the_answer(arm: Arm) -> None:
    lost = {"status": 504, "code": "GatewayTimeout", "effect": True}
    arm.door.faults.add({"method": "PUT"}, lost)

    seen = await arm.call("PUT", f"{ACCOUNT}/deployments/second", body=A_DEPLOYMENT)
    there = await arm.call("GET", f"{ACCOUNT}/deployments/second")

    assert (seen.status, there.status) == (504, 200)


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ({"drop": "before"}, 404),
        ({"drop": "after"}, 200),
        ({"timeout": "before", "seconds": 0.01}, 404),
        ({"timeout": "after", "seconds": 0.01}, 200),
    ],
)
async def test_a_cut_connection_happens_before_or_after_the_effect(
    arm: Arm, answer: dict[str, object], status: int
) -> None:
    arm.door.faults.add({"method": "PUT"}, answer)

    with pytest.raises(ClientError):
        await arm.call("PUT", f"{ACCOUNT}/deployments/second", body=A_DEPLOYMENT)

    assert (await arm.call("GET", f"{ACCOUNT}/deployments/second")).status == status


async def test_a_delayed_answer_is_the_real_one(arm: Arm) -> None:
    arm.door.faults.add({}, {"delay": 0.01})

    answer = await arm.call("GET", ACCOUNT)

    assert (answer.status, arm.door.faults.hits) == (200, 1)


async def test_realistic_latency_changes_no_answer() -> None:
    latency = Latency("realistic", scale=0.0005)
    async with local_arm(options=Options(latency=latency)) as arm:
        first = await arm.call("PUT", f"{ACCOUNT}/deployments/second", body=A_DEPLOYMENT)
        operation = first.headers["Azure-AsyncOperation"]
        while (state := (await arm.call("GET", operation)).body["status"]) == "InProgress":
            pass

    assert (first.status, state) == (201, "Succeeded")


async def test_a_failing_operation_looks_fine_at_first(arm: Arm) -> None:
    failure = {"operation": {"code": "InternalServerError", "message": "no"}}
    arm.door.faults.add({"method": "PUT", "count": 1}, failure)

    first = await arm.call("PUT", f"{ACCOUNT}/deployments/second", body=A_DEPLOYMENT)
    status = await arm.call("GET", first.headers["Azure-AsyncOperation"])
    resource = await arm.call("GET", f"{ACCOUNT}/deployments/second")

    assert first.status == 201
    assert (status.body["status"], status.body["error"]["message"]) == ("Failed", "no")
    assert resource.body["properties"]["provisioningState"] == "Failed"


@pytest.mark.parametrize(("how", "count"), [("empty", 0), ("half", 1)])
async def test_a_list_can_silently_miss_items(arm: Arm, how: str, count: int) -> None:
    await arm.call("PUT", f"{ACCOUNT}/deployments/second", body=A_DEPLOYMENT)
    arm.door.faults.add({"path": "/deployments$"}, {"list": how})

    answer = await arm.call("GET", f"{ACCOUNT}/deployments")

    assert (answer.status, len(answer.body["value"])) == (200, count)


async def test_an_empty_page_can_come_before_the_items(arm: Arm) -> None:
    arm.door.faults.add({"path": "/deployments$", "count": 1}, {"list": "empty-page"})

    first = await arm.call("GET", f"{ACCOUNT}/deployments")
    second = await arm.call("GET", first.body["nextLink"])

    assert first.body["value"] == []
    assert [it["name"] for it in second.body["value"]] == ["gpt-4o"]
