"""What becomes of each deployment: where it is served, or why it is not."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from shared.core.desired import Desired
from shared.core.model import Deployment, Model
from shared.core.states import DeploymentState, Verdict
from tests.builders import (
    CHAT,
    EMBEDDINGS,
    ENDPOINTS,
    SERVICE,
    a_deployment,
    an_account,
    an_embedding,
    choosing,
    desired_of,
    ruled,
    serving,
)

AOAI, V1, AI = "azure-openai", "azure-openai-v1", "azure-ai"
FAMILIES = [AOAI, V1, AI, "anthropic", "cohere"]
SECRET = {"secret": "https://contoso.vault.azure.net/secrets/foundry"}
OPENAI_ONLY = {"OpenAI Language Model Instance API": "https://contoso.openai.azure.com/"}


def a_model(format_: str, name: str, capabilities: Mapping[str, str] | None = None) -> Deployment:
    model = Model(format_, name, "1")
    return a_deployment("one", model=model, capabilities=capabilities or {})


MODELS = {
    "chat": a_model("OpenAI", "gpt-4o", CHAT),
    "partner chat": a_model("Mistral AI", "mistral-large", CHAT),
    "completion": a_model("OpenAI", "davinci-002", {"completion": "true"}),
    "responses": a_model("OpenAI", "o3-pro", {"responses": "true"}),
    "embeddings": a_model("OpenAI", "text-embedding-3-small", EMBEDDINGS),
    "cohere embeddings": a_model("Cohere", "embed-v-4-0"),
    "partner embeddings": a_model("Nvidia", "nv-embed", EMBEDDINGS),
    "image": a_model("OpenAI", "gpt-image-1", {"imageGenerations": "true"}),
    "flux": a_model("Black Forest Labs", "FLUX.1-Kontext-pro"),
    "whisper": a_model("OpenAI", "whisper"),
    "tts": a_model("OpenAI", "tts-hd"),
    "transcribe": a_model("OpenAI", "gpt-4o-mini-transcribe", CHAT),
    "claude": a_model("Anthropic", "claude-sonnet-4-5", CHAT),
    "rerank": a_model("Cohere", "Cohere-rerank-v4.0-pro", CHAT),
    "realtime": a_model("OpenAI", "gpt-realtime", {"realtime": "true", **CHAT}),
    "video": a_model("OpenAI", "sora-2"),
    "unknown": a_model("OpenAI", "something-new"),
}


def verdict_of(found: Desired) -> Verdict:
    (verdict,) = found.verdicts
    return verdict


@pytest.mark.parametrize(
    ("model", "surfaces", "served"),
    [
        ("chat", "auto", {AOAI, V1}),
        ("chat", [AI], {AI}),
        ("chat", FAMILIES, {AOAI, V1, AI}),
        ("chat", ["anthropic", "cohere"], set()),
        ("partner chat", "auto", {V1}),
        ("partner chat", [AOAI], set()),
        ("partner chat", FAMILIES, {V1, AI}),
        ("completion", "auto", {AOAI, V1}),
        ("responses", "auto", {AOAI, V1}),
        ("embeddings", "auto", {AOAI, V1}),
        ("cohere embeddings", "auto", {AI, "cohere"}),  # last resorts, one beside the other
        ("cohere embeddings", [AI], {AI}),
        ("cohere embeddings", [AI, "cohere"], {AI, "cohere"}),
        ("partner embeddings", "auto", {AI}),  # nothing else does
        ("partner embeddings", [AOAI, V1], set()),
        ("image", "auto", {AOAI, V1}),
        ("flux", "auto", set()),
        ("whisper", "auto", {AOAI, V1}),
        ("whisper", FAMILIES, {AOAI, V1}),
        ("tts", "auto", {AOAI, V1}),
        ("transcribe", "auto", {AOAI, V1}),
        ("claude", "auto", {"anthropic"}),
        ("claude", [AOAI, V1, AI], set()),
        ("rerank", "auto", {"cohere"}),
        ("rerank", FAMILIES, {"cohere"}),
        ("realtime", "auto", {"realtime", "realtime-v1"}),
        ("realtime", [AOAI], {"realtime"}),
        ("realtime", [V1], {"realtime-v1"}),
        ("realtime", [AI], set()),
        ("video", "auto", set()),
        ("unknown", "auto", set()),
        ("unknown", FAMILIES, set()),
    ],
)
def test_a_model_is_served_where_its_clients_look_for_it(
    model: str, surfaces: str | Sequence[str], served: set[str]
) -> None:
    found = desired_of(an_account(MODELS[model]), rules=choosing(surfaces=surfaces))

    verdict = verdict_of(found)
    assert verdict.rules.keys() == served
    if served:
        assert verdict.state is DeploymentState.APPLIED
        assert verdict.resources
    else:
        assert verdict.state is DeploymentState.QUARANTINED
        assert verdict.reason.startswith("no enabled surface serves ")
        assert f"(kind {verdict.kind.value})" in verdict.reason
        assert found.resources == ()


def test_a_last_resort_is_for_the_model_that_needs_it_alone() -> None:
    partner = replace(MODELS["partner embeddings"], name="vectors")

    found = desired_of(an_account(MODELS["chat"], partner))

    assert {it.name: it.rules.keys() for it in found.verdicts} == {
        "one": {AOAI, V1},
        "vectors": {AI},
    }


def test_an_account_without_foundry_serves_where_it_has_a_host() -> None:
    account = an_account(MODELS["chat"], kind="OpenAI", endpoints=OPENAI_ONLY)

    assert verdict_of(desired_of(account)).rules.keys() == {AOAI, V1}
    assert all("contoso.openai.azure.com" in str(it) for it in desired_of(account).resources[:1])


def test_there_are_no_sessions_on_consumption() -> None:
    service = replace(SERVICE, sku="Consumption")

    found = desired_of(an_account(MODELS["realtime"]), service=service)

    assert (found.resources, verdict_of(found).state) == ((), DeploymentState.QUARANTINED)
    assert verdict_of(found).reason == (
        "tier Consumption has no WebSocket APIs, which OpenAI gpt-realtime (kind realtime) needs"
    )


BAD_PROFILE = "tag onramp:profile of the {} is 'oops', which is none of small"
PROFILES = {"profiles": {"small": {"token_limit": {"tokens_per_minute": 7}}}}


@pytest.mark.parametrize(
    ("book", "account_tags", "tags", "because"),
    [
        ({"defaults": {"onboard": False}}, {}, {}, "defaults"),
        ({}, {"onramp:skip": "true"}, {}, "tag onramp:skip of the account"),
        ({}, {}, {"Onramp:Skip": " TRUE "}, "tag onramp:skip of the deployment"),
        (
            {"rules": [{"match": {"account": "contoso"}, "set": {"onboard": False}}]},
            {},
            {},
            "rule 1",
        ),
        (
            {
                "rules": [
                    {"name": "no 4o", "match": {"model": "gpt-4o*"}, "set": {"onboard": False}}
                ]
            },
            {},
            {},
            "no 4o",
        ),
    ],
)
def test_what_somebody_chose_not_to_have_is_excluded_and_counts_as_lost(
    book: dict[str, Any], account_tags: dict[str, str], tags: dict[str, str], because: str
) -> None:
    account = an_account(a_deployment(tags=tags), tags=account_tags)

    found = desired_of(account, rules=ruled(book), standing=serving("gpt-4o"))

    assert verdict_of(found).state is DeploymentState.EXCLUDED
    assert verdict_of(found).reason == f"not to be onboarded: {because}"
    assert not found.resources
    assert not found.retained
    assert found.lost == {"gpt-4o"}


def test_one_deployment_is_excluded_and_its_neighbour_is_not() -> None:
    out = a_deployment("out", tags={"onramp:skip": "true"})

    found = desired_of(an_account(out, a_deployment("in")), standing=serving("out", "in"))

    assert {it.name: it.state for it in found.verdicts} == {
        "in": DeploymentState.APPLIED,
        "out": DeploymentState.EXCLUDED,
    }
    assert found.lost == {"out"}


def test_a_rule_can_take_in_single_deployments_of_what_is_left_out() -> None:
    book = {
        "defaults": {"onboard": False, "products": ["gone"]},
        "rules": [{"match": {"deployment": "in"}, "set": {"onboard": True}}],
    }

    found = desired_of(an_account(a_deployment("in"), a_deployment("out")), rules=ruled(book))

    assert {it.name: it.state.value for it in found.verdicts} == {
        "in": "applied",
        "out": "excluded",
    }
    assert found.notes == ("not in product gone: there is none",)


@pytest.mark.parametrize("key", ["onramp:profile", "OnRamp:Profile"])
def test_a_bad_tag_on_a_deployment_quarantines_it_alone(key: str) -> None:
    odd = a_deployment("odd", tags={key: "oops"})

    found = desired_of(an_account(odd, a_deployment("fine")), rules=ruled(PROFILES))

    states = {it.name: (it.state.value, it.reason) for it in found.verdicts}
    assert states == {
        "fine": ("applied", "onboarded"),
        "odd": ("quarantined", BAD_PROFILE.format("deployment")),
    }


def test_a_bad_tag_on_an_account_quarantines_all_of_it() -> None:
    account = an_account(a_deployment(), an_embedding(), tags={"onramp:profile": "oops"})

    found = desired_of(account, rules=ruled(PROFILES))

    why = BAD_PROFILE.format("account")
    assert {(it.state.value, it.reason) for it in found.verdicts} == {("quarantined", why)}
    assert (found.resources, found.notes) == ((), (why,))


def test_a_tag_that_a_path_is_made_of_must_be_one_of_the_allowed() -> None:
    book = {"defaults": {"path": "{tag.team}/{account}"}, "tags": {"team": ["red", "blue"]}}

    for tags, words in (
        ({}, "the account has no tag team: set it to one of red, blue"),
        ({"team": "{{x}}"}, "tag team of the account is '…', which is none of red, blue"),
    ):
        found = desired_of(an_account(a_deployment(), tags=tags), rules=ruled(book))
        assert (verdict_of(found).state.value, found.resources) == ("quarantined", ())
        assert verdict_of(found).reason == words


def test_an_excluded_account_goes_whatever_tags_its_path_lacks() -> None:
    book = {"defaults": {"path": "{tag.team}/{account}"}, "tags": {"team": ["red"]}}
    account = an_account(a_deployment(), tags={"onramp:skip": "true"})

    found = desired_of(account, rules=ruled(book), standing=serving("gpt-4o"))

    assert verdict_of(found).state is DeploymentState.EXCLUDED
    assert not found.retained
    assert found.lost == {"gpt-4o"}


def limits(found: Desired, surface: str = AOAI) -> dict[str, int | None]:
    rules = {it.name: it.rules[surface].limit for it in found.verdicts if surface in it.rules}
    return {name: it.tokens_per_minute if it else None for name, it in rules.items()}


def test_limits_are_chosen_for_each_deployment_and_the_last_word_counts() -> None:
    book = {
        "defaults": {"token_limit": {"tokens_per_minute": "50%"}},
        "rules": [
            {"match": {"model": "gpt-4o"}, "set": {"token_limit": {"tokens_per_minute": 300}}},
            {"match": {"tags": {"env": "test"}}, "set": {"token_limit": "off"}},
        ],
        **PROFILES,
    }
    mini = Model("OpenAI", "gpt-4o-mini", "1")
    account = an_account(
        a_deployment("share", model=mini),
        a_deployment("number"),
        a_deployment("none", tags={"env": "test"}),
        a_deployment("profile", tags={"env": "test", "onramp:profile": "small"}),
    )

    found = desired_of(account, rules=ruled(book))

    assert limits(found) == {"share": 5_000, "number": 300, "none": None, "profile": 7}
    assert {it.reason for it in found.verdicts} == {"onboarded"}


@pytest.mark.parametrize(("stated", "limit"), [(10_000, 2_500), (40_000, 10_000), (1, 1)])
def test_a_limit_follows_the_capacity(stated: int, limit: int) -> None:
    account = an_account(a_deployment(tokens_per_minute=stated))

    found = desired_of(account, rules=choosing(token_limit={"tokens_per_minute": "25%"}))

    assert limits(found) == {"gpt-4o": limit}


def test_what_is_left_out_is_said_once_and_nothing_fails() -> None:
    rules = choosing(content_safety={"backend": "safety"}, token_metric=True)

    found = desired_of(
        an_account(a_deployment()), rules=rules, service=replace(SERVICE, sku="Consumption")
    )

    assert verdict_of(found).state is DeploymentState.APPLIED
    assert verdict_of(found).reason == (
        "onboarded; no token limit: tier Consumption has none; "
        "no content safety: tier Consumption has none"
    )
    assert found.notes == ("no token metric: the gateway has no Application Insights logger",)


def test_without_a_subdomain_only_a_key_will_do() -> None:
    account = an_account(a_deployment(), custom_subdomain=None)

    assert "custom subdomain" in verdict_of(desired_of(account)).reason
    by_key = desired_of(account, rules=choosing(access_key=SECRET))
    assert verdict_of(by_key).state is DeploymentState.APPLIED


@pytest.mark.parametrize(
    "name", ["models", "MODELS", "none", "chat-completions-create", "models-list", "x" * 64, "a"]
)
def test_an_odd_but_allowed_name_is_a_name_like_any_other(name: str) -> None:
    found = desired_of(an_account(a_deployment(name), a_deployment("other")))

    assert {it.state.value for it in found.verdicts} == {"applied"}
    assert len({it.path for it in found.resources}) == len(found.resources)
    assert limits(found).keys() == {name, "other"}


@pytest.mark.parametrize("name", ["x" * 65, "", ".", "..", "-a", "a/b", "a b", "é", "\u212a"])
def test_a_name_outside_the_allowlist_is_quarantined(name: str) -> None:
    verdict = verdict_of(desired_of(an_account(a_deployment(name))))

    assert verdict.state is DeploymentState.QUARANTINED
    assert verdict.reason == "the name has characters outside the allowlist"


def test_endpoints_of_others_serve_nobody() -> None:
    account = an_account(a_deployment(), endpoints=dict.fromkeys(ENDPOINTS, "https://x.example/"))

    assert verdict_of(desired_of(account)).state is DeploymentState.QUARANTINED
