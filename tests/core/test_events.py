import json
from typing import Any

import pytest

from shared.core.events import Hint, read_event
from shared.errors import InvalidEvent
from tests.builders import SUBSCRIPTION, UNIT

WATCHED = frozenset({SUBSCRIPTION})
DEPLOYMENT = f"{UNIT.arm_id}/deployments/gpt-4o"
CLAIMS = {"name": "Dev User", "ipaddr": "203.0.113.10"}


def event_grid(**changes: Any) -> dict[str, Any]:
    event = {
        "id": "e-1",
        "topic": f"/subscriptions/{SUBSCRIPTION}",
        "subject": DEPLOYMENT,
        "eventType": "Microsoft.Resources.ResourceWriteSuccess",
        "eventTime": "2026-11-20T09:14:32.6117357Z",
        "data": {"correlationId": "c-1", "claims": CLAIMS},
        "dataVersion": "2",
        "metadataVersion": "1",
    }
    return {**event, **changes}


def cloud_event(**changes: Any) -> dict[str, Any]:
    event = {
        "id": "e-1",
        "source": f"/subscriptions/{SUBSCRIPTION}",
        "subject": DEPLOYMENT.replace("resourceGroups", "resourcegroups"),
        "type": "Microsoft.Resources.ResourceWriteSuccess",
        "time": "2026-11-20T09:14:32.6117357Z",
        "specversion": "1.0",
        "data": {"correlationId": "c-1", "claims": CLAIMS},
    }
    return {**event, **changes}


def read(event: Any) -> Hint:
    return read_event(json.dumps(event), subscriptions=WATCHED)


@pytest.mark.parametrize("event", [event_grid(), cloud_event()])
def test_both_schemas_say_the_same(event: dict[str, Any]) -> None:
    assert read(event) == Hint(
        unit=UNIT,
        deployment="gpt-4o",
        event_id="e-1",
        event_type="ResourceWriteSuccess",
        event_time="2026-11-20T09:14:32.6117357Z",
        correlation_id="c-1",
    )


@pytest.mark.parametrize(
    ("kind", "subject", "deployment"),
    [
        ("ResourceWriteFailure", DEPLOYMENT, "gpt-4o"),
        ("ResourceDeleteSuccess", DEPLOYMENT, "gpt-4o"),
        ("ResourceDeleteSuccess", UNIT.arm_id, None),
        ("ResourceActionSuccess", DEPLOYMENT, "gpt-4o"),
        (
            "ResourceWriteSuccess",
            f"{UNIT.arm_id}/providers/Microsoft.Resources/tags/default",
            None,
        ),
    ],
)
def test_writes_deletes_and_actions_on_accounts_and_deployments_are_hints(
    kind: str, subject: str, deployment: str | None
) -> None:
    hint = read(event_grid(eventType=f"Microsoft.Resources.{kind}", subject=subject))

    assert (hint.unit, hint.deployment) == (UNIT, deployment)


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        ("malformed", ""),
        ("malformed", "{"),
        ("malformed", "[]"),
        ("malformed", "null"),
        ("malformed", "[" * 50_000),
        ("malformed", "{}"),
        ("malformed", json.dumps(event_grid(subject=7))),
        ("malformed", json.dumps(event_grid(id=None))),
        ("oversized", json.dumps(event_grid(padding="x" * 70_000))),
        ("unknown-type", json.dumps(event_grid(eventType="Microsoft.Storage.BlobCreated"))),
        ("foreign", json.dumps(event_grid(subject="/subscriptions/x"))),
        ("foreign", json.dumps(event_grid(subject=f"{UNIT.arm_id}/deployments/@(1)"))),
        ("foreign", json.dumps(event_grid(subject=DEPLOYMENT.replace("1111", "9999")))),
    ],
)
def test_what_is_not_for_us_is_refused_with_a_countable_reason(reason: str, text: str) -> None:
    with pytest.raises(InvalidEvent) as refused:
        read_event(text, subscriptions=WATCHED)

    assert refused.value.reason == reason


@pytest.mark.parametrize("data", [None, [], "x", {"correlationId": 7, "evidence": []}])
def test_missing_or_odd_data_does_not_matter(data: Any) -> None:
    assert read(event_grid(data=data)).correlation_id == ""


def test_an_id_can_not_break_a_log_line() -> None:
    hint = read(event_grid(id="a\nb\x00" + "c" * 500))

    assert hint.event_id.startswith("abc")
    assert len(hint.event_id) == 100
