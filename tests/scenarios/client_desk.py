"""A developer at the gateway: what is deployed, and a client of each maker with a key for it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from anthropic import AsyncAnthropic, AsyncAnthropicFoundry
from cohere import AsyncClientV2
from openai import AsyncAzureOpenAI, AsyncOpenAI

from sandbox.world import World
from tests.stage import GROUP, Stage

HELLO: Any = [{"role": "user", "content": "hello there"}]
PICTURE, SOUND = ("a.png", b"\x89PNG\r\n", "image/png"), ("a.wav", b"RIFF\r\n\xff", "audio/wav")
VERSION = "2025-04-01-preview"
COGNITIVE, FOUNDRY = "https://cognitiveservices.azure.com", "https://ai.azure.com"
LIMIT = 10  # tokens per minute on the account called small; an answer takes six
MODELS = {
    "chat": {"name": "gpt-4o"},
    "vectors": {"name": "text-embedding-3-small"},
    "pictures": {"name": "gpt-image-1"},
    "listener": {"name": "whisper"},
    "speaker": {"name": "tts"},
    "talker": {"name": "gpt-realtime"},
    "claude": {"name": "claude-sonnet-4-6", "format": "Anthropic"},
    "ranker": {"name": "Cohere-rerank-v4.0-pro", "format": "Cohere"},
    "goes": {"name": "gpt-4o"},
    "claude-goes": {"name": "claude-sonnet-4-6", "format": "Anthropic"},
}
WORLD = World.model_validate(
    {
        "accounts": [
            {"name": name, "deployments": [{"name": it, "model": MODELS[it]} for it in models]}
            for name, models in {
                "contoso": list(MODELS),
                "fabrikam": ["chat"],
                "small": ["chat"],
                "inference": ["chat", "vectors"],
            }.items()
        ]
    }
)
RULES = {
    "rules": [
        {"match": {"account": "small"}, "set": {"token_limit": {"tokens_per_minute": LIMIT}}},
        {"match": {"account": "inference"}, "set": {"surfaces": ["azure-ai"]}},
    ]
}


def account_id(name: str) -> str:
    return f"{GROUP}/providers/Microsoft.CognitiveServices/accounts/{name}"


@dataclass(frozen=True, slots=True)
class Desk:
    """A developer with the key of a subscription; whoever leaves closes the clients."""

    stage: Stage
    key: str

    def azure(self, account: str = "contoso", key: str = "") -> AsyncAzureOpenAI:
        return AsyncAzureOpenAI(
            azure_endpoint=self.stage.at_gateway(account),
            api_key=key or self.key,
            api_version=VERSION,
            max_retries=0,
        )

    def v1(self, account: str = "contoso", key: str = "") -> AsyncOpenAI:
        """Sends its key as a bearer token alone."""
        base_url = f"{self.stage.at_gateway(account)}/openai/v1"
        return AsyncOpenAI(base_url=base_url, api_key=key or self.key, max_retries=0)

    def foundry(self) -> AsyncAnthropicFoundry:
        base_url = f"{self.stage.at_gateway('contoso')}/anthropic"
        return AsyncAnthropicFoundry(base_url=base_url, api_key=self.key, max_retries=0)

    def claude(self) -> AsyncAnthropic:
        """As ANTHROPIC_AUTH_TOKEN makes it: a bearer token alone."""
        base_url = f"{self.stage.at_gateway('contoso')}/anthropic"
        return AsyncAnthropic(base_url=base_url, auth_token=self.key, max_retries=0)

    @asynccontextmanager
    async def cohere(self) -> AsyncIterator[AsyncClientV2]:
        base_url = f"{self.stage.at_gateway('contoso')}/providers/cohere"
        async with httpx.AsyncClient(timeout=120) as http:
            yield AsyncClientV2(base_url=base_url, api_key=self.key, httpx_client=http)
