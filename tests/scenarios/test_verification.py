"""A deployment counts as verified when it has answered a call through the gateway, and not before.

The app asks with a subscription of a name and a scope of its own here, so that the settings show.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from itertools import chain

import pytest

from sandbox.arm.system_data import principal_id_of
from sandbox.client import GATEWAY_VERSION
from sandbox.local_azure import APP, Options
from sandbox.models.options import AUDIENCES, ModelOptions
from sandbox.models.server import _Server
from tests.scenarios.equipped import onboarded
from tests.scenarios.gates import a_gate
from tests.stage import CHAT, ROOT, Stage, a_stage, an_app_with_rules

SUBSCRIPTION, PRODUCT = "proofs", "ai"
RULES = {"defaults": {"products": [{"id": PRODUCT, "create": True}]}}
ENV = {
    "ONRAMP_VERIFY_SUBSCRIPTION": SUBSCRIPTION,
    "ONRAMP_VERIFY_SCOPE": f"/products/{PRODUCT}",
}
CLAUDE = {"format": "Anthropic", "name": "claude-sonnet-4-6"}
PICTURES = {"format": "OpenAI", "name": "gpt-image-1"}
DEFAULT = "subscriptions/model-onramp-verify"
NOT_KNOWN = {"status": 404, "code": "DeploymentNotFound", "message": "does not exist"}


@pytest.fixture(scope="module")
async def shared_proving(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    options = an_app_with_rules(tmp_path_factory.mktemp("rules"), RULES, more_env=ENV)
    async with a_stage(options) as stage:
        yield stage


@pytest.fixture
async def proving(shared_proving: Stage) -> AsyncIterator[Stage]:
    await shared_proving.quiet()
    yield shared_proving
    shared_proving.azure.models.faults.clear()


def name_of(account: str) -> str:
    return account.rpartition("/")[2]


async def begun(stage: Stage) -> str:
    """An account with a deployment whose first run ends before anything is proven."""
    account = await stage.account()
    await stage.deploy(account)
    return account


async def test_a_deployment_is_verified_by_a_call_on_every_surface(proving: Stage) -> None:
    account = await onboarded(proving, "acct")

    told = await proving.deployment(account, "gpt-4o")
    assert (told["state"], told["reason"]) == ("verified", "onboarded")
    assert told["eventAt"] <= told["appliedAt"] <= told["verifiedAt"]
    began, over = (datetime.fromisoformat(told[it]) for it in ("eventAt", "verifiedAt"))
    assert told["secondsToVerified"] == round((over - began).total_seconds(), 1)
    calls = proving.calls(account, "gpt-4o")
    assert [(it.path.partition("/openai/")[2].split("/")[0], it.status) for it in calls] == [
        ("deployments", 200),
        ("v1", 200),
    ]
    gateway = principal_id_of(proving.azure.gateway_id)
    assert {(it.method, it.principal) for it in calls} == {("POST", gateway)}


async def test_the_times_of_all_are_told_as_two_numbers(proving: Stage) -> None:
    await onboarded(proving, "acct")

    async with proving.app.get("/api/deployments") as response:
        found = await response.json()

    spread, seconds = (
        found["timeToVerified"],
        [it["secondsToVerified"] for it in found["deployments"] if it["secondsToVerified"]],
    )
    assert spread["count"] == len(seconds) > 0
    assert min(seconds) <= spread["p50"] <= spread["p95"] <= max(seconds)


async def test_the_subscription_is_made_once_as_the_settings_say(proving: Stage) -> None:
    await asyncio.gather(onboarded(proving, "acct"), onboarded(proving, "acct"))

    made = await proving.gateway(f"subscriptions/{SUBSCRIPTION}")
    assert made is not None
    assert made["properties"]["scope"] == f"{proving.azure.gateway_id}/products/{PRODUCT}"
    assert await proving.gateway(DEFAULT) is None
    writes = proving.azure.arm.journal.writes(APP.principal_id)
    assert len([it for it in writes if it.path.endswith(f"/subscriptions/{SUBSCRIPTION}")]) == 1


async def test_what_costs_too_much_is_verified_up_to_the_gateway_and_marked(
    proving: Stage,
) -> None:
    account = await onboarded(proving, "acct", pictures=PICTURES)

    told = await proving.deployment(account, "pictures")
    words = "; verified up to the gateway only: a call would cost too much"
    assert (told["state"], told["reason"].endswith(words)) == ("verified", True)
    assert proving.calls(account) == []


async def test_a_model_at_its_capacity_is_reachable(proving: Stage) -> None:
    account = await proving.account()
    proving.azure.models.faults.add({"account": name_of(account)}, {"retry_after": 7})
    await proving.deploy(account)
    await proving.quiet()

    told = await proving.deployment(account, "gpt-4o")
    assert (told["state"], told["reason"]) == ("verified", "onboarded")
    assert {it.status for it in proving.calls(account)} == {429}


async def test_a_name_that_the_models_host_does_not_know_yet_is_asked_for_again(
    proving: Stage,
) -> None:
    account = await proving.account()
    proving.azure.models.faults.add({"account": name_of(account)}, NOT_KNOWN)
    await proving.deploy(account)
    advice = "not verified yet on azure-openai: HTTP 404: not known there yet; "
    told = await proving.told(account, "gpt-4o", state="applied", reason=advice)
    assert (told["verifiedAt"], told["secondsToVerified"]) == ("", None)

    proving.azure.models.faults.clear()
    run = await proving.reimport({"account": account})

    assert (run["status"], run["units"][0]["writes"]) == ("succeeded", 0)
    after = await proving.deployment(account, "gpt-4o")
    assert (after["state"], after["reason"]) == ("verified", "onboarded")
    assert after["appliedAt"] == told["appliedAt"] < after["verifiedAt"]


async def test_an_account_that_is_down_is_said_to_be_and_holds_up_no_other(
    proving: Stage,
) -> None:
    down = await proving.account()
    proving.azure.models.faults.add({"account": name_of(down)}, {"down": True})
    await proving.deploy(down)
    advice = "not verified yet on azure-openai: HTTP 500: the gateway can't reach the account"
    await proving.told(down, "gpt-4o", state="applied", reason=advice)

    up = await begun(proving)
    await proving.told(up, "gpt-4o", state="verified")

    assert (await proving.deployment(down, "gpt-4o"))["state"] == "applied"
    proving.azure.models.faults.clear()
    await proving.reimport({"account": down})
    assert (await proving.deployment(down, "gpt-4o"))["state"] == "verified"


async def test_a_proof_is_kept_by_a_sweep_and_made_anew_for_another_version(
    proving: Stage,
) -> None:
    account = await onboarded(proving, "acct")
    first = await proving.deployment(account, "gpt-4o")
    assert len(proving.calls(account)) == 2

    await proving.sweep()
    await proving.reimport({"account": account})
    await proving.deploy(account, capacity=20)
    await proving.quiet()
    assert len(proving.calls(account)) == 2

    await proving.deploy(account, capacity=20, model={**CHAT, "version": "2024-08-06"})
    await proving.quiet()

    assert len(proving.calls(account)) == 4
    told = await proving.deployment(account, "gpt-4o")
    assert (told["state"], told["modelVersion"]) == ("verified", "2024-08-06")
    assert told["verifiedAt"] == first["verifiedAt"]  # when it first answered


async def test_without_its_memory_the_app_proves_anew(proving: Stage) -> None:
    account = await onboarded(proving, "acct")
    assert len(proving.calls(account)) == 2

    await proving.lose_the_tables()
    await proving.sweep()

    assert len(proving.calls(account)) == 4
    assert await proving.states(account) == {"gpt-4o": "verified"}


async def test_a_deployment_that_goes_while_it_is_being_verified_ends_as_gone(
    proving: Stage,
) -> None:
    account = await proving.account()
    await proving.deploy(account, "stays")
    await proving.quiet()
    proving.azure.models.faults.add(
        {"account": name_of(account), "deployment": "goes"}, {"first_byte": 0.01}
    )
    async with a_gate(_Server) as gate:
        await proving.deploy(account, "goes")
        await gate.reached()  # the run is at its first call
        assert "goes" in (await proving.served(account))["openai/v1"].deployments

        await proving.delete(f"{account}/deployments/goes")
        assert "goes" not in await proving.states(account)
    await proving.quiet()

    assert await proving.states(account) == {"stays": "verified", "goes": "retiring"}
    assert (await proving.served(account))["openai"].gone == ["goes"]


async def test_the_key_is_in_no_log_table_run_or_event(proving: Stage) -> None:
    account = await onboarded(proving, "acct")
    run = await proving.reimport({"account": account})
    key = await proving.key_of(SUBSCRIPTION)
    assert len(key) > 16

    tables = [
        str(entity)
        async for table in proving.tables.list_tables()
        async for entity in proving.tables.get_table_client(table.name).list_entities()
    ]
    told = proving.azure.event_grid.topic_events("outcomes")
    asked = proving.azure.models.journal.log
    standing = [
        *await proving.arm.list(f"{proving.azure.gateway_id}/apis", version=GATEWAY_VERSION),
        *await proving.arm.list(f"{proving.azure.gateway_id}/backends", version=GATEWAY_VERSION),
    ]
    policy = await proving.policy(account, "openai")
    places = (proving.azure.host.log, tables, told, asked, standing, [run], [policy])
    assert all(places)
    assert not [str(it)[:200] for it in chain(*places) if key in str(it)]


@pytest.fixture(scope="module")
async def slow_rights() -> AsyncIterator[Stage]:
    """Roles take time to count, and Claude's route takes no token such as the gateway sends."""
    options = ModelOptions(
        role_delay_s=3600, audiences={**AUDIENCES, "anthropic": ("https://elsewhere.example",)}
    )
    async with a_stage(Options(app_dir=ROOT, models=options)) as stage:
        yield stage


async def test_a_role_that_does_not_count_yet_is_waited_for_and_nobody_need_do_a_thing(
    slow_rights: Stage,
) -> None:
    account = await begun(slow_rights)
    advice = "a role assignment takes up to ten minutes"
    await slow_rights.told(account, "gpt-4o", state="applied", reason=advice)
    # The unit was given back: nobody sleeps over it.
    await slow_rights.logged("run ended", status="waiting")

    models = slow_rights.azure.models  # now it counts
    models._gate = replace(models._gate, options=replace(models.options, role_delay_s=0))
    await slow_rights.quiet()

    told = await slow_rights.deployment(account, "gpt-4o")
    assert (told["state"], told["reason"]) == ("verified", "onboarded")
    statuses = [it.status for it in slow_rights.calls(account)]
    assert statuses == [401] * (len(statuses) - 2) + [200, 200]
    assert len(statuses) >= 4
    (made,) = [
        it
        for it in slow_rights.azure.arm.journal.writes(APP.principal_id)
        if it.path.endswith(DEFAULT)
    ]
    assert made.status < 300


async def test_a_token_for_another_audience_is_told_as_such(slow_rights: Stage) -> None:
    account = await slow_rights.account()
    await slow_rights.deploy(account, "claude", model=CLAUDE)

    told = await slow_rights.told(account, "claude", state="applied", reason="wrong audience")

    assert "not verified yet on anthropic: HTTP 401" in told["reason"]
    assert {it.status for it in slow_rights.calls(account, "claude")} == {401}
    await slow_rights.delete(f"{account}/deployments/claude")  # else the app comes back to it
    await slow_rights.quiet()


async def test_who_wants_no_proof_gets_no_call_and_no_subscription() -> None:
    env = {"ONRAMP_VERIFY": "false"}
    async with a_stage(Options(app_dir=ROOT, app_env=env)) as stage:
        account = await onboarded(stage, "acct")
        told = await stage.deployment(account, "gpt-4o")
        assert (told["state"], told["reason"]) == ("applied", "onboarded")
        assert (told["verifiedAt"], told["secondsToVerified"]) == ("", None)

        assert set(await stage.served(account)) == {"openai", "openai/v1"}
        assert stage.azure.models.journal.log == []
        assert await stage.gateway(DEFAULT) is None
