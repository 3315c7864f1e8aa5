"""When each request reached the local ARM, and when it was answered.

The app is not asked: counts, order and overlap are read off at the other end of the wire.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic

from sandbox.arm.journal import Asked, Journal
from sandbox.arm.throttle import BUCKETS, Throttle, kind_of


@dataclass(frozen=True, slots=True)
class Call:
    asked: Asked
    started: float
    ended: float

    @property
    def path(self) -> str:
        return self.asked.path

    @property
    def is_write(self) -> bool:
        return self.asked.is_write

    @property
    def is_poll(self) -> bool:
        """Whether it asks for the state of a long-running operation."""
        return "/operationstatuses/" in self.path.lower()

    @property
    def is_api_management(self) -> bool:
        return "/microsoft.apimanagement/" in self.path.lower()


class Trace(Journal):
    """A journal that knows the time, and takes every principal's calls."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[Call] = []
        self._begun: dict[asyncio.Task[object] | None, float] = {}

    def begin(self) -> None:
        """A request came in; it is noted in the same task when it is answered."""
        self._begun[asyncio.current_task()] = monotonic()

    def note(self, asked: Asked) -> None:
        now = monotonic()
        self.calls.append(Call(asked, self._begun.pop(asyncio.current_task(), now), now))

    def clear(self) -> None:
        self.calls.clear()

    def of(self, principal: str) -> list[Call]:
        return [call for call in self.calls if call.asked.principal == principal]


class Meter(Throttle):
    """ARM's token buckets, counted and never enforced, with one principal's lowest levels."""

    def __init__(self, trace: Trace, principal: str) -> None:
        super().__init__()
        self._trace = trace
        self._principal = principal
        self.reset()

    def reset(self) -> None:
        """Start with full buckets."""
        self._buckets.clear()
        self.lowest = {kind: size for kind, (size, _) in BUCKETS.items()}
        self.overrun = dict.fromkeys(BUCKETS, 0)

    def take(self, subscription: str, principal: str, method: str) -> dict[str, str]:
        self._trace.begin()
        kind = kind_of(method)
        before = self.overruns[kind]
        headers = super().take(subscription, principal, method)
        if principal == self._principal:
            left = float(headers[f"x-ms-ratelimit-remaining-subscription-{kind}"])
            self.lowest[kind] = min(self.lowest[kind], left)
            self.overrun[kind] += self.overruns[kind] - before
        return headers


def depth(calls: Sequence[Call]) -> int:
    """How many of *calls* came one after the other: the longest chain without an overlap.

    What is sent at once overlaps, since every answer takes longer than sending does. So this is
    the number of round trips that somebody had to wait for.
    """
    length, last = 0, float("-inf")
    for call in sorted(calls, key=lambda call: call.ended):
        if call.started >= last:
            length, last = length + 1, call.ended
    return length
