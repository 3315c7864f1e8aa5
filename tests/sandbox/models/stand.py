"""A local ARM and the model endpoints on its store, with a clock that tests can turn."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from aiohttp import ClientResponse, ClientSession

from sandbox.arm.provider import Context
from sandbox.models.endpoints import ModelEndpoints
from sandbox.models.options import ModelOptions
from sandbox.models.server import create_app
from sandbox.processes import listen
from sandbox.tokens import Directory, Identity, issue_token
from sandbox.world import World
from tests.sandbox.arm_client import GROUP, ROLES, SUB, Arm, local_arm

PRINCIPAL = "12121212-0000-4000-8000-000000000001"
CALLER = Identity("34343434-0000-4000-8000-000000000001", PRINCIPAL)
DIRECTORY = Directory((CALLER,))
COGNITIVE = "https://cognitiveservices.azure.com"
FOUNDRY = "https://ai.azure.com"
OPENAI_USER = "5e0bd9bd-7b93-4f28-af87-19fc36ad61bd"
COGNITIVE_USER = "a97b65f3-24c7-4388-baec-2e87135dc908"
FOUNDRY_USER = "53ca6127-db72-4b80-b1b0-d745d6d5456d"
OWNER = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
HELLO = {"messages": [{"role": "user", "content": "hello there"}]}
CHAT = "/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21"
HOST = "contoso.openai.azure.com"
FOUNDRY_HOST = "contoso.services.ai.azure.com"

_MODELS = (
    ("gpt-4o", "gpt-4o", "OpenAI"),
    ("gpt-5", "gpt-5", "OpenAI"),
    ("instruct", "gpt-35-turbo-instruct", "OpenAI"),
    ("embed", "text-embedding-3-small", "OpenAI"),
    ("dalle", "dall-e-3", "OpenAI"),
    ("image", "gpt-image-1", "OpenAI"),
    ("whisper", "whisper", "OpenAI"),
    ("tts", "tts", "OpenAI"),
    ("realtime", "gpt-realtime", "OpenAI"),
    ("deepseek", "DeepSeek-V3", "DeepSeek"),
    ("claude", "claude-sonnet-4-6", "Anthropic"),
    ("rerank", "Cohere-rerank-v4.0-pro", "Cohere"),
    ("cohere-embed", "embed-v-4-0", "Cohere"),
)


def account_id(name: str = "contoso") -> str:
    return f"{GROUP}/providers/Microsoft.CognitiveServices/accounts/{name}"


def a_deployment(
    name: str, model: str, format_: str = "OpenAI", **properties: Any
) -> dict[str, Any]:
    return {
        "name": name,
        "model": {"name": model, "format": format_},
        "sku": {"name": "GlobalStandard", "capacity": 10},
        "properties": properties,
    }


def a_world() -> World:
    chat = a_deployment("gpt-4o", "gpt-4o")
    states = [
        a_deployment(f"is-{state}", "gpt-4o", provisioningState=state)
        for state in ("Creating", "Accepted", "Deleting")
    ]
    paused = a_deployment("paused", "gpt-4o", deploymentState="Paused")
    accounts: list[dict[str, Any]] = [
        {"name": "contoso", "deployments": [a_deployment(*it) for it in _MODELS]},
        {"name": "fabrikam", "kind": "OpenAI", "deployments": [chat, *states, paused]},
        {"name": "locked", "properties": {"disableLocalAuth": True}, "deployments": [chat]},
        {"name": "nameless", "subdomain": None, "deployments": [chat]},
    ]
    return World.model_validate({"accounts": accounts, "gateways": []})


def a_token(
    audience: str = COGNITIVE, directory: Directory = DIRECTORY, lifetime_s: int = 3600
) -> str:
    return issue_token(
        directory, CALLER, audience=audience, now=int(time.time()), lifetime_s=lifetime_s
    )


@dataclass(slots=True)
class Watch:
    ahead: timedelta = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclass(frozen=True, slots=True)
class Said:
    status: int
    body: Any
    headers: Any

    @property
    def code(self) -> Any:
        return self.body["error"]["code"]

    @property
    def message(self) -> str:
        return str(self.body.get("message") or self.body["error"]["message"])


class ToLoopback(httpx.AsyncBaseTransport):
    """Sends what is meant for Azure's hosts to the local port; the Host header stays."""

    def __init__(self, url: str) -> None:
        self._port = httpx.URL(url).port
        self._inner = httpx.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        request.url = request.url.copy_with(scheme="http", host="127.0.0.1", port=self._port)
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        await self._inner.aclose()


@dataclass(frozen=True, slots=True)
class Stand:
    url: str
    arm: Arm
    endpoints: ModelEndpoints
    watch: Watch
    session: ClientSession
    grants: list[str] = field(default_factory=list)

    def key(self, account: str = "contoso") -> str:
        entry = self.arm.door.context.store.get(account_id(account))
        assert entry is not None
        return str(entry.hidden["key1"])

    async def grant(self, role: str = OPENAI_USER, scope: str = "") -> str:
        """Give the caller a role, on contoso if nothing else is said; the assignment's id."""
        name = f"56565656-0000-4000-8000-{len(self.grants):012d}"
        path = f"{scope or account_id()}/providers/Microsoft.Authorization/roleAssignments/{name}"
        role_id = f"{SUB}/providers/Microsoft.Authorization/roleDefinitions/{role}"
        body = {"principalId": PRINCIPAL, "principalType": "ServicePrincipal"}
        answer = await self.arm.call(
            "PUT", path, ROLES, body={"properties": {**body, "roleDefinitionId": role_id}}
        )
        assert answer.status == 201, answer.body
        self.grants.append(path)
        return path

    async def clean(self) -> None:
        for path in self.grants:
            await self.arm.call("DELETE", path, ROLES)
        self.endpoints.faults.clear()
        self.endpoints.journal.clear()

    async def call(
        self, path: str, body: Any = None, host: str = HOST, method: str = "", **headers: str
    ) -> Said:
        """With contoso's key unless another credential is given; ``_`` in names is a dash."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = named if {"Authorization", "api-key", "anonymous"} & set(named) else {}
        sent = sent or {**named, "api-key": self.key()}
        sent.pop("anonymous", None)
        async with self.session.request(
            method or ("GET" if body is None else "POST"),
            f"{self.url}{path}",
            json=body,
            headers={"Host": host, **sent},
        ) as response:
            return await _said(response)

    async def with_token(
        self, path: str, body: Any = None, *, audience: str = COGNITIVE, host: str = HOST
    ) -> Said:
        return await self.call(path, body, host, Authorization=f"Bearer {a_token(audience)}")

    def http(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=ToLoopback(self.url), timeout=120)


async def _said(response: ClientResponse) -> Said:
    is_json = response.content_type == "application/json"
    body = await response.json() if is_json else await response.read()
    return Said(response.status, body, response.headers)


@asynccontextmanager
async def a_stand(options: ModelOptions | None = None) -> AsyncIterator[Stand]:
    watch = Watch()
    context = Context(clock=watch)
    async with local_arm(a_world(), context=context) as arm:
        endpoints = ModelEndpoints(context.store, DIRECTORY, options, clock=watch)
        async with listen(create_app(endpoints)) as url, ClientSession() as session:
            yield Stand(url, arm, endpoints, watch, session)
