"""A local ARM with one gateway, for the tests of API Management."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp import ClientSession
from azure.mgmt.apimanagement.aio import ApiManagementClient

from sandbox.arm.apim.call import ApimOptions
from sandbox.arm.apim.provider import ApimProvider
from sandbox.arm.compose import arm_app
from sandbox.arm.front_door import Options
from sandbox.arm.provider import Context
from sandbox.arm.server import serve
from sandbox.world import SUBSCRIPTION, World
from tests.sandbox.arm_client import Answer, Arm, AsyncCredential, sdk_options

GROUP, SERVICE = "rg-ai", "apim"
ROOT = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}"
    f"/providers/Microsoft.ApiManagement/service/{SERVICE}"
)
VERSION = "2024-05-01"
ANY = {"If-Match": "*"}

API = {"displayName": "Echo", "path": "echo"}
BACKEND = {"url": "https://a.openai.azure.com/openai", "protocol": "http"}
OPERATION = {"displayName": "Get", "method": "GET", "urlTemplate": "/x"}


@dataclass(frozen=True, slots=True)
class Apim:
    """Paths are relative to the service: ``apis/echo``."""

    arm: Arm

    async def get(self, tail: str, **options: Any) -> Answer:
        return await self.call("GET", tail, **options)

    async def put(self, tail: str, properties: Any = None, **options: Any) -> Answer:
        body = None if properties is None else {"properties": properties}
        return await self.call("PUT", tail, body=body, **options)

    async def must(self, tail: str, properties: Any = None, **options: Any) -> Any:
        """PUT that has to succeed."""
        answer = await self.put(tail, properties, **options)
        assert answer.status in (200, 201), answer.body
        return answer.body

    async def delete(self, tail: str, **options: Any) -> Answer:
        return await self.call("DELETE", tail, headers=ANY, **options)

    async def names(self, tail: str) -> list[str]:
        answer = await self.get(tail)
        assert answer.status == 200, answer.body
        return [item["name"] for item in answer.body["value"]]

    async def call(
        self, method: str, tail: str, *, version: str = VERSION, **options: Any
    ) -> Answer:
        url = tail if tail.startswith("http") else f"{ROOT}/{tail}".rstrip("/")
        return await self.arm.call(method, url, version, **options)

    def sdk(self) -> ApiManagementClient:
        options = sdk_options(self.arm.base_url)
        return ApiManagementClient(AsyncCredential(), SUBSCRIPTION, **options)


@asynccontextmanager
async def local_apim(
    options: ApimOptions | None = None,
    sku: str = "Developer",
    *,
    arm: Options | None = None,
    **gateway: Any,
) -> AsyncIterator[Apim]:
    gateways = [{"name": SERVICE, "sku": sku, **gateway}]
    world = World.model_validate({"accounts": [], "gateways": gateways})
    chosen = options or ApimOptions(api_put_shape="inline")

    def make(context: Context) -> ApimProvider:
        return ApimProvider(context, chosen)

    async with (
        serve(arm_app(world, options=arm, extra=[make])) as serving,
        ClientSession() as session,
    ):
        yield Apim(Arm(serving.base_url, serving.door, session))


def details(answer: Answer) -> list[tuple[str | None, str]]:
    """Target and message of each detail of a refusal."""
    assert answer.status == 400, answer.body
    error = answer.body["error"]
    assert error["code"] == "ValidationError", error
    assert error["message"] == "One or more fields contain incorrect values:", error
    return [(detail["target"], detail["message"]) for detail in error["details"]]


def a_document(*operation_ids: str, **members: Any) -> str:
    """An OpenAPI 3 document with one GET per operation id."""
    paths = {
        f"/{name}": {"get": {"operationId": name, "responses": {"200": {"description": "ok"}}}}
        for name in operation_ids
    }
    root = {"openapi": "3.0.1", "info": {"title": "Doc", "version": "1"}, "paths": paths}
    return json.dumps(root | members)


def an_import(value: str, path: str = "doc", **members: Any) -> dict[str, Any]:
    return {"path": path, "format": "openapi+json", "value": value} | members


def a_policy(inbound: str = "<base />", **sections: str) -> dict[str, str]:
    parts = {"inbound": inbound, "backend": "<base />", "outbound": "<base />"} | sections
    body = "".join(f"<{name}>{content}</{name}>" for name, content in parts.items())
    return {"format": "rawxml", "value": f"<policies>{body}</policies>"}
