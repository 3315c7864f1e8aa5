"""The story of a deployment, and how the app says that it is well."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.scenarios.api import get, post
from tests.stage import Stage, a_stage

BROKEN = {"status": 400, "code": "ValidationError", "message": "Something is wrong with the API"}


@pytest.fixture(scope="module")
async def fresh() -> AsyncIterator[Stage]:
    """An app that has done nothing yet."""
    async with a_stage() as stage:
        yield stage


async def story_of(stage: Stage, account: str, name: str) -> Any:
    return await get(stage, f"deployments/{(await stage.deployment(account, name))['id']}/why")


async def test_the_app_is_degraded_until_it_has_swept(fresh: Stage) -> None:
    before = await get(fresh, "health")
    await fresh.sweep()
    after = await get(fresh, "health")

    assert (before["status"], before["lastSweep"]) == ("degraded", None)
    assert before["problems"] == ["no sweep has run yet"]
    assert (after["status"], after["problems"]) == ("healthy", [])
    assert after["lastSweep"]["at"]
    assert (after["backlog"], after["unfinished"], after["lastError"]) == (0, 0, None)


async def test_the_app_is_unhealthy_when_its_timer_no_longer_runs(fresh: Stage) -> None:
    await fresh.sweep()
    await last_sweep_at(fresh, "2020-01-01T00:00:00Z")

    async with fresh.app.get("/api/health") as response:
        status, found = response.status, await response.json()
    await fresh.sweep()

    assert (status, found["status"]) == (503, "unhealthy")
    assert "does the timer run?" in found["problems"][0]
    assert (await get(fresh, "health"))["status"] == "healthy"


async def test_a_sweep_that_can_not_read_a_source_says_so_in_health(fresh: Stage) -> None:
    fresh.azure.arm.faults.add(
        {"path": "/subscriptions/[^/]+/providers/Microsoft.CognitiveServices/accounts$"},
        {"status": 403, "code": "AuthorizationFailed"},
    )
    await fresh.sweep()
    fresh.azure.arm.faults.clear()

    found = await get(fresh, "health")

    assert found["status"] == "degraded"
    assert "inventory: " in found["problems"][0]
    assert "AuthorizationFailed" in found["problems"][0]


async def test_the_story_of_one_that_was_quarantined_fixed_and_verified(fresh: Stage) -> None:
    account = await fresh.account()
    await fresh.quiet()  # so that it is the deployment's own event that tells of it
    fresh.azure.arm.faults.add({"method": "PUT", "path": "/apis/[^/]+$"}, BROKEN)
    await fresh.deploy(account)
    await fresh.quiet()
    told = await story_of(fresh, account, "gpt-4o")
    assert told["deployment"]["state"] == "quarantined"
    assert told["advice"].startswith("Change what its reason says")
    fresh.azure.arm.faults.clear()

    await fresh.reimport({"account": account})
    told = await story_of(fresh, account, "gpt-4o")

    fixed, failed = told["chapters"]
    assert [it["state"] for it in (fixed, failed)] == ["verified", "quarantined"]
    assert [it["stateBefore"] for it in (fixed, failed)] == ["quarantined", ""]
    assert failed["causes"][-1]["kind"] == "event"
    assert failed["causes"][-1]["deployment"] == "gpt-4o"
    assert {it["status"] for it in failed["writes"]} >= {"rejected"}
    assert "Something is wrong with the API" in failed["reason"]
    assert failed["read"]["deployment"]["model"] == "OpenAI gpt-4o"
    assert failed["decided"]["kind"] == "chat"
    assert fixed["causes"][-1]["kind"] == "reimport"
    assert {it["status"] for it in fixed["writes"]} == {"applied"}
    assert "reimport" in fixed["words"]
    assert told["deployment"]["verifiedAt"]
    for chapter in told["chapters"]:
        run = await get(fresh, f"runs/{chapter['run']}")
        assert run["units"][0]["account"].lower() == account.lower()


async def test_what_was_refused_is_the_last_error_and_on_its_unit(fresh: Stage) -> None:
    account = await fresh.account()
    fresh.azure.arm.faults.add({"method": "PUT", "path": "/apis/[^/]+$"}, BROKEN)
    await fresh.deploy(account)
    await fresh.quiet()
    fresh.azure.arm.faults.clear()

    units = (await get(fresh, "units"))["units"]
    (unit,) = [it for it in units if it["account"].lower() == account.lower()]

    assert len(unit["refused"]) == 2
    assert all("Something is wrong with the API" in it for it in unit["refused"])
    assert (await get(fresh, "health"))["quarantined"] >= 1


async def test_a_run_that_can_not_read_is_the_last_error(fresh: Stage) -> None:
    account = await fresh.account()
    await fresh.quiet()
    fresh.azure.arm.faults.add(
        {"path": f"{account}/deployments$"}, {"status": 403, "code": "AuthorizationFailed"}
    )

    _status, answer = await post(fresh, "reimport", {"account": account})
    await fresh.quiet(but=account)
    await fresh.logged("run ended", run=answer["run"]["id"])
    found = await get(fresh, "health")
    unit = next(it for it in (await get(fresh, "units"))["units"] if it["attempts"])
    fresh.azure.arm.faults.clear()
    await fresh.lose_the_tables()

    assert found["unfinished"] == 1
    assert found["lastError"]["run"] == answer["run"]["id"]
    assert "AuthorizationFailed" in found["lastError"]["message"]
    assert (unit["status"], unit["attempts"]) == ("waiting", 1)
    assert unit["notBefore"]


async def last_sweep_at(stage: Stage, at: str) -> None:
    """As if the last sweep had been then."""
    table = stage.tables.get_table_client("onrampunits")
    entity = dict(await table.get_entity("sweep", "last"))
    now = (await get(stage, "health"))["lastSweep"]["at"]
    await table.upsert_entity({**entity, "sweep": entity["sweep"].replace(now, at)})


async def test_what_was_changed_by_hand_and_put_right_is_in_the_story(fresh: Stage) -> None:
    account = await fresh.account()
    await fresh.deploy(account)
    await fresh.quiet()
    api = (await fresh.served(account))["openai"]
    by_hand = {"format": "xml", "value": "<policies><inbound><base /></inbound></policies>"}
    await fresh.own(f"apis/{api.name}/policies/policy", {"properties": by_hand})

    run = await fresh.reimport({"account": account})

    newest = (await story_of(fresh, account, "gpt-4o"))["chapters"][0]
    assert newest["run"] == run["id"]
    assert newest["writes"][0]["path"] == f"apis/{api.name}/policies/policy"
