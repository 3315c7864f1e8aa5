"""What goes over the wire: an event in a subscription's schema, and its dead letter."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sandbox.contracts import Json
from sandbox.event_grid.events import Quirks, Schema, timestamp, to_cloud_event
from sandbox.event_grid.subscriptions import Subscription

# The content-type header according to learn.microsoft.com/azure/event-grid/cloud-event-schema.
_CONTENT_TYPES = {
    Schema.EVENT_GRID: "application/json; charset=utf-8",
    Schema.CLOUD_EVENTS: "application/cloudevents+json; charset=utf-8",
}


@dataclass(frozen=True, slots=True)
class Message:
    """One event on its way to one subscription."""

    event_id: str
    event: Any  # as the subscriber sees it; for injected rubbish anything, bytes included
    schema: Schema
    published_at: datetime

    @property
    def webhook_body(self) -> bytes:
        """An array of one, except for CloudEvents: there a single event is an object.

        learn.microsoft.com/azure/event-grid/delivery-and-retry#output-batching, and CloudEvents'
        structured mode.
        """
        if isinstance(self.event, bytes):
            return self.event
        one = self.event if self.schema is Schema.CLOUD_EVENTS else [self.event]
        return json.dumps(one).encode()

    @property
    def queue_text(self) -> str:
        """The bare event in base64 (github.com/MicrosoftDocs/azure-docs/issues/102923)."""
        raw = self.event if isinstance(self.event, bytes) else json.dumps(self.event).encode()
        return base64.b64encode(raw).decode()


def render(
    event: Any, subscription: Subscription, quirks: Quirks, *, published_at: datetime
) -> Message:
    """An event as ``subscription`` wants it; what is no event of the service stays as it is."""
    schema = subscription.schema
    if isinstance(event, Mapping):
        if schema is Schema.CLOUD_EVENTS and _is_event_grid_event(event):
            event = to_cloud_event(event, quirks)
        return Message(str(event.get("id", "")), event, schema, published_at)
    return Message("", event, schema, published_at)


def headers(message: Message, subscription: Subscription, *, attempt: int) -> dict[str, str]:
    """learn.microsoft.com/azure/event-grid/receive-events#message-headers.

    Seen in public captures: the subscription's name in upper case, the first delivery counted 0.
    """
    found = {
        "Content-Type": _CONTENT_TYPES[message.schema],
        "aeg-event-type": "Notification",
        "aeg-subscription-name": subscription.name.upper(),
        "aeg-delivery-count": str(attempt - 1),
        "aeg-metadata-version": "1.0" if message.schema is Schema.CLOUD_EVENTS else "1",
        "aeg-output-event-id": message.event_id,
    }
    if message.schema is Schema.EVENT_GRID and isinstance(message.event, Mapping):
        found["aeg-data-version"] = str(message.event.get("dataVersion", ""))
    return found


def dead_letter(
    message: Message, *, reason: str, attempts: int, outcome: str, last_attempt_at: datetime
) -> Json:
    """The event and why it was given up.

    learn.microsoft.com/azure/event-grid/delivery-and-retry#delivery-event-formats: the same names
    in lower case for CloudEvents, whose attributes have no capitals.
    """
    added = {
        "deadLetterReason": reason,
        "deliveryAttempts": attempts,
        "lastDeliveryOutcome": outcome,
        "publishTime": timestamp(message.published_at),
        "lastDeliveryAttemptTime": timestamp(last_attempt_at),
    }
    if message.schema is Schema.CLOUD_EVENTS:
        added = {name.lower(): value for name, value in added.items()}
    event = message.event if isinstance(message.event, Mapping) else {"data": repr(message.event)}
    return {**event, **added}


def dead_letter_path(subscription: Subscription, blob_id: str, at: datetime) -> str:
    """``NAME/2019/8/8/5/id.json``: name in upper case, date and hour (UTC) without zeros.

    learn.microsoft.com/azure/event-grid/manage-event-delivery
    """
    return f"{subscription.name.upper()}/{at.year}/{at.month}/{at.day}/{at.hour}/{blob_id}.json"


def _is_event_grid_event(event: Mapping[str, Any]) -> bool:
    needed = {"id", "topic", "subject", "eventType", "eventTime", "data"}
    return needed <= event.keys() and "specversion" not in event
