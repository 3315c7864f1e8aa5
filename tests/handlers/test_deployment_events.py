"""The Event Grid function through the host: what can't be acted on is acknowledged and counted."""

from typing import Any

import pytest

from sandbox.event_grid.events import Schema
from sandbox.local_azure import Options
from shared.core.resource_ids import AccountId
from tests.builders import SUBSCRIPTION
from tests.stage import ROOT, Stage, a_stage

CLAIMS = {"name": "Ada Personal", "ipaddr": "203.0.113.99", "upn": "ada@contoso.com"}


def event(**changes: Any) -> dict[str, Any]:
    account = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-ai"
    found = {
        "id": "11111111-aaaa-bbbb-cccc-000000000001",
        "topic": f"/subscriptions/{SUBSCRIPTION}",
        "subject": f"{account}/providers/Microsoft.CognitiveServices/accounts/nobody/deployments/x",
        "eventType": "Microsoft.Resources.ResourceWriteSuccess",
        "eventTime": "2026-11-20T09:14:32.6117357Z",
        "data": {"correlationId": "c-1", "claims": CLAIMS},
        "dataVersion": "2",
        "metadataVersion": "1",
    }
    return {**found, **changes}


def name_of(account: str) -> str:
    return account.rpartition("/")[2]


async def deliver(stage: Stage, *events: dict[str, Any]) -> int:
    """Deliver as Event Grid does; the status that it would see."""
    url = stage.azure.host.event_grid_url("deployment_events")
    headers = {"aeg-event-type": "Notification"}
    async with stage.admin.post(url, json=list(events), headers=headers) as response:
        return response.status


@pytest.mark.parametrize(
    ("reason", "changes"),
    [
        ("unknown-type", {"eventType": "Microsoft.Storage.BlobCreated"}),
        ("foreign", {"subject": "/subscriptions/x/resourceGroups/y"}),
        ("foreign", {"subject": event()["subject"].replace("1111", "9999")}),
        ("foreign", {"subject": event()["subject"] + "/../../policies/policy"}),
        ("foreign", {"subject": event()["subject"] + "@(context)"}),
        ("oversized", {"data": {"padding": "x" * 70_000}}),
        ("malformed", {"subject": ""}),
    ],
)
async def test_an_event_for_nobody_is_acknowledged_and_its_reason_logged(
    stage: Stage, reason: str, changes: dict[str, Any]
) -> None:
    told = [it for it in stage.log_entries("event ignored") if it["reason"] == reason]

    assert await deliver(stage, event(**changes)) == 202

    await stage.logged("event ignored", reason=reason, count=len(told) + 1)
    assert stage.azure.arm.journal.log == []


async def test_a_replayed_event_is_acknowledged_and_counted(stage: Stage) -> None:
    account = await stage.account()
    await stage.quiet()
    twice = event(subject=account, id=f"replayed {name_of(account)}")
    assert await deliver(stage, twice) == 202
    await stage.quiet()

    assert await deliver(stage, twice) == 202

    await stage.logged("event ignored", reason="replayed", event_id=twice["id"])
    assert await stage.state.claim(AccountId.parse(account)) is None


async def test_one_bad_event_does_not_stop_the_good_ones_beside_it(stage: Stage) -> None:
    account = await stage.account()
    await stage.quiet()
    good = event(subject=account, id=f"good {name_of(account)}")

    assert await deliver(stage, event(eventType="Other.Thing"), good) == 202

    await stage.logged("event accepted", event_id=good["id"])


async def test_no_log_line_has_a_persons_data_a_key_or_a_token(stage: Stage) -> None:
    account = await stage.account()
    assert await deliver(stage, event(subject=account, id=f"private {name_of(account)}")) == 202
    await stage.deploy(account)
    await stage.quiet()

    await stage.logged("event accepted", event_id=f"private {name_of(account)}")
    await stage.logged("run ended", unit=AccountId.parse(account).arm_id)
    log = "\n".join(stage.azure.host.log)
    secrets = [*CLAIMS.values(), stage.azure.host.ready.host_key, stage.azure.token()[:40]]
    assert not [secret for secret in secrets if secret in log]


async def test_cloud_events_are_understood_as_well() -> None:
    async with a_stage(Options(app_dir=ROOT, event_schema=Schema.CLOUD_EVENTS)) as stage:
        account = await stage.account()
        await stage.deploy(account)
        await stage.quiet()

        assert set(await stage.served(account)) == {"openai", "openai/v1"}


async def test_bad_settings_stop_the_app_with_one_message() -> None:
    bad = {"ONRAMP_SURFACES": "gemini", "ONRAMP_TYPO": "1"}
    with pytest.raises(Exception, match="can't start with these settings") as refused:
        async with a_stage(Options(app_dir=ROOT, app_env=bad)):
            pass

    assert "ONRAMP_SURFACES" in str(refused.value)
    assert "ONRAMP_TYPO" in str(refused.value)
