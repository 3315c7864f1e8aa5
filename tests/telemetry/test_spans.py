"""The seam on OpenTelemetry's SDK, in memory."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from shared import telemetry
from shared.adapters.telemetry_otel import OpenTelemetry
from shared.adapters.unit_rows import unit_entity, unit_row
from shared.core.marks import marked
from shared.core.resource_ids import AccountId
from shared.core.runs import Run, RunStatus
from shared.core.single_flight import Cause, UnitRow, claim_of
from shared.metering import arm_call, metering
from shared.run_telemetry import run_span, tell_of_end

ACCOUNT = (
    "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/g"
    "/providers/Microsoft.CognitiveServices/accounts/contoso"
)
FIRST = "00-11111111111111111111111111111111-1111111111111111-01"
SECOND = "00-22222222222222222222222222222222-2222222222222222-01"


@dataclass(frozen=True, slots=True)
class Memory:
    spans: InMemorySpanExporter
    figures: InMemoryMetricReader

    @property
    def ended(self) -> list[ReadableSpan]:
        return list(self.spans.get_finished_spans())

    def points(self) -> dict[str, list[tuple[dict[str, object], float]]]:
        found = self.figures.get_metrics_data()
        metrics = found.resource_metrics[0].scope_metrics[0].metrics if found else ()
        return {
            it.name: [
                (dict(point.attributes or {}), getattr(point, "value", getattr(point, "sum", 0)))
                for point in it.data.data_points
            ]
            for it in metrics
        }


@pytest.fixture
def memory() -> Iterator[Memory]:
    found = Memory(InMemorySpanExporter(), InMemoryMetricReader())
    tracers = TracerProvider(shutdown_on_exit=False)
    tracers.add_span_processor(SimpleSpanProcessor(found.spans))
    meters = MeterProvider([found.figures], shutdown_on_exit=False)
    before = telemetry.let_listen(
        OpenTelemetry(tracers.get_tracer("test"), meters.get_meter("test"))
    )
    yield found
    telemetry.let_listen(before)
    meters.shutdown()


def ids(span: ReadableSpan) -> tuple[str, str]:
    """Of its parent, as a traceparent has them."""
    parent = span.parent
    return (f"{parent.trace_id:032x}", f"{parent.span_id:016x}") if parent else ("", "")


@pytest.mark.parametrize(
    ("causes", "parent", "links"),
    [
        ((), "", []),
        ((FIRST,), FIRST, []),
        ((FIRST, FIRST), FIRST, []),
        ((FIRST, SECOND), FIRST, ["2" * 16]),
        (("nonsense", SECOND), SECOND, []),
        (("nonsense",), "", []),
        (("00-" + "0" * 32 + "-" + "0" * 16 + "-01",), "", []),
    ],
)
def test_the_oldest_cause_is_the_parent_and_the_others_are_linked(
    memory: Memory, causes: tuple[str, ...], parent: str, links: list[str]
) -> None:
    with telemetry.span("run", causes=causes):
        pass

    (span,) = memory.ended
    assert ids(span) == (tuple(parent.split("-")[1:3]) if parent else ("", ""))
    assert [f"{it.context.span_id:016x}" for it in span.links] == links


def test_a_run_with_a_cause_links_to_the_invocation_that_it_is_in(memory: Memory) -> None:
    with telemetry.span("invocation"), telemetry.span("run", causes=[FIRST]):
        pass

    run, invocation = memory.ended
    assert ids(run)[0] == "1" * 32
    assert [it.context for it in run.links] == [invocation.context]


def test_what_is_written_down_leads_back(memory: Memory) -> None:
    with telemetry.span("accept event"):
        written = telemetry.traceparent()
    with telemetry.span("run", causes=[written]):
        pass

    event, run = memory.ended
    assert event.context is not None
    assert ids(run) == (f"{event.context.trace_id:032x}", f"{event.context.span_id:016x}")


def test_a_run_belongs_to_what_was_asked_rather_than_to_an_older_sweep(memory: Memory) -> None:
    row = UnitRow()
    for cause in (Cause(full=True, trace=FIRST), Cause(event_id="e", written="m", trace=SECOND)):
        row = marked(row, cause)
    unit = AccountId.parse(ACCOUNT)
    run = Run(("r",), unit, RunStatus.RUNNING, started=datetime(2026, 1, 1, tzinfo=UTC))

    with run_span(claim_of(unit, row, row), run) as span:
        tell_of_end(span, replace(run, status=RunStatus.FAILED))

    (found,) = memory.ended
    assert ids(found)[0] == "2" * 32
    assert [f"{it.context.trace_id:032x}" for it in found.links] == ["1" * 32]
    assert (found.attributes or {})["onramp.causes"] == "sweep,event"
    assert found.status.description == "failed"
    assert memory.points()["onramp.runs"] == [({"status": "failed"}, 1)]


def test_a_cause_that_comes_again_is_one_with_its_newest_trace() -> None:
    row = marked(marked(UnitRow(), Cause(full=True, trace=FIRST)), Cause(full=True, trace=SECOND))

    assert [it.trace for it in row.causes] == [SECOND]
    assert unit_row(unit_entity(AccountId.parse(ACCOUNT), row, nonce="n")).causes[0].trace == SECOND


async def test_of_an_exception_only_the_type_is_told(memory: Memory) -> None:
    @telemetry.traced("apply")
    async def broken() -> None:
        raise ValueError("a secret")

    with pytest.raises(ValueError, match="a secret"):
        await broken()

    (span,) = memory.ended
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "ValueError")
    assert "secret" not in span.to_json()
    assert span.events == ()


@pytest.mark.parametrize(
    ("status", "fails", "figure"),
    [
        (200, False, "200"),
        (201, False, "201"),
        (404, False, "404"),
        (409, True, "409"),
        (429, True, "429"),
        (504, True, "504"),
        (0, True, "none"),
    ],
)
def test_a_request_to_arm_is_counted_and_fails_by_its_answer(
    memory: Memory, status: int, fails: bool, figure: str
) -> None:
    origin = ("https", "management.azure.com", 443)
    with metering() as meter, arm_call("GET", "/subscriptions/s?api-version=1", origin=origin) as c:
        c.status = status

    (span,) = memory.ended
    assert meter.arm_calls == 1
    assert (span.status.status_code is StatusCode.ERROR) is fails
    assert (span.attributes or {})["url.full"] == (
        "https://management.azure.com/subscriptions/{name}"
    )
    assert memory.points()["onramp.arm.calls"] == [({"method": "GET", "status": figure}, 1)]


def test_a_request_that_got_no_answer_is_counted_as_well(memory: Memory) -> None:
    origin = ("https", "management.azure.com", 443)
    with pytest.raises(TimeoutError), arm_call("PUT", "/subscriptions/s", origin=origin):
        raise TimeoutError

    assert memory.points()["onramp.arm.calls"] == [({"method": "PUT", "status": "none"}, 1)]


@pytest.mark.parametrize("metric", telemetry.METRICS, ids=lambda it: it.name)
def test_every_figure_has_its_instrument(memory: Memory, metric: telemetry.Metric) -> None:
    telemetry.record(metric, 3, {"kind": "x"})

    assert memory.points() == {metric.name: [({"kind": "x"}, 3)]}


def test_without_a_listener_nothing_happens() -> None:
    with telemetry.span("run", causes=[FIRST]) as span:
        span.set({"a": 1})
        span.fail("no")
        assert telemetry.traceparent() == ""
    telemetry.record(telemetry.RUNS)

    assert not telemetry.is_heard()
