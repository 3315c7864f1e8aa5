"""Every choice of the portal's import wizard, unattended, in the whole app."""

import pytest

from tests.scenarios.equipped import MODELS, apis, backends, grants, onboarded, tags_of
from tests.stage import EMBEDDINGS, GROUP, Stage


async def test_each_kind_of_model_is_served_where_its_clients_look_for_it(equipped: Stage) -> None:
    account = f"{GROUP}/providers/Microsoft.CognitiveServices/accounts/mixed"

    await equipped.reimport({"account": account})

    served = await equipped.served(account)
    assert {path: set(api.deployments) for path, api in served.items()} == {
        "openai": {"chat", "vectors", "pictures", "listener"},
        "openai/v1": {"chat", "vectors", "pictures", "listener", "partner"},
        "anthropic": {"claude"},
        "providers/cohere": {"ranker"},
        "openai/realtime": {"talker"},
        "openai/v1/realtime": {"talker"},
    }
    states = {name: await equipped.deployment(account, name) for name in MODELS}
    parked = {name: it["reason"] for name, it in states.items() if it["state"] != "verified"}
    assert {it["state"] for name, it in states.items() if name in parked} == {"quarantined"}
    assert parked == {
        "films": "no enabled surface serves OpenAI sora-2 (kind video)",
        "papers": "no enabled surface serves Mistral AI mistral-document-ai-2505 (kind unknown)",
    }


async def test_a_resize_changes_the_limit_on_every_surface(equipped: Stage) -> None:
    account = await onboarded(equipped, "acct")
    equipped.writes()

    await equipped.deploy(account, capacity=25)
    await equipped.quiet()

    limits = {path: api.deployments for path, api in (await equipped.served(account)).items()}
    assert limits == {path: {"gpt-4o": 25_000} for path in ("openai", "openai/v1")}
    assert [it.rpartition("/")[2] for it in equipped.writes()] == ["policy", "policy"]


async def test_a_profile_is_chosen_by_the_tag_of_a_deployment(equipped: Stage) -> None:
    account = await onboarded(equipped, "acct")

    await equipped.deploy(account, "tiny", tags={"onramp:profile": "Small"})
    await equipped.quiet()

    api = (await equipped.served(account))["openai"]
    assert api.deployments == {"gpt-4o": 10_000, "tiny": 500}


@pytest.mark.parametrize("whose", ["account", "deployment"])
async def test_who_asks_to_be_skipped_is_taken_off_at_once(equipped: Stage, whose: str) -> None:
    account = await onboarded(equipped, "acct")

    if whose == "account":
        await equipped.tag(account, onramp_skip="true")
    else:
        await equipped.deploy(account, tags={"onramp:skip": "true"})
    await equipped.quiet()

    assert await equipped.served(account) == {}
    assert await grants(equipped, account) == []
    told = await equipped.deployment(account, "gpt-4o")
    reason = f"not to be onboarded: tag onramp:skip of the {whose}"
    assert (told["state"], told["reason"]) == ("excluded", reason)


@pytest.mark.parametrize(
    ("tag", "problem"),
    [
        (
            "onramp:profile",
            "tag onramp:profile of the deployment is 'smal', which is none of small",
        ),
        (
            "onramp:skip",
            "tag onramp:skip of the deployment is 'smal', which is none of true, false",
        ),
    ],
)
async def test_a_bad_tag_of_a_deployment_parks_it_and_keeps_what_stands(
    equipped: Stage, tag: str, problem: str
) -> None:
    account = await onboarded(equipped, "acct")
    before = await equipped.policy(account, "openai")
    equipped.writes()

    await equipped.deploy(account, tags={tag: "smal"})
    await equipped.deploy(account, "new", tags={tag: "smal"})
    await equipped.quiet()

    assert equipped.writes() == []
    assert await equipped.policy(account, "openai") == before
    kept, new = [await equipped.deployment(account, it) for it in ("gpt-4o", "new")]
    assert (kept["state"], kept["reason"]) == ("applied", f"kept as it was: {problem}")
    assert (new["state"], new["reason"]) == ("quarantined", problem)


async def test_a_bad_tag_of_an_account_keeps_all_of_it_until_it_is_right(equipped: Stage) -> None:
    account = await equipped.account(prefix="team", tags={"team": "bank"})
    await equipped.deploy(account)
    await equipped.quiet()
    name = account.rpartition("/")[2]
    equipped.writes()

    await equipped.tag(account, team="../policies@(1)")
    await equipped.deploy(account, "new")
    await equipped.quiet()

    assert equipped.writes() == []
    problem = "tag team of the account is '..…', which is none of retail, bank"
    kept, new = [await equipped.deployment(account, it) for it in ("gpt-4o", "new")]
    assert (kept["state"], kept["reason"]) == ("applied", f"kept as it was: {problem}")
    assert (new["state"], new["reason"]) == ("quarantined", problem)

    await equipped.tag(account, team="Retail")
    await equipped.quiet()

    paths = {it["properties"]["path"] for it in await apis(equipped, name)}
    assert paths == {f"retail/{name}/openai", f"retail/{name}/openai/v1"}


async def test_tokens_are_measured_where_there_is_a_logger(equipped: Stage) -> None:
    account = await onboarded(equipped, "measured")

    for path, api in (await equipped.served(account)).items():
        assert "llm-emit-token-metric" in tags_of(await equipped.policy(account, path))
        found = await equipped.gateway(f"apis/{api.name}/diagnostics/applicationinsights")
        assert found is not None
        assert found["properties"]["metrics"] is True
        assert found["properties"]["loggerId"].endswith("/loggers/insights")
    run = await equipped.reimport({"account": account})
    assert (run["units"][0]["writes"], run["units"][0]["notes"]) == (0, [])


async def test_answers_are_cached_where_there_is_a_cache_and_a_model_for_vectors(
    equipped: Stage,
) -> None:
    account = await equipped.account(prefix="cached")
    await equipped.deploy(account)
    await equipped.quiet()
    (without,) = (await equipped.reimport({"account": account}))["units"]
    assert without["notes"] == ["no semantic cache: the account has no embeddings deployment"]

    await equipped.deploy(account, "vectors", model=EMBEDDINGS)
    await equipped.quiet()

    for path in ("openai", "openai/v1"):
        policy = await equipped.policy(account, path)
        assert {"llm-semantic-cache-lookup", "llm-semantic-cache-store"} <= tags_of(policy)
    urls = [it["url"] for it in (await backends(equipped, account)).values()]
    assert len([it for it in urls if it.endswith("/openai/deployments/vectors/embeddings")]) == 1

    await equipped.delete(f"{account}/deployments/vectors")
    await equipped.quiet()

    assert "llm-semantic-cache-lookup" not in tags_of(await equipped.policy(account, "openai"))
    assert len(await backends(equipped, account)) == 2


async def test_prompts_are_checked_where_the_backend_for_it_stands(equipped: Stage) -> None:
    account = await onboarded(equipped, "safe")

    for path in ("openai", "openai/v1"):
        assert "llm-content-safety" in tags_of(await equipped.policy(account, path))


@pytest.mark.parametrize(
    ("prefix", "reason"),
    [
        ("unsafe", "onboarded; no content safety: the gateway has no backend nobody"),
        ("unmeasured", "onboarded"),
    ],
)
async def test_what_the_gateway_lacks_is_left_out_and_said(
    equipped: Stage, prefix: str, reason: str
) -> None:
    account = await onboarded(equipped, prefix)
    (unit,) = (await equipped.reimport({"account": account}))["units"]

    told = await equipped.deployment(account, "gpt-4o")
    assert (told["state"], told["reason"]) == ("verified", reason)
    left_out = "no token metric: the gateway has no Application Insights logger nobody"
    assert unit["notes"] == ([left_out] if prefix == "unmeasured" else [])
    optional = {"llm-content-safety", "llm-emit-token-metric"}
    assert not optional & tags_of(await equipped.policy(account, "openai"))
    assert unit["status"] == "succeeded"


async def test_two_accounts_on_one_path_are_a_collision_that_the_second_is_told_of(
    equipped: Stage,
) -> None:
    first = await onboarded(equipped, "one-path")
    found = await apis(equipped, first.rpartition("/")[2])
    policy = await equipped.gateway(f"apis/{found[0]['name']}/policies/policy")

    second = await onboarded(equipped, "one-path")

    assert await apis(equipped, first.rpartition("/")[2]) == found
    assert await equipped.gateway(f"apis/{found[0]['name']}/policies/policy") == policy
    assert await apis(equipped, second.rpartition("/")[2]) == []
    assert (await equipped.deployment(first, "gpt-4o"))["state"] == "verified"
    told = await equipped.deployment(second, "gpt-4o")
    assert told["state"] == "quarantined"
    assert "of another account: give one of them another path" in told["reason"]
