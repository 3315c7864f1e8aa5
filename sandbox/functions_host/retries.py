"""Retry policies of ``@app.retry``.

learn.microsoft.com/azure/azure-functions/functions-bindings-errors#retry-policies
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import count


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Fixed delay when both bounds are equal; ``max_retries`` -1 means for ever."""

    max_retries: int
    shortest: timedelta
    longest: timedelta

    def delays(self) -> Iterator[timedelta]:
        """The pause before each retry: doubling from the shortest, spread by 20 percent.

        The spread and the doubling are those of RandomizedExponentialBackoffStrategy
        (Azure/azure-webjobs-sdk); that retries use the same class is UNVERIFIED.
        """
        attempts = count() if self.max_retries < 0 else range(self.max_retries)
        for attempt in attempts:
            if self.shortest == self.longest:
                yield self.shortest
                continue
            spread = random.uniform(0.8, 1.2)  # noqa: S311 - jitter, not a secret
            yield min(self.shortest * min(2**attempt, 2**20) * spread, self.longest)
