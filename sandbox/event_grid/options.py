"""What can be turned on the local Event Grid."""

import base64
from dataclasses import dataclass, field

from sandbox.event_grid.events import Caller, Quirks
from sandbox.event_grid.retry import RESPONSE_TIMEOUT_S

# Made up, base64 as real keys are: clients decode it to sign shared access signatures.
DEFAULT_TOPIC_KEY = base64.b64encode(b"local event grid, not a secret!!").decode()


@dataclass(frozen=True, slots=True)
class Chaos:
    """What the service may do anyway, made likely: at least once, in no order, and filters err."""

    duplicate: float = 0.0  # probability that an event comes twice
    drop: float = 0.0  # probability that it never comes
    delay_s: float = 0.0  # every event waits that long,
    reorder_s: float = 0.0  # and up to that much longer, at random
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Options:
    time_scale: float = 1.0  # of every wait between attempts; 0.001: a second lasts a millisecond
    response_timeout_s: float = RESPONSE_TIMEOUT_S  # never scaled: receivers are real
    # "if the first 10 events published to an endpoint fail" (delivery-and-retry#delayed-delivery);
    # None: no probation.
    probation_after: int | None = 10
    manual_validation_s: float = 300.0  # "The provided URL is valid for 5 minutes."
    topic_key: str = field(default=DEFAULT_TOPIC_KEY, repr=False)  # of every custom topic
    quirks: Quirks = field(default_factory=Quirks)
    caller: Caller = field(default_factory=Caller)
    chaos: Chaos = field(default_factory=Chaos)
