"""The models that can be deployed, one of every kind, and what their deployments say."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.sandbox.arm_client import ACCOUNT, SUB, Arm, a_world, local_arm

OPENAI = ACCOUNT.replace("contoso", "plain")
CHAT = {"chatCompletion": "true"}
SPEECH = {"audio": "true", "scaleType": "Standard"}


@pytest.fixture
async def arm() -> AsyncIterator[Arm]:
    accounts = [{"name": "contoso"}, {"name": "plain", "kind": "OpenAI"}]
    async with local_arm(a_world(accounts=accounts)) as arm:
        yield arm


async def deployed(arm: Arm, format_: str, name: str, account: str = ACCOUNT) -> Any:
    body = {
        "sku": {"name": "GlobalStandard", "capacity": 5},
        "tags": {"onramp:profile": "gold"},
        "properties": {"model": {"format": format_, "name": name}},
    }
    return await arm.call("PUT", f"{account}/deployments/mine", body=body)


@pytest.mark.parametrize(
    ("format_", "name", "capabilities"),
    [
        ("OpenAI", "o1", CHAT),
        ("OpenAI", "whisper", SPEECH),
        ("OpenAI", "tts", SPEECH),
        ("OpenAI", "gpt-4o-transcribe", {"realtime": "true"}),
        ("OpenAI", "dall-e-3", {"imageGenerations": "true", "inference": "true"}),
        ("OpenAI", "sora-2", {}),
        ("OpenAI", "gpt-5-pro", {"agentsV2": "true", "responses": "true"}),
        ("OpenAI-OSS", "gpt-oss-20b", {"agentsV2": "true", "chatCompletion": "true"}),
        ("Anthropic", "claude-opus-4-6", {}),
        ("DeepSeek", "DeepSeek-V3.2", CHAT),
        ("xAI", "grok-4", CHAT),
        ("Meta", "Llama-3.3-70B-Instruct", CHAT),
        ("Mistral AI", "Mistral-Large-3", CHAT),
        ("Mistral AI", "mistral-document-ai-2505", {}),
        ("Cohere", "Cohere-embed-v3-english", {}),
        ("Cohere", "Cohere-rerank-v4.0-pro", CHAT),
        ("Black Forest Labs", "FLUX.2-pro", {}),
    ],
)
async def test_a_deployment_shows_the_capabilities_of_its_model(
    arm: Arm, format_: str, name: str, capabilities: dict[str, str]
) -> None:
    answer = await deployed(arm, format_, name)

    assert answer.status == 201
    assert answer.body["properties"]["capabilities"] == capabilities
    assert answer.body["properties"]["model"]["format"] == format_
    assert answer.body["tags"] == {"onramp:profile": "gold"}


async def test_realtime_models_say_no_to_chat(arm: Arm) -> None:
    capabilities = (await deployed(arm, "OpenAI", "gpt-realtime")).body["properties"][
        "capabilities"
    ]

    assert (capabilities["realtime"], capabilities["chatCompletion"]) == ("true", "false")


@pytest.mark.parametrize(
    ("format_", "name", "keys"),
    [
        ("OpenAI", "gpt-4o", {"request": 5, "token": 5000}),
        ("Anthropic", "claude-sonnet-4-6", {"request": 5, "token": 5000}),
        ("OpenAI", "gpt-image-1", {"request": 5}),
        ("OpenAI", "whisper", {"request": 5}),
        ("OpenAI", "sora", {"request": 5}),
    ],
)
async def test_rate_limits_are_in_what_the_model_is_paid_by(
    arm: Arm, format_: str, name: str, keys: dict[str, int]
) -> None:
    limits = (await deployed(arm, format_, name)).body["properties"]["rateLimits"]

    assert {it["key"]: it["count"] for it in limits} == keys


@pytest.mark.parametrize(
    ("format_", "name", "status"),
    [
        ("OpenAI", "gpt-4o", 201),
        ("OpenAI-OSS", "gpt-oss-120b", 400),
        ("Anthropic", "claude-sonnet-4-6", 400),
        ("Meta", "Llama-3.3-70B-Instruct", 400),
    ],
)
async def test_accounts_of_kind_openai_have_openai_models_only(
    arm: Arm, format_: str, name: str, status: int
) -> None:
    answer = await deployed(arm, format_, name, OPENAI)

    assert answer.status == status
    assert status == 201 or answer.code == "DeploymentModelNotSupported"


async def test_models_are_listed_for_the_accounts_that_can_have_them(arm: Arm) -> None:
    mine = (await arm.call("GET", f"{OPENAI}/models")).body["value"]
    region = f"{SUB}/providers/Microsoft.CognitiveServices/locations/swedencentral/models"
    rows = (await arm.call("GET", region)).body["value"]

    assert {it["format"] for it in mine} == {"OpenAI"}
    kinds = [it["kind"] for it in rows if it["model"]["name"] == "whisper"]
    assert kinds == ["OpenAI", "AIServices"]
    assert [it["kind"] for it in rows if it["model"]["name"] == "grok-4"] == ["AIServices"]


@pytest.mark.parametrize(
    ("kind", "subdomain", "name", "url"),
    [
        ("OpenAI", "x", "OpenAI Realtime API", "https://x.openai.azure.com/"),
        ("OpenAI", "x", "Azure AI Model Inference API", None),
        ("AIServices", "x", "AI Foundry API", "https://x.services.ai.azure.com/"),
        ("AIServices", "x", "OpenAI Whisper API", "https://x.openai.azure.com/"),
        ("AIServices", "x", "Content Safety", "https://x.cognitiveservices.azure.com/"),
        ("ContentSafety", "x", "Content Safety", "https://x.cognitiveservices.azure.com/"),
        ("OpenAI", None, "OpenAI Dall-E API", "https://eastus.api.cognitive.microsoft.com/"),
    ],
)
async def test_an_account_says_where_it_answers(
    kind: str, subdomain: str | None, name: str, url: str | None
) -> None:
    account = {"name": "contoso", "kind": kind, "subdomain": subdomain, "location": "eastus"}
    async with local_arm(a_world(accounts=[account])) as arm:
        endpoints = (await arm.call("GET", ACCOUNT)).body["properties"]["endpoints"]

    assert endpoints.get(name) == url
