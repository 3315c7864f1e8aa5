"""The rules file is edited while accounts are served: what a new file means for what stands."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sandbox.client import GATEWAY_VERSION
from sandbox.functions_host.process import HostFailedError
from tests.stage import Stage, a_stage, an_app_with_rules, write_rules


@dataclass(frozen=True, slots=True)
class Edited:
    stage: Stage
    folder: Path

    async def deploy_app(self, **rules: Any) -> None:
        """What a deployment of the app with another rules file does: a new process."""
        await self.stage.quiet()  # a run that is cut short is taken up again half a minute later
        write_rules(self.folder, rules)
        await self.stage.azure.host.restart()

    async def links(self, account: str) -> dict[str, set[str]]:
        """The products of each of the account's APIs, by path."""
        gateway = self.stage.azure.gateway_id
        found = {}
        for path, api in (await self.stage.served(account)).items():
            products = f"{gateway}/apis/{api.name}/products"
            listed = await self.stage.arm.list(products, version=GATEWAY_VERSION)
            found[path] = {it["name"] for it in listed}
        return found


@pytest.fixture(scope="module")
async def shared_edited(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Edited]:
    folder = tmp_path_factory.mktemp("rules")
    async with a_stage(an_app_with_rules(folder, {})) as stage:
        await stage.own("products/theirs", {"properties": {"displayName": "Theirs"}})
        yield Edited(stage, folder)


@pytest.fixture
async def edited(shared_edited: Edited) -> AsyncIterator[Edited]:
    """Every test has its own account, and leaves none that is served: sweeps look at all."""
    yield shared_edited
    await shared_edited.stage.quiet()
    shared_edited.stage.writes()


async def test_an_account_that_a_rule_excludes_is_taken_off_at_once(edited: Edited) -> None:
    stage = edited.stage
    account = await stage.account()
    await stage.deploy(account)
    await stage.quiet()
    assert set(await stage.served(account)) == {"openai", "openai/v1"}

    rule = {
        "name": "not this one",
        "match": {"account": account.rpartition("/")[2]},
        "set": {"onboard": False},
    }
    await edited.deploy_app(rules=[rule])
    await stage.sweep()

    assert await stage.served(account) == {}
    told = await stage.deployment(account, "gpt-4o")
    assert (told["state"], told["reason"]) == ("excluded", "not to be onboarded: not this one")


async def test_products_are_made_and_linked_and_our_links_go_with_the_choice(
    edited: Edited,
) -> None:
    stage = edited.stage
    account = await stage.account()
    await stage.deploy(account)
    await edited.deploy_app(
        defaults={"products": [{"id": "ours", "create": True}, "theirs", "missing"]}
    )
    await stage.sweep()

    assert await edited.links(account) == {
        "openai": {"ours", "theirs"},
        "openai/v1": {"ours", "theirs"},
    }
    made = await stage.gateway("products/ours")
    assert made is not None
    assert made["properties"]["state"] == "published"
    (unit,) = (await stage.reimport({"account": account}))["units"]
    assert unit["notes"] == ["not in product missing: there is none"]

    other = {"match": {"account": "other"}, "set": {"products": ["ours", "by-hand"]}}
    await stage.own("products/by-hand", {"properties": {"displayName": "By hand"}})
    api = (await stage.served(account))["openai"].name
    await stage.own(f"products/by-hand/apis/{api}", {})
    await edited.deploy_app(defaults={"products": ["theirs"]}, rules=[other])
    await stage.sweep()

    assert await edited.links(account) == {
        "openai": {"theirs", "by-hand"},
        "openai/v1": {"theirs"},
    }

    await edited.deploy_app()
    await stage.sweep()

    assert await edited.links(account) == {"openai": {"by-hand"}, "openai/v1": set()}
    assert await stage.gateway("products/ours") is not None


async def test_a_link_that_could_not_be_taken_off_goes_when_it_can_though_the_app_died(
    edited: Edited,
) -> None:
    stage = edited.stage
    account = await stage.account()
    await stage.deploy(account)
    await edited.deploy_app(defaults={"products": ["theirs"]})
    await stage.sweep()
    refusal = {"status": 403, "code": "AuthorizationFailed", "message": "no"}
    stage.azure.arm.faults.add({"method": "DELETE", "path": "/products/theirs/apis/"}, refusal)

    await edited.deploy_app(defaults={"display_name": "Another {account} ({surface})"})
    await stage.invoke("sweep")
    for path in ("openai", "openai/v1"):
        api = (await stage.served(account))[path].name
        await stage.logged("change postponed", path=f"products/theirs/apis/{api}")
    await stage.azure.host.kill()
    stage.azure.arm.faults.clear()
    await stage.lose_the_tables()
    await stage.azure.host.start()
    await stage.sweep()

    assert await edited.links(account) == {"openai": set(), "openai/v1": set()}


async def test_after_a_change_of_rules_everything_settles(edited: Edited) -> None:
    """And a file that means the same in other words changes nothing."""
    stage = edited.stage
    account = await stage.account()
    await stage.deploy(account)
    await edited.deploy_app(
        defaults={"products": ["theirs"], "token_limit": {"tokens_per_minute": "50%"}}
    )
    await stage.sweep()
    assert (await stage.served(account))["openai"].deployments == {"gpt-4o": 5_000}
    stage.writes()

    await edited.deploy_app(
        defaults={"token_limit": {"tokens_per_minute": "50%"}, "products": [{"id": "THEIRS"}]}
    )
    await stage.sweep()

    assert stage.writes() == []


async def test_a_file_that_is_edited_under_a_running_app_changes_nothing_until_it_restarts(
    edited: Edited,
) -> None:
    stage = edited.stage
    account = await stage.account()
    await edited.deploy_app()
    await stage.deploy(account)
    await stage.quiet()

    write_rules(edited.folder, {"defaults": {"token_limit": {"tokens_per_minute": 7}}})
    await stage.deploy(account, "second")
    await stage.quiet()
    assert set((await stage.served(account))["openai"].deployments.values()) == {10_000}

    await stage.azure.host.restart()
    await stage.sweep()

    assert set((await stage.served(account))["openai"].deployments.values()) == {7}


async def test_a_wrong_rules_file_stops_the_app_at_start_and_says_where_and_what(
    tmp_path: Path,
) -> None:
    rules = {
        "defaults": {"pth": "ai", "products": ["../policies"]},
        "rules": [{"match": {}, "set": {"path": "@(1)"}}],
        "profiles": {"small": {"nonsense": 1}},
    }
    with pytest.raises(HostFailedError) as refused:
        async with a_stage(an_app_with_rules(tmp_path, rules)):
            pass

    for words in (
        "onramp.yaml can't be used:",
        "defaults.pth: is no setting: did you mean path?",
        "defaults.products[0]: must be an id of letters, digits and -, at most 80",
        "rules[0].set.path: must be words of a-z 0-9 - joined by slashes",
        "profiles.small.nonsense: is no setting: see docs/settings.md",
    ):
        assert words in str(refused.value)
