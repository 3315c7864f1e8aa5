"""The Listener of shared.telemetry on OpenTelemetry's API."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from opentelemetry.context import Context
from opentelemetry.metrics import Counter, Histogram, Meter
from opentelemetry.metrics import _Gauge as Gauge  # exported under that name only
from opentelemetry.trace import (
    Link,
    SpanKind,
    Status,
    StatusCode,
    Tracer,
    get_current_span,
    set_span_in_context,
)
from opentelemetry.trace import Span as OtelSpan
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from shared.telemetry import METRICS, Attributes, Kind, Metric, Span

_W3C = TraceContextTextMapPropagator()
# Seconds; the histogram's own bounds end at 10 (opentelemetry.io/docs/specs/otel/metrics/sdk).
_BOUNDS = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200)


class OpenTelemetry:
    """Spans by *tracer*, figures by *meter*; OpenTelemetry's global providers stay unset."""

    def __init__(self, tracer: Tracer, meter: Meter) -> None:
        self._tracer = tracer
        self._instruments = {metric: _instrument(meter, metric) for metric in METRICS}

    @contextmanager
    def span(
        self, name: str, attributes: Attributes, *, calls_out: bool, causes: Sequence[str]
    ) -> Iterator[Span]:
        parent, links = _where(causes)
        with self._tracer.start_as_current_span(
            name,
            context=parent,
            kind=SpanKind.CLIENT if calls_out else SpanKind.INTERNAL,
            attributes=dict(attributes),
            links=links,
            # An exception's message may hold what a service said: only its type is told.
            record_exception=False,
            set_status_on_exception=False,
        ) as inner:
            span = _Span(inner)
            try:
                yield span
            except BaseException as exc:  # whatever it is goes on its way; the span only says so
                span.fail(type(exc).__name__)
                raise

    def traceparent(self) -> str:
        carrier: dict[str, str] = {}
        _W3C.inject(carrier)
        return carrier.get("traceparent", "")

    def record(self, metric: Metric, value: float, attributes: Attributes) -> None:
        instrument, told = self._instruments[metric], dict(attributes)
        match instrument:
            case Counter():
                instrument.add(value, told)
            case Histogram():
                instrument.record(value, told)
            case Gauge():
                instrument.set(value, told)


class _Span:
    def __init__(self, inner: OtelSpan) -> None:
        self._inner = inner

    def set(self, attributes: Attributes) -> None:
        self._inner.set_attributes(dict(attributes))

    def fail(self, reason: str) -> None:
        self._inner.set_status(Status(StatusCode.ERROR, reason))


def _where(causes: Sequence[str]) -> tuple[Context | None, list[Link]]:
    """The parent, and links to the other causes and to where it runs; None: what is under way.

    The oldest cause is the parent even if there are several: an account and its first deployment
    are two events, and their run still belongs to one of them.
    """
    spans = [_remote(cause) for cause in dict.fromkeys(causes)]
    found = [span for span in spans if span.get_span_context().is_valid]
    if not found:
        return None, []
    here = get_current_span()
    others = [*found[1:], *([here] if here.get_span_context().is_valid else [])]
    return set_span_in_context(found[0]), [Link(span.get_span_context()) for span in others]


def _remote(traceparent: str) -> OtelSpan:
    return get_current_span(_W3C.extract({"traceparent": traceparent}, Context()))


def _instrument(meter: Meter, metric: Metric) -> Counter | Histogram | Gauge:
    about = {"unit": metric.unit, "description": metric.description}
    match metric.kind:
        case Kind.COUNTER:
            return meter.create_counter(metric.name, **about)
        case Kind.GAUGE:
            return meter.create_gauge(metric.name, **about)
        case Kind.HISTOGRAM:
            return meter.create_histogram(
                metric.name, **about, explicit_bucket_boundaries_advisory=_BOUNDS
            )
