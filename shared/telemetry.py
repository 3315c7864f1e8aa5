"""Spans and metrics, for whoever listens; nobody does unless the settings ask for it.

The app knows this module only. OpenTelemetry stays behind it (shared/adapters/telemetry_otel.py),
because importing even its API costs time at every cold start: docs/telemetry.md has the figures.
"""

from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from enum import Enum
from functools import wraps
from typing import Any, Protocol

type Attributes = Mapping[str, str | int | float | bool]

_NOTHING: Attributes = {}


class Kind(Enum):
    COUNTER = "counter"
    HISTOGRAM = "histogram"
    GAUGE = "gauge"


@dataclass(frozen=True, slots=True)
class Metric:
    name: str
    kind: Kind
    unit: str  # UCUM, as OpenTelemetry wants it
    description: str


RUNS = Metric("onramp.runs", Kind.COUNTER, "{run}", "Runs that ended, by status")
CHANGES = Metric(
    "onramp.changes", Kind.COUNTER, "{change}", "Changes that were planned, by action and status"
)
ARM_CALLS = Metric(
    "onramp.arm.calls", Kind.COUNTER, "{call}", "Requests to ARM, by method and status"
)
TIME_TO_VERIFIED = Metric(
    "onramp.time_to_verified",
    Kind.HISTOGRAM,
    "s",
    "From the event that told of a deployment to its first good answer through the gateway",
)
DEPLOYMENTS = Metric(
    "onramp.deployments", Kind.GAUGE, "{deployment}", "Deployments at the last sweep, by state"
)
DEAD_LETTERS = Metric(
    "onramp.dead_letters", Kind.COUNTER, "{letter}", "Events and messages given up, by kind"
)
SWEEP_AGE = Metric(
    "onramp.sweep.age", Kind.GAUGE, "s", "How long ago the last sweep was when this one began"
)
METRICS = (RUNS, CHANGES, ARM_CALLS, TIME_TO_VERIFIED, DEPLOYMENTS, DEAD_LETTERS, SWEEP_AGE)


class Span(Protocol):
    def set(self, attributes: Attributes) -> None:
        """Say more about what is under way."""

    def fail(self, reason: str) -> None:
        """Say that it failed; *reason* is ours, never an exception's message."""


class Listener(Protocol):
    def span(
        self, name: str, attributes: Attributes, *, calls_out: bool, causes: Sequence[str]
    ) -> AbstractContextManager[Span]: ...

    def traceparent(self) -> str: ...

    def record(self, metric: Metric, value: float, attributes: Attributes) -> None: ...


class _Unheard:
    def set(self, attributes: Attributes) -> None:
        pass

    def fail(self, reason: str) -> None:
        pass


class _Nobody:
    @contextmanager
    def span(
        self,
        name: str,  # noqa: ARG002 - the port's names
        attributes: Attributes,  # noqa: ARG002
        *,
        calls_out: bool,  # noqa: ARG002
        causes: Sequence[str],  # noqa: ARG002
    ) -> Iterator[Span]:
        yield _Unheard()

    def traceparent(self) -> str:
        return ""

    def record(self, metric: Metric, value: float, attributes: Attributes) -> None:
        pass


@dataclass(slots=True)
class _Ear:
    """Who listens is a matter of the process, as with OpenTelemetry's own providers."""

    listener: Listener


NOBODY: Listener = _Nobody()
_ear = _Ear(NOBODY)


def let_listen(listener: Listener) -> Listener:
    """Tell *listener* from now on; returns who was told before."""
    before, _ear.listener = _ear.listener, listener
    return before


def span(
    name: str,
    attributes: Attributes = _NOTHING,
    *,
    calls_out: bool = False,
    causes: Sequence[str] = (),
) -> AbstractContextManager[Span]:
    """What happens inside is part of this.

    Args:
        name: Of few different values: ids are attributes.
        attributes: What is known from the start.
        calls_out: It is a request to another service.
        causes: W3C traceparents of what led to it, the oldest first: its parent, and links.
    """
    return _ear.listener.span(name, attributes, calls_out=calls_out, causes=causes)


def traceparent() -> str:
    """What is under way, as a W3C traceparent; "" when nobody listens."""
    return _ear.listener.traceparent()


def record(metric: Metric, value: float = 1, attributes: Attributes = _NOTHING) -> None:
    _ear.listener.record(metric, value, attributes)


def is_heard() -> bool:
    return _ear.listener is not NOBODY


def traced[**P, R](
    name: str,
) -> Callable[[Callable[P, Awaitable[R]]], Callable[P, Coroutine[Any, Any, R]]]:
    """Make every call of a coroutine function a span."""

    def wrap(function: Callable[P, Awaitable[R]]) -> Callable[P, Coroutine[Any, Any, R]]:
        @wraps(function)
        async def in_span(*args: P.args, **kwargs: P.kwargs) -> R:
            with span(name):
                return await function(*args, **kwargs)

        return in_span

    return wrap
