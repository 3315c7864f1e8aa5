"""An ARM with one API Management service, its gateway, and a tiny host behind it."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from aiohttp import ClientResponse, ClientSession
from multidict import CIMultiDict, CIMultiDictProxy

from sandbox.arm.apim.call import ApimOptions
from sandbox.arm.apim.provider import ApimProvider
from sandbox.arm.compose import arm_app
from sandbox.arm.dispatch import Dispatcher
from sandbox.arm.ids import ResourcePath
from sandbox.arm.provider import Context, Reply, Request
from sandbox.arm.server import FRONT_DOOR
from sandbox.gateway.options import GatewayOptions, Memory
from sandbox.gateway.server import Site, gateway
from sandbox.tokens import Directory
from sandbox.world import SUBSCRIPTION, World
from tests.sandbox.gateway.upstream import Upstream, an_upstream

SERVICE = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-ai"
    "/providers/Microsoft.ApiManagement/service/apim"
)
BEARER_VERSION = "2025-03-01-preview"
HOSTS = ("openai.azure.com", "services.ai.azure.com", "cognitiveservices.azure.com")
START = 1_700_000_000.0


@dataclass(slots=True)
class Clock:
    """Time that a test moves."""

    now: float = START
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@dataclass(frozen=True, slots=True)
class Reached:
    """An answer of the gateway."""

    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> str:
        return str(self.json["message"]) if self.status != 500 else str(self.json["sandbox"])


@dataclass(frozen=True, slots=True)
class Place:
    dispatcher: Dispatcher
    context: Context
    upstream: Upstream
    url: str
    memory: Memory
    clock: Clock
    session: ClientSession
    log: list[str]

    def put(self, tail: str, properties: Any = None, *, method: str = "PUT") -> Reply:
        """Write to the service, or anywhere by a full id; at once."""
        path = tail if tail.startswith("/") else f"{SERVICE}/{tail}"
        headers = {"If-Match": "*"} if method == "DELETE" else {}
        request = Request(
            method,
            self.dispatcher.canonical(ResourcePath.parse(path)),
            headers=CIMultiDictProxy(CIMultiDict(headers)),
            body=None if properties is None else json.loads(json.dumps({"properties": properties})),
            api_version=BEARER_VERSION,
        )
        reply = self.dispatcher.handle(request)
        return reply.long_running.finish() if reply.long_running else reply

    def delete(self, tail: str) -> None:
        self.put(tail, method="DELETE")

    def policy(self, owner: str = "apis/a", **sections: str) -> None:
        """Sections are as the portal shows them, without those that are just ``<base/>``."""
        parts = {it: sections.get(it.replace("-", "_"), "<base />") for it in _SECTIONS}
        inside = "".join(f"<{name}>{content}</{name}>" for name, content in parts.items())
        value = {"format": "rawxml", "value": f"<policies>{inside}</policies>"}
        self.put(f"{owner}/policies/policy".lstrip("/"), value)

    def key(self, name: str = "mine", scope: str = "/apis", **properties: Any) -> str:
        self.put(f"subscriptions/{name}", {"displayName": name, "scope": scope, **properties})
        entry = self.context.store.get(f"{SERVICE}/subscriptions/{name}")
        assert entry is not None
        return str(entry.hidden["primaryKey"])

    async def call(self, path: str, method: str = "GET", **options: Any) -> Reached:
        async with self.session.request(method, f"{self.url}{path}", **options) as answer:
            return await _reached(answer)


_SECTIONS = ("inbound", "backend", "outbound", "on-error")


async def _reached(answer: ClientResponse) -> Reached:
    headers = CIMultiDict(answer.headers)
    return Reached(answer.status, answer.reason or "", headers, await answer.read())


@asynccontextmanager
async def a_place(world: World | None = None, **options: Any) -> AsyncIterator[Place]:
    """*options* are those of the gateway, besides the clock and where hosts are."""
    world = world or World.model_validate(
        {"accounts": [], "gateways": [{"name": "apim", "sku": "StandardV2"}]}
    )
    context, clock, log = Context(), Clock(), list[str]()
    shape = ApimOptions(api_put_shape="inline")
    app = arm_app(world, extra=[lambda it: ApimProvider(it, shape)], context=context)
    async with an_upstream() as upstream, ClientSession() as session:
        chosen = GatewayOptions(
            upstreams=dict.fromkeys(HOSTS, upstream.base),
            clock=clock,
            sleep=clock.sleep,
            on_log=log.append,
        )
        chosen = replace(chosen, **options)
        site = Site(context.store, SERVICE, Directory(()))
        async with gateway(site, chosen) as running:
            dispatcher = app[FRONT_DOOR].dispatcher
            yield Place(
                dispatcher, context, upstream, running.url, running.memory, clock, session, log
            )


def an_api(place: Place, **properties: Any) -> None:
    """``apis/a`` at ``/a`` with operations ``get`` and ``post``, open to everybody."""
    common = {"displayName": "A", "path": "a", "subscriptionRequired": False}
    service = {"serviceUrl": "https://contoso.openai.azure.com/base"}
    place.put("apis/a", {**common, **service, **properties})
    for method in ("get", "post"):
        place.put(
            f"apis/a/operations/{method}",
            {"displayName": method, "method": method.upper(), "urlTemplate": "/x"},
        )


def a_backend(place: Place, name: str = "b", **more: Any) -> str:
    """What sends calls to it, in a policy."""
    url = {"url": f"https://{name}.openai.azure.com/{name}", "protocol": "http"}
    place.put(f"backends/{name}", {**url, **more})
    return f"<set-backend-service backend-id='{name}' />"
