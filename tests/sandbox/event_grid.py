"""Writes for Event Grid to tell of, and subscriptions to it."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sandbox.contracts import ArmWrite
from sandbox.event_grid.emulator import EventGrid
from sandbox.event_grid.options import Options
from sandbox.event_grid.subscriptions import Subscription, Webhook
from tests.sandbox.event_receiver import Receiver

SUBSCRIPTION = "/subscriptions/11111111-2222-3333-4444-555555555555"
DEPLOYMENT = (
    f"{SUBSCRIPTION}/resourceGroups/rg-ai/providers/Microsoft.CognitiveServices"
    "/accounts/contoso/deployments/gpt-4o"
)


def a_write(**changes: Any) -> ArmWrite:
    write = ArmWrite(
        resource_id=DEPLOYMENT,
        operation_name="Microsoft.CognitiveServices/accounts/deployments/write",
        kind="Write",
        status="Succeeded",
        method="PUT",
        url=f"https://management.azure.com{DEPLOYMENT}?api-version=2025-06-01",
        is_create=False,
        correlation_id="5f1f5c0e-7f1c-4bb0-9a54-2c1f3f6d7e10",
        client_request_id="9d0b0c3e-5f4a-11f1-8f2b-020000000001",
        at=datetime(2026, 11, 20, 9, 14, 32, 611735, tzinfo=UTC),
    )
    return replace(write, **changes)


# A second lasts ten microseconds: the whole day of retries is over in one.
FAST = Options(time_scale=0.00001, probation_after=None)


def a_subscription(to: Receiver | str, **changes: Any) -> Subscription:
    url = to if isinstance(to, str) else to.url
    return replace(Subscription("onramp", SUBSCRIPTION, Webhook(url)), **changes)


def fates(grid: EventGrid) -> list[tuple[int | None, str]]:
    return [(each.status, each.fate) for each in grid.deliveries]
