"""WebSocket APIs: policies on the handshake, then everything goes through both ways.

learn.microsoft.com/azure/api-management/websocket-api: "policies are applied on the onHandshake
operation". Of a handshake the inbound section runs; that of the others nothing does is UNVERIFIED.
"""

import asyncio

import aiohttp
from aiohttp import web
from yarl import URL

from sandbox.gateway.backends import Backends
from sandbox.gateway.configuration import Configuration
from sandbox.gateway.errors import GatewayError
from sandbox.gateway.exchange import Exchange, Gateway
from sandbox.gateway.keys import find_caller
from sandbox.gateway.message import Request, Response
from sandbox.gateway.pipeline import error_response, guarded, run_section, sections_of
from sandbox.gateway.routing import find_api
from sandbox.gateway.upstreams import address_of

_OWN = ("sec-websocket-key", "sec-websocket-version", "sec-websocket-extensions")
_PROTOCOLS = "Sec-WebSocket-Protocol"
type _Socket = aiohttp.ClientWebSocketResponse | web.WebSocketResponse


async def connect(
    gateway: Gateway, configuration: Configuration, request: Request
) -> aiohttp.ClientWebSocketResponse | Response:
    """The backend's socket, or an answer to the handshake that is none."""
    try:
        route = find_api(configuration, request, websocket=True)
    except GatewayError as exc:
        return error_response(exc, "")
    request.suffix = route.suffix
    exchange = Exchange(gateway, configuration, request, route.api)
    sockets: list[aiohttp.ClientWebSocketResponse] = []

    async def handshake() -> None:
        exchange.operation = configuration.find(f"apis/{route.api.name}/operations/onHandshake")
        exchange.caller = find_caller(configuration, route.api, request)
        await run_section(exchange, sections_of(exchange), "inbound")
        sockets.append(await _open(exchange))

    response = await guarded(exchange, handshake)
    return sockets[0] if sockets else response


async def _open(exchange: Exchange) -> aiohttp.ClientWebSocketResponse:
    """Raises GatewayError with the backend's own status if it refuses (UNVERIFIED)."""
    gateway = exchange.gateway
    backends = Backends(gateway, exchange.configuration)
    call = backends.call(exchange, backends.target_of(exchange))
    address = address_of(call.url, gateway.options.upstreams)
    if address is None:
        raise _refused(500, f"The backend can't be reached: {call.url}")
    headers = {k: v for k, v in call.headers.items() if k.lower() not in (*_OWN, "content-type")}
    offered = [it.strip() for it in headers.pop(_PROTOCOLS, "").split(",") if it.strip()]
    headers["Host"] = address.host
    try:
        return await gateway.session.ws_connect(
            URL(address.url, encoded=True), headers=headers, protocols=offered, max_msg_size=0
        )
    except aiohttp.WSServerHandshakeError as exc:
        raise _refused(exc.status, exc.message) from None
    except (aiohttp.ClientError, OSError) as exc:
        raise _refused(500, f"The backend can't be reached: {call.url}: {exc}") from None


def _refused(status: int, message: str) -> GatewayError:
    return GatewayError(
        status, message, reason="BackendConnectionFailure", source="forward-request"
    )


async def pass_through(
    http: web.Request, backend: aiohttp.ClientWebSocketResponse
) -> web.StreamResponse:
    """Until one of the two ends."""
    chosen = (backend.protocol,) if backend.protocol else ()
    client = web.WebSocketResponse(protocols=chosen, max_msg_size=0)
    async with backend:
        await client.prepare(http)
        both = {
            asyncio.ensure_future(_pump(client, backend)),
            asyncio.ensure_future(_pump(backend, client)),
        }
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for it in both:
                it.cancel()
            await asyncio.gather(*both, return_exceptions=True)
    return client


async def _pump(source: _Socket, target: _Socket) -> None:
    async for message in source:
        match message.type:
            case aiohttp.WSMsgType.TEXT:
                await target.send_str(message.data)
            case aiohttp.WSMsgType.BINARY:
                await target.send_bytes(message.data)
            case _:
                break
    code = source.close_code or 1000
    await target.close(code=code if code != 1006 else 1011)
