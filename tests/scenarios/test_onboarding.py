"""The whole app in the local Azure: real events, real queue, real tables, ARM over HTTP."""

from collections import Counter
from collections.abc import Mapping

from sandbox.client import GATEWAY_VERSION
from sandbox.demo_tables import Standing
from shared.core.resource_kinds import ResourceKind, kind_of
from tests.stage import EMBEDDINGS, Stage

MODELS = {"List models", "Retrieve a model"}
RESPONSES = {
    "Create a response",
    "Get a stored response",
    "Delete a stored response",
    "Cancel a background response",
    "List the input items of a stored response",
}
# What the catalogue's gpt-4o can do, on each surface.
CHAT_OPERATIONS = {
    "openai": {"Create a chat completion"} | RESPONSES | MODELS,
    "openai/v1": {
        *("Create a chat completion", "Compact a conversation"),
        *("Count the input tokens of a response", *RESPONSES, *MODELS),
    },
}


def operations(served: Mapping[str, Standing]) -> dict[str, set[str]]:
    """By the end of the API's path."""
    assert all(len(set(api.operations)) == len(api.operations) for api in served.values())
    return {path: set(api.operations) for path, api in served.items()}


async def test_a_new_deployment_is_served_on_every_surface(stage: Stage) -> None:
    account = await stage.account()
    await stage.deploy(account)
    await stage.quiet()

    served = await stage.served(account)

    assert operations(served) == CHAT_OPERATIONS
    for api in served.values():
        assert api.deployments == {"gpt-4o": 10_000}
        assert api.identity == "https://cognitiveservices.azure.com/"
    assert (await stage.deployment(account, "gpt-4o"))["state"] == "verified"


async def test_a_new_account_takes_one_write_per_resource(stage: Stage) -> None:
    account = await stage.account()
    await stage.quiet()
    stage.writes()

    await stage.deploy(account)
    await stage.quiet()

    written = Counter(it.partition(" ") for it in stage.writes())
    assert {method for method, _, _path in written} == {"PUT"}
    assert Counter(kind_of(path) for _, _, path in written.elements()) == {
        ResourceKind.API: 2,
        ResourceKind.API_POLICY: 2,
        ResourceKind.BACKEND: 2,
        ResourceKind.ROLE_ASSIGNMENT: 1,
    }


async def test_a_second_deployment_takes_one_write_per_surface(stage: Stage) -> None:
    account = await stage.account()
    await stage.deploy(account)
    await stage.quiet()
    stage.writes()

    await stage.deploy(account, "gpt-4o-eu")
    await stage.quiet()

    assert [write.rpartition("/policies/")[1] for write in stage.writes()] == ["/policies/"] * 2
    assert set((await stage.served(account))["openai"].deployments) == {"gpt-4o", "gpt-4o-eu"}


async def test_a_new_kind_brings_its_operations(stage: Stage) -> None:
    account = await stage.account()
    await stage.deploy(account)
    await stage.deploy(account, "embed", model=EMBEDDINGS)
    await stage.quiet()

    assert operations(await stage.served(account)) == {
        path: {*found, "Create embeddings"} for path, found in CHAT_OPERATIONS.items()
    }


async def test_limits_follow_the_capacity(stage: Stage) -> None:
    account = await stage.account()
    await stage.deploy(account, capacity=10)
    await stage.deploy(account, capacity=25)
    await stage.quiet()

    assert (await stage.served(account))["openai"].deployments == {"gpt-4o": 25_000}


async def test_a_deleted_deployment_answers_410_and_a_new_one_of_its_name_is_served_again(
    stage: Stage,
) -> None:
    account = await stage.account()
    await stage.deploy(account)
    await stage.deploy(account, "other")
    await stage.quiet()
    await stage.delete(f"{account}/deployments/other")
    await stage.quiet()

    assert (await stage.served(account))["openai"].deployments == {"gpt-4o": 10_000}
    assert (await stage.served(account))["openai"].gone == ["other"]
    told = await stage.deployment(account, "other")
    assert (told["state"], told["modelName"]) == ("retiring", "gpt-4o")

    await stage.deploy(account, "other", capacity=3)
    await stage.quiet()

    api = (await stage.served(account))["openai"]
    assert (dict(api.deployments), api.gone) == ({"gpt-4o": 10_000, "other": 3_000}, [])


async def test_a_deleted_account_answers_410(stage: Stage) -> None:
    account = await stage.account()
    await stage.deploy(account)
    await stage.quiet()

    await stage.delete(account)
    await stage.quiet()

    for api in (await stage.served(account)).values():
        assert (dict(api.deployments), api.gone) == ({}, ["gpt-4o"])


async def test_a_second_look_writes_nothing(stage: Stage) -> None:
    account = await stage.account()
    await stage.deploy(account)
    await stage.quiet()
    stage.writes()

    run = await stage.reimport({"account": account})

    assert stage.writes() == []
    (unit,) = run["units"]
    assert (run["status"], unit["status"], unit["writes"]) == ("succeeded", "succeeded", 0)
    assert {change["status"] for change in unit["changes"]} == {"kept"}


async def test_a_reimport_of_everything_shows_every_account(stage: Stage) -> None:
    accounts = [await stage.account(), await stage.account()]
    await stage.quiet()

    run = await stage.reimport({"all": True})

    looked_at = {unit["account"].lower() for unit in run["units"]}
    assert looked_at >= {account.lower() for account in accounts}


async def test_a_reimport_puts_right_what_was_changed_by_hand(stage: Stage) -> None:
    account = await stage.account()
    await stage.deploy(account)
    await stage.quiet()
    api = (await stage.served(account))["openai"]
    policy = f"{stage.azure.gateway_id}/apis/{api.name}/policies/policy"
    by_hand = {"format": "xml", "value": "<policies><inbound><base /></inbound></policies>"}
    await stage.arm.put(policy, {"properties": by_hand}, version=GATEWAY_VERSION)

    run = await stage.reimport({"deployment": f"{account}/deployments/gpt-4o"})

    updates = [it for it in run["units"][0]["changes"] if it["action"] == "update"]
    assert [(it["status"], it["reason"]) for it in updates] == [
        ("applied", "differs in properties.value")
    ]
    assert (await stage.served(account))["openai"].deployments == {"gpt-4o": 10_000}


async def test_losing_the_tables_does_no_harm(stage: Stage) -> None:
    account = await stage.account()
    await stage.deploy(account)
    await stage.quiet()
    stage.writes()

    await stage.lose_the_tables()
    await stage.sweep()

    assert stage.writes() == []
    assert (await stage.deployment(account, "gpt-4o"))["state"] == "verified"


async def test_a_sweep_finds_an_account_that_went_while_nobody_listened(stage: Stage) -> None:
    account = await stage.account()
    await stage.deploy(account)
    await stage.quiet()

    (subscription,) = stage.azure.event_grid.subscriptions
    stage.azure.event_grid.unsubscribe(subscription)
    await stage.delete(account)
    await stage.lose_the_tables()
    await stage.azure.event_grid.subscribe(subscription)
    await stage.sweep()

    assert {api.gone[0] for api in (await stage.served(account)).values()} == {"gpt-4o"}


async def test_a_foreign_api_on_our_path_is_reported_and_left_alone(stage: Stage) -> None:
    account = await stage.account()
    name = account.rpartition("/")[2]
    theirs = f"{stage.azure.gateway_id}/apis/theirs-{name}"
    body = {
        "properties": {"displayName": "theirs", "path": f"{name}/openai", "protocols": ["https"]}
    }
    before = await stage.arm.put(theirs, body, version=GATEWAY_VERSION)
    await stage.deploy(account)
    await stage.quiet()

    assert await stage.arm.get(theirs, version=GATEWAY_VERSION) == before
    found = await stage.deployment(account, "gpt-4o")
    assert found["state"] == "quarantined"
    assert f"path {name}/openai is taken by API theirs-{name} " in found["reason"]
    assert (await stage.served(account))["openai/v1"].deployments == {"gpt-4o": 10_000}


async def test_a_foreign_api_with_our_id_is_reported_and_left_alone(stage: Stage) -> None:
    account = await stage.account()
    await stage.deploy(account)
    await stage.quiet()
    api = (await stage.served(account))["openai"]
    path = f"{stage.azure.gateway_id}/apis/{api.name}"
    body = {"properties": {"displayName": "mine now", "path": "mine", "protocols": ["https"]}}
    await stage.arm.delete(path, version=GATEWAY_VERSION, if_match="*")
    before = await stage.arm.put(path, body, version=GATEWAY_VERSION)

    await stage.reimport({"account": account})

    assert await stage.arm.get(path, version=GATEWAY_VERSION) == before
    found = await stage.deployment(account, "gpt-4o")
    assert (found["state"], "owner mark" in found["reason"]) == ("quarantined", True)
