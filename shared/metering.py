"""How often ARM was asked, and how it answered: counted wherever a request is sent from."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from urllib.parse import urlsplit

from shared import telemetry
from shared.core.path_templates import path_template


@dataclass(slots=True)
class Meter:
    arm_calls: int = 0


@dataclass(slots=True)
class Call:
    """A request; whoever sends it says how it was answered."""

    status: int = 0  # none yet


_meter: ContextVar[Meter | None] = ContextVar("meter", default=None)


@contextmanager
def metering() -> Iterator[Meter]:
    """Count what is asked inside, tasks that are started there included."""
    meter = Meter()
    token = _meter.set(meter)
    try:
        yield meter
    finally:
        _meter.reset(token)


@contextmanager
def arm_call(method: str, url: str, *, origin: tuple[str, str, int]) -> Iterator[Call]:
    """Count a request, and trace it; neither query nor names of *url* are told.

    The exporter for Application Insights names a request by its `url.full`, so that is a template
    here as well.
    """
    if (meter := _meter.get()) is not None:
        meter.arm_calls += 1
    template, call = path_template(urlsplit(url).path), Call()
    scheme, host, port = origin
    attributes: telemetry.Attributes = {
        "http.request.method": method,
        "url.full": f"{scheme}://{host}{template}",
        "url.scheme": scheme,
        "url.template": template,
        "server.address": host,
        "server.port": port,
    }
    with telemetry.span(f"{method} {template}", attributes, calls_out=True) as span:
        try:
            yield call
        finally:
            if call.status:
                span.set({"http.response.status_code": call.status})
            status = str(call.status or "none")
            if not 0 < call.status < 400 and call.status != 404:  # that it isn't there is an answer
                span.fail(status)
            telemetry.record(telemetry.ARM_CALLS, 1, {"method": method, "status": status})
