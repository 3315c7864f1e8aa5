"""The gateway as a server on this machine."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ssl import SSLContext
from urllib.parse import parse_qsl

import aiohttp
from aiohttp import web
from multidict import CIMultiDict

from sandbox.arm.store import Store
from sandbox.gateway import pipeline, websocket
from sandbox.gateway.configuration import Configuration, Reader
from sandbox.gateway.exchange import Gateway
from sandbox.gateway.identity import GatewayIdentity
from sandbox.gateway.message import Request, Response, end_to_end
from sandbox.gateway.options import GatewayOptions, Memory
from sandbox.gateway.propagation import Delayed
from sandbox.processes import listen
from sandbox.tokens import Directory

_MAX_BODY = 256 * 1024 * 1024
_BODILESS = (204, 304)


@dataclass(frozen=True, slots=True)
class Site:
    """Which service is served, where ARM keeps it, and the tenant of its identities."""

    store: Store
    service_id: str
    directory: Directory


@dataclass(frozen=True, slots=True)
class RunningGateway:
    url: str
    memory: Memory


@asynccontextmanager
async def gateway(
    site: Site,
    options: GatewayOptions,
    *,
    port: int = 0,
    tls: SSLContext | None = None,
) -> AsyncIterator[RunningGateway]:
    """Serve one API Management service, whenever it comes to be there."""
    memory = Memory()
    timeout = aiohttp.ClientTimeout(total=None)
    jar = aiohttp.DummyCookieJar()
    async with aiohttp.ClientSession(timeout=timeout, cookie_jar=jar) as session:
        shared = Gateway(session, GatewayIdentity(site.directory), options, memory)
        delayed = None
        if options.propagation_s:
            delayed = Delayed(site.store, site.service_id, options.propagation_s, options.clock)
        door = _Door(shared, site, delayed)
        app = web.Application(client_max_size=_MAX_BODY)
        app.router.add_route("*", "/{path:.*}", door.answer)
        async with listen(app, port=port, tls=tls) as url:
            yield RunningGateway(url, memory)


@dataclass(frozen=True, slots=True)
class _Door:
    gateway: Gateway
    site: Site
    delayed: Delayed | None = field(default=None)

    async def answer(self, http: web.Request) -> web.StreamResponse:
        request = await _request(http)
        configuration = self._configuration()
        if http.headers.get("Upgrade", "").lower() == "websocket":
            found = await websocket.connect(self.gateway, configuration, request)
            if not isinstance(found, Response):
                return await websocket.pass_through(http, found)
            return await self._send(http, found)
        return await self._send(http, await pipeline.serve(self.gateway, configuration, request))

    async def _send(self, http: web.Request, response: Response) -> web.StreamResponse:
        headers = end_to_end(response.headers)
        reason = response.reason or None
        try:
            if response.stream is None or response.status in _BODILESS or http.method == "HEAD":
                body = None if response.status in _BODILESS else await response.read()
                return web.Response(
                    status=response.status, reason=reason, headers=headers, body=body
                )
            out = web.StreamResponse(status=response.status, reason=reason, headers=headers)
            await self._stream(http, response, out)
            return out
        finally:
            await response.close()

    async def _stream(self, http: web.Request, response: Response, out: web.StreamResponse) -> None:
        """Chunk by chunk while the backend sends; where it breaks off, so does this."""
        try:
            await out.prepare(http)
            async for chunk in response.chunks():
                await out.write(chunk)
        except aiohttp.ClientError as exc:
            self.gateway.options.on_log(f"gateway: the backend broke off: {exc}")
            if http.transport is not None:
                http.transport.abort()
        finally:
            for settle in response.at_end:
                settle()
        await out.write_eof()

    def _configuration(self) -> Configuration:
        reader: Reader = self.site.store
        if self.delayed is not None:
            self.delayed.look()
            reader = self.delayed
        return Configuration(reader, self.site.service_id)


async def _request(http: web.Request) -> Request:
    return Request(
        method=http.method,
        path=http.rel_url.raw_path,
        query=parse_qsl(http.rel_url.raw_query_string, keep_blank_values=True),
        headers=CIMultiDict(http.headers),
        body=await http.read() if http.can_read_body else None,
        remote=http.remote or "",
    )
