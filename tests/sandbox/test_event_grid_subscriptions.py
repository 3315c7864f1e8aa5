from datetime import timedelta
from typing import Any

import pytest

from sandbox.event_grid.events import Schema
from sandbox.event_grid.subscriptions import (
    InvalidSubscriptionError,
    RetryPolicy,
    StorageQueue,
    Subscription,
    Webhook,
    parse_subscription,
)

_SOURCE = "/subscriptions/s"
_STORAGE = f"{_SOURCE}/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/st"
_WEBHOOK = {"endpointType": "WebHook", "properties": {"endpointUrl": "https://x/y?code=z"}}
_QUEUE = {
    "endpointType": "StorageQueue",
    "properties": {"resourceId": _STORAGE, "queueName": "events"},
}
_BLOB = {
    "endpointType": "StorageBlob",
    "properties": {"resourceId": _STORAGE, "blobContainerName": "dead"},
}
_FUNCTION = f"{_SOURCE}/resourceGroups/rg/providers/Microsoft.Web/sites/app/functions/on_event"


def _parse(name: str = "onramp", **properties: Any) -> Subscription:
    body = {"properties": {"destination": _WEBHOOK, **properties}}
    functions = {_FUNCTION: "http://127.0.0.1/hook"}
    return parse_subscription(name, _SOURCE, body, functions.get)


def test_defaults_are_the_documented_ones() -> None:
    assert _parse() == Subscription(
        "onramp",
        _SOURCE,
        Webhook("https://x/y?code=z"),
        schema=Schema.EVENT_GRID,
        retry=RetryPolicy(30, timedelta(days=1)),
        dead_letter_container=None,
    )


@pytest.mark.parametrize(
    ("properties", "field", "expected"),
    [
        ({"destination": _QUEUE}, "destination", StorageQueue("events")),
        (
            {
                "destination": None,
                "deliveryWithResourceIdentity": {
                    "identity": {"type": "SystemAssigned"},
                    "destination": _QUEUE,
                },
            },
            "destination",
            StorageQueue("events"),
        ),
        (
            {
                "destination": {
                    "endpointType": "AzureFunction",
                    "properties": {"resourceId": _FUNCTION},
                }
            },
            "destination",
            Webhook("http://127.0.0.1/hook", azure_resource=True),
        ),
        (
            {
                "destination": {
                    "endpointType": "WebHook",
                    "properties": {
                        "endpointUrl": "https://x",
                        "deliveryAttributeMappings": [
                            {"name": "h", "type": "Static", "properties": {"value": "v"}}
                        ],
                    },
                }
            },
            "destination",
            Webhook("https://x", headers=(("h", "v"),)),
        ),
        ({"eventDeliverySchema": "CloudEventSchemaV1_0"}, "schema", Schema.CLOUD_EVENTS),
        ({"deadLetterDestination": _BLOB}, "dead_letter_container", "dead"),
        (
            {"deadLetterWithResourceIdentity": {"deadLetterDestination": _BLOB}},
            "dead_letter_container",
            "dead",
        ),
        (
            {"retryPolicy": {"maxDeliveryAttempts": 5, "eventTimeToLiveInMinutes": 30}},
            "retry",
            RetryPolicy(5, timedelta(minutes=30)),
        ),
    ],
)
def test_a_property_is_read(properties: dict[str, Any], field: str, expected: Any) -> None:
    assert getattr(_parse(**properties), field) == expected


@pytest.mark.parametrize(
    "properties",
    [
        {"destination": None},
        {"destination": {"endpointType": "EventHub", "properties": {}}},
        {"destination": {"endpointType": "WebHook", "properties": {}}},
        {"destination": {"endpointType": "StorageQueue", "properties": {"queueName": "x"}}},
        {"destination": {"endpointType": "AzureFunction", "properties": {"resourceId": "/other"}}},
        {"eventDeliverySchema": "CustomInputSchema"},
        {"retryPolicy": {"maxDeliveryAttempts": 0}},
        {"retryPolicy": {"maxDeliveryAttempts": 31}},
        {"retryPolicy": {"maxDeliveryAttempts": "5"}},
        {"retryPolicy": {"eventTimeToLiveInMinutes": 1441}},
        {"deadLetterDestination": {"endpointType": "StorageQueue", "properties": {}}},
        {"filter": {"advancedFilters": [{"operatorType": "Like", "key": "id"}]}},
    ],
)
def test_what_the_service_refuses_is_refused(properties: dict[str, Any]) -> None:
    with pytest.raises(InvalidSubscriptionError):
        _parse(**properties)


@pytest.mark.parametrize("name", ["ab", "x" * 65, "with space", "under_score", ""])
def test_names_follow_the_rules(name: str) -> None:
    with pytest.raises(InvalidSubscriptionError):
        _parse(name)
