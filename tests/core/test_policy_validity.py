"""What we make of any world passes the checks that API Management makes when a policy is saved."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from sandbox.arm.apim.policies import Exists, Scope
from sandbox.arm.apim.policy_check import check_policy, only
from shared.core.desired import Desired
from shared.core.model import Deployment, Model
from shared.core.modes import Mode
from shared.core.naming import api_id
from shared.core.resource_kinds import POLICIES, ResourceKind, kind_of
from shared.core.surfaces import SURFACES
from tests.builders import (
    CHAT,
    FACTS,
    NOW,
    OLD_LIMIT,
    PRINCIPAL,
    SERVICE,
    UNIT,
    a_deployment,
    an_account,
    an_embedding,
    choosing,
    desired_of,
    serving,
)

FAMILIES = ("Consumption", "Developer", "StandardV2")  # of tiers
TIERS = (*FAMILIES, "Basic", "Standard", "Premium", "BasicV2", "PremiumV2")
CLIENT = "aaaaaaaa-0000-0000-0000-000000000001"
FULL = replace(FACTS, loggers=("insights",), has_cache=True, backends=frozenset({"safety"}))
EVERY_SURFACE = ["azure-openai", "azure-openai-v1", "azure-ai", "anthropic", "cohere"]


def a_model(name: str, format_: str = "OpenAI", **capabilities: str) -> Deployment:
    return a_deployment(name, model=Model(format_, name, "1"), capabilities=capabilities)


WORLD = an_account(
    a_deployment("Chat", capabilities={**CHAT, "responses": "true"}),
    an_embedding("vectors"),
    a_model("mistral-large", "Mistral AI", chatCompletion="true"),
    a_model("davinci-002", completion="true"),
    a_model("o3-pro", responses="true"),
    a_model("gpt-image-1"),
    a_model("whisper"),
    a_model("tts-hd"),
    a_model("gpt-realtime"),
    a_model("claude-opus-4-5", "Anthropic"),
    a_model("Cohere-rerank-v4", "Cohere"),
    a_model("embed-v-4-0", "Cohere"),
)
FEATURES: Mapping[str, dict[str, Any]] = {
    "nothing": {"token_limit": False},
    "limit": {"token_limit": {"tokens_per_minute": 5, "estimate_prompt_tokens": True}},
    "share": {"token_limit": {"tokens_per_minute": "10%", "counter_key": "ip"}},
    "quota": {"token_limit": {"tokens_per_minute": False, "quota": {"tokens": 7}}},
    "both": {"token_limit": {"quota": {"tokens": 7, "period": "Hourly"}, "counter_key": "product"}},
    "metric": {
        "token_metric": {
            "dimensions": ["API ID", "Operation ID", "User ID", "Location", "Deployment"],
        }
    },
    "cache": {"semantic_cache": True},
    "fine cache": {
        "semantic_cache": {
            "score_threshold": 0.00001,
            "vary_by": ["user", "product", "subscription"],
            "max_message_count": 3,
            "ignore_system_messages": True,
        }
    },
    "cache at the edges": {"semantic_cache": {"score_threshold": 1, "duration_s": 86_400}},
    "safety": {"content_safety": {"backend": "safety", "blocklists": ["one", "two"]}},
    "bare safety": {
        "content_safety": {"backend": "safety", "categories": {}, "enforce_on_completions": True}
    },
    "coarse safety": {
        "content_safety": {
            "backend": "safety",
            "categories": {"Hate": 0, "Sexual": 7},
            "output_type": "FourSeverityLevels",
        }
    },
    "key": {"access_key": {"secret": "https://contoso.vault.azure.net/secrets/key"}},
    "identity": {"identity": CLIENT},
    "all": {
        "token_metric": True,
        "semantic_cache": True,
        "content_safety": {"backend": "safety"},
        "operations": "all",
    },
}


def scope_of(path: str) -> Scope:
    return "handshake" if kind_of(path) is ResourceKind.OPERATION_POLICY else "api"


def existing(found: Desired) -> Exists:
    """What will stand by then: ours, and the gateway's content safety backend."""
    return only(("backends", "safety"), *names_in(found))


def names_in(found: Desired) -> list[tuple[str, str]]:
    names = (it.path.split("/") for it in found.resources)
    return [(it[0], it[1]) for it in names if len(it) == 2]


def problems(found: Desired, tier: str, exists: Exists | None = None) -> Mapping[str, list[str]]:
    checked = {
        it.path: check_policy(
            it.body["properties"]["value"],
            scope=scope_of(it.path),
            tier=tier,
            exists=exists or existing(found),
        )
        for it in found.resources
        if kind_of(it.path) in POLICIES
    }
    return {path: messages for path, messages in checked.items() if messages}


def made(tier: str, **chosen: Any) -> Desired:
    identities = {"": PRINCIPAL, CLIENT: PRINCIPAL}
    service = replace(SERVICE, sku=tier, identities=identities)
    rules = choosing(**{"surfaces": EVERY_SURFACE, **chosen})
    return desired_of(WORLD, rules=rules, service=service, facts=FULL)


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("chosen", FEATURES.values(), ids=FEATURES)
def test_every_policy_can_be_saved_in_the_tier_it_was_made_for(
    chosen: dict[str, Any], tier: str
) -> None:
    found = made(tier, **chosen)

    assert any(kind_of(it.path) in POLICIES for it in found.resources)
    assert problems(found, tier) == {}


def test_the_world_has_every_surface_and_the_choices_have_every_policy() -> None:
    found = [made("StandardV2", **chosen) for chosen in FEATURES.values()]

    apis = {it.path.split("/")[1] for it in found[0].resources if it.path.startswith("apis/")}
    assert apis == {api_id(UNIT, name) for name in SURFACES}
    text = str([it.body for desired in found for it in desired.resources])
    for name in (
        *("llm-token-limit", "llm-emit-token-metric", "llm-content-safety"),
        *("llm-semantic-cache-lookup", "llm-semantic-cache-store"),
        *("authentication-managed-identity", "set-backend-service", "return-response"),
    ):
        assert f"<{name}" in text


def test_the_check_bites() -> None:
    """Made for another tier, or with nothing that it names standing, it is refused."""
    found = made("StandardV2", **FEATURES["all"])

    assert problems(found, "Consumption")
    assert problems(found, "StandardV2", exists=only())


@pytest.mark.parametrize("tier", FAMILIES)
@pytest.mark.parametrize("mode", [Mode.SYNC, Mode.UPSERT_ONLY], ids=["retired", "kept"])
@pytest.mark.parametrize("chosen", FEATURES.values(), ids=FEATURES)
def test_what_is_kept_or_gone_can_be_saved_as_well(
    chosen: dict[str, Any], mode: Mode, tier: str
) -> None:
    service = replace(SERVICE, sku=tier)
    block = "" if tier == "Consumption" else OLD_LIMIT
    standing = serving(
        "old", retired={"older": NOW - timedelta(hours=1)}, surfaces=SURFACES, block=block
    )
    rules = replace(choosing(**{"surfaces": EVERY_SURFACE, **chosen}), mode=mode)
    everything = only(
        ("backends", "safety"),
        *(("backends", f"{api_id(UNIT, it)}-ai-endpoint") for it in SURFACES),
        *names_in(desired_of(WORLD, rules=rules, service=service, facts=FULL)),
    )

    for account in (WORLD, an_account(), None):
        found = desired_of(account, standing=standing, rules=rules, service=service, facts=FULL)
        assert problems(found, tier, exists=everything) == {}
