"""A plan before it is written: looked at, agreed to by its digest, or forced."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from sandbox.arm.front_door import FrontDoor
from sandbox.client import GATEWAY_VERSION
from shared.core.orders import Order
from shared.core.resource_ids import AccountId
from shared.core.resource_kinds import ResourceKind, kind_of
from shared.core.run_ids import run_id
from shared.core.single_flight import Cause
from tests.scenarios.api import an_account, ended, get, ordered, paths, plan_of, post, unit_of
from tests.scenarios.gates import a_gate
from tests.stage import Stage

BY_HAND = "<policies><inbound><base /></inbound></policies>"
CHANGED = "the plan is no longer the one that was approved: look at it again"


@pytest.fixture
async def tampered(stage: Stage) -> str:
    """An account with three things to put right: a policy, a backend's text, a missing policy."""
    account = await an_account(stage)
    apis = await stage.served(account)
    await stage.own(
        f"apis/{apis['openai'].name}/policies/policy",
        {"properties": {"format": "xml", "value": BY_HAND}},
    )
    (backend,) = [
        it
        for it in await stage.arm.list(
            f"{stage.azure.gateway_id}/backends", version=GATEWAY_VERSION
        )
        if account.rpartition("/")[2] in it["name"] and "-v1-" not in it["name"]
    ]
    properties = {**backend["properties"], "title": "by hand"}
    await stage.own(f"backends/{backend['name']}", {"properties": properties})
    gone = f"{stage.azure.gateway_id}/apis/{apis['openai/v1'].name}/policies/policy"
    await stage.arm.delete(gone, version=GATEWAY_VERSION, if_match="*")
    stage.writes()
    return account


async def test_a_dry_run_writes_nothing_and_says_all_in_order(stage: Stage, tampered: str) -> None:
    before = await stage.served(tampered)

    plan = await plan_of(stage, tampered)

    assert stage.writes() == []
    assert await stage.served(tampered) == before
    told = [(it["action"], kind_of(it["path"]), it["reason"]) for it in plan["changes"]]
    assert [it for it in told if it[0] != "keep"] == [
        ("update", ResourceKind.BACKEND, "differs in properties.title"),
        ("update", ResourceKind.API_POLICY, "differs in properties.value"),
        ("create", ResourceKind.API_POLICY, "does not exist"),
    ]
    assert plan["writes"] == 3
    assert (plan["mode"], plan["held"], plan["error"]) == ("sync", "", "")
    assert plan["deployments"][0]["name"] == "gpt-4o"


async def test_a_plan_says_what_differs_field_by_field_and_line_by_line(
    stage: Stage, tampered: str
) -> None:
    changes = {it["reason"]: it for it in (await plan_of(stage, tampered))["changes"]}

    assert [it["field"] for it in changes["differs in properties.title"]["drift"]] == [
        "properties.title"
    ]
    assert changes["differs in properties.title"]["drift"][0]["actual"] == "by hand"
    policy = changes["differs in properties.value"]
    assert policy["drift"] == []  # its lines say it
    assert policy["policyDiff"][:2] == ["--- stands", "+++ desired"]
    assert any(line.startswith("+") and "gpt-4o" in line for line in policy["policyDiff"])
    assert not any("\n" in line for line in policy["policyDiff"])
    assert changes["does not exist"]["policyDiff"][-1].startswith("+")


async def test_a_digest_makes_exactly_the_plan_that_it_names(stage: Stage, tampered: str) -> None:
    plan = await plan_of(stage, tampered)
    assert (await plan_of(stage, tampered))["digest"] == plan["digest"]

    run = await ordered(stage, "reimport", {"account": tampered, "digest": plan["digest"]})

    assert (run["status"], run["writes"], run["planned"]) == ("succeeded", 3, 3)
    assert sorted(stage.writes()) == sorted(f"PUT {path}" for path in paths(plan["changes"]))
    assert (await plan_of(stage, tampered))["writes"] == 0


async def test_a_digest_of_a_plan_that_is_no_more_is_refused(stage: Stage, tampered: str) -> None:
    digest = (await plan_of(stage, tampered))["digest"]
    await stage.deploy(tampered, "other")
    await stage.quiet()
    stage.writes()

    status, answer = await post(stage, "reimport", {"account": tampered, "digest": digest})

    assert (status, answer["error"]["code"]) == (409, "PlanChanged")
    assert stage.writes() == []


async def test_a_plan_that_changes_after_its_digest_was_checked_is_not_written(
    stage: Stage, tampered: str
) -> None:
    """As if somebody wrote between the check of the request and the run."""
    unit, run = AccountId.parse(tampered), run_id(datetime.now(UTC), "a" * 32)
    order = Order(digest="0" * 16)
    await stage.state.mark(unit, Cause(run_id=run, full=True, order=order))
    await stage.wake(tampered)

    found = await ended(stage, run)

    assert (found["status"], found["error"], found["writes"]) == ("held", CHANGED, 0)
    assert stage.writes() == []
    told = await unit_of(stage, tampered)
    assert (told["status"], told["hold"]) == ("done", None)  # and it holds nothing else up


async def test_an_event_that_came_with_a_stale_digest_is_not_lost(
    stage: Stage, tampered: str
) -> None:
    unit, order = AccountId.parse(tampered), Order(digest="0" * 16)
    run = run_id(datetime.now(UTC), "b" * 32)
    await stage.state.mark(unit, Cause(event_id="e1", written="gpt-4o"))
    await stage.state.mark(unit, Cause(run_id=run, full=True, order=order))
    await stage.wake(tampered)

    assert (await ended(stage, run))["status"] == "held"
    assert (await plan_of(stage, tampered))["writes"] == 0  # the event's own run put it right
    assert len(stage.writes()) == 3


async def test_a_reimport_that_came_with_a_stale_digest_is_told_of_what_was_done_for_it(
    stage: Stage, tampered: str
) -> None:
    unit, stale = AccountId.parse(tampered), Order(digest="0" * 16)
    plain, agreed = (run_id(datetime.now(UTC), it * 32) for it in "cd")
    await stage.state.mark(unit, Cause(run_id=plain, full=True))
    await stage.state.mark(unit, Cause(run_id=agreed, full=True, order=stale))
    await stage.wake(tampered)

    refused, done = await ended(stage, agreed), await ended(stage, plain)

    assert (refused["status"], refused["error"], refused["writes"]) == ("held", CHANGED, 0)
    assert (done["status"], done["error"], done["writes"]) == ("succeeded", "", 3)


async def test_in_observe_mode_a_digest_is_what_writes(stage: Stage) -> None:
    account = await stage.account(tags={"onramp:mode": "observe"})
    await stage.deploy(account)
    await stage.quiet()
    plan = await plan_of(stage, account)
    assert (plan["mode"], plan["writes"]) == ("observe", 7)
    assert stage.writes() == []

    looked = await ordered(stage, "reimport", {"account": account})
    forced = await ordered(stage, "reimport", {"account": account, "force": True})
    assert stage.writes() == []
    assert (looked["status"], looked["error"]) == ("succeeded", "")
    assert (forced["status"], "agree to the plan" in forced["error"]) == ("incomplete", True)
    run = await ordered(stage, "reimport", {"account": account, "digest": plan["digest"]})

    assert (run["status"], run["writes"]) == ("succeeded", 7)
    assert (await stage.served(account))["openai"].deployments == {"gpt-4o": 10_000}
    assert await stage.states(account) == {"gpt-4o": "verified"}


async def test_force_writes_what_is_as_it_should_be_and_only_once(stage: Stage) -> None:
    account = await an_account(stage)
    plan = await plan_of(stage, account, force=True)
    assert {it["reason"] for it in plan["changes"] if it["action"] == "update"} == {
        "as it should be; forced"
    }

    run = await ordered(stage, "reimport", {"account": account, "force": True})

    assert (run["status"], run["writes"]) == ("succeeded", plan["writes"])
    assert run["drifted"] == []
    assert sorted(stage.writes()) == sorted(f"PUT {path}" for path in paths(plan["changes"]))
    again = await ordered(stage, "reimport", {"account": account})
    assert (again["writes"], stage.writes()) == (0, [])


async def test_a_dry_run_of_everything_says_what_it_could_not_look_at(stage: Stage) -> None:
    good, bad = await an_account(stage), await an_account(stage)
    refused = f"accounts/{bad.rpartition('/')[2]}/deployments$"
    stage.azure.arm.faults.add({"path": refused}, {"status": 403, "code": "AuthorizationFailed"})

    _status, answer = await post(stage, "reimport", {"all": True, "dryRun": True})
    stage.azure.arm.faults.clear()

    plans = {it["account"].lower(): it for it in answer["plans"]}
    assert "AuthorizationFailed" in plans[bad.lower()]["error"]
    assert (plans[bad.lower()]["digest"], plans[good.lower()]["error"]) == ("", "")
    assert stage.writes() == []


@pytest.fixture
async def slow(stage: Stage) -> AsyncIterator[Stage]:
    """A gateway that takes its time to save the policies of APIs."""
    stage.azure.arm.faults.add({"method": "PUT", "path": "/policies/policy$"}, {"delay": 0.01})
    yield stage
    stage.azure.arm.faults.clear()


async def test_a_run_that_is_under_way_says_how_far_it_is(slow: Stage) -> None:
    account = await slow.account(tags={"onramp:mode": "observe"})
    await slow.deploy(account)
    await slow.quiet()
    digest = (await plan_of(slow, account))["digest"]

    async with a_gate(FrontDoor):
        _status, answer = await post(slow, "reimport", {"account": account, "digest": digest})
        async with asyncio.timeout(120):
            while True:
                run = await get(slow, f"runs/{answer['run']['id']}")
                (unit,) = run["units"]
                if unit["changes"]:
                    break
                await asyncio.sleep(0.02)

        assert (run["status"], run["finished"], unit["planned"]) == ("running", "", 7)
        applied = [it for it in unit["changes"] if it["status"] == "applied"]
        assert 0 < len(applied) < 7
        assert unit["writes"] == len(applied)
        assert (await unit_of(slow, account))["status"] == "running"
    assert (await ended(slow, run["id"]))["writes"] == 7


async def test_runs_come_page_by_page_without_loss_or_doubling(stage: Stage) -> None:
    account = await an_account(stage)
    asked = []
    for _ in range(5):
        _status, answer = await post(stage, "reimport", {"account": account})
        asked.append(answer["run"]["id"])
    await stage.quiet()

    everything = [it["id"] for it in (await get(stage, "runs", limit="200"))["runs"]]
    in_pages, after = list[str](), dict[str, str]()
    while True:
        page = await get(stage, "runs", limit="2", **after)
        assert all("changes" not in unit for run in page["runs"] for unit in run["units"])
        in_pages += [it["id"] for it in page["runs"]]
        if not page["next"] or len(in_pages) >= len(everything):
            break
        after = {"after": page["next"]}

    assert in_pages[: len(everything)] == everything
    assert [it for it in everything if it in asked] == asked[::-1]  # the newest first


async def test_a_model_that_nobody_can_serve_is_in_the_plan_with_its_reason(stage: Stage) -> None:
    account = await an_account(stage)
    await stage.deploy(account, "odd", model={"format": "OpenAI", "name": "sora-2"})
    await stage.quiet()

    decided = {it["name"]: it for it in (await plan_of(stage, account))["deployments"]}

    assert decided["odd"]["state"] == "quarantined"
    assert decided["odd"]["reason"]
