from datetime import timedelta
from typing import Any

import pytest

from sandbox.arm.front_door import Options
from sandbox.arm.provider import Context, utc_now
from tests.sandbox.arm_client import ACCOUNT, ACCOUNTS, AN_ACCOUNT, SUB, Arm, local_arm


async def test_an_account_goes_with_its_deployments_and_one_event() -> None:
    writes: list[str] = []
    options = Options(on_write=lambda write: writes.append(write.operation_name))
    async with local_arm(options=options) as arm:
        await arm.call("DELETE", ACCOUNT)
        account = await arm.call("GET", ACCOUNT)
        deployment = await arm.call("GET", f"{ACCOUNT}/deployments/gpt-4o")

    assert (account.status, deployment.status) == (404, 404)
    assert writes == ["Microsoft.CognitiveServices/accounts/delete"]


GRAVE = (
    f"{SUB}/providers/Microsoft.CognitiveServices/locations/swedencentral"
    "/resourceGroups/rg-ai/deletedAccounts/contoso"
)


async def test_a_deleted_account_blocks_its_name_until_it_is_restored(arm: Arm) -> None:
    again = AN_ACCOUNT | {"kind": "AIServices", "properties": {}}
    await arm.call("DELETE", ACCOUNT)

    blocked = await arm.call("PUT", ACCOUNT, body=again)
    restored = await arm.call("PUT", ACCOUNT, body=again | {"properties": {"restore": True}})
    deployments = await arm.call("GET", f"{ACCOUNT}/deployments")

    assert (blocked.status, blocked.code) == (409, "FlagMustBeSetForRestore")
    assert restored.body["properties"]["customSubDomainName"] == "contoso"
    assert [it["name"] for it in deployments.body["value"]] == ["gpt-4o"]
    assert (await arm.call("GET", GRAVE)).status == 404


async def test_a_purged_account_frees_name_and_subdomain(arm: Arm) -> None:
    again = AN_ACCOUNT | {"properties": {"customSubDomainName": "contoso"}}
    await arm.call("DELETE", ACCOUNT)
    taken = await arm.call("PUT", f"{ACCOUNTS}/other", body=again)
    purged = await arm.call("DELETE", GRAVE)
    free = await arm.call("PUT", ACCOUNT, body=again)

    assert (taken.status, taken.code) == (409, "CustomDomainInUse")
    assert (purged.status, free.status) == (202, 201)
    assert (await arm.call("GET", f"{ACCOUNT}/deployments")).body["value"] == []


async def test_a_deleted_account_is_forgotten_after_two_days() -> None:
    now = [utc_now() - timedelta(days=3)]
    async with local_arm(context=Context(clock=lambda: now[0])) as arm:
        await arm.call("DELETE", ACCOUNT)
        now[0] += timedelta(hours=47)
        before = await arm.call("GET", GRAVE)
        now[0] += timedelta(hours=1)
        after = await arm.call("GET", GRAVE)

    assert (before.status, after.status) == (200, 404)


@pytest.mark.parametrize(
    ("kind", "subdomain", "name", "url"),
    [
        (
            "OpenAI",
            "sub",
            "OpenAI Language Model Instance API",
            "https://sub.openai.azure.com/",
        ),
        ("AIServices", "sub", "AI Foundry API", "https://sub.services.ai.azure.com/"),
        (
            "AIServices",
            "sub",
            "OpenAI Realtime API",
            "https://sub.openai.azure.com/",
        ),
        (
            "OpenAI",
            None,
            "OpenAI Language Model Instance API",
            "https://westus.api.cognitive.microsoft.com/",
        ),
    ],
)
async def test_endpoints_follow_kind_and_subdomain(
    arm: Arm, kind: str, subdomain: str | None, name: str, url: str
) -> None:
    body = AN_ACCOUNT | {"kind": kind, "location": "westus"}
    body["properties"] = {"customSubDomainName": subdomain} if subdomain else {}

    answer = await arm.call("PUT", f"{ACCOUNTS}/second", body=body)

    assert answer.body["properties"]["endpoints"][name] == url


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"location": "westus"}, 409, "InvalidResourceLocation"),
        ({"location": None}, 400, "LocationRequired"),
        ({"kind": None}, 400, "BadRequest"),
        ({"properties": {"customSubDomainName": "other"}}, 400, "CustomDomainChangeNotAllowed"),
    ],
)
async def test_a_bad_account_update_is_refused(
    arm: Arm, change: dict[str, Any], status: int, code: str
) -> None:
    same = AN_ACCOUNT | {"properties": {"customSubDomainName": "contoso"}}

    answer = await arm.call("PUT", ACCOUNT, body=same | change)

    assert (answer.status, answer.code) == (status, code)


async def test_keys_stay_hidden_without_local_auth(arm: Arm) -> None:
    shown = await arm.call("POST", f"{ACCOUNT}/listKeys")
    await arm.call("PATCH", ACCOUNT, body={"properties": {"disableLocalAuth": True}})
    hidden = await arm.call("POST", f"{ACCOUNT}/listKeys")
    account = await arm.call("GET", ACCOUNT)

    assert sorted(shown.body) == ["key1", "key2"]
    assert hidden.status == 400
    assert account.body["properties"]["customSubDomainName"] == "contoso"
    assert "key1" not in str(account.body)
