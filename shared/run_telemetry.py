"""What a run tells whoever listens: its span, and what is counted when it ends."""

from collections.abc import Iterator
from contextlib import contextmanager

from shared import telemetry
from shared.core.applied import ChangeStatus
from shared.core.naming import unit_hash
from shared.core.runs import Run, RunStatus
from shared.core.single_flight import Claim
from shared.telemetry import Attributes, Span


@contextmanager
def run_span(claim: Claim, run: Run) -> Iterator[Span]:
    """A run, as part of the trace of what led to it; of a sweep's only if nothing else did."""
    attributes: Attributes = {
        "onramp.run": run.ids[0],
        "onramp.unit": unit_hash(claim.unit),
        "onramp.attempt": claim.attempts + 1,
        "onramp.causes": ",".join(dict.fromkeys(it.kind for it in claim.causes)),
    }
    causes = sorted(claim.causes, key=lambda it: it.kind == "sweep")
    traces = [it.trace for it in causes if it.trace]
    with telemetry.span("run", attributes, causes=traces) as span:
        yield span


def tell_of_end(span: Span, run: Run) -> None:
    span.set(
        {
            "onramp.status": run.status.value,
            "onramp.writes": run.writes,
            "onramp.planned": run.planned,
            "onramp.arm_calls": run.arm_calls,
        }
    )
    if run.status is RunStatus.FAILED:
        span.fail(run.status.value)
    telemetry.record(telemetry.RUNS, 1, {"status": run.status.value})
    for item in run.changes:
        if item.status is not ChangeStatus.KEPT:
            what = {"action": item.change.action.value, "status": item.status.value}
            telemetry.record(telemetry.CHANGES, 1, what)
