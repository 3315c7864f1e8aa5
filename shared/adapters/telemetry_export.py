"""OpenTelemetry's SDK with the exporter for Application Insights; imported only when asked for.

Only the exporter, not Microsoft's distribution of it: that instruments every HTTP client it finds,
and sends the URLs of their requests. What is exported here is what the app says itself.
"""

import logging
import traceback

from azure.monitor.opentelemetry.exporter import (
    AzureMonitorLogExporter,
    AzureMonitorMetricExporter,
    AzureMonitorTraceExporter,
)
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from shared.adapters.telemetry_otel import OpenTelemetry
from shared.telemetry import Listener

_SCOPE = "model-onramp"
_OURS = ("shared", "handlers")
_SEVERITIES = {
    logging.DEBUG: SeverityNumber.DEBUG,
    logging.INFO: SeverityNumber.INFO,
    logging.WARNING: SeverityNumber.WARN,
    logging.ERROR: SeverityNumber.ERROR,
    logging.CRITICAL: SeverityNumber.FATAL,
}


def exported(connection_string: str, *, role: str) -> Listener:
    """Export spans, figures and the app's own log lines from now on.

    The exporter reads APPLICATIONINSIGHTS_AUTHENTICATION_STRING itself, and shows a token of the
    identity named there. How often it sends, and which share of the traces, is OpenTelemetry's
    own settings (OTEL_BSP_*, OTEL_BLRP_*, OTEL_METRIC_EXPORT_INTERVAL, OTEL_TRACES_SAMPLER).

    Args:
        connection_string: Of an Application Insights component.
        role: What it calls the app (AppRoleName).

    Raises:
        ValueError: the connection string is none.
    """
    resource = Resource.create({"service.name": role})
    # Telemetry that can't be sent now is given up: nothing of it is to lie on a disk.
    options = {"connection_string": connection_string, "disable_offline_storage": True}
    spans = TracerProvider(resource=resource)
    exporter = AzureMonitorTraceExporter(**options, tracer_provider=spans)  # no global one is set
    spans.add_span_processor(BatchSpanProcessor(exporter))
    reader = PeriodicExportingMetricReader(AzureMonitorMetricExporter(**options))
    figures = MeterProvider([reader], resource=resource)
    lines = LoggerProvider(resource=resource)
    lines.add_log_record_processor(BatchLogRecordProcessor(AzureMonitorLogExporter(**options)))
    for name in _OURS:
        logging.getLogger(name).addHandler(ExportedLines(lines))
    return OpenTelemetry(spans.get_tracer(_SCOPE), figures.get_meter(_SCOPE))


class ExportedLines(logging.Handler):
    """Log lines of ours, with their fields as attributes; the message stays the JSON it is.

    A traceback goes without the exception's message, which may hold what a service said. It is no
    `exception.*` attribute: version 1.0.0b58 of the exporter makes a record of another kind of
    those, and forgets its trace id.
    """

    def __init__(self, lines: LoggerProvider) -> None:
        super().__init__()
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        fields = getattr(record, "fields", {"event": message})
        found = {key: value for key, value in fields.items() if value is not None}
        if record.exc_info and record.exc_info[0] is not None:
            found["error"] = record.exc_info[0].__name__
            found["stack"] = "".join(traceback.format_tb(record.exc_info[2]))
        self._lines.get_logger(record.name).emit(
            LogRecord(
                timestamp=int(record.created * 1e9),
                severity_text=record.levelname,
                severity_number=_SEVERITIES.get(record.levelno, SeverityNumber.UNSPECIFIED),
                body=message,
                attributes=found,
            )
        )
