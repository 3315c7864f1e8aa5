"""A gateway that has all that a choice can need, and a rules file with every choice.

Rules pick accounts by the beginning of their names, so that one file serves many tests.
"""

from typing import Any
from xml.etree import ElementTree as ET

from sandbox.arm.system_data import client_id_of
from sandbox.client import GATEWAY_VERSION
from sandbox.contracts import Json
from sandbox.world import World
from shared.adapters.gateway_reads import ROLES_VERSION
from tests.stage import GROUP, Stage

IDENTITY = f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-apim"
SECRET = "https://contoso.vault.azure.net/secrets/contoso-key"
USER = "a97b65f3-24c7-4388-baec-2e87135dc908"  # Cognitive Services User
MODELS = {
    "chat": {"name": "gpt-4o"},
    "vectors": {"name": "text-embedding-3-small"},
    "pictures": {"name": "gpt-image-1"},
    "listener": {"name": "whisper"},
    "talker": {"name": "gpt-realtime"},
    "films": {"name": "sora-2"},
    "partner": {"name": "Llama-3.3-70B-Instruct", "format": "Meta"},
    "claude": {"name": "claude-sonnet-4-6", "format": "Anthropic"},
    "ranker": {"name": "Cohere-rerank-v4.0-pro", "format": "Cohere"},
    "papers": {"name": "mistral-document-ai-2505", "format": "Mistral AI"},
}
WORLD = World.model_validate(
    {
        "gateways": [{"name": "apim-onramp", "userAssignedIdentities": ["id-apim"]}],
        "accounts": [
            {
                "name": "mixed",
                "deployments": [{"name": name, "model": it} for name, it in MODELS.items()],
            }
        ],
    }
)
CHOSEN: dict[str, Json] = {
    "checked": {"role": {"mode": "check"}},
    "keyed": {"access_key": {"secret": SECRET}},
    "assigned": {"identity": client_id_of(IDENTITY)},
    "measured": {"token_metric": "on"},
    "unmeasured": {"token_metric": {"logger": "nobody"}},
    "cached": {"semantic_cache": "on"},
    "safe": {"content_safety": {"backend": "safety"}},
    "unsafe": {"content_safety": {"backend": "nobody"}},
    "one-path": {"path": "shared"},
    "team": {"path": "{tag.team}/{account}"},
}
RULES: Json = {
    "tags": {"team": ["retail", "bank"]},
    "profiles": {"small": {"token_limit": {"tokens_per_minute": 500}}},
    "rules": [
        {"match": {"account": f"{name}-*"}, "set": choices} for name, choices in CHOSEN.items()
    ],
}
SAFETY = {"url": "https://safety.cognitiveservices.azure.com", "protocol": "http"}
INSIGHTS = {
    "loggerType": "applicationInsights",
    "credentials": {"instrumentationKey": "00000000-0000-0000-0000-000000000000"},
}
CACHE = {"connectionString": "cache.example:6380,ssl=True", "useFromLocation": "default"}


async def onboarded(stage: Stage, prefix: str, **models: Json) -> str:
    account = await stage.account(prefix=prefix)
    for name, model in models.items():
        await stage.deploy(account, name, model=model)
    if not models:
        await stage.deploy(account)
    await stage.quiet()
    return account


async def uncallable(stage: Stage, prefix: str) -> tuple[str, str]:
    """An account that the gateway can't call: its id, and the reason that the app tells."""
    account = await stage.account(prefix=prefix)
    await stage.deploy(account)
    told = await stage.told(account, "gpt-4o", state="applied", reason="not verified yet")
    return account, str(told["reason"])


async def backends(stage: Stage, account: str) -> dict[str, Any]:
    """What stands of an account's backends, by id."""
    found = await stage.arm.list(f"{stage.azure.gateway_id}/backends", version=GATEWAY_VERSION)
    name = account.rpartition("/")[2]
    return {it["name"]: it["properties"] for it in found if it["name"].startswith(name)}


async def grants(stage: Stage, account: str) -> list[Json]:
    """The role assignments on an account itself."""
    path = f"{account}/providers/Microsoft.Authorization/roleAssignments"
    found = [it["properties"] for it in await stage.arm.list(path, version=ROLES_VERSION)]
    return [it for it in found if it["scope"].lower() == account.lower()]


def tags_of(policy: str) -> set[str]:
    return {it.tag for it in ET.fromstring(policy).iter()}


async def apis(stage: Stage, account: str) -> list[Json]:
    found = await stage.arm.list(f"{stage.azure.gateway_id}/apis", version=GATEWAY_VERSION)
    return [it for it in found if it["name"].startswith(account)]
