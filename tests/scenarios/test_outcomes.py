"""What the world is told, by the app in the local Azure to a custom topic."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import astuple
from datetime import UTC, datetime, timedelta

from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from sandbox.client import GATEWAY_VERSION
from sandbox.contracts import Json
from sandbox.event_grid.events import Caller
from shared.adapters.table_ledger import TableLedger
from shared.core.resource_ids import AccountId
from shared.core.run_ids import run_id
from shared.core.runs import Run, RunStatus
from tests.stage import ROOT, Stage

SCHEMA = json.loads((ROOT / "docs/outcome-events.schema.json").read_text())
BY_HAND = {"format": "xml", "value": "<policies><inbound><base /></inbound></policies>"}


async def told(stage: Stage, account: str) -> list[Json]:
    """What was published of an account and its deployments, when all of it was."""
    await stage.quiet()
    ledger, unit = TableLedger(stage.tables), AccountId.parse(account)
    async with asyncio.timeout(120):
        while await ledger.outcomes(unit):  # noqa: ASYNC110 - asked over HTTP
            await asyncio.sleep(0.02)
    sent = stage.azure.event_grid.topic_events("outcomes")
    return [it for it in sent if it["data"]["account"] == unit.arm_id]


def in_short(events: Sequence[Json]) -> list[str]:
    """As type and the last part of the subject."""
    return [f"{it['type'].partition('.')[2]} {it['subject'].rpartition('/')[2]}" for it in events]


async def change_by_hand(stage: Stage, account: str) -> str:
    api = (await stage.served(account))["openai"].name
    await stage.own(f"apis/{api}/policies/policy", {"properties": BY_HAND})
    return f"apis/{api}/policies/policy"


async def test_the_life_of_a_deployment_is_told_in_order(stage: Stage) -> None:
    account = await stage.account()
    await stage.deploy(account)
    await stage.quiet()
    await stage.deploy(account, capacity=25)
    await stage.quiet()
    path = await change_by_hand(stage, account)
    await stage.reimport({"account": account})
    await stage.delete(f"{account}/deployments/gpt-4o")

    events = await told(stage, account)

    name = account.rpartition("/")[2]
    assert in_short(events) == [
        "Onboarded gpt-4o",
        "Verified gpt-4o",
        "Updated gpt-4o",
        f"Drifted {name}",
        "Retiring gpt-4o",
    ]
    onboarded, _, updated, drifted, retiring = (it["data"] for it in events)
    assert {it["source"] for it in events} == {stage.azure.gateway_id}
    assert onboarded["causes"][0]["event"] == "ResourceWriteSuccess"
    assert (onboarded["previousState"], onboarded["deployment"]["state"]) == ("", "verified")
    assert {it["field"]: (it["before"], it["after"]) for it in updated["changed"]}["capacity"] == (
        10,
        25,
    )
    assert [it["path"] for it in drifted["resources"]] == [path]
    assert (drifted["resources"][0]["what"], drifted["deployments"]) == ("changed", ["gpt-4o"])
    assert retiring["deployment"]["modelName"] == "gpt-4o"
    assert "The app updated 2 API policies. Its callers get 410 Gone" in retiring["words"]


async def test_what_stands_in_the_way_is_told_once_and_that_it_is_gone(stage: Stage) -> None:
    account = await stage.account()
    name = account.rpartition("/")[2]
    theirs = {"displayName": "theirs", "path": f"{name}/openai", "protocols": ["https"]}
    await stage.own(f"apis/theirs-{name}", {"properties": theirs})
    await stage.deploy(account)
    await stage.quiet()
    await stage.reimport({"account": account})
    await stage.sweep()

    assert in_short(await told(stage, account)) == ["Quarantined gpt-4o"]

    path = f"{stage.azure.gateway_id}/apis/theirs-{name}"
    await stage.arm.delete(path, version=GATEWAY_VERSION, if_match="*")
    await stage.reimport({"account": account})

    assert in_short(await told(stage, account))[1:] == ["Onboarded gpt-4o", "Verified gpt-4o"]


async def test_who_is_taken_off_by_choice_is_told_as_removed(stage: Stage) -> None:
    account = await stage.account()
    await stage.deploy(account)
    await stage.quiet()
    await stage.deploy(account, tags={"onramp:skip": "true"})

    removed = (await told(stage, account))[-1]

    assert removed["type"] == "ModelOnramp.Removed"
    data = removed["data"]
    assert (data["previousState"], data["deployment"]["state"]) == ("verified", "excluded")


async def test_a_run_that_is_held_is_told_once_and_what_it_does_when_released(
    stage: Stage,
) -> None:
    account = await stage.account()
    names = [f"d{number}" for number in range(6)]
    for name in names:
        await stage.deploy(account, name)
    before = await told(stage, account)
    await stage.delete(account)
    await stage.quiet()
    await stage.sweep()

    (blocked,) = (await told(stage, account))[len(before) :]

    assert (blocked["type"], blocked["data"]["status"]) == ("ModelOnramp.RunBlocked", "held")
    assert blocked["data"]["digest"]
    assert blocked["data"]["writesHeld"] > 0
    release = blocked["data"]["action"].partition("POST ")[2].partition(".")[0]
    async with stage.app.post(release, json={}) as response:
        assert response.status == 202, await response.text()
    after = (await told(stage, account))[len(before) + 1 :]
    assert in_short(after) == [f"Retiring {name}" for name in names]


async def test_what_was_deleted_by_hand_is_told_as_drift(stage: Stage) -> None:
    account = await stage.account()
    await stage.deploy(account)
    before = await told(stage, account)
    api = (await stage.served(account))["openai"].name
    path = f"{stage.azure.gateway_id}/apis/{api}"
    await stage.arm.delete(path, version=GATEWAY_VERSION, if_match="*")
    await stage.sweep()

    (drifted,) = (await told(stage, account))[len(before) :]

    found = {it["path"]: it["what"] for it in drifted["data"]["resources"]}
    assert found[f"apis/{api}"] == "deleted"


async def test_a_quiet_look_tells_nothing_and_lost_tables_are_no_drift(stage: Stage) -> None:
    account = await stage.account()
    await stage.deploy(account)
    before = await told(stage, account)
    await stage.reimport({"account": account})
    assert await told(stage, account) == before

    await stage.lose_the_tables()
    await stage.sweep()

    anew = (await told(stage, account))[len(before) :]
    assert in_short(anew) == ["Onboarded gpt-4o", "Verified gpt-4o"]


async def test_what_a_crash_left_behind_is_sent_after_the_next_run(stage: Stage) -> None:
    account = await stage.account()
    await stage.deploy(account)
    before = await told(stage, account)
    now = datetime.now(UTC)
    crashed = Run(
        (run_id(now, "c" * 32),), AccountId.parse(account), RunStatus.FAILED, now, error="left"
    )
    await TableLedger(stage.tables, tells=True).record_end(crashed, was_blocked="")

    await stage.reimport({"account": account})

    (late,) = (await told(stage, account))[len(before) :]
    assert late["data"]["reason"] == "left"


async def test_a_sweep_removes_what_is_long_past(stage: Stage) -> None:
    account = await stage.account()
    long_ago = datetime.now(UTC) - timedelta(days=100)
    run = Run(
        (run_id(long_ago, "a" * 32),), AccountId.parse(account), RunStatus.SUCCEEDED, long_ago
    )
    await TableLedger(stage.tables).record_run(run)
    address = f"/api/runs/{run.ids[0]}"
    async with stage.app.get(address) as response:
        assert response.status == 200

    await stage.sweep()

    async with stage.app.get(address) as response:
        assert response.status == 404


async def test_all_that_was_told_is_as_the_schema_says_and_names_no_person(stage: Stage) -> None:
    account = await stage.account()
    await stage.deploy(account)
    await told(stage, account)

    events = stage.azure.event_grid.topic_events("outcomes")

    schema = Draft202012Validator(SCHEMA)
    assert [it.message for each in events for it in schema.iter_errors(each)] == []
    assert len({it["id"] for it in events}) == len(events)
    text = json.dumps(list(events))
    # The tenant is no person, and is part of no event either.
    assert [it for it in astuple(Caller()) if it in text] == []
