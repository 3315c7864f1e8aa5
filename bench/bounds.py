"""The least that ARM makes anybody pay, by arithmetic and independent of the app.

API Management: a backend, an API and its policy cannot travel in one PUT, and a policy is saved
only where its backend and its API exist (github.com/Azure/apiops/issues/565). So each surface of a
new account takes three writes on two levels. One API is changed by one request at a time
(github.com/Azure/apiops/issues/141), so two surfaces go side by side and one surface does not.

Reads: what stands must be read with its ETags before the inventory is, or an older decision could
overwrite a newer one (docs/architecture.md, Single flight). That makes two levels of reads.
"""

from dataclasses import dataclass

from sandbox.arm.throttle import BUCKETS

SURFACES = 2
NEW_ACCOUNT_WRITES = 3 * SURFACES
POLICY_WRITES = SURFACES
_INVENTORY = 2  # the account, and its deployments in one page
# The service, and for each surface the backend, the API and the policy; of an API that stands
# also its operations, which only their own list tells.
NEW_ACCOUNT_READS = _INVENTORY + 1 + 3 * SURFACES
KNOWN_ACCOUNT_READS = _INVENTORY + 1 + 4 * SURFACES
# What an import made of a document: the API and its operations.
READ_BACKS = 2 * SURFACES
POLLS = SURFACES  # an accepted import goes on: at least one look at its end
WRITE_LEVELS = 2
MEAN_JITTER = 1.1  # sandbox/arm/latency.py draws from 0.7 to 1.5


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds, as sandbox/arm/latency.py has them, at their mean."""

    read: float
    policy: float
    api: float  # its request
    importing: float  # what goes on after the API's first answer

    @property
    def first_deployment(self) -> float:
        """Two levels of reads, the API to its end, its read-back, the policy."""
        return 2 * self.read + self.api + self.importing + self.read + self.policy

    @property
    def next_deployment(self) -> float:
        return 2 * self.read + self.policy


def times(scale: float) -> Times:
    per_s = MEAN_JITTER * scale
    return Times(read=0.15 * per_s, policy=1.0 * per_s, api=1.4 * per_s, importing=10.0 * per_s)


def critical_path_s(firsts: list[float], lasts: list[float], model: Times) -> float:
    """No account can be done sooner than its events and its own writes allow.

    Args:
        firsts: When each account's first event came, in seconds since the storm began.
        lasts: The same of its last event.
        model: What the service takes.
    """
    return max(
        max(first + model.first_deployment, last + model.next_deployment)
        for first, last in zip(firsts, lasts, strict=True)
    )


def reads_allowed_s(lasts: list[float], model: Times) -> float:
    """When ARM's read limit lets the last account be done, all accounts taken together.

    Each has to be read once more after its last event. The reads of all accounts whose last event
    came at some moment or after it have a full bucket at best and its refill from then on.
    """
    size, refill = BUCKETS["reads"]
    ordered = sorted(lasts)
    return max(
        last + max(0.0, ((len(ordered) - i) * KNOWN_ACCOUNT_READS - size) / refill) + model.policy
        for i, last in enumerate(ordered)
    )
