"""Event subscriptions: from their ARM bodies to values the delivery can use.

Bodies: learn.microsoft.com/azure/templates/microsoft.eventgrid/systemtopics/eventsubscriptions.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sandbox.contracts import Json
from sandbox.event_grid.events import Schema
from sandbox.event_grid.filters import Filter, InvalidFilterError, parse_filter

# Where a function of an Azure Functions app listens for events, by its resource id.
type FunctionUrl = Callable[[str], str | None]

# learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules
_NAME = re.compile(r"[A-Za-z0-9-]{3,64}")
# learn.microsoft.com/azure/event-grid/delivery-properties
_MAX_ATTRIBUTES = 10
_MAX_ATTRIBUTE_BYTES = 4096


class InvalidSubscriptionError(ValueError):
    """Event Grid would refuse this body with 400. The wording of its messages is UNVERIFIED."""


@dataclass(frozen=True, slots=True)
class Webhook:
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    # An Azure Function by resource id is an "Azure resource" when Event Grid decides on retries;
    # its webhook URL given as a plain webhook is not (delivery-and-retry).
    azure_resource: bool = False


@dataclass(frozen=True, slots=True)
class StorageQueue:
    queue: str
    message_ttl_s: int | None = None


type Destination = Webhook | StorageQueue


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    max_attempts: int = 30
    time_to_live: timedelta = timedelta(minutes=1440)


@dataclass(frozen=True, slots=True)
class Subscription:
    name: str
    source: str  # what it listens to: a subscription, a resource group or a topic, as an ARM id
    destination: Destination
    filter: Filter = field(default_factory=Filter)
    schema: Schema = Schema.EVENT_GRID
    retry: RetryPolicy = RetryPolicy()
    dead_letter_container: str | None = None

    @property
    def key(self) -> str:
        return f"{self.source}|{self.name}".lower()

    def listens_to(self, subject: str) -> bool:
        """Whether a resource is in the scope of ``source``."""
        return f"{subject.lower()}/".startswith(f"{self.source.lower().rstrip('/')}/")


def parse_subscription(
    name: str, source: str, body: Mapping[str, Any], function_url: FunctionUrl = lambda _: None
) -> Subscription:
    """An event subscription from its ARM body, ``{"properties": {...}}``."""
    if not _NAME.fullmatch(name):
        raise InvalidSubscriptionError(
            f"'{name}' is no name of an event subscription: 3 to 64 letters, digits and hyphens."
        )
    properties: Json = body.get("properties") or {}
    schema = _schema(properties.get("eventDeliverySchema") or Schema.EVENT_GRID)
    try:
        wanted = parse_filter(properties.get("filter"), schema)
    except InvalidFilterError as exc:
        raise InvalidSubscriptionError(str(exc)) from exc
    return Subscription(
        name,
        source,
        _destination(
            _unwrapped(properties, "destination", "deliveryWithResourceIdentity"), function_url
        ),
        wanted,
        schema,
        _retry_policy(properties.get("retryPolicy") or {}),
        _dead_letter(properties),
    )


def _schema(value: str) -> Schema:
    try:
        return Schema(value)
    except ValueError:
        # CustomInputSchema belongs to topics with an input mapping, which are not emulated.
        raise InvalidSubscriptionError(f"eventDeliverySchema '{value}' is not supported.") from None


def _unwrapped(properties: Json, name: str, with_identity: str) -> Json | None:
    """A destination as such, or within ``{"identity": ..., name: ...}``."""
    wrapped: Json = properties.get(with_identity) or {}
    found: Json | None = wrapped.get(name) or properties.get(name)
    return found


def _destination(body: Json | None, function_url: FunctionUrl) -> Destination:
    body = body or {}
    kind = str(body.get("endpointType")).lower()  # discriminators are read without case
    properties: Json = body.get("properties") or {}
    if kind not in _DESTINATIONS:
        raise InvalidSubscriptionError(
            f"Destination type '{body.get('endpointType')}' is not supported."
        )
    return _DESTINATIONS[kind](properties, function_url)


def _webhook(properties: Json, _function_url: FunctionUrl) -> Webhook:
    _check_batching(properties)
    return Webhook(_required(properties, "endpointUrl"), _headers(properties))


def _azure_function(properties: Json, function_url: FunctionUrl) -> Webhook:
    _check_batching(properties)
    resource_id = _required(properties, "resourceId")
    url = function_url(resource_id)
    if url is None:
        raise InvalidSubscriptionError(f"The function '{resource_id}' does not exist.")
    return Webhook(url, _headers(properties), azure_resource=True)


def _storage_queue(properties: Json, _function_url: FunctionUrl) -> StorageQueue:
    _required(properties, "resourceId")  # every storage account is the one local one
    ttl = properties.get("queueMessageTimeToLiveInSeconds")
    return StorageQueue(_required(properties, "queueName"), ttl)


_DESTINATIONS: Mapping[str, Callable[[Json, FunctionUrl], Destination]] = {
    "webhook": _webhook,
    "azurefunction": _azure_function,
    "storagequeue": _storage_queue,
}


def _dead_letter(properties: Json) -> str | None:
    body = _unwrapped(properties, "deadLetterDestination", "deadLetterWithResourceIdentity")
    if body is None:
        return None
    if str(body.get("endpointType")).lower() != "storageblob":
        raise InvalidSubscriptionError("Dead letters can only go to StorageBlob.")
    destination: Json = body.get("properties") or {}
    _required(destination, "resourceId")
    return _required(destination, "blobContainerName")


def _retry_policy(body: Json) -> RetryPolicy:
    """Bounds: learn.microsoft.com/azure/event-grid/delivery-and-retry#retry-policy."""
    attempts = _bounded(body, "maxDeliveryAttempts", 1, 30, default=30)
    minutes = _bounded(body, "eventTimeToLiveInMinutes", 1, 1440, default=1440)
    return RetryPolicy(attempts, timedelta(minutes=minutes))


def _check_batching(properties: Json) -> None:
    """Batches are accepted and always hold one event: both settings are upper bounds."""
    _bounded(properties, "maxEventsPerBatch", 1, 5000, default=1)
    _bounded(properties, "preferredBatchSizeInKilobytes", 1, 1024, default=64)


def _headers(properties: Json) -> tuple[tuple[str, str], ...]:
    """Static delivery attributes; dynamic ones, taken from the event, are not emulated."""
    mappings: Sequence[Json] = properties.get("deliveryAttributeMappings") or []
    if len(mappings) > _MAX_ATTRIBUTES:
        raise InvalidSubscriptionError(f"At most {_MAX_ATTRIBUTES} delivery attributes.")
    headers = []
    for mapping in mappings:
        if mapping.get("type") != "Static":
            raise InvalidSubscriptionError("Only static delivery attributes are supported.")
        value = str((mapping.get("properties") or {}).get("value", ""))
        if len(value.encode()) > _MAX_ATTRIBUTE_BYTES:
            raise InvalidSubscriptionError("A delivery attribute is longer than 4096 bytes.")
        headers.append((_required(mapping, "name"), value))
    return tuple(headers)


def _required(properties: Json, name: str) -> str:
    value = properties.get(name)
    if not isinstance(value, str) or not value:
        raise InvalidSubscriptionError(f"'{name}' is required.")
    return value


def _bounded(body: Json, name: str, low: int, high: int, *, default: int) -> int:
    value = body.get(name)
    if value is None:
        return default
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise InvalidSubscriptionError(f"'{name}' must be an integer from {low} to {high}.")
    return value
