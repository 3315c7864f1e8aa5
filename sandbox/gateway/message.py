"""A request and a response on their way through the gateway."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import aiohttp
from multidict import CIMultiDict

type Headers = CIMultiDict[str]
type Watcher = Callable[[bytes], None]

# RFC 9110, 7.6.1; Content-Length and Content-Encoding are made anew by whoever sends.
_HOP_BY_HOP = frozenset(
    {
        *("connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te"),
        *("trailer", "transfer-encoding", "upgrade", "host", "content-length", "expect"),
    }
)


def end_to_end(headers: Headers) -> Headers:
    return CIMultiDict((k, v) for k, v in headers.items() if k.lower() not in _HOP_BY_HOP)


@dataclass(slots=True)
class Request:
    """As policies change it. ``path`` is as the client sent it, still encoded; ``query`` is not.

    Attributes:
        suffix: What goes behind the backend's URL.
        body: None when there was none.
        is_gone: A policy has read the body without keeping it.
        is_buffered: A policy has kept the body, so that it can be sent more than once.
    """

    method: str
    path: str
    query: list[tuple[str, str]]
    headers: Headers
    body: bytes | None
    remote: str = "127.0.0.1"
    suffix: str = ""
    is_gone: bool = False
    is_buffered: bool = False


@dataclass(slots=True)
class Response:
    """``stream`` is what the backend has yet to say; a body that was read or set replaces it."""

    status: int
    reason: str = ""
    headers: Headers = field(default_factory=CIMultiDict[str])
    body: bytes = b""
    stream: aiohttp.ClientResponse | None = None
    is_gone: bool = False
    watchers: list[Watcher] = field(default_factory=list)
    at_end: list[Callable[[], None]] = field(default_factory=list)

    @property
    def content_type(self) -> str:
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower()

    async def read(self) -> bytes:
        """The whole body; what is streamed ends here."""
        if self.stream is not None:
            stream, self.stream = self.stream, None
            self.body = await stream.read()
        return self.body

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes; nothing is held back.

        A gateway holds up to 8 KB back unless ``forward-request`` has ``buffer-response="false"``
        (learn.microsoft.com/azure/api-management/forward-request-policy); this one never does.
        """
        if self.stream is None:
            yield self.body
            return
        async for chunk in self.stream.content.iter_any():
            for watch in self.watchers:
                watch(chunk)
            yield chunk

    async def close(self) -> None:
        if self.stream is not None:
            self.stream.close()
            self.stream = None
