"""Event Grid's answers to a failed delivery: again when, or never.

All tables: learn.microsoft.com/azure/event-grid/delivery-and-retry.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

# "10 seconds, 30 seconds, 1 minute, 5 minutes, 10 minutes, 30 minutes, 1 hour, 3 hours, 6 hours,
# every 12 hours up to 24 hours"
SCHEDULE_S = (10, 30, 60, 300, 600, 1800, 3600, 10_800, 21_600, 43_200)
DELIVERED = frozenset({200, 201, 202, 203, 204})
RESPONSE_TIMEOUT_S = 30.0
DEAD_LETTER_DELAY_S = 300.0
DEAD_LETTER_GIVE_UP_S = 4 * 3600.0
DEAD_LETTER_RETRY_S = 300.0  # UNVERIFIED: only the four hours are documented

# "small randomization to all retry steps"; how small is UNVERIFIED.
_JITTER = 0.1

# "types of endpoints and errors for which retry doesn't happen". Reported otherwise in 2023: a
# stopped function's 403 was retried until its time to live
# (github.com/MicrosoftDocs/azure-docs/issues/104894); the current table lists 403.
_NEVER_RETRIED_AZURE = frozenset({400, 403, 413})
_NEVER_RETRIED_WEBHOOK = frozenset({400, 401, 403, 413})

# "Retry after ... or more"; 401 and 404 "for Azure Resources Endpoints" only.
_MINIMUM_S: Mapping[int, float] = {408: 120, 503: 30}
_MINIMUM_AZURE_S: Mapping[int, float] = {401: 300, 404: 300}
_MINIMUM_OTHERS_S = 10.0

# "Probation duration"; outcomes without a row take that of Busy (UNVERIFIED).
_PROBATION_S: Mapping[str, float] = {
    "Busy": 10,
    "NotFound": 300,
    "SocketError": 30,
    "ResolutionError": 300,
    "TimedOut": 10,
    "Unauthorized": 300,
    "Forbidden": 300,
}

# lastDeliveryOutcome by status. The values are documented; for statuses whose names do not tell,
# which one is used is UNVERIFIED.
_OUTCOMES: Mapping[int, str] = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    408: "TimedOut",
    413: "PayloadTooLarge",
}


@dataclass(frozen=True, slots=True)
class Response:
    """What a destination answered; no status when it did not."""

    outcome: str
    status: int | None = None

    @property
    def delivered(self) -> bool:
        return self.status in DELIVERED


def response(status: int) -> Response:
    if status in DELIVERED:
        return Response("Delivered", status)
    return Response(_OUTCOMES.get(status, "Busy"), status)


def is_final(failed: Response, *, azure_resource: bool) -> bool:
    never = _NEVER_RETRIED_AZURE if azure_resource else _NEVER_RETRIED_WEBHOOK
    return failed.status in never


def delay_s(attempt: int, failed: Response, *, azure_resource: bool, random: Random) -> float:
    """How long to wait after the ``attempt``-th attempt, counted from 1."""
    scheduled = SCHEDULE_S[min(attempt, len(SCHEDULE_S)) - 1]
    minimum = _MINIMUM_S.get(failed.status or 0, _MINIMUM_OTHERS_S)
    if azure_resource:
        minimum = max(minimum, _MINIMUM_AZURE_S.get(failed.status or 0, 0))
    return max(scheduled, minimum) * (1 + random.uniform(0, _JITTER))


def probation_s(failed: Response) -> float:
    return _PROBATION_S.get(failed.outcome, _PROBATION_S["Busy"])


def dead_letter_reason(failed: Response) -> str:
    """For a status that is never retried.

    ``UndeliverableDueToHttpBadRequest`` was seen (stackoverflow.com/questions/52173869); the names
    for the other statuses follow it and are UNVERIFIED.
    """
    return f"UndeliverableDueToHttp{failed.outcome}"
