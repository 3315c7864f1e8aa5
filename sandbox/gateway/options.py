"""How a gateway of the sandbox is set up, and what it remembers between requests."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from sandbox.gateway.breakers import Breakers
from sandbox.gateway.counters import Counters
from sandbox.gateway.metrics import TokenMetric
from sandbox.gateway.rotation import Rotation
from sandbox.gateway.semantic_cache import SemanticCache


@dataclass(frozen=True, slots=True)
class GatewayOptions:
    """How the gateway behaves where real ones differ, or can't be had on one machine.

    Attributes:
        upstreams: Host suffix to local base URL: ``{"openai.azure.com": "http://127.0.0.1:1"}``.
            Requests keep the host that they were meant for.
        propagation_s: Seconds until a change in ARM is served; real gateways take time.
        unsafe: Words to the category and severity that content safety finds in them.
        blocklists: Id of a blocklist to its words.
        attacks: Words that shield-prompt takes for an attack.
        on_log: Hears what failed in the gateway itself.
    """

    upstreams: Mapping[str, str] = field(default_factory=dict)
    propagation_s: float = 0.0
    unsafe: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    blocklists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    attacks: tuple[str, ...] = ()
    clock: Callable[[], float] = time.time
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    on_log: Callable[[str], None] = lambda _line: None


@dataclass(frozen=True, slots=True)
class Memory:
    """Counters, circuit breakers, caches and metrics; a gateway that starts anew has none."""

    counters: Counters = field(default_factory=Counters)
    breakers: Breakers = field(default_factory=Breakers)
    rotation: Rotation = field(default_factory=Rotation)
    cache: SemanticCache = field(default_factory=SemanticCache)
    metrics: list[TokenMetric] = field(default_factory=list)
