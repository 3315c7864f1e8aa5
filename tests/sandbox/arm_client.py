"""How the tests of the local ARM talk to it: a raw client, and what the SDKs need for http."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Self

from aiohttp import ClientResponse, ClientSession
from azure.core.credentials import AccessToken
from azure.core.pipeline import PipelineRequest
from azure.core.pipeline.policies import SansIOHTTPPolicy

from sandbox.arm.compose import arm_app
from sandbox.arm.front_door import FrontDoor, Options
from sandbox.arm.provider import Context
from sandbox.arm.server import serve
from sandbox.tokens import Directory, Identity, issue_token
from sandbox.world import SUBSCRIPTION, World

SUB = f"/subscriptions/{SUBSCRIPTION}"
GROUP = f"{SUB}/resourceGroups/rg-ai"
ACCOUNTS = f"{GROUP}/providers/Microsoft.CognitiveServices/accounts"
ACCOUNT = f"{ACCOUNTS}/contoso"
DEPLOYMENT = f"{ACCOUNT}/deployments/gpt-4o"
COGNITIVE = "2025-09-01"
RESOURCES = "2021-04-01"
ROLES = "2022-04-01"
_CALLER = Identity("99999999-0000-0000-0000-000000000001", "99999999-0000-0000-0000-000000000002")
CALLER_ID = _CALLER.principal_id
AN_ACCOUNT = {
    "location": "Sweden Central",
    "kind": "OpenAI",
    "sku": {"name": "S0"},
    "identity": {"type": "SystemAssigned"},
    "properties": {"customSubDomainName": "second-sub"},
}
A_DEPLOYMENT = {
    "sku": {"name": "Standard", "capacity": 1},
    "properties": {"model": {"name": "gpt-4o"}},
}


def token(audience: str = "https://management.azure.com", lifetime_s: int = 3600) -> str:
    directory = Directory((_CALLER,))
    return issue_token(
        directory, _CALLER, audience=audience, now=int(time.time()), lifetime_s=lifetime_s
    )


class Credential:
    """Both a TokenCredential and an AsyncTokenCredential would be nicer; the sync one is enough."""

    def get_token(self, *_scopes: str, **_kwargs: Any) -> AccessToken:
        return AccessToken(token(), int(time.time()) + 3600)


class AsyncCredential:
    async def get_token(self, *_scopes: str, **_kwargs: Any) -> AccessToken:
        return AccessToken(token(), int(time.time()) + 3600)

    async def close(self) -> None: ...

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None: ...


class AllowHttp(SansIOHTTPPolicy[Any, Any]):
    """azure-core refuses bearer tokens over http unless told so for each request."""

    def on_request(self, request: PipelineRequest[Any]) -> None:
        request.context.options["enforce_https"] = False


def sdk_options(base_url: str) -> dict[str, Any]:
    return {
        "base_url": base_url,
        "credential_scopes": ["https://management.azure.com/.default"],
        "per_call_policies": [AllowHttp()],
        "polling_interval": 0.05,
    }


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: Any
    headers: Any

    @property
    def code(self) -> str:
        return str(self.body["error"]["code"])


@dataclass(frozen=True, slots=True)
class Arm:
    base_url: str
    door: FrontDoor
    session: ClientSession

    async def call(
        self,
        method: str,
        path: str,
        version: str | None = COGNITIVE,
        *,
        body: Any = None,
        headers: dict[str, str] | None = None,
        anonymous: bool = False,
    ) -> Answer:
        url = path if path.startswith("http") else f"{self.base_url}{path}"
        if version and "api-version=" not in url:
            url += f"{'&' if '?' in url else '?'}api-version={version}"
        sent = {} if anonymous else {"Authorization": f"Bearer {token()}"}
        async with self.session.request(
            method, url, json=body, headers={**sent, **(headers or {})}
        ) as response:
            return await _answer(response)


async def _answer(response: ClientResponse) -> Answer:
    raw = await response.read()
    body = await response.json(content_type=None) if raw else None
    return Answer(response.status, body, response.headers)


def a_world(**members: Any) -> World:
    """One account ``contoso`` with one deployment, no gateway, unless told otherwise."""
    deployment = {"name": "gpt-4o", "model": {"name": "gpt-4o", "version": "2024-11-20"}}
    world = {"accounts": [{"name": "contoso", "deployments": [deployment]}], "gateways": []}
    return World.model_validate(world | members)


@asynccontextmanager
async def local_arm(
    world: World | None = None, options: Options | None = None, context: Context | None = None
) -> AsyncIterator[Arm]:
    app = arm_app(world or a_world(), options=options, context=context)
    async with serve(app) as serving, ClientSession() as session:
        yield Arm(serving.base_url, serving.door, session)
