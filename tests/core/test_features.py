"""Every feature against what it needs: left in, or left out with the reason's words."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from shared.core.choices import Choices
from shared.core.features import (
    AccountFeatures,
    Gateway,
    account_features,
    counts_tokens,
    deployment_rule,
)
from shared.core.model import Deployment, GatewayFacts, Model
from shared.core.model_kinds import ModelKind
from shared.core.surfaces import SURFACES
from tests.builders import CHAT, FACTS, SERVICE, a_deployment, an_account, an_embedding

CLASSIC = ("Developer", "Basic", "Standard", "Premium")
V2 = ("BasicV2", "StandardV2", "PremiumV2")
PAID = (*CLASSIC, *V2)
FULL = replace(
    FACTS,
    loggers=("insights",),
    has_cache=True,
    backends=frozenset({"safety"}),
    products=frozenset({"open"}),
)
SAFETY: dict[str, Any] = {"content_safety": {"backend": "Safety"}}


def a_model(format_: str, name: str, capabilities: Mapping[str, str] | None = None) -> Deployment:
    model = Model(format_, name, "1")
    return a_deployment("one", model=model, capabilities=capabilities or {})


KINDS = {
    "chat": a_deployment("one"),
    "chat and responses": a_deployment("one", capabilities={**CHAT, "responses": "true"}),
    "partner chat": a_model("Mistral AI", "mistral-large", CHAT),
    "completion": a_model("OpenAI", "davinci-002", {"completion": "true"}),
    "responses": a_model("OpenAI", "o3-pro", {"responses": "true"}),
    "embeddings": an_embedding("one"),
    "cohere embeddings": a_model("Cohere", "embed-v-4-0"),
    "image": a_model("OpenAI", "gpt-image-1"),
    "transcription": a_model("OpenAI", "whisper"),
    "speech": a_model("OpenAI", "tts-hd"),
    "messages": a_model("Anthropic", "claude-sonnet-4-5"),
    "rerank": a_model("Cohere", "rerank-v4"),
    "realtime": a_model("OpenAI", "gpt-realtime"),
}


def gateway(sku: str = "StandardV2", facts: GatewayFacts = FULL) -> Gateway:
    return Gateway(replace(SERVICE, sku=sku), facts)


def rule(
    kind: str, surface: str, sku: str = "StandardV2", facts: GatewayFacts = FULL, **chosen: Any
) -> tuple[Any, tuple[str, ...]]:
    choices = Choices.model_validate({"token_limit": False, **chosen})
    return deployment_rule(
        KINDS[kind],
        SURFACES[surface],
        choices,
        gateway=gateway(sku, facts),
        shared=AccountFeatures(),
    )


COUNTED = [
    ("chat", "azure-openai", PAID),
    ("chat and responses", "azure-openai", PAID),
    ("completion", "azure-openai", PAID),
    ("responses", "azure-openai", PAID),
    ("embeddings", "azure-openai", PAID),
    ("chat", "azure-openai-v1", PAID),
    ("partner chat", "azure-openai-v1", PAID),
    ("partner chat", "azure-ai", PAID),
    ("cohere embeddings", "azure-ai", PAID),
    ("messages", "anthropic", V2),
]
NOT_COUNTED = [
    ("image", "azure-openai", "image is not counted in tokens"),
    ("image", "azure-openai-v1", "image is not counted in tokens"),
    ("transcription", "azure-openai-v1", "transcription is not counted in tokens"),
    ("speech", "azure-openai", "speech is not counted in tokens"),
    ("rerank", "cohere", "rerank is not counted in tokens"),
    ("cohere embeddings", "cohere", "embeddings is not counted in tokens"),
    ("realtime", "realtime", "realtime is not counted in tokens"),
    ("realtime", "realtime-v1", "realtime is not counted in tokens"),
]


@pytest.mark.parametrize(("kind", "surface", "tiers"), COUNTED)
@pytest.mark.parametrize("sku", [*PAID, "consumption", "SomethingNew"])
def test_tokens_are_limited_where_the_tier_has_it_and_counts_them(
    kind: str, surface: str, tiers: tuple[str, ...], sku: str
) -> None:
    found, left_out = rule(kind, surface, sku, token_limit=True)

    if sku in tiers or (sku == "SomethingNew" and kind != "messages"):
        assert found.limit.tokens_per_minute == 10_000
        assert left_out == ()
    else:
        assert found.limit is None
        why = "has none" if sku == "consumption" else "does not count Anthropic's tokens"
        assert left_out == (f"no token limit: tier {sku} {why}",)


@pytest.mark.parametrize(("kind", "surface", "words"), NOT_COUNTED)
@pytest.mark.parametrize("sku", [*PAID, "Consumption"])
def test_what_has_no_tokens_to_count_has_no_limit(
    kind: str, surface: str, words: str, sku: str
) -> None:
    found, left_out = rule(kind, surface, sku, token_limit=True)

    assert found.limit is None
    why = "tier Consumption has none" if sku == "Consumption" else words
    assert left_out == (f"no token limit: {why}",)


@pytest.mark.parametrize(
    ("chosen", "stated", "rate", "words"),
    [
        (500, 10_000, 500, None),
        (500, None, 500, None),
        ("100%", 10_000, 10_000, None),
        ("25%", 10_000, 2_500, None),
        ("1%", 10, 1, None),
        ("100%", None, None, "ARM states no rate of its capacity"),
        ("100%", 0, None, "ARM states no rate of its capacity"),
    ],
)
def test_the_rate_is_a_number_or_a_share_of_what_arm_states(
    chosen: object, stated: int | None, rate: int | None, words: str | None
) -> None:
    choices = Choices.model_validate({"token_limit": {"tokens_per_minute": chosen}})
    found, left_out = deployment_rule(
        a_deployment(tokens_per_minute=stated),
        SURFACES["azure-openai"],
        choices,
        gateway=gateway(),
        shared=AccountFeatures(),
    )

    assert (found.limit.tokens_per_minute if found.limit else None) == rate
    assert left_out == ((f"no token limit: {words}",) if words else ())


@pytest.mark.parametrize("stated", [None, 10_000])
def test_a_quota_stands_without_a_rate(stated: int | None) -> None:
    limit = {"tokens_per_minute": False, "quota": {"tokens": 9, "period": "Daily"}}
    found, left_out = deployment_rule(
        a_deployment(tokens_per_minute=stated),
        SURFACES["azure-openai"],
        Choices.model_validate({"token_limit": limit}),
        gateway=gateway(),
        shared=AccountFeatures(),
    )

    assert found.limit is not None
    assert (found.limit.tokens_per_minute, found.limit.quota) == (None, (9, "Daily"))
    assert left_out == ()


@pytest.mark.parametrize(
    ("kind", "surface"),
    [
        ("chat", "azure-openai"),
        ("chat and responses", "azure-openai-v1"),
        ("completion", "azure-openai"),
        ("responses", "azure-openai-v1"),
        ("partner chat", "azure-ai"),
    ],
)
@pytest.mark.parametrize("sku", PAID)
def test_prompts_are_checked_where_the_tier_can(kind: str, surface: str, sku: str) -> None:
    found, left_out = rule(kind, surface, sku, **SAFETY)

    assert found.safety.backend == "Safety"
    assert left_out == ()


@pytest.mark.parametrize(
    ("kind", "surface", "sku", "facts", "words"),
    [
        ("chat", "azure-openai", "Consumption", FULL, "tier Consumption has none"),
        ("chat", "azure-openai", "Basic", FACTS, "the gateway has no backend Safety"),
        ("embeddings", "azure-openai", "Basic", FULL, "embeddings is not checked"),
        ("cohere embeddings", "cohere", "Basic", FULL, "embeddings is not checked"),
        ("image", "azure-openai", "Basic", FULL, "image is not checked"),
        ("transcription", "azure-openai-v1", "Basic", FULL, "transcription is not checked"),
        ("speech", "azure-openai-v1", "Basic", FULL, "speech is not checked"),
        ("messages", "anthropic", "BasicV2", FULL, "messages is not checked"),
        ("rerank", "cohere", "BasicV2", FULL, "rerank is not checked"),
        ("realtime", "realtime", "BasicV2", FULL, "realtime is not checked"),
        ("realtime", "realtime", "Consumption", FULL, "tier Consumption has none"),
    ],
)
def test_prompts_are_not_checked_where_it_can_not_be_had(
    kind: str, surface: str, sku: str, facts: GatewayFacts, words: str
) -> None:
    found, left_out = rule(kind, surface, sku, facts, **SAFETY)

    assert found.safety is None
    assert left_out == (f"no content safety: {words}",)


def test_what_is_not_chosen_is_not_said_to_be_left_out() -> None:
    for surface in ("azure-openai", "azure-openai-v1"):
        assert rule("image", surface, "Consumption", FACTS)[1] == ()
    assert account_features(an_account(), Choices(), gateway()).left_out == ()


@pytest.mark.parametrize("surface", SURFACES.values(), ids=lambda it: it.name)
@pytest.mark.parametrize("kind", ModelKind)
def test_sessions_and_answers_in_a_shape_of_their_own_are_never_counted(
    surface: Any, kind: ModelKind
) -> None:
    if surface.name in ("realtime", "realtime-v1", "cohere"):
        assert not counts_tokens(surface, frozenset({kind}), "StandardV2")
