from typing import Any

import pytest

from sandbox.event_grid.events import Caller, Quirks, arm_event, to_cloud_event
from tests.sandbox.event_grid import DEPLOYMENT, SUBSCRIPTION, a_write


def an_event(quirks: Quirks | None = None, **changes: Any) -> dict[str, Any]:
    return arm_event(
        a_write(**changes), event_id="id-1", caller=Caller(), quirks=quirks or Quirks()
    )


def test_an_update_has_every_documented_field() -> None:
    event = an_event()

    assert {**event, "data": sorted(event["data"])} == {
        "subject": DEPLOYMENT,
        "eventType": "Microsoft.Resources.ResourceWriteSuccess",
        "id": "id-1",
        "data": [
            "authorization",
            "claims",
            "correlationId",
            "httpRequest",
            "operationName",
            "resourceProvider",
            "resourceUri",
            "status",
            "subscriptionId",
            "tenantId",
        ],
        "dataVersion": "2",
        "metadataVersion": "1",
        "eventTime": "2026-11-20T09:14:32.6117350Z",
        "topic": SUBSCRIPTION,
    }
    assert event["data"]["resourceProvider"] == "Microsoft.CognitiveServices"
    assert event["data"]["httpRequest"]["method"] == "PUT"


@pytest.mark.parametrize(
    ("kind", "status", "expected"),
    [
        ("Write", "Succeeded", "Microsoft.Resources.ResourceWriteSuccess"),
        ("Write", "Failed", "Microsoft.Resources.ResourceWriteFailure"),
        ("Delete", "Succeeded", "Microsoft.Resources.ResourceDeleteSuccess"),
        ("Delete", "Failed", "Microsoft.Resources.ResourceDeleteFailure"),
        ("Action", "Succeeded", "Microsoft.Resources.ResourceActionSuccess"),
        ("Action", "Failed", "Microsoft.Resources.ResourceActionFailure"),
    ],
)
def test_the_type_tells_what_happened(kind: str, status: str, expected: str) -> None:
    event = an_event(kind=kind, status=status)

    assert (event["eventType"], event["data"]["status"]) == (expected, status)


def test_a_create_has_the_quirks_of_the_documentation() -> None:
    event = an_event(is_create=True)

    assert "/resourcegroups/rg-ai/" in event["subject"]
    assert event["data"]["resourceUri"] == event["subject"]
    assert "httpRequest" not in event["data"]


def test_quirks_can_be_turned_off() -> None:
    quirks = Quirks(
        lowercase_resourcegroups_on_create=False, fraction_digits=6, http_request_on_create=True
    )
    event = an_event(quirks, is_create=True)

    assert event["subject"] == DEPLOYMENT
    assert event["eventTime"] == "2026-11-20T09:14:32.611735Z"
    assert "httpRequest" in event["data"]


def test_claims_carry_personal_data_as_real_ones_do() -> None:
    claims = an_event()["data"]["claims"]

    assert {"Dev User", "dev@contoso.com", "203.0.113.10"} <= set(claims.values())


@pytest.mark.parametrize("with_content_type", [False, True])
def test_a_cloud_event_has_its_own_names(*, with_content_type: bool) -> None:
    event = an_event()
    cloud_event = to_cloud_event(event, Quirks(datacontenttype=with_content_type))

    expected = {
        "id": "id-1",
        "source": SUBSCRIPTION,
        "subject": DEPLOYMENT,
        "type": "Microsoft.Resources.ResourceWriteSuccess",
        "time": "2026-11-20T09:14:32.6117350Z",
        "specversion": "1.0",
        "data": event["data"],
    }
    if with_content_type:
        expected["datacontenttype"] = "application/json"
    assert cloud_event == expected
