"""What was used by whom: sliding windows for rates, calendar periods for quotas."""

import math
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta


@dataclass(slots=True)
class Use:
    """One use of a counter; ``amount`` may be put right later."""

    at: float
    amount: int


@dataclass(frozen=True, slots=True)
class Counters:
    """By kind and key. One counter serves all scopes that use its key.

    That rates are counted over a sliding window: learn.microsoft.com/azure/api-management/
    rate-limit-by-key-policy; the v2 tiers take a token bucket instead.
    """

    _uses: dict[tuple[str, str], list[Use]] = field(default_factory=lambda: defaultdict(list))
    _starts: dict[tuple[str, str], float] = field(default_factory=dict)

    def add(self, kind: str, key: str, *, now: float, amount: int) -> Use:
        use = Use(now, amount)
        self._uses[kind, key].append(use)
        return use

    def used(self, kind: str, key: str, *, since: float) -> int:
        """What was used after *since*."""
        return sum(use.amount for use in self._uses[kind, key] if use.at > since)

    def period(self, kind: str, key: str, *, now: float, span: float) -> float:
        """When the period began that *now* is in; the first begins with the first use."""
        start = self._starts.get((kind, key), now)
        if now >= start + span:
            start += (now - start) // span * span
        self._starts[kind, key] = start
        return start

    def wait(self, kind: str, key: str, *, now: float, span: float, room: int) -> int:
        """Whole seconds, at least one, until no more than *room* is left of the last *span*."""
        uses = [use for use in self._uses[kind, key] if use.at > now - span]
        left = sum(use.amount for use in uses)
        for use in uses:
            left -= use.amount
            if left <= room:
                return max(1, math.ceil(use.at + span - now))
        return max(1, math.ceil(span))


def period_start(period: str, now: float) -> datetime:
    """When the period began: "the UTC timestamp truncated to the unit".

    learn.microsoft.com/azure/api-management/llm-token-limit-policy. That weeks begin on Mondays is
    UNVERIFIED.
    """
    day = datetime.fromtimestamp(now, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    starts: Mapping[str, Callable[[], datetime]] = {
        "Hourly": lambda: day.replace(hour=datetime.fromtimestamp(now, UTC).hour),
        "Daily": lambda: day,
        "Weekly": lambda: day - timedelta(days=day.weekday()),
        "Monthly": lambda: day.replace(day=1),
        "Yearly": lambda: day.replace(month=1, day=1),
    }
    return starts[period]()


def period_end(period: str, now: float) -> datetime:
    start = period_start(period, now)
    match period:
        case "Monthly":
            return (start + timedelta(days=32)).replace(day=1)
        case "Yearly":
            return start.replace(year=start.year + 1)
    return start + {"Hourly": timedelta(hours=1), "Daily": timedelta(days=1)}.get(
        period, timedelta(weeks=1)
    )
