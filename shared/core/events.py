"""From an Event Grid event to the unit it hints at.

An event is a hint that something changed and never truth: it has no resource body, comes twice,
late, out of order or not at all, and its `claims` hold personal data. Only its identity is read
here; nothing else of it is kept.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from shared.core.resource_ids import AccountId, parse_account_or_deployment
from shared.core.single_flight import Cause
from shared.errors import InvalidEvent, InvalidId

# One event is at most 1 MB (learn.microsoft.com/azure/event-grid/event-schema); ours have 3 KB.
_MAX_LENGTH = 64 * 1024
_TYPES = frozenset(
    {
        "Microsoft.Resources.ResourceWriteSuccess",
        # ARM may give up waiting for a deployment that succeeds minutes later.
        "Microsoft.Resources.ResourceWriteFailure",
        "Microsoft.Resources.ResourceDeleteSuccess",
        "Microsoft.Resources.ResourceActionSuccess",
    }
)
_TAGS_SUFFIX = "/providers/microsoft.resources/tags/default"


@dataclass(frozen=True, slots=True)
class Hint:
    """Something about *unit* may have changed."""

    unit: AccountId
    deployment: str | None
    event_id: str
    event_type: str
    event_time: str
    correlation_id: str

    @property
    def cause(self) -> Cause:
        """What the unit's row is to know of it."""
        deployment = self.deployment or ""
        return Cause(
            event_id=self.event_id,
            written=deployment if self.event_type == "ResourceWriteSuccess" else "",
            deleted=deployment if self.event_type == "ResourceDeleteSuccess" else "",
            at=_time(self.event_time),
            event_type=self.event_type,
        )


def read_event(text: str, *, subscriptions: frozenset[str]) -> Hint:
    """Read one event, in Event Grid's schema or as a CloudEvent.

    Args:
        text: The event as JSON.
        subscriptions: The subscriptions we watch, lower-cased; an event can never widen them.

    Raises:
        InvalidEvent: nothing to act on; its *reason* is one of oversized, malformed,
            unknown-type, foreign. The message never repeats the event.
    """
    if len(text) > _MAX_LENGTH:
        raise InvalidEvent("oversized", f"{len(text)} characters, at most {_MAX_LENGTH}")
    event = _object(text)
    event_type = _text(event, "type" if "specversion" in event else "eventType")
    if event_type not in _TYPES:
        raise InvalidEvent("unknown-type", "not an event of a resource write or delete")
    subject = _text(event, "subject")
    try:
        unit, deployment = parse_account_or_deployment(_without_suffix(subject, _TAGS_SUFFIX))
    except InvalidId as exc:
        raise InvalidEvent("foreign", str(exc)) from exc
    if unit.subscription not in subscriptions:
        raise InvalidEvent("foreign", "the subscription is not one that we watch")
    data = event.get("data")
    correlation = data.get("correlationId") if isinstance(data, dict) else None
    return Hint(
        unit=unit,
        deployment=deployment,
        event_id=_plain(_text(event, "id")),
        event_type=event_type.rpartition(".")[2],
        event_time=_plain(str(event.get("time") or event.get("eventTime") or "")),
        correlation_id=_plain(correlation if isinstance(correlation, str) else ""),
    )


def _object(text: str) -> dict[str, Any]:
    try:
        event = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise InvalidEvent("malformed", "not JSON") from exc
    if not isinstance(event, dict):
        raise InvalidEvent("malformed", "not a JSON object")
    return event


def _text(event: dict[str, Any], key: str) -> str:
    value = event.get(key)
    if not isinstance(value, str) or not value:
        raise InvalidEvent("malformed", f"no {key}")
    return value


def _time(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _without_suffix(subject: str, suffix: str) -> str:
    return subject[: -len(suffix)] if subject.lower().endswith(suffix) else subject


def _plain(value: str) -> str:
    """An id or a time as it may stand in a log line: no control characters, not endless."""
    return "".join(c for c in value if c.isprintable())[:100]
