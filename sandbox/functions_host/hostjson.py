"""host.json: what this host honours, checked as the real one checks it."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from sandbox.functions_host.errors import StartupError
from sandbox.functions_host.settings import read_json
from sandbox.functions_host.timespan import parse_timespan

_logger = logging.getLogger("Host.Startup")

# HostJsonFileConfigurationSource.cs (Azure/azure-functions-host) lists them and warns of others;
# telemetryMode is read by ScriptJobHostOptionsSetup.cs.
_KNOWN = frozenset(
    (
        *("version", "functionTimeout", "retry", "functions", "http", "watchDirectories"),
        *("watchFiles", "queues", "serviceBus", "eventHub", "singleton", "logging", "aggregator"),
        *("healthMonitor", "extensionBundle", "managedDependencies", "customHandler"),
        *("httpWorker", "extensions", "concurrency", "sendCanceledInvocationsToWorker"),
        *("metadataProviderTimeout", "telemetryMode", "$schema"),
    )
)
_OVERRIDE = "azurefunctionsjobhost__"
_UNBOUNDED = timedelta(days=-1)


@dataclass(frozen=True, slots=True)
class QueueOptions:
    """learn.microsoft.com/azure/azure-functions/functions-bindings-storage-queue#hostjson-settings.

    One default differs: the polling ceiling of a host in development is two seconds, not a minute
    (QueuesOptions set-up in Microsoft.Azure.WebJobs.Extensions.Storage.Queues).
    """

    batch_size: int = 16
    new_batch_threshold: int = 8
    max_dequeue_count: int = 5
    visibility_timeout: timedelta = timedelta(0)
    max_polling_interval: timedelta = timedelta(seconds=2)
    base64: bool = True


@dataclass(frozen=True, slots=True)
class HostConfig:
    """The honoured part of host.json; ``function_timeout`` None means unbounded."""

    route_prefix: str = "api"
    # ScriptJobHostOptionsSetup.cs: 30 minutes off the Consumption plan.
    function_timeout: timedelta | None = timedelta(minutes=30)
    queues: QueueOptions = QueueOptions()
    log_levels: Mapping[str, str] = field(default_factory=dict)


def load_host_config(app_dir: Path, settings: Mapping[str, str]) -> HostConfig:
    """Read host.json, let ``AzureFunctionsJobHost__a__b`` settings override it, and check it.

    Overrides: learn.microsoft.com/azure/azure-functions/functions-host-json, "Override host.json
    values".
    """
    if not (app_dir / "host.json").exists():
        raise StartupError(f"no host.json in {app_dir.name}: a function app has one at its root")
    document = _overridden(read_json(app_dir / "host.json"), settings)
    if document.get("version") != "2.0":
        raise StartupError('host.json must say "version": "2.0" for runtime 2.x and later')
    for name in sorted(set(document) - _KNOWN):
        _logger.warning("host.json: unknown root property '%s' is ignored", name)
    http = _section(document, "extensions", "http")
    return HostConfig(
        route_prefix=str(http.get("routePrefix", "api")).strip("/"),
        function_timeout=_function_timeout(document.get("functionTimeout")),
        queues=_queue_options(_section(document, "extensions", "queues")),
        log_levels=_section(document, "logging", "logLevel"),
    )


def _overridden(document: dict[str, Any], settings: Mapping[str, str]) -> dict[str, Any]:
    for name, value in settings.items():
        if name.casefold().replace(":", "__").startswith(_OVERRIDE):
            *parents, leaf = name.replace(":", "__").split("__")[1:]
            target = document
            for parent in parents:
                target = target.setdefault(_existing_key(target, parent), {})
            target[_existing_key(target, leaf)] = _scalar(value)
    return document


def _existing_key(mapping: Mapping[str, Any], name: str) -> str:
    return next((key for key in mapping if key.casefold() == name.casefold()), name)


def _scalar(value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        return value


def _section(document: Mapping[str, Any], *path: str) -> Mapping[str, Any]:
    for name in path:
        document = document.get(name) or {}
    return document


def _function_timeout(value: Any) -> timedelta | None:
    if value is None:
        return HostConfig().function_timeout
    span = _span(value, "functionTimeout")
    if span == _UNBOUNDED:  # the documented "-1"
        return None
    if span < timedelta(seconds=1):
        raise StartupError("host.json: FunctionTimeout must be at least 00:00:01, or -1")
    return span


def _queue_options(section: Mapping[str, Any]) -> QueueOptions:
    defaults = QueueOptions()
    batch_size = _number(section, "batchSize", defaults.batch_size, low=1, high=32)
    encoding = str(section.get("messageEncoding", "base64")).casefold()
    if encoding not in {"base64", "none"}:
        raise StartupError("host.json: queues.messageEncoding must be 'base64' or 'none'")
    polling = _span(
        section.get("maxPollingInterval", defaults.max_polling_interval), "maxPollingInterval"
    )
    if polling < timedelta(milliseconds=100):
        raise StartupError("host.json: queues.maxPollingInterval must be at least 00:00:00.1")
    return QueueOptions(
        batch_size=batch_size,
        # Times the number of vCPUs on some plans, by the page above; one here.
        new_batch_threshold=_number(section, "newBatchThreshold", batch_size // 2, low=0),
        max_dequeue_count=_number(section, "maxDequeueCount", defaults.max_dequeue_count, low=1),
        visibility_timeout=_span(section.get("visibilityTimeout", timedelta(0)), "visibility"),
        max_polling_interval=polling,
        base64=encoding == "base64",
    )


def _number(
    section: Mapping[str, Any], name: str, default: int, *, low: int, high: int = 2**31
) -> int:
    value = section.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise StartupError(f"host.json: queues.{name} is {value!r}; allowed is {low} to {high}")
    return value


def _span(value: Any, name: str) -> timedelta:
    if isinstance(value, timedelta):
        return value
    try:
        return parse_timespan(str(value))
    except ValueError as exc:
        raise StartupError(f"host.json: {name}: {exc}") from exc
