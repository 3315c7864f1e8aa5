"""Where Application Insights takes telemetry in, as far as the exporter sees it.

The protocol: POST {IngestionEndpoint}/v2.1/track, a JSON array of envelopes or one per line; 200
with how many were accepted (azure-sdk-for-python, sdk/monitor/azure-monitor-opentelemetry-exporter,
swagger). Nothing is refused here.
"""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from sandbox.processes import listen
from sandbox.tls import Certificates

type Json = dict[str, Any]

KEY = "00000000-0000-4000-8000-00000000feed"
_PATIENCE_S = 120


@dataclass(slots=True)
class Breeze:
    url: str = ""
    envelopes: list[Json] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    bodies: list[str] = field(default_factory=list)
    _came: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def connection_string(self) -> str:
        return f"InstrumentationKey={KEY};IngestionEndpoint={self.url}/"

    async def until(self, holds: Callable[[], object]) -> None:
        """Wait for what arrives to make *holds* true."""
        async with asyncio.timeout(_PATIENCE_S), self._came:
            await self._came.wait_for(lambda: bool(holds()))

    def spans(self, name: str = "") -> list[Json]:
        """Dependencies, which spans without a caller outside become."""
        found = self.envelopes
        kinds = ("RemoteDependencyData", "RequestData")
        return [it for it in found if _kind(it) in kinds and name in ("", base(it)["name"])]

    def lines(self, event: str = "") -> list[Json]:
        found = [it for it in self.envelopes if _kind(it) == "MessageData"]
        return [it for it in found if event in ("", base(it)["properties"].get("event"))]

    def figures(self, metric: str) -> dict[tuple[str, ...], float]:
        """The sums of a metric by its dimensions' values."""
        sums: defaultdict[tuple[str, ...], float] = defaultdict(float)
        for data in self._points(metric):
            sums[_dimensions(data)] += data["metrics"][0]["value"]
        return dict(sums)

    def last(self, metric: str) -> dict[tuple[str, ...], float]:
        """The newest values of a metric by its dimensions' values."""
        return {_dimensions(it): it["metrics"][0]["value"] for it in self._points(metric)}

    def _points(self, metric: str) -> Iterable[Json]:
        of_kind = (base(it) for it in self.envelopes if _kind(it) == "MetricData")
        return (it for it in of_kind if it["metrics"][0]["name"] == metric)

    async def take(self, request: web.Request) -> web.Response:
        text = (await request.read()).decode()
        parsed = [json.loads(line) for line in text.splitlines() if line]
        found = [one for it in parsed for one in (it if isinstance(it, list) else [it])]
        async with self._came:
            self.bodies.append(text)
            self.headers.append(dict(request.headers))
            self.envelopes += found
            self._came.notify_all()
        accepted = {"itemsReceived": len(found), "itemsAccepted": len(found), "errors": []}
        return web.json_response(accepted)


def base(envelope: Json) -> Json:
    found: Json = envelope["data"]["baseData"]
    return found


def trace(envelope: Json) -> str:
    return str(envelope["tags"]["ai.operation.id"])


def parent(envelope: Json) -> str:
    return str(envelope["tags"].get("ai.operation.parentId", ""))


@asynccontextmanager
async def breeze(certificates: Certificates) -> AsyncIterator[Breeze]:
    found, app = Breeze(), web.Application(client_max_size=2**24)
    app.router.add_post("/{version:.*}/track", found.take)  # the exporter asks for //v2.1/track
    async with listen(app, tls=certificates.server_context()) as url:
        found.url = url
        yield found


def _kind(envelope: Json) -> str:
    return str(envelope["data"]["baseType"])


def _dimensions(data: Json) -> tuple[str, ...]:
    return tuple(value for _key, value in sorted(data.get("properties", {}).items()))
