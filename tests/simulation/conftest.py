"""Quiet: the app logs a line per change, and a simulation makes thousands."""

import logging
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _no_log_lines() -> Iterator[None]:
    logger = logging.getLogger("shared")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    yield
    logger.setLevel(before)
