"""The HTTP side of the model endpoints, and a look inside.

Every account's host is served; the Host header tells which is meant. Not of the service:

``GET /_sandbox/requests``     what was asked, ``?account=`` and ``?deployment=``; DELETE forgets it
``GET /_sandbox/faults``       the rules of ``sandbox/models/faults.py``; POST adds one, DELETE all
"""

import asyncio
import contextlib
import hashlib
import json

from aiohttp import WSCloseCode, WSMsgType, web
from pydantic import ValidationError

from sandbox.file_errors import explain
from sandbox.models import journal
from sandbox.models.call import Answer, read
from sandbox.models.endpoints import Admitted, Asked, ModelEndpoints, Visit
from sandbox.models.errors import Refusal
from sandbox.models.faults import Rule
from sandbox.models.replies.realtime import Session

_MAX_BODY = 2**26  # audio files may have 25 MB, pictures 50 MB each (openai/quotas-limits)


def create_app(endpoints: ModelEndpoints) -> web.Application:
    server = _Server(endpoints)
    app = web.Application(client_max_size=_MAX_BODY)
    app.add_routes(
        [
            web.get("/_sandbox/requests", server.requests),
            web.delete("/_sandbox/requests", server.forget),
            web.get("/_sandbox/faults", server.faults),
            web.post("/_sandbox/faults", server.add_fault),
            web.delete("/_sandbox/faults", server.clear_faults),
            web.route("*", "/{path:.*}", server.answer),
        ]
    )
    app.on_shutdown.append(server.close)
    return app


class _Server:
    def __init__(self, endpoints: ModelEndpoints) -> None:
        self._endpoints = endpoints
        self._closing = asyncio.Event()
        self._sockets: set[web.WebSocketResponse] = set()

    async def close(self, _app: web.Application) -> None:
        self._closing.set()
        for socket in tuple(self._sockets):
            await socket.close(code=WSCloseCode.GOING_AWAY)

    async def answer(self, http: web.Request) -> web.StreamResponse:
        visit = await _visit(http)
        try:
            admitted = self._endpoints.admit(visit)
            if admitted is None:
                return self._cut(http, visit)
            return await self._reply(http, visit, admitted)
        except Refusal as refusal:
            self._note(visit, refusal.status)
            return _refused(refusal, visit)

    async def _reply(
        self, http: web.Request, visit: Visit, admitted: Admitted
    ) -> web.StreamResponse:
        fault = admitted.fault
        await self._wait(fault.first_byte if fault else 0.0)
        if admitted.call.route.is_websocket:
            return await self._converse(http, visit, admitted)
        answer = self._endpoints.answer(admitted.call)
        self._note(visit, 200)
        if answer.events:
            return await self._stream(http, admitted, answer)
        return _whole(answer, admitted)

    async def _stream(
        self, http: web.Request, admitted: Admitted, answer: Answer
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers=admitted.headers)
        response.content_type, response.charset = "text/event-stream", "utf-8"
        pause = admitted.fault.chunk if admitted.fault else 0.0
        with contextlib.suppress(ConnectionResetError):
            await response.prepare(http)
            for index, event in enumerate(answer.events):
                await self._wait(pause if index else 0.0)
                await response.write(event.encode())
            await response.write_eof()
        return response

    async def _converse(
        self, http: web.Request, visit: Visit, admitted: Admitted
    ) -> web.StreamResponse:
        socket = web.WebSocketResponse(protocols=("realtime",))
        if not socket.can_prepare(http):
            raise Refusal(400, "BadRequest", "This address takes WebSocket connections only.")
        await socket.prepare(http)
        self._note(visit, 101)
        self._sockets.add(socket)
        session = Session(admitted.call)
        try:
            with contextlib.suppress(ConnectionResetError):
                await socket.send_json(session.opened())
                async for message in socket:
                    if message.type is WSMsgType.TEXT:
                        for event in session.hear(message.data):
                            await socket.send_json(event)
        finally:
            self._sockets.discard(socket)
        return socket

    def _cut(self, http: web.Request, visit: Visit) -> web.Response:
        self._note(visit, 0)
        if http.transport is not None:
            http.transport.abort()
        return web.Response(status=504)

    def _note(self, visit: Visit, status: int) -> None:
        visit.note(status)
        self._endpoints.journal.note(visit.called)

    async def _wait(self, seconds: float) -> None:
        """Sleep, but not into the end of the server."""
        if seconds > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), seconds)

    async def requests(self, http: web.Request) -> web.Response:
        log, account = self._endpoints.journal, http.query.get("account")
        calls = log.of(account, http.query.get("deployment", "")) if account else None
        return web.json_response(log.render(calls))

    async def forget(self, _http: web.Request) -> web.Response:
        self._endpoints.journal.clear()
        return web.Response(status=204)

    async def faults(self, _http: web.Request) -> web.Response:
        rules = self._endpoints.faults.rules
        return web.json_response([it.model_dump(exclude_defaults=True) for it in rules])

    async def add_fault(self, http: web.Request) -> web.Response:
        try:
            rule = Rule.model_validate_json(await http.read())
        except ValidationError as exc:
            return web.json_response({"error": explain(exc)}, status=400)
        self._endpoints.faults.rules.append(rule)
        return web.Response(status=204)

    async def clear_faults(self, _http: web.Request) -> web.Response:
        self._endpoints.faults.clear()
        return web.Response(status=204)


async def _visit(http: web.Request) -> Visit:
    raw = await http.read()
    asked = Asked(
        method=http.method,
        raw_path=http.rel_url.raw_path,
        host=http.host,
        query=http.query,
        headers=http.headers,
        content=read(raw, http.headers.get("Content-Type", "")),
    )
    called = journal.Called(
        method=http.method,
        host=http.host,
        path=http.rel_url.raw_path,
        query=journal.hidden(http.query, query=True),
        headers=journal.hidden(http.headers),
        body_sha256=hashlib.sha256(raw).hexdigest(),
        body_bytes=len(raw),
    )
    return Visit(asked, called)


def _whole(answer: Answer, admitted: Admitted) -> web.Response:
    headers = {**admitted.headers, "Content-Type": answer.content_type}
    match answer.body:
        case bytes() as body:
            return web.Response(body=body, headers=headers)
        case str() as text:
            return web.Response(body=text.encode(), headers=headers)
        case body:
            return web.Response(body=json.dumps(body).encode(), headers=headers)


def _refused(refusal: Refusal, visit: Visit) -> web.Response:
    body = refusal.render(visit.shape)
    return web.json_response(body, status=refusal.status, headers=dict(refusal.headers))
