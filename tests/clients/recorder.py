"""A loopback model service that remembers every request and gives each client what it expects.

The first part of a path tells whose call it is.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any

from aiohttp import WSCloseCode, web

from sandbox.processes import listen


@dataclass(frozen=True, slots=True)
class Captured:
    """One request as a client sent it; *path* is not decoded."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def form(self) -> dict[str, str]:
        """The parts of a multipart form that are no files."""
        head = f"Content-Type: {self.headers['content-type']}\r\n\r\n".encode()
        parts = BytesParser(policy=HTTP).parsebytes(head + self.body).iter_parts()
        return {
            str(part.get_param("name", header="content-disposition")): part.get_content().strip()
            for part in parts
            if part.get_filename() is None
        }


@dataclass(slots=True)
class Recorder:
    url: str = ""
    captured: dict[str, list[Captured]] = field(default_factory=dict)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        _, caller, path = request.rel_url.raw_path.split("/", 2)
        self.captured.setdefault(caller, []).append(
            Captured(
                request.method,
                f"/{path}",
                dict(request.query),
                {name.lower(): value for name, value in request.headers.items()},
                body,
            )
        )
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await _session(request)
        asked = json.loads(body) if body and request.content_type == "application/json" else {}
        return _answer(request.path, is_streamed=bool(asked.get("stream")))


@contextlib.asynccontextmanager
async def recording() -> AsyncIterator[Recorder]:
    recorder = Recorder()
    app = web.Application(client_max_size=2**22)
    app.add_routes([web.route("*", "/{any:.*}", recorder.answer)])
    async with listen(app) as recorder.url:
        yield recorder


async def _session(request: web.Request) -> web.StreamResponse:
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    await socket.send_json({"type": "session.created", "event_id": "e", "session": {}})
    with contextlib.suppress(asyncio.CancelledError):
        await socket.receive()
    await socket.close(code=WSCloseCode.OK)
    return socket


def _answer(path: str, *, is_streamed: bool) -> web.Response:
    if path.endswith("/audio/speech"):
        return web.Response(body=b"ID3", content_type="audio/mpeg")
    found = next(((body, stream) for end, body, stream in _ANSWERS if path.endswith(end)), None)
    if found is None:
        return web.json_response({"id": "x", "object": "list", "data": []})
    body, stream = found
    if not is_streamed:
        return web.json_response(body)
    return web.Response(
        text="".join(
            f"event: {event['type']}\ndata: {json.dumps(event)}\n\n"
            if "type" in event
            else f"data: {json.dumps(event)}\n\n"
            for event in stream
        )
        + ("data: [DONE]\n\n" if path.endswith("/completions") else ""),
        content_type="text/event-stream",
    )


_USAGE = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
_CHAT = {
    "id": "c",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [
        {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "hi"}}
    ],
    "usage": _USAGE,
}
_CHUNK = {
    "id": "c",
    "object": "chat.completion.chunk",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "finish_reason": "stop", "delta": {"content": "hi"}}],
}
_MESSAGE = {
    "id": "m",
    "type": "message",
    "role": "assistant",
    "model": "m",
    "content": [{"type": "text", "text": "hi"}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 1, "output_tokens": 1},
}
_RESPONSE = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1,
    "model": "m",
    "status": "completed",
    "output": [],
    "parallel_tool_calls": True,
    "tool_choice": "auto",
    "tools": [],
}
_VECTORS = {
    "object": "list",
    "model": "m",
    "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}],
    "usage": {"prompt_tokens": 1, "total_tokens": 1},
}
# The end of a path, the answer, and the events of the answer when it is streamed.
_ANSWERS: tuple[tuple[str, Any, tuple[Any, ...]], ...] = (
    ("/chat/completions", _CHAT, (_CHUNK,)),
    (
        "/completions",
        {
            **_CHAT,
            "object": "text_completion",
            "choices": [{"index": 0, "finish_reason": "stop", "text": "hi", "logprobs": None}],
        },
        (),
    ),
    ("/images/embeddings", _VECTORS, ()),
    ("/embeddings", _VECTORS, ()),
    ("/images/generations", {"created": 1, "data": [{"b64_json": "aGk="}]}, ()),
    ("/images/edits", {"created": 1, "data": [{"b64_json": "aGk="}]}, ()),
    ("/audio/transcriptions", {"text": "hi"}, ()),
    ("/audio/translations", {"text": "hi"}, ()),
    (
        "/responses",
        _RESPONSE,
        ({"type": "response.completed", "sequence_number": 1, "response": _RESPONSE},),
    ),
    ("/responses/resp_1", _RESPONSE, ()),
    ("/responses/resp_1/cancel", _RESPONSE, ()),
    (
        "/responses/compact",
        {"id": "r", "object": "response.compaction", "created_at": 1, "output": [], "usage": {}},
        (),
    ),
    ("/responses/input_tokens", {"object": "response.input_tokens", "input_tokens": 1}, ()),
    ("/info", {"model_name": "m", "model_type": "chat-completion", "model_provider_name": "p"}, ()),
    (
        "/v1/messages",
        _MESSAGE,
        (
            {"type": "message_start", "message": {**_MESSAGE, "content": []}},
            {"type": "message_stop"},
        ),
    ),
    ("/count_tokens", {"input_tokens": 1}, ()),
    ("/rerank", {"id": "r", "results": [{"index": 0, "relevance_score": 0.5}]}, ()),
    (
        "/v2/embed",
        {
            "id": "e",
            "response_type": "embeddings_by_type",
            "embeddings": {"float": [[0.5]]},
            "texts": [],
        },
        (),
    ),
)
