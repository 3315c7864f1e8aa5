"""Ids of runs: the newest sorts first, because a table can only be read in one direction."""

import re
from datetime import UTC, datetime

_END = 1 << 44  # milliseconds, in the year 2527
_ID = re.compile(r"[0-9a-f]{32}")


def run_id(now: datetime, nonce: str) -> str:
    """32 hex digits: how long it is to the end of time, then what makes it the only one.

    Args:
        now: Aware.
        nonce: 32 random hex digits.
    """
    return until_the_end(now) + nonce[:21]


def until_the_end(moment: datetime) -> str:
    """11 hex digits that sort the later before the earlier."""
    return f"{_END - int(moment.astimezone(UTC).timestamp() * 1000):011x}"


def is_run_id(text: str) -> bool:
    return _ID.fullmatch(text) is not None
