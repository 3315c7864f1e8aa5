"""An account goes back to what stood once, and stays there until somebody releases it."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from sandbox.client import GATEWAY_VERSION
from tests.scenarios.api import get, id_of, ordered, plan_of, post, states_of, unit_of
from tests.stage import Stage, a_stage


@pytest.fixture(scope="module")
async def shared() -> AsyncIterator[Stage]:
    async with a_stage() as stage:
        yield stage


@pytest.fixture
async def grown(shared: Stage) -> str:
    """An account that had one deployment, then another capacity and a second deployment."""
    account = await shared.account()
    await shared.deploy(account, capacity=10)
    await shared.quiet()
    await shared.deploy(account, capacity=25)
    await shared.quiet()
    await shared.deploy(account, "second", capacity=3)
    await shared.quiet()
    shared.writes()
    return account


async def held_by_the_gateway(stage: Stage, account: str) -> Any:
    """Every API of the account with its policy, as the gateway has them."""
    return {
        path: (dict(api.deployments), api.gone, await stage.policy(account, path))
        for path, api in (await stage.served(account)).items()
    }


async def roll_back(stage: Stage, account: str, state: str) -> Any:
    return await ordered(stage, f"units/{id_of(account)}/rollback", {"state": state})


async def test_each_run_that_wrote_leaves_a_state_to_go_back_to(shared: Stage, grown: str) -> None:
    states = await states_of(shared, grown)

    assert [it["deployments"] for it in states] == [["gpt-4o", "second"], ["gpt-4o"], ["gpt-4o"]]
    assert {it["resources"] for it in states} == {7}
    for state in states:
        run = await get(shared, f"runs/{state['run']}")
        assert run["units"][0]["account"].lower() == grown.lower()


async def test_the_gateway_holds_what_it_held_then(shared: Stage) -> None:
    account = await shared.account()
    await shared.deploy(account, capacity=10)
    await shared.quiet()
    then = await held_by_the_gateway(shared, account)
    await shared.deploy(account, capacity=25)
    await shared.deploy(account, "second")
    await shared.quiet()
    assert await held_by_the_gateway(shared, account) != then

    run = await roll_back(shared, account, (await states_of(shared, account))[-1]["id"])

    assert run["status"] == "succeeded"
    assert await held_by_the_gateway(shared, account) == then
    states = await shared.states(account)
    assert states == {"gpt-4o": "applied", "second": "excluded"}
    assert "release it to go on" in (await shared.deployment(account, "second"))["reason"]


async def test_a_dry_run_says_what_going_back_would_do(shared: Stage, grown: str) -> None:
    state = (await states_of(shared, grown))[-1]["id"]

    status, answer = await post(
        shared, f"units/{id_of(grown)}/rollback", {"state": state, "dryRun": True}
    )

    assert status == 200
    (plan,) = answer["plans"]
    assert (plan["writes"], plan["error"], shared.writes()) == (2, "", [])
    assert "rolled back to what stood at" in plan["notes"][-1]
    assert any(it.startswith("-") and "second" in it for it in plan["changes"][-1]["policyDiff"])
    assert (await unit_of(shared, grown))["status"] == "done"


async def test_neither_events_nor_sweeps_nor_reimports_undo_it(shared: Stage, grown: str) -> None:
    await roll_back(shared, grown, (await states_of(shared, grown))[-1]["id"])
    then = await held_by_the_gateway(shared, grown)
    shared.writes()

    await shared.deploy(grown, "third")
    await shared.quiet()
    await shared.sweep()
    await shared.reimport({"account": grown})

    assert shared.writes() == []
    assert await held_by_the_gateway(shared, grown) == then
    unit = await unit_of(shared, grown)
    assert (unit["status"], unit["hold"]["kind"]) == ("held", "rollback")
    assert (await plan_of(shared, grown))["mode"] == "observe"
    assert (await shared.states(grown))["third"] == "excluded"


async def test_what_is_deleted_by_hand_meanwhile_is_told_and_left_alone(
    shared: Stage, grown: str
) -> None:
    await roll_back(shared, grown, (await states_of(shared, grown))[-1]["id"])
    api = (await shared.served(grown))["openai"]
    gone = f"{shared.azure.gateway_id}/apis/{api.name}/policies/policy"
    await shared.arm.delete(gone, version=GATEWAY_VERSION, if_match="*")
    shared.writes()

    run = await shared.reimport({"account": grown})

    assert shared.writes() == []
    planned = [it for it in run["units"][0]["changes"] if it["status"] == "planned"]
    assert any(it["action"] == "create" for it in planned)


async def test_a_release_goes_forward_again(shared: Stage, grown: str) -> None:
    now = await held_by_the_gateway(shared, grown)
    await roll_back(shared, grown, (await states_of(shared, grown))[-1]["id"])
    assert await held_by_the_gateway(shared, grown) != now

    run = await ordered(shared, f"units/{id_of(grown)}/release")

    assert run["status"] == "succeeded"
    assert await held_by_the_gateway(shared, grown) == now
    assert (await unit_of(shared, grown))["hold"] is None
    assert await shared.states(grown) == {"gpt-4o": "verified", "second": "verified"}


async def test_a_release_with_a_digest_goes_to_that_very_plan(shared: Stage, grown: str) -> None:
    await roll_back(shared, grown, (await states_of(shared, grown))[-1]["id"])
    plan = await plan_of(shared, grown)

    run = await ordered(shared, f"units/{id_of(grown)}/release", {"digest": plan["digest"]})

    assert (run["status"], run["writes"]) == ("succeeded", plan["writes"])
    assert set((await shared.served(grown))["openai"].deployments) == {"gpt-4o", "second"}


async def test_a_state_of_another_account_is_not_gone_back_to(shared: Stage, grown: str) -> None:
    other = await shared.account()
    await shared.deploy(other)
    await shared.quiet()
    state = (await states_of(shared, other))[0]["id"]

    status, answer = await post(shared, f"units/{id_of(grown)}/rollback", {"state": state})

    assert (status, answer["error"]["code"]) == (404, "StateNotFound")


async def test_an_agreed_plan_goes_forward_and_ends_the_hold(shared: Stage, grown: str) -> None:
    await roll_back(shared, grown, (await states_of(shared, grown))[-1]["id"])
    plan = await plan_of(shared, grown)

    run = await ordered(shared, "reimport", {"account": grown, "digest": plan["digest"]})

    assert (run["status"], run["writes"]) == ("succeeded", 2)
    assert set((await shared.served(grown))["openai"].deployments) == {"gpt-4o", "second"}
    assert (await shared.states(grown))["second"] in ("applied", "verified")
    assert (await unit_of(shared, grown))["hold"] is None
