"""ARM's read limit, kept before it is met.

ARM gives an identity 250 reads of a subscription at once and 25 a second after that
(learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling).
A 429 costs a whole run and the reads that it already did, so a little is left for others.
"""

from dataclasses import dataclass

_AT_ONCE, _PER_SECOND = 200.0, 22.0


@dataclass(slots=True)
class ReadRate:
    """A token bucket; one read at a time is reserved, so that nobody waits twice."""

    tokens: float = _AT_ONCE
    at: float = 0.0

    def wait_s(self, now: float) -> float:
        """Take a read at *now* (monotonic); how long to wait before it may be sent."""
        self.tokens = min(_AT_ONCE, self.tokens + (now - self.at) * _PER_SECOND)
        self.at = now
        self.tokens -= 1
        return max(0.0, -self.tokens / _PER_SECOND)
