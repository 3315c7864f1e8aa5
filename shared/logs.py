"""Log lines that keep their fields.

The Functions worker passes only level, message and category on to Application Insights, so
`extra=` would be lost there (azure-functions-python-worker, dispatcher.py): the fields go into
the message, as one JSON object, and with the record for whoever exports it
(shared/adapters/telemetry_export.py). Ids of the current run travel in a context variable.
"""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

type Field = str | int | float | bool | None

_context: ContextVar[dict[str, Field]] = ContextVar("log_context", default={})  # noqa: B039 - never mutated


@contextmanager
def log_context(**fields: Field) -> Iterator[None]:
    """Add *fields* to every line logged inside."""
    token = _context.set({**_context.get(), **fields})
    try:
        yield
    finally:
        _context.reset(token)


def info(logger: logging.Logger, event: str, **fields: Field) -> None:
    _log(logger, logging.INFO, event, fields)


def warning(logger: logging.Logger, event: str, **fields: Field) -> None:
    _log(logger, logging.WARNING, event, fields)


def error(logger: logging.Logger, event: str, exc: BaseException, **fields: Field) -> None:
    """Log a failure once, where it is handled; the message of *exc* is ours and has no secrets."""
    _log(logger, logging.ERROR, event, {**fields, "error": f"{type(exc).__name__}: {exc}"})


def _log(logger: logging.Logger, level: int, event: str, fields: dict[str, Field]) -> None:
    said = {"event": event, **_context.get(), **fields}
    logger.log(level, json.dumps(said, ensure_ascii=False), extra={"fields": said})
