"""What single settings change, each in a local Azure of its own."""

from collections import Counter

from sandbox.client import GATEWAY_VERSION
from sandbox.local_azure import Options
from shared.core.resource_kinds import ResourceKind, kind_of
from tests.stage import ROOT, a_stage


def an_app(**settings: str) -> Options:
    return Options(app_dir=ROOT, app_env={f"ONRAMP_{k.upper()}": v for k, v in settings.items()})


async def test_without_grace_the_last_deployment_takes_the_api_along() -> None:
    async with a_stage(an_app(grace_hours="0")) as stage:
        account = await stage.account()
        await stage.deploy(account)
        await stage.quiet()
        assert await stage.served(account) != {}

        await stage.delete(f"{account}/deployments/gpt-4o")
        await stage.quiet()

        assert await stage.served(account) == {}
        path = f"{stage.azure.gateway_id}/backends"
        assert await stage.arm.list(path, version=GATEWAY_VERSION) == []
        assert (await stage.deployment(account, "gpt-4o"))["state"] == "removed"


async def test_too_many_removals_wait_for_somebody_to_say_that_they_are_right() -> None:
    async with a_stage(an_app(max_removals="1")) as stage:
        account = await stage.account()
        for name in ("one", "three", "two"):
            await stage.deploy(account, name)
        await stage.quiet()

        await stage.delete(account)
        await stage.quiet()

        served = (await stage.served(account))["openai"]
        assert set(served.deployments) == {"one", "three", "two"}
        held = await stage.reimport({"account": account})
        assert held["status"] == "held"
        assert "3 of 3 deployments" in held["units"][0]["error"]

        run = await stage.reimport({"account": account, "allowRemovals": True})

        assert run["status"] == "succeeded"
        served = (await stage.served(account))["openai"]
        assert (dict(served.deployments), served.gone) == ({}, ["one", "three", "two"])


async def test_observe_says_what_it_would_do_and_writes_nothing() -> None:
    async with a_stage(an_app(mode="observe")) as stage:
        account = await stage.account()
        await stage.deploy(account)
        await stage.quiet()
        run = await stage.reimport({"account": account})

        assert stage.writes() == []
        (unit,) = run["units"]
        assert {it["status"] for it in unit["changes"]} == {"planned"}
        assert Counter(kind_of(it["path"]) for it in unit["changes"]) == {
            ResourceKind.API: 2,
            ResourceKind.API_POLICY: 2,
            ResourceKind.BACKEND: 2,
            ResourceKind.ROLE_ASSIGNMENT: 1,
        }
        told = await stage.deployment(account, "gpt-4o")
        assert (told["state"], told["reason"].split(":")[0]) == ("seen", "planned")
        assert stage.calls(account) == []
        assert await stage.gateway("subscriptions/model-onramp-verify") is None

        await stage.tag(account, onramp_mode="sync")
        await stage.quiet()

        assert set(await stage.served(account)) == {"openai", "openai/v1"}
        assert await stage.states(account) == {"gpt-4o": "verified"}


async def test_upsert_only_leaves_what_is_gone() -> None:
    async with a_stage() as stage:
        account = await stage.account()
        await stage.tag(account, onramp_mode="upsert-only")
        await stage.deploy(account)
        await stage.deploy(account, "other")
        await stage.quiet()

        await stage.delete(f"{account}/deployments/other")
        await stage.quiet()

        api = (await stage.served(account))["openai"]
        assert dict(api.deployments) == {"gpt-4o": 10_000, "other": 10_000}
        assert (await stage.deployment(account, "other"))["state"] == "retiring"
