"""Two who order for one account at once, and one who thinks better of it."""

import asyncio
from typing import Any

import pytest

from tests.scenarios.api import (
    an_account,
    ended,
    get,
    id_of,
    ordered,
    plan_of,
    post,
    states_of,
    unit_of,
)
from tests.stage import Stage

BUSY = {"status": 429, "code": "TooManyRequests", "headers": {"Retry-After": "1"}}


@pytest.fixture
async def account(stage: Stage) -> str:
    return await an_account(stage)


async def order(stage: Stage, path: str, body: dict[str, Any]) -> str:
    status, answer = await post(stage, path, body)
    assert status == 202, answer
    return str(answer["run"]["id"])


async def call_off(stage: Stage, account: str) -> str:
    async with stage.app.delete(f"/api/units/{id_of(account)}/order") as response:
        answer = await response.json()
        assert response.status == 202, answer
        return str(answer["run"]["id"])


async def test_of_two_orders_at_once_one_is_refused(stage: Stage, account: str) -> None:
    digest = (await plan_of(stage, account))["digest"]
    wishes = ({"account": account, "force": True}, {"account": account, "digest": digest})

    answers = await asyncio.gather(*(post(stage, "reimport", it) for it in wishes * 3))

    codes = {answer["error"]["code"] for status, answer in answers if status == 409}
    runs = [answer["run"]["id"] for status, answer in answers if status == 202]
    assert codes <= {"OrderPending"}
    assert runs
    await stage.quiet()
    assert {(await ended(stage, run))["status"] for run in runs} == {"succeeded"}


async def test_what_is_called_off_is_told_as_that_and_is_not_done(
    stage: Stage, account: str
) -> None:
    async with stage.somebody_at_work(account):
        forced = await order(stage, "reimport", {"account": account, "force": True})
        plain = await order(stage, "reimport", {"account": account})
        assert (await unit_of(stage, account))["ordered"] == "force"
        await call_off(stage, account)

    told = await ended(stage, forced)
    assert (told["status"], told["writes"]) == ("failed", 0)
    assert "called off" in told["error"]
    assert (await ended(stage, plain))["status"] == "succeeded"
    assert (stage.writes(), (await unit_of(stage, account))["ordered"]) == ([], "")


async def test_to_go_back_is_possible_whatever_was_ordered(stage: Stage, account: str) -> None:
    (state, *_) = await states_of(stage, account)
    async with stage.somebody_at_work(account):
        forced = await order(stage, "reimport", {"account": account, "force": True})
        back = await order(stage, f"units/{id_of(account)}/rollback", {"state": state["id"]})
        status, answer = await post(stage, "reimport", {"account": account, "force": True})
        assert (status, answer["error"]["code"]) == (409, "OrderPending")

    assert "called off" in (await ended(stage, forced))["error"]
    assert (await ended(stage, back))["status"] == "succeeded"
    assert (await unit_of(stage, account))["hold"]["kind"] == "rollback"
    await ordered(stage, f"units/{id_of(account)}/release")


async def test_a_run_of_everything_says_for_which_account_it_could_not_be_ordered(
    stage: Stage, account: str
) -> None:
    (state, *_) = await states_of(stage, account)
    async with stage.somebody_at_work(account):
        await order(stage, f"units/{id_of(account)}/rollback", {"state": state["id"]})
        run = await order(stage, "reimport", {"all": True, "force": True})

    units = {it["unitId"]: it for it in (await get(stage, f"runs/{run}"))["units"]}
    refused = units.pop(id_of(account))
    assert (refused["status"], "not done yet" in refused["error"]) == ("failed", True)
    assert "failed" not in {it["status"] for it in units.values()}
    await ordered(stage, f"units/{id_of(account)}/release")


async def test_a_release_of_many_removals_is_not_what_calls_an_order_off(
    stage: Stage, account: str
) -> None:
    async with stage.somebody_at_work(account):
        await order(stage, "reimport", {"account": account, "force": True})
        status, answer = await post(stage, f"units/{id_of(account)}/release")
        await call_off(stage, account)

    assert (status, answer["error"]["code"]) == (409, "NotHeld")
    assert stage.writes() == []


async def test_a_run_of_two_tries_tells_what_both_did(stage: Stage, account: str) -> None:
    first_policy = {"method": "PUT", "path": "/apis/[^/]+/policies/", "nth": 1}
    longer_than_a_run_waits = {**BUSY, "headers": {"Retry-After": "9"}}
    stage.azure.arm.faults.add(first_policy, longer_than_a_run_waits)

    run = await ordered(stage, "reimport", {"account": account, "force": True})

    applied = [it["path"] for it in run["changes"] if it["status"] == "applied"]
    assert (run["status"], run["writes"], run["planned"]) == (
        "succeeded",
        len(applied),
        len(applied),
    )
    assert len(applied) == len(set(applied)) == len(stage.writes()) - 1
