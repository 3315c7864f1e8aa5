"""Circuit breakers of backends (learn.microsoft.com/azure/api-management/backends)."""

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_SPAN = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?")
_UNITS = (86_400, 3_600, 60, 1)


@dataclass(slots=True)
class _State:
    calls: list[tuple[float, bool]] = field(default_factory=list)  # when, and whether it failed
    open_until: float = 0.0


@dataclass(frozen=True, slots=True)
class Breakers:
    """By id of the backend. Real ones count per instance of the gateway, approximately."""

    _states: dict[str, _State] = field(default_factory=lambda: defaultdict(_State))

    def is_open(self, backend: str, now: float) -> bool:
        return self._states[backend].open_until > now

    def note(
        self,
        backend: str,
        rule: Mapping[str, Any],
        *,
        now: float,
        status: int | None,
        retry_after: str | None,
    ) -> None:
        """Count one call; *status* is None when there was no answer."""
        condition = rule.get("failureCondition") or {}
        state = self._states[backend]
        since = now - seconds(str(condition.get("interval") or "PT1M"))
        state.calls = [it for it in state.calls if it[0] > since]
        state.calls.append((now, _failed(condition, status)))
        if not _trips(condition, state.calls):
            return
        state.calls.clear()
        state.open_until = now + _pause(rule, retry_after)


def _pause(rule: Mapping[str, Any], retry_after: str | None) -> float:
    """The trip duration, or what the backend asked for where that is accepted."""
    if rule.get("acceptRetryAfter") and (retry_after or "").isdigit():
        return float(retry_after or 0)
    return seconds(str(rule.get("tripDuration") or "PT1M"))


def _failed(condition: Mapping[str, Any], status: int | None) -> bool:
    """No answer counts where ``errorReasons`` are given; which of them is not looked at."""
    if status is None:
        return bool(condition.get("errorReasons"))
    ranges = condition.get("statusCodeRanges") or ()
    return any(span["min"] <= status <= span["max"] for span in ranges)


def _trips(condition: Mapping[str, Any], calls: list[tuple[float, bool]]) -> bool:
    failures = sum(failed for _at, failed in calls)
    if (percentage := condition.get("percentage")) is not None:
        return failures > 0 and failures * 100 >= int(percentage) * len(calls)
    return failures >= int(condition.get("count") or 1)


def seconds(span: str) -> float:
    """Of an ISO 8601 duration; zero for what is none."""
    match = _SPAN.fullmatch(span)
    if match is None:
        return 0.0
    return sum(float(it or 0) * unit for it, unit in zip(match.groups(), _UNITS, strict=True))
