"""ARM's own throttling: token buckets per subscription, principal and kind of request.

Sizes and refill per second since 2024
(learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling):
reads 250 + 25/s, writes 200 + 10/s, deletes 200 + 10/s. The real buckets are per region too; this
is one region. Providers throttle on top of it: use a fault rule for that.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

from sandbox.arm.errors import ArmError

BUCKETS = {"reads": (250.0, 25.0), "writes": (200.0, 10.0), "deletes": (200.0, 10.0)}


def kind_of(method: str) -> str:
    return {"GET": "reads", "HEAD": "reads", "DELETE": "deletes"}.get(method, "writes")


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


@dataclass(slots=True)
class Throttle:
    """Always counts; refuses only when ``enforced``."""

    enforced: bool = False
    clock: Callable[[], float] = monotonic
    overruns: dict[str, int] = field(default_factory=lambda: dict.fromkeys(BUCKETS, 0))
    _buckets: dict[tuple[str, str, str], _Bucket] = field(default_factory=dict)

    def take(self, subscription: str, principal: str, method: str) -> dict[str, str]:
        """Spend one token; the headers that tell the client what is left."""
        kind = kind_of(method)
        size, refill = BUCKETS[kind]
        now = self.clock()
        bucket = self._buckets.setdefault((subscription, principal, kind), _Bucket(size, now))
        bucket.tokens = min(size, bucket.tokens + (now - bucket.at) * refill)
        bucket.at = now
        if bucket.tokens < 1:
            self.overruns[kind] += 1
            if self.enforced:
                raise _throttled(kind, subscription, principal, (1 - bucket.tokens) / refill)
        bucket.tokens = max(0.0, bucket.tokens - 1)
        # That deletes have a header of their own is UNVERIFIED.
        return {f"x-ms-ratelimit-remaining-subscription-{kind}": str(int(bucket.tokens))}


def _throttled(kind: str, subscription: str, principal: str, wait_s: float) -> ArmError:
    seconds = max(1, math.ceil(wait_s))
    # The exact wording is UNVERIFIED; code and Retry-After are from the page named above.
    return ArmError(
        429,
        "SubscriptionRequestsThrottled",
        f"Number of '{kind.removesuffix('s')}' requests for subscription '{subscription}' actor "
        f"'{principal}' exceeded. Please try again after '{seconds}' seconds after additional "
        "tokens are available. Refer to https://aka.ms/arm-throttling for additional information.",
        headers={"Retry-After": str(seconds)},
    )
