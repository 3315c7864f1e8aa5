"""One request on its way through the policies."""

import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from sandbox.arm.store import Entry
from sandbox.gateway.configuration import Configuration
from sandbox.gateway.errors import GatewayError
from sandbox.gateway.identity import GatewayIdentity
from sandbox.gateway.keys import Caller
from sandbox.gateway.message import Request, Response
from sandbox.gateway.options import GatewayOptions, Memory
from sandbox.gateway.usage import Usage


@dataclass(frozen=True, slots=True)
class Gateway:
    """What all requests of a gateway share."""

    session: aiohttp.ClientSession
    identity: GatewayIdentity
    options: GatewayOptions
    memory: Memory

    @property
    def now(self) -> float:
        return self.options.clock()


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes: a backend entity, or just a URL."""

    url: str = ""
    backend: Entry | None = None


@dataclass(frozen=True, slots=True)
class Lookup:
    """What llm-semantic-cache-store needs of the lookup before it."""

    partition: tuple[str, ...]
    vector: tuple[float, ...]


@dataclass(slots=True)
class Exchange:
    gateway: Gateway
    configuration: Configuration
    request: Request
    api: Entry
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    operation: Entry | None = None
    matched: dict[str, str] = field(default_factory=dict)
    caller: Caller = field(default_factory=Caller)
    variables: dict[str, Any] = field(default_factory=dict)
    target: Target = field(default_factory=Target)
    used_backend: Entry | None = None
    response: Response | None = None
    error: GatewayError | None = None
    failed_section: str = ""
    section: str = ""
    sends: int = 0
    is_answered: bool = False  # from the cache: the backend is not asked
    lookup: Lookup | None = None
    after_backend: list[Callable[[], Awaitable[None]]] = field(default_factory=list)
    on_usage: list[Callable[[Usage], None]] = field(default_factory=list)
    response_headers: dict[str, str] = field(default_factory=dict)

    def answer(self) -> Response:
        """The response; a new one if there is none yet."""
        if self.response is None:
            self.response = Response(200)
        return self.response
