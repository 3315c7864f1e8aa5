"""A webhook that answers what a test says and remembers what it got."""

import contextlib
import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from sandbox.processes import listen


@dataclass(frozen=True, slots=True)
class Received:
    method: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(slots=True)
class Receiver:
    url: str
    status: Callable[[int], int]  # by the number of the delivery, counted from 1
    received: list[Received] = field(default_factory=list)  # deliveries
    handshakes: list[Received] = field(default_factory=list)

    @property
    def events(self) -> list[Any]:
        return [each.json[0] for each in self.received]

    async def answer(self, request: web.Request) -> web.Response:
        got = Received(request.method, request.headers, await request.read())
        if got.method == "OPTIONS":
            self.handshakes.append(got)
            return web.Response(headers={"WebHook-Allowed-Origin": "eventgrid.azure.net"})
        if got.headers.get("aeg-event-type") == "SubscriptionValidation":
            self.handshakes.append(got)
            return web.json_response({"validationResponse": got.json[0]["data"]["validationCode"]})
        self.received.append(got)
        return web.Response(status=self.status(len(self.received)))


@contextlib.asynccontextmanager
async def receiver(status: Callable[[int], int] | int = 200) -> AsyncIterator[Receiver]:
    found = Receiver("", status if callable(status) else lambda _: status)
    app = web.Application()
    app.add_routes([web.route("*", "/events", found.answer)])
    async with listen(app) as url:
        found.url = f"{url}/events?code=secret"
        yield found
