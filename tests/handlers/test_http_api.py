"""The HTTP functions through the host: every answer is JSON that says what to do."""

from typing import Any

import aiohttp
import pytest

from tests.stage import Stage

NOWHERE = "/subscriptions/99999999-2222-3333-4444-555555555555/resourceGroups/rg"
A_DEPLOYMENT = f"{NOWHERE}/providers/Microsoft.CognitiveServices/accounts/abc/deployments/x"


async def answer(response: aiohttp.ClientResponse) -> tuple[int, dict[str, Any]]:
    assert response.content_type == "application/json"
    return response.status, await response.json()


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        ("", "InvalidBody", "exactly one of"),
        ("{", "InvalidBody", "Invalid JSON"),
        ("[]", "InvalidBody", "object"),
        ("{}", "InvalidBody", "exactly one of"),
        ('{"all": true, "account": "/x"}', "InvalidBody", "exactly one of"),
        ('{"all": "maybe"}', "InvalidBody", "all:"),
        ('{"account": 7}', "InvalidBody", "account:"),
        ('{"acount": "/x"}', "InvalidBody", "acount:"),
        ('{"account": "/x"}', "InvalidId", "not the id of"),
        ('{"deployment": "../../policies/policy"}', "InvalidId", "not the id of"),
        (
            f'{{"account": "{A_DEPLOYMENT}"}}',
            "InvalidId",
            "something else",
        ),
    ],
)
async def test_a_bad_body_is_answered_with_the_field_and_the_cure(
    stage: Stage, body: str, code: str, words: str
) -> None:
    async with stage.app.post("/api/reimport", data=body) as response:
        status, found = await answer(response)

    assert status == 400
    assert found["error"]["code"] == code
    assert words in found["error"]["message"]
    assert found["error"]["action"]


async def test_a_subscription_that_is_not_watched_is_not_looked_at(stage: Stage) -> None:
    account = f"{NOWHERE}/providers/Microsoft.CognitiveServices/accounts/abc"
    async with stage.app.post("/api/reimport", json={"account": account}) as response:
        status, found = await answer(response)

    assert (status, found["error"]["code"]) == (404, "NotWatched")


async def test_a_reimport_says_where_to_look(stage: Stage) -> None:
    account = await stage.account()
    async with stage.app.post("/api/reimport", json={"account": account}) as response:
        status, found = await answer(response)
        location = response.headers["Location"]

    assert status == 202
    assert location == found["run"]["url"]
    assert location.endswith(f"/api/runs/{found['run']['id']}")
    async with stage.app.get(location) as response:
        status, run = await answer(response)
    assert (status, run["id"]) == (200, found["run"]["id"])


async def test_a_reimport_of_an_account_that_arm_does_not_have_says_so(stage: Stage) -> None:
    account = await stage.account()
    await stage.delete(account)
    await stage.quiet()

    run = await stage.reimport({"account": account})

    assert run["units"][0]["notes"] == ["ARM does not have this account"]


@pytest.mark.parametrize("run_id", ["0" * 32, "nonsense", "..%2f..", "' or '1' eq '1"])
async def test_a_run_that_does_not_exist_is_not_found(stage: Stage, run_id: str) -> None:
    async with stage.app.get(f"/api/runs/{run_id}") as response:
        status, found = await answer(response)

    assert (status, found["error"]["code"]) == (404, "RunNotFound")


async def test_deployments_can_be_asked_for_by_state(stage: Stage) -> None:
    account = await stage.account()
    await stage.deploy(account, "good")
    await stage.deploy(account, "odd", model={"format": "OpenAI", "name": "sora-2"})
    await stage.quiet()

    async with stage.app.get("/api/deployments", params={"state": "quarantined"}) as response:
        status, found = await answer(response)

    assert status == 200
    names = [it["name"] for it in found["deployments"] if it["account"].lower() == account.lower()]
    assert names == ["odd"]
    assert found["count"]["verified"] >= 1


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/api/reimport"), ("GET", "/api/deployments"), ("GET", f"/api/runs/{'0' * 32}")],
)
async def test_nobody_gets_in_without_a_key(stage: Stage, method: str, path: str) -> None:
    async with (
        aiohttp.ClientSession(stage.azure.endpoints.functions) as nobody,
        nobody.request(method, path) as response,
    ):
        assert response.status == 401
