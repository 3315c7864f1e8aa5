"""Timer triggers: TimerListener.cs and TimerSchedule.cs of Azure/azure-webjobs-sdk-extensions.

Runs of one timer never overlap: the next occurrence is found when a run has ended, counted from the
run's start, so an occurrence that a long run missed follows at once (and only one of several does).
Times are UTC, as on Azure. The schedule status is kept in memory, not in the blob that the real
host uses: a restart forgets it, and ``IsPastDue`` is therefore never true.
"""

import asyncio
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from sandbox.functions_host.errors import StartupError
from sandbox.functions_host.functions import Function
from sandbox.functions_host.invocations import Invoker, Trigger
from sandbox.functions_host.ncrontab import parse_crontab
from sandbox.functions_host.runtime import Datum
from sandbox.functions_host.timespan import parse_timespan

_NEVER = datetime(1, 1, 1, tzinfo=UTC)  # default(DateTime)
_MINUTE = timedelta(minutes=1)


class Schedule(Protocol):
    """When a timer is due."""

    def next_after(self, moment: datetime) -> datetime | None: ...


@dataclass(frozen=True, slots=True)
class ConstantSchedule:
    """A TimeSpan as schedule: every so often, counted from the start."""

    interval: timedelta

    def next_after(self, moment: datetime) -> datetime:
        return moment + self.interval


@dataclass(frozen=True, slots=True)
class ScheduleStatus:
    """What the app sees as ``timer.schedule_status``."""

    last: datetime
    next: datetime
    updated: datetime

    def as_json(self) -> dict[str, str]:
        times = {"Last": self.last, "Next": self.next, "LastUpdated": self.updated}
        return {name: at.isoformat() for name, at in times.items()}


def parse_schedule(text: str) -> Schedule:
    """A cron expression, else a TimeSpan; ValueError when it is neither, or never due."""
    try:
        schedule: Schedule = parse_crontab(text)
    except ValueError as crontab_problem:
        try:
            interval = parse_timespan(text)
        except ValueError:
            raise crontab_problem from None
        if interval <= timedelta(0):
            raise ValueError(f"the interval {text!r} is not positive") from None
        return ConstantSchedule(interval)
    if schedule.next_after(datetime.now(UTC)) is None:
        raise ValueError(f"{text!r} has no occurrence")
    return schedule


class TimerListener:
    """Serves one timer-triggered function."""

    def __init__(self, function: Function, invoker: Invoker) -> None:
        text = function.trigger.text("schedule")
        try:
            self._schedule = parse_schedule(text)
        except ValueError as exc:
            raise StartupError(
                f"function '{function.name}': The schedule expression '{text}' was not recognized "
                f"as a valid cron expression or timespan string: {exc}"
            ) from exc
        self._function = function
        self._invoker = invoker
        self._running: set[asyncio.Task[None]] = set()
        # Frequent schedules are not monitored (TimerSchedule.ShouldDisableScheduleMonitor).
        wanted = function.trigger.flag("useMonitor") is not False
        self._monitored = wanted and not _is_frequent(self._schedule)

    async def run(self) -> None:
        """Wait and invoke until cancelled; a running invocation goes on, see ``processing``."""
        now = datetime.now(UTC)
        status = ScheduleStatus(_NEVER, self._next(now), _NEVER)
        if self._function.trigger.flag("runOnStartup"):
            status = await self._fire(status, now)
        while True:
            await _sleep_until(status.next)
            status = await self._fire(status, max(status.next, datetime.now(UTC)))

    def processing(self) -> set[asyncio.Task[None]]:
        """The invocation that has not ended, if any."""
        return set(self._running)

    def is_busy(self) -> bool:
        return bool(self._running)

    async def _fire(self, status: ScheduleStatus, started: datetime) -> ScheduleStatus:
        trigger = timer_trigger(status if self._monitored else None)
        task = asyncio.create_task(self._invoke(trigger))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        await asyncio.shield(task)
        return ScheduleStatus(started, self._next(started), started)

    async def _invoke(self, trigger: Trigger) -> None:
        await self._invoker.invoke(self._function, trigger)

    def _next(self, moment: datetime) -> datetime:
        found = self._schedule.next_after(moment)
        assert found is not None, "parse_schedule refuses schedules without an occurrence"  # noqa: S101
        return found


def timer_trigger(status: ScheduleStatus | None) -> Trigger:
    """TimerInfo as JSON; a status of None (no monitor, manual run) is null."""
    info = {
        "Schedule": {"AdjustForDST": True},
        "ScheduleStatus": None if status is None else status.as_json(),
        "IsPastDue": False,
    }
    now = datetime.now(UTC).isoformat()
    return Trigger(
        value=Datum(json.dumps(info), "json"),
        reason=f"Timer fired at {now}",
        data={"TimerTrigger": now},
    )


async def _sleep_until(moment: datetime) -> None:
    # A loop, because the monotonic clock of sleep() may run ahead of the wall clock.
    while (left := (moment - datetime.now(UTC)).total_seconds()) > 0:  # noqa: ASYNC110
        await asyncio.sleep(left)


def _is_frequent(schedule: Schedule) -> bool:
    first = schedule.next_after(datetime.now(UTC))
    second = None if first is None else schedule.next_after(first)
    return first is not None and second is not None and second - first < _MINUTE
