"""A mass deletion is stopped until somebody says that it is right."""

from collections.abc import AsyncIterator

import pytest

from sandbox.client import ACCOUNTS_VERSION
from sandbox.local_azure import Options
from tests.scenarios.api import get, id_of, ordered, paths, plan_of, post, unit_of
from tests.stage import ROOT, Stage, a_stage

NAMES = {"one", "three", "two"}


@pytest.fixture(scope="module")
async def braked() -> AsyncIterator[Stage]:
    """An app that takes one deployment off by itself, and no more."""
    async with a_stage(Options(app_dir=ROOT, app_env={"ONRAMP_MAX_REMOVALS": "1"})) as stage:
        yield stage


@pytest.fixture
async def held(braked: Stage) -> str:
    """An account whose three deployments were deleted, and are still served."""
    account = await braked.account()
    for name in NAMES:
        await braked.deploy(account, name)
    await braked.quiet()
    await braked.delete(account)
    await braked.quiet()
    braked.writes()
    return account


async def served(stage: Stage, account: str) -> set[str]:
    return set((await stage.served(account))["openai"].deployments)


async def test_a_held_account_says_why_since_when_and_what_is_held(
    braked: Stage, held: str
) -> None:
    unit, plan = await unit_of(braked, held), await plan_of(braked, held)

    assert (unit["status"], unit["hold"]["kind"]) == ("held", "removals")
    assert unit["hold"]["since"].endswith("Z")
    assert "3 of 3 deployments" in unit["hold"]["reason"]
    assert unit["hold"]["digest"] == plan["digest"]
    assert plan["held"] == unit["hold"]["reason"]
    assert (plan["writes"], braked.writes()) == (2, [])
    assert await served(braked, held) == NAMES
    health = await get(braked, "health")
    assert health["held"] >= 1
    assert any("held: GET /api/units" in it for it in health["problems"])


async def test_a_release_does_what_was_held(braked: Stage, held: str) -> None:
    run = await ordered(braked, f"units/{id_of(held)}/release")

    assert (run["status"], run["writes"]) == ("succeeded", 2)
    assert [it["kind"] for it in run["causes"]][-1] == "release"
    assert await served(braked, held) == set()
    unit = await unit_of(braked, held)
    assert (unit["status"], unit["hold"]) == ("done", None)


async def test_a_release_with_a_digest_does_that_very_plan(braked: Stage, held: str) -> None:
    plan = await plan_of(braked, held)

    run = await ordered(braked, f"units/{id_of(held)}/release", {"digest": plan["digest"]})

    assert run["status"] == "succeeded"
    assert sorted(braked.writes()) == sorted(f"PUT {path}" for path in paths(plan["changes"]))
    assert await served(braked, held) == set()


async def test_a_release_of_another_plan_is_not_done_and_the_account_is_held_again(
    braked: Stage, held: str
) -> None:
    run = await ordered(braked, f"units/{id_of(held)}/release", {"digest": "0" * 16})

    assert (run["status"], braked.writes()) == ("held", [])
    assert await served(braked, held) == NAMES
    await ordered(braked, "reimport", {"account": held})
    assert (await unit_of(braked, held))["status"] == "held"


async def test_a_reimport_with_the_digest_goes_beyond_the_brake(braked: Stage, held: str) -> None:
    digest = (await unit_of(braked, held))["hold"]["digest"]

    run = await ordered(braked, "reimport", {"account": held, "digest": digest})

    assert run["status"] == "succeeded"
    assert await served(braked, held) == set()
    assert (await unit_of(braked, held))["hold"] is None


async def test_a_hold_is_over_when_what_was_deleted_is_there_again(
    braked: Stage, held: str
) -> None:
    name = held.rpartition("/")[2]
    body = {
        "location": "swedencentral",
        "kind": "AIServices",
        "sku": {"name": "S0"},
        "properties": {"customSubDomainName": name, "restore": True},
    }
    await braked.arm.put(held, body, version=ACCOUNTS_VERSION)
    for deployment in NAMES:
        await braked.deploy(held, deployment)
    await braked.quiet()

    assert (await unit_of(braked, held))["hold"] is None
    assert await served(braked, held) == NAMES


async def test_what_nothing_holds_can_not_be_released(braked: Stage) -> None:
    account = await braked.account()
    await braked.deploy(account)
    await braked.quiet()

    status, answer = await post(braked, f"units/{id_of(account)}/release")

    assert (status, answer["error"]["code"]) == (409, "NotHeld")
