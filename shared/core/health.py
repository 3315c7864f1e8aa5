"""How the app is, from what it has written down: pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.core.records import ErrorRecord, HealthAnswer, SweepRecord

_SWEEP_EVERY = timedelta(minutes=15)
_LATE = 2 * _SWEEP_EVERY
_MISSING = 4 * _SWEEP_EVERY  # then nothing that was lost is found again
_LONG_BACKLOG = 500


@dataclass(frozen=True, slots=True)
class UnitSigns:
    """Of the units' rows.

    Attributes:
        unfinished: Units that are marked and not done.
        touched: When the row that was left alone for longest was written; None without rows.
    """

    unfinished: int
    held: int
    touched: datetime | None


@dataclass(frozen=True, slots=True)
class Signs:
    """What was counted."""

    last_sweep: SweepRecord | None
    backlog: int
    unfinished: int
    held: int
    poisoned: int
    dead_letters: int
    quarantined: int
    last_error: ErrorRecord | None
    up_since: datetime | None = None  # as far as anybody can tell; asked where no sweep is known


def health(signs: Signs, now: datetime) -> HealthAnswer:
    """The state, and in words what it comes from."""
    age, up = _age(signs.last_sweep, now), _up(signs, now)
    is_dead = age is not None and age > _MISSING
    never = age is None and up > _MISSING
    failed = signs.last_sweep.problems if signs.last_sweep else ()
    rows = (
        (is_dead, f"the last sweep was {_minutes(age)} ago: does the timer run?"),
        (not is_dead and age is not None and age > _LATE, f"the sweep is late: {_minutes(age)}"),
        (age is None and not never, "no sweep has run yet"),
        (never, f"no sweep has run yet, in {_minutes(up)}: does the timer run?"),
        (bool(failed), f"the sweep could not read all: {'; '.join(failed)}"),
        (signs.backlog > _LONG_BACKLOG, f"{signs.backlog} messages wait in the queue"),
        (signs.held > 0, f"{_counted(signs.held, 'account')} held: GET /api/units"),
        (
            signs.poisoned > 0,
            f"{_counted(signs.poisoned, 'message')} given up: GET /api/dead-letters",
        ),
        (
            signs.dead_letters > 0,
            f"{_counted(signs.dead_letters, 'event')} given up: GET /api/dead-letters",
        ),
    )
    problems = tuple(words for holds, words in rows if holds)
    sweep = signs.last_sweep
    seconds = round(age.total_seconds(), 1) if age is not None else None
    return HealthAnswer(
        status="unhealthy" if is_dead or never else "degraded" if problems else "healthy",
        problems=problems,
        last_sweep=sweep.model_copy(update={"age_seconds": seconds}) if sweep else None,
        backlog=signs.backlog,
        unfinished=signs.unfinished,
        held=signs.held,
        poisoned=signs.poisoned,
        dead_letters=signs.dead_letters,
        quarantined=signs.quarantined,
        last_error=signs.last_error,
    )


def _age(sweep: SweepRecord | None, now: datetime) -> timedelta | None:
    return now - datetime.fromisoformat(sweep.at) if sweep else None


def _up(signs: Signs, now: datetime) -> timedelta:
    return now - signs.up_since if signs.up_since else timedelta()


def _minutes(age: timedelta | None) -> str:
    return f"{age.total_seconds() / 60:.0f} minutes" if age else ""


def _counted(number: int, one: str) -> str:
    return f"{number} {one}" if number == 1 else f"{number} {one}s"
