"""A tiny model host behind the gateway: remembers what it was sent, answers what it is told to."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from multidict import CIMultiDict

from sandbox.processes import listen

PROMPT, COMPLETION = 11, 9


@dataclass(frozen=True, slots=True)
class Seen:
    method: str
    host: str
    url: str  # path and query
    headers: CIMultiDict[str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


type Answer = Callable[[Seen], web.StreamResponse | None]


@dataclass(slots=True)
class Upstream:
    """``answer`` comes first; where it says nothing, the default answers."""

    base: str = ""
    seen: list[Seen] = field(default_factory=list)
    answer: Answer = lambda _seen: None

    @property
    def last(self) -> Seen:
        return self.seen[-1]


def usage(prompt: int = PROMPT, completion: int = COMPLETION) -> dict[str, int]:
    total = prompt + completion
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": total}


def chat(content: str = "hello", **more: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": content}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    named = {"id": "c1", "object": "chat.completion", "created": 1, "model": "m"}
    return {**named, "choices": [choice], "usage": usage()} | more


def embedding(text: str) -> list[float]:
    """The same for the same text, another one for another."""
    return [float(text.count(letter)) for letter in "abcdefghijklmnopqrstuvwxyz "]


@asynccontextmanager
async def an_upstream() -> AsyncIterator[Upstream]:
    upstream = Upstream()

    async def answer(http: web.Request) -> web.StreamResponse:
        body = await http.read()
        headers = CIMultiDict(http.headers)
        seen = Seen(http.method, http.host, http.path_qs, headers, body)
        upstream.seen.append(seen)
        if http.headers.get("Upgrade", "").lower() == "websocket":
            return await _echo(http)
        return upstream.answer(seen) or await _default(http, seen)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    async with listen(app) as url:
        upstream.base = url
        yield upstream


async def _default(http: web.Request, seen: Seen) -> web.StreamResponse:
    request = seen.json if seen.body.startswith(b"{") else {}
    if http.path.endswith("/embeddings"):
        vector = embedding(str(request["input"]))
        data = [{"object": "embedding", "index": 0, "embedding": vector}]
        body = {"object": "list", "model": "e", "data": data, "usage": usage(4, 0)}
        return web.json_response(body)
    if request.get("stream"):
        return await _stream(http)
    return web.json_response(chat())


async def _stream(http: web.Request) -> web.StreamResponse:
    out = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await out.prepare(http)
    for content in ("hel", "lo"):
        choice = {"index": 0, "delta": {"role": "assistant", "content": content}}
        await out.write(_event({**_CHUNK, "choices": [choice]}))
    await out.write(_event({**_CHUNK, "choices": [], "usage": usage()}))
    await out.write(b"data: [DONE]\n\n")
    return out


_CHUNK = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m"}


def _event(value: Any) -> bytes:
    return f"data: {json.dumps(value)}\n\n".encode()


async def _echo(http: web.Request) -> web.StreamResponse:
    socket = web.WebSocketResponse(protocols=("realtime",))
    await socket.prepare(http)
    async for message in socket:
        await socket.send_str(f"heard {message.data}")
    return socket
