"""A function as its bindings describe it, and the refusal of bindings that this host lacks."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sandbox.functions_host.errors import StartupError
from sandbox.functions_host.retries import RetryPolicy
from sandbox.functions_host.runtime import IndexedFunction
from sandbox.functions_host.settings import lookup, resolve_settings

HTTP_TRIGGER = "httpTrigger"
TIMER_TRIGGER = "timerTrigger"
QUEUE_TRIGGER = "queueTrigger"
EVENT_GRID_TRIGGER = "eventGridTrigger"

_TRIGGERS = (HTTP_TRIGGER, TIMER_TRIGGER, QUEUE_TRIGGER, EVENT_GRID_TRIGGER)
_OUTPUTS = ("http", "queue", "table")
# Binding types ignore case in function.json.
_SPELLING = {name.casefold(): name for name in (*_TRIGGERS, *_OUTPUTS)}

# Retry policies work on the timer, not on HTTP, queue and Event Grid triggers
# (learn.microsoft.com/azure/azure-functions/functions-bindings-error-pages, table "Retries").
_RETRYABLE = (TIMER_TRIGGER,)

_logger = logging.getLogger("Host.Startup")


@dataclass(frozen=True, slots=True)
class Binding:
    """One binding; option names are those of function.json (``queueName``, ``authLevel``)."""

    type: str
    name: str
    options: Mapping[str, Any]

    def text(self, option: str, default: str = "") -> str:
        value = self.options.get(option)
        return default if value is None else str(value)

    def flag(self, option: str) -> bool | None:
        value = self.options.get(option)
        return value if isinstance(value, bool) else None


@dataclass(frozen=True, slots=True)
class Function:
    """One hosted function: a trigger, output bindings, and what ``/admin/functions`` shows."""

    name: str
    function_id: str
    trigger: Binding
    outputs: tuple[Binding, ...]
    config: Sequence[Mapping[str, Any]]
    retry: RetryPolicy | None
    disabled: bool

    def output(self, name: str) -> Binding | None:
        return next((binding for binding in self.outputs if binding.name == name), None)


def make_function(indexed: IndexedFunction, settings: Mapping[str, str]) -> Function:
    """Read the bindings of an indexed function; StartupError names the one that cannot be had."""
    raw = [json.loads(text) for text in indexed.raw_bindings]
    triggers = [item for item in raw if str(item["type"]).casefold().endswith("trigger")]
    if len(triggers) != 1:
        raise StartupError(f"function '{indexed.name}' has {len(triggers)} triggers, not one")
    bindings = [_binding(item, indexed.name, settings) for item in raw]
    trigger = next(binding for binding in bindings if binding.type in _TRIGGERS)
    if indexed.retry is not None and trigger.type not in _RETRYABLE:
        _logger.warning(
            "function '%s': its retry policy has no effect on a %s", indexed.name, trigger.type
        )
    return Function(
        name=indexed.name,
        function_id=indexed.function_id,
        trigger=trigger,
        outputs=tuple(binding for binding in bindings if binding.type in _OUTPUTS),
        config=raw,
        retry=indexed.retry if trigger.type in _RETRYABLE else None,
        disabled=_is_disabled(indexed.name, settings),
    )


def _is_disabled(name: str, settings: Mapping[str, str]) -> bool:
    """learn.microsoft.com/azure/azure-functions/disable-function."""
    value = lookup(f"AzureWebJobs.{name}.Disabled", settings) or ""
    return value.casefold() in {"true", "1"}


def _binding(raw: Mapping[str, Any], function: str, settings: Mapping[str, str]) -> Binding:
    type_, name, direction = str(raw["type"]), str(raw["name"]), str(raw["direction"]).upper()
    spelled = _SPELLING.get(type_.casefold())
    allowed = "IN" if spelled in _TRIGGERS else "OUT"
    if spelled is None or direction != allowed:
        raise StartupError(
            f"function '{function}': binding '{name}' ({type_}, {direction.lower()}) is not "
            f"supported by this host; it has {', '.join(_TRIGGERS)} in and "
            f"{', '.join(_OUTPUTS)} out"
        )
    try:
        options = {key: _resolved(value, settings) for key, value in raw.items()}
    except StartupError as exc:
        raise StartupError(f"function '{function}', binding '{name}': {exc}") from exc
    return Binding(spelled, name, options)


def _resolved(value: Any, settings: Mapping[str, str]) -> Any:
    return resolve_settings(value, settings) if isinstance(value, str) else value
