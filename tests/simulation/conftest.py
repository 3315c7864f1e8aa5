"""Quiet: the app logs a line per change, and a simulation makes thousands."""

import logging
from collections.abc import Iterator

import pytest

from tests.simulation.desk import open_desks


@pytest.fixture(autouse=True)
def _no_log_lines() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in ("shared", "handlers")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    yield
    for logger, level in zip(loggers, before, strict=True):
        logger.setLevel(level)


@pytest.fixture(autouse=True)
def _desks() -> Iterator[None]:
    with open_desks():
        yield
