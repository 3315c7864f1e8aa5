"""Log lines on stderr, filtered by category as host.json's ``logging.logLevel`` says.

Categories are the host's: ``Function.<name>`` for its own lines about an invocation,
``Function.<name>.User`` for what the app logs during one, ``Host.*`` for the rest
(learn.microsoft.com/azure/azure-functions/configure-monitoring#configure-categories).
"""

import json
import logging
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Literal

from sandbox.functions_host.runtime import current_invocation_id

type LogFormat = Literal["text", "json"]

_LEVELS = {
    "trace": logging.NOTSET,
    "debug": logging.DEBUG,
    "information": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
    "none": logging.CRITICAL + 1,
}
_HOST = ("Host", "Function")
# The host polls and writes with the same SDK as the app; only the app's own requests are logged.
_SDK = "azure."


def set_up_logging(log_format: LogFormat, *, debug: bool) -> "LogHandler":
    """Send every record to one handler on stderr.

    The worker drops DEBUG unless PYTHON_ENABLE_DEBUG_LOGGING is set
    (learn.microsoft.com/azure/azure-functions/functions-app-settings).
    """
    handler = LogHandler(log_format)
    logging.basicConfig(
        handlers=[handler], level=logging.DEBUG if debug else logging.INFO, force=True
    )
    for name in _HOST:  # an app that sets up the root logger anew must not silence the host
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(logging.DEBUG)
    # The runtime logs an index dump, and each failed invocation a second time.
    logging.getLogger("azure.functions").setLevel(logging.CRITICAL)
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    return handler


class LogHandler(logging.Handler):
    """Gives each record its category and writes it as one text or JSON entry."""

    def __init__(self, log_format: LogFormat) -> None:
        super().__init__()
        self._format = log_format
        self._stream = sys.stderr
        self.levels: Mapping[str, str] = {}
        self.function_of: Callable[[str | None], str | None] = lambda _: None

    def emit(self, record: logging.LogRecord) -> None:
        invocation_id = getattr(record, "host_invocation", None) or current_invocation_id()
        function = getattr(record, "host_function", None) or self.function_of(invocation_id)
        category = _category(record.name, function)
        if record.name.startswith(_SDK) and function is None and record.levelno < logging.WARNING:
            return
        if record.levelno < threshold(category, self.levels):
            return
        message = record.getMessage()
        if record.exc_info:
            message += "\n" + logging.Formatter().formatException(record.exc_info)
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        at = at.replace("+00:00", "Z")
        if self._format == "json":
            line = json.dumps(
                {
                    "time": at,
                    "level": record.levelname,
                    "category": category,
                    "message": message,
                    "function": function,
                    "invocationId": invocation_id,
                }
            )
        else:
            line = f"[{at}] {record.levelname} {category}: {message}"
        print(line, file=self._stream, flush=True)


def threshold(category: str, levels: Mapping[str, str]) -> int:
    """The level of the longest matching category prefix, else of ``default``, else Information."""
    matching = [name for name in levels if category == name or category.startswith(f"{name}.")]
    name = max(matching, key=len, default="default")
    return _LEVELS.get(levels.get(name, "Information").casefold(), logging.INFO)


def _category(logger_name: str, function: str | None) -> str:
    if logger_name.split(".", maxsplit=1)[0] in _HOST:
        return logger_name
    return f"Function.{function}.User" if function else logger_name
