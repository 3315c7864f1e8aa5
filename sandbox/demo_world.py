"""What ``make demo`` deploys, the rules file it goes by, and what must stand at its end."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sandbox.contracts import Json
from sandbox.demo_tables import Standing

PRODUCT = "ai-models"
RULES = """\
defaults:
  products: [{id: ai-models, create: true, display_name: AI models}]

rules:
  - name: half of what the capacity allows in dev
    match: {tags: {env: dev}}
    set: {token_limit: {tokens_per_minute: 50%}}

  - name: prompts are looked at
    match: {kind: chat}
    set: {content_safety: {backend: content-safety}}
"""


@dataclass(frozen=True, slots=True)
class Deploy:
    name: str
    model: str
    version: str
    capacity: int
    format: str = "OpenAI"
    tags: Mapping[str, str] = field(default_factory=dict)

    def body(self) -> Json:
        return {
            "sku": {"name": "GlobalStandard", "capacity": self.capacity},
            "properties": {
                "model": {"format": self.format, "name": self.model, "version": self.version}
            },
            "tags": dict(self.tags),
        }

    def said(self) -> str:
        tags = "".join(f", tag {name}={value}" for name, value in self.tags.items())
        return f"{self.format} {self.model}{tags}"


# Account to its kind and deployments.
ACCOUNTS: Mapping[str, tuple[str, Sequence[Deploy]]] = {
    "contoso": (
        "AIServices",
        (
            Deploy("gpt-4o", "gpt-4o", "2024-11-20", 10),
            Deploy("vectors", "text-embedding-3-small", "1", 50),
            Deploy("deepseek", "DeepSeek-V3.2", "1", 20, format="DeepSeek"),
            Deploy("claude", "claude-sonnet-4-6", "1", 30, format="Anthropic"),
            Deploy("image", "gpt-image-1", "2025-04-15", 2),
            Deploy("rerank", "Cohere-rerank-v4.0-pro", "1", 1, format="Cohere"),
            Deploy("novelty", "novelty-1", "1", 1, format="Fabrikam"),
        ),
    ),
    "northwind": (
        "OpenAI",
        (
            Deploy("gpt-4o-mini", "gpt-4o-mini", "2024-07-18", 1, tags={"env": "dev"}),
            Deploy("voice", "gpt-realtime", "2025-08-28", 5),
            Deploy("trial", "gpt-4o", "2024-11-20", 1),
        ),
    ),
}
RESIZED = ("contoso", Deploy("gpt-4o", "gpt-4o", "2024-11-20", 40), 40_000)
DELETED = ("northwind", "trial")

# API path -> who is served, with tokens per minute (0: no limit); the rest gets 404, DELETED 410.
EXPECTED: Mapping[str, Mapping[str, int]] = {
    "contoso/anthropic": {"claude": 30_000},
    "contoso/openai": {"gpt-4o": 40_000, "image": 0, "vectors": 50_000},
    "contoso/openai/v1": {"deepseek": 20_000, "gpt-4o": 40_000, "image": 0, "vectors": 50_000},
    "contoso/providers/cohere": {"rerank": 0},
    "northwind/openai": {"gpt-4o-mini": 500},
    "northwind/openai/realtime": {"voice": 0},
    "northwind/openai/v1": {"gpt-4o-mini": 500},
    "northwind/openai/v1/realtime": {"voice": 0},
}
GONE: Mapping[str, Sequence[str]] = {
    path: ["trial"] if path in ("northwind/openai", "northwind/openai/v1") else []
    for path in EXPECTED
}
PRODUCTS: Mapping[str, Sequence[str]] = {path: [PRODUCT] for path in EXPECTED}
ROLES: Mapping[str, Sequence[str]] = {account: ["Cognitive Services User"] for account in ACCOUNTS}

_UNCHECKED = "no content safety: the gateway has no backend content-safety"
STATES: Mapping[str, str] = {
    "contoso/claude": "verified: onboarded",
    "contoso/deepseek": f"verified: onboarded; {_UNCHECKED}",
    "contoso/gpt-4o": f"verified: onboarded; {_UNCHECKED}",
    "contoso/image": (
        "verified: onboarded; no token limit: image is not counted in tokens; "
        "verified up to the gateway only: a call would cost too much"
    ),
    "contoso/novelty": ("quarantined: no enabled surface serves Fabrikam novelty-1 (kind unknown)"),
    "contoso/rerank": "verified: onboarded; no token limit: rerank is not counted in tokens",
    "contoso/vectors": "verified: onboarded",
    "northwind/gpt-4o-mini": f"verified: onboarded; {_UNCHECKED}",
    "northwind/trial": "retiring: ARM no longer has it; answers 410",
    "northwind/voice": "verified: onboarded; no token limit: realtime is not counted in tokens",
}


def problems(
    apis: Mapping[str, Standing],
    roles: Mapping[str, Sequence[str]],
    states: Mapping[str, str],
) -> list[str]:
    """What of this does not stand, and what stands besides.

    Args:
        apis: By path.
        roles: Of the gateway's identity, by account.
        states: States with their reasons, by account and deployment.
    """
    return [
        *_differences("API", EXPECTED, {path: it.deployments for path, it in apis.items()}),
        *_differences("410 on", GONE, {path: it.gone for path, it in apis.items()}),
        *_differences("products of", PRODUCTS, {path: it.products for path, it in apis.items()}),
        *_differences("roles on", ROLES, roles),
        *_differences("deployment", STATES, states),
        *(f"{path} leads nowhere" for path, it in apis.items() if not (it.backend and it.identity)),
    ]


def unmeasured(known: Json) -> list[str]:
    """Of whom it is not known how long the first answer took, though there was one.

    Args:
        known: What GET /api/deployments answers.
    """
    answered = {
        f"{it['account'].rpartition('/')[2]}/{it['name']}"
        for it in known["deployments"]
        if it["secondsToVerified"] is not None
    }
    expected = {name for name, said in STATES.items() if not said.startswith("quarantined")}
    return [f"deployment {name}: no first answer" for name in sorted(expected - answered)]


def _differences(what: str, expected: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    return [
        f"{what} {key}: expected {expected.get(key)}, found {found.get(key)}"
        for key in sorted(expected.keys() | found.keys())
        if expected.get(key) != found.get(key)
    ]
