"""What monitors are told."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from shared.core.health import Signs, health
from shared.core.records import SweepRecord
from tests.builders import NOW


def ago(minutes: float) -> datetime:
    return NOW - timedelta(minutes=minutes)


def swept(minutes: float, *problems: str) -> SweepRecord:
    at = ago(minutes).isoformat().replace("+00:00", "Z")
    return SweepRecord(at=at, units=3, problems=problems)


GOOD = Signs(
    last_sweep=swept(5),
    backlog=0,
    unfinished=0,
    held=0,
    poisoned=0,
    dead_letters=0,
    quarantined=0,
    last_error=None,
)


@pytest.mark.parametrize(
    ("signs", "status", "words"),
    [
        ({}, "healthy", ""),
        ({"last_sweep": None}, "degraded", "no sweep has run yet"),
        ({"last_sweep": None, "up_since": ago(60)}, "degraded", "no sweep has run yet"),
        ({"last_sweep": None, "up_since": ago(61)}, "unhealthy", "no sweep has run yet, in 61"),
        ({"up_since": ago(9000)}, "healthy", ""),
        ({"last_sweep": swept(30)}, "healthy", ""),
        ({"last_sweep": swept(31)}, "degraded", "the sweep is late: 31 minutes"),
        ({"last_sweep": swept(60)}, "degraded", "the sweep is late: 60 minutes"),
        ({"last_sweep": swept(61)}, "unhealthy", "the last sweep was 61 minutes ago"),
        ({"last_sweep": swept(5, "gateway: 403", "table: 500")}, "degraded", "403; table: 500"),
        ({"backlog": 500}, "healthy", ""),
        ({"backlog": 501}, "degraded", "501 messages wait"),
        ({"held": 1}, "degraded", "GET /api/units"),
        ({"poisoned": 2}, "degraded", "2 messages given up: GET /api/dead-letters"),
        ({"dead_letters": 1}, "degraded", "1 event given up: GET /api/dead-letters"),
        # Somebody else's to change, or on its way: no problem of the app's.
        ({"quarantined": 40, "unfinished": 9}, "healthy", ""),
    ],
)
def test_each_sign_says_what_is_the_matter(signs: dict[str, Any], status: str, words: str) -> None:
    found = health(replace(GOOD, **signs), NOW)

    assert found.status == status
    assert bool(found.problems) is bool(words)
    assert words in "".join(found.problems)


def test_several_problems_are_all_said_and_the_worst_decides() -> None:
    found = health(replace(GOOD, last_sweep=swept(90, "table: 500"), held=1), NOW)

    assert found.status == "unhealthy"
    assert len(found.problems) == 3


def test_the_age_of_the_sweep_is_said_in_seconds() -> None:
    sweep = health(GOOD, NOW).last_sweep

    assert sweep is not None
    assert (sweep.age_seconds, sweep.units) == (300.0, 3)
