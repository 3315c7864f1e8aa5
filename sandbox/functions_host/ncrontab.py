"""NCRONTAB schedules: cron with an optional leading seconds field.

A parser of our own because the rules are those of atifaziz/NCrontab, which timers use, and the
Python cron libraries differ on each of them:

    seconds come first (croniter: last); five fields mean second 0
    day of month AND day of week must both match (vixie cron: OR)
    Sunday is 0, and 7 is an error; names are any prefix of the English name ("Mon", "monday")
    a range written backwards is swapped; "5/10" runs from 5 to the end of the field
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

_MONTHS = (
    *("january", "february", "march", "april", "may", "june", "july"),
    *("august", "september", "october", "november", "december"),
)
_DAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()


_FIELDS = (
    _Field("second", 0, 59),
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of week", 0, 6, _DAYS),
)

# The longest gap between two 29 Februaries on a given weekday is 40 years (across 2100).
_SEARCH_DAYS = 366 * 41


@dataclass(frozen=True, slots=True)
class Crontab:
    """The allowed values of each field."""

    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]

    def next_after(self, moment: datetime) -> datetime | None:
        """The first occurrence strictly after a moment; None when there is none at all."""
        earliest = moment.replace(microsecond=0) + timedelta(seconds=1)
        for day in self._dates_from(earliest.date()):
            not_before = earliest.time() if day == earliest.date() else time()
            found = self._time_from(not_before)
            if found is not None:
                return datetime.combine(day, found, moment.tzinfo)
        return None

    def _dates_from(self, start: date) -> Iterator[date]:
        days = (start + timedelta(days=offset) for offset in range(_SEARCH_DAYS))
        return (
            day
            for day in days
            if day.month in self.months
            and day.day in self.days
            and day.isoweekday() % 7 in self.weekdays
        )

    def _time_from(self, start: time) -> time | None:
        times = (
            time(hour, minute, second)
            for hour in self.hours
            if hour >= start.hour
            for minute in self.minutes
            if (hour, minute) >= (start.hour, start.minute)
            for second in self.seconds
        )
        return next((found for found in times if found >= start), None)


def parse_crontab(text: str) -> Crontab:
    """Parse five or six fields; ValueError says which one is wrong."""
    parts = text.split()
    if len(parts) == 5:
        parts = ["0", *parts]
    if len(parts) != 6:
        raise ValueError(f"{text!r} has {len(parts)} fields; NCRONTAB has 5 or 6 (seconds first)")
    values = [_parse_field(part, field) for part, field in zip(parts, _FIELDS, strict=True)]
    seconds, minutes, hours, days, months, weekdays = values
    return Crontab(
        seconds=tuple(sorted(seconds)),
        minutes=tuple(sorted(minutes)),
        hours=tuple(sorted(hours)),
        days=frozenset(days),
        months=frozenset(months),
        weekdays=frozenset(weekdays),
    )


def _parse_field(text: str, field: _Field) -> set[int]:
    try:
        return {value for item in text.split(",") for value in _parse_item(item, field)}
    except ValueError as exc:
        raise ValueError(f"{text!r} is not a valid [{field.name}] field: {exc}") from exc


def _parse_item(item: str, field: _Field) -> Iterable[int]:
    base, slash, step_text = item.partition("/")
    step = max(int(step_text), 1) if slash else 1
    if base == "*":
        return range(field.low, field.high + 1, step)
    first, dash, last = base.partition("-")
    start = _parse_value(first, field)
    if dash:
        start, end = sorted((start, _parse_value(last, field)))
    else:
        end = field.high if slash else start
    return range(start, end + 1, step)


def _parse_value(text: str, field: _Field) -> int:
    if text.isdecimal():
        value = int(text)
    else:
        matching = [name for name in field.names if text and name.startswith(text.casefold())]
        if not matching:
            raise ValueError(f"{text!r} is not a known value")
        value = field.names.index(matching[0]) + field.low
    if not field.low <= value <= field.high:
        raise ValueError(f"{value} is not between {field.low} and {field.high}")
    return value
