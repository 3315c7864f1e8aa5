"""Dead letters through the host: given up for real, listed, replayed, onboarded after all."""

import asyncio
import base64
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from azure.data.tables import UpdateMode
from azure.storage.blob.aio import ContainerClient

from sandbox.event_grid.options import Options as EventGridOptions
from sandbox.local_azure import Options
from shared.adapters.dead_letters import DeadLetters
from shared.core.messages import write_message
from shared.core.resource_ids import AccountId
from tests.stage import GROUP, ROOT, Stage, a_stage

PATIENCE_S = 120
NOBODYS = "/subscriptions/99999999-2222-3333-4444-555555555555/resourceGroups/rg"
# Five deliveries at once, and Event Grid's five minutes before a dead letter in 30 ms.
QUICK = Options(
    app_dir=ROOT,
    app_env={"AzureFunctionsJobHost__extensions__queues__visibilityTimeout": "00:00:00"},
    event_grid=EventGridOptions(time_scale=0.0001),
)
type Letter = Mapping[str, Any]


@pytest.fixture(scope="module")
async def own_stage() -> AsyncIterator[Stage]:
    async with a_stage(QUICK) as stage:
        yield stage


@pytest.fixture
async def stage(own_stage: Stage) -> Stage:
    await own_stage.quiet()
    return own_stage


@pytest.fixture(scope="module")
async def letters(own_stage: Stage) -> AsyncIterator[DeadLetters]:
    """The container, as infra makes it, and what the sweep does with it, without the sweep.

    The sweep would onboard everything by itself: a replay is for those who don't want to wait.
    """
    connection = own_stage.azure.azurite.connection_string
    container = ContainerClient.from_connection_string(connection, "dead-letters")
    if not await container.exists():
        await container.create_container()
    yield DeadLetters(own_stage.tables, container)
    await container.close()


@asynccontextmanager
async def stopped(stage: Stage) -> AsyncIterator[None]:
    """While the app is stopped, every event is answered 403 and given up at once."""
    await stage.quiet()
    await stage.azure.host.set_state("stopped")
    yield
    await stage.azure.event_grid.idle()
    await stage.azure.host.set_state("running")


async def listed(stage: Stage, **params: str) -> list[Letter]:
    async with stage.app.get("/api/dead-letters", params=params) as response:
        found: Letter = await response.json()
        assert response.status == 200, found
    return list(found["deadLetters"])


async def of_account(stage: Stage, account: str, *, count: int = 1) -> list[Letter]:
    """The account's letters, once there are so many."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            found = [it for it in await listed(stage) if it["account"].lower() == account.lower()]
            if len(found) >= count:
                return found
            await asyncio.sleep(0.05)


async def replay(stage: Stage, path: str) -> Mapping[str, Any]:
    """Replay, and wait for the run."""
    async with stage.app.post(f"/api/dead-letters/{path}") as response:
        answer: dict[str, Any] = await response.json()
        assert response.status == 202, answer
        assert response.headers["Location"] == answer["run"]["url"]
    async with stage.app.get(answer["run"]["url"]) as response:
        assert response.status == 200, "the run is there as soon as its address is known"
    await stage.quiet()
    async with asyncio.timeout(PATIENCE_S):
        while True:
            async with stage.app.get(answer["run"]["url"]) as response:
                run: dict[str, Any] = await response.json()
            if run["status"] not in ("queued", "running", "waiting"):
                return {**run, **answer}
            await asyncio.sleep(0.05)


async def error(response: aiohttp.ClientResponse) -> tuple[int, str, str]:
    found = (await response.json())["error"]
    assert found["message"]
    return response.status, found["code"], f"{found['message']} {found['action']}"


async def test_an_event_that_found_the_app_stopped_is_replayed(
    stage: Stage, letters: DeadLetters
) -> None:
    account = await stage.account()
    async with stopped(stage):
        await stage.deploy(account)
    assert await letters.collect() == 1
    (letter,) = await of_account(stage, account)

    answer = await replay(stage, f"{letter['id']}/replay")

    assert (letter["kind"], letter["operation"]) == ("event", "ResourceWriteSuccess")
    assert (letter["deployment"], letter["problem"]) == ("gpt-4o", "")
    assert (letter["reason"], letter["outcome"], letter["attempts"]) == (
        "UndeliverableDueToHttpForbidden",
        "Forbidden",
        1,
    )
    assert answer["status"] == "succeeded"
    assert await stage.states(account) == {"gpt-4o": "verified"}
    told = [(it["kind"], it["event"], it["deployment"]) for it in answer["units"][0]["causes"]]
    assert ("replay", "ResourceWriteSuccess", "gpt-4o") in told
    (after,) = await of_account(stage, account)
    assert after["run"] == answer["run"]["id"]
    assert after["replayedAt"] > after["givenUpAt"]
    assert letter["id"] not in [it["id"] for it in await listed(stage, replayed="false")]


async def test_the_sweep_collects_what_event_grid_gave_up(
    stage: Stage, letters: DeadLetters
) -> None:
    account = await stage.account()
    async with stopped(stage):
        await stage.deploy(account)

    await stage.sweep()

    (letter,) = await of_account(stage, account)
    assert (letter["deployment"], letter["replayedAt"]) == ("gpt-4o", "")
    assert await letters.collect() == 0
    await letters.forget(letter["id"])


async def test_a_message_that_failed_five_times_is_replayed(stage: Stage) -> None:
    account = await stage.account()
    await stage.deploy(account)
    await stage.quiet()
    units = stage.tables.get_table_client("onrampunits")
    rows = [
        it async for it in units.list_entities() if it.get("unit", "").lower() == account.lower()
    ]
    for row in rows:  # somebody edits it by hand
        await units.update_entity({**row, "events": "no JSON"}, UpdateMode.MERGE)
    text = write_message(AccountId.parse(account))
    await stage.queue.send_message(base64.b64encode(text.encode()).decode())
    (letter,) = await of_account(stage, account)
    for row in rows:
        await units.delete_entity(row)

    answer = await replay(stage, f"{letter['id']}/replay")

    assert (letter["kind"], letter["problem"]) == ("message", "")
    assert letter["reason"] == "delivered 5 times"
    assert answer["status"] == "succeeded"
    (after,) = await of_account(stage, account)
    assert after["run"] == answer["run"]["id"]


async def test_all_that_can_be_replayed_is_replayed_in_one_run(
    stage: Stage, letters: DeadLetters
) -> None:
    accounts = [await stage.account() for _ in range(2)]
    async with stopped(stage):
        for account in accounts:
            await stage.deploy(account, "one")
            await stage.deploy(account, "two")
        stage.azure.event_grid.inject({"id": "odd", "data": {"claims": "dev.user@example.com"}})
    assert await letters.collect() == 5

    answer = await replay(stage, "replay")

    assert answer["status"] == "succeeded"
    assert sorted(map(str.lower, answer["accounts"])) == sorted(map(str.lower, accounts))
    assert len(answer["deadLetters"]) == 4
    for account in accounts:
        assert await stage.states(account) == {"one": "verified", "two": "verified"}
    left = await listed(stage, replayed="false")
    assert [it["problem"].partition(":")[0] for it in left] == ["malformed"]
    async with stage.app.post("/api/dead-letters/replay") as response:
        status, code, _ = await error(response)
    assert (status, code) == (409, "NotReplayable")


@pytest.mark.parametrize(
    ("subject", "words"),
    [
        ("", "malformed"),
        (f"{GROUP}/providers/Microsoft.Storage/storageAccounts/x", "foreign"),
        (f"{NOBODYS}/providers/Microsoft.CognitiveServices/accounts/abc", "ONRAMP_SUBSCRIPTIONS"),
    ],
)
async def test_what_names_no_watched_unit_is_not_replayed_but_can_be_let_go(
    stage: Stage, subject: str, words: str
) -> None:
    event = {
        "id": "e-1",
        "subject": subject,
        "eventType": "Microsoft.Resources.ResourceWriteSuccess",
    }
    before = {it["id"] for it in await listed(stage)}
    async with stopped(stage):
        stage.azure.event_grid.inject(event)
    (letter,) = [it for it in await listed(stage) if it["id"] not in before]

    async with stage.app.post(f"/api/dead-letters/{letter['id']}/replay") as response:
        status, code, said = await error(response)
    async with stage.app.delete(f"/api/dead-letters/{letter['id']}") as response:
        deleted = response.status

    assert (status, code) == (409, "NotReplayable")
    assert words in said
    assert deleted == 204
    assert {it["id"] for it in await listed(stage)} == before


async def test_pages_are_asked_for_one_after_the_other(stage: Stage, letters: DeadLetters) -> None:
    async with stopped(stage):
        for number in range(3):
            stage.azure.event_grid.inject({"id": f"e-{number}"})
    await letters.collect()
    everything = [it["id"] for it in await listed(stage)]

    seen: list[str] = []
    after = ""
    while after or not seen:
        async with stage.app.get(
            "/api/dead-letters", params={"limit": "1", **({"after": after} if after else {})}
        ) as response:
            page = await response.json()
        seen += [it["id"] for it in page["deadLetters"]]
        after = page["next"]

    assert seen == everything


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("limit", "0"),
        ("limit", "201"),
        ("limit", "-1"),
        ("limit", "many"),
        ("limit", "٣"),
        ("after", "' or 1 eq 1"),
        ("replayed", "maybe"),
        ("kind", "event"),
    ],
)
async def test_a_bad_parameter_is_answered_with_its_name_and_the_cure(
    stage: Stage, name: str, value: str
) -> None:
    async with stage.app.get("/api/dead-letters", params={name: value}) as response:
        status, code, said = await error(response)

    assert (status, code) == (400, "InvalidQuery")
    assert said.startswith(f"{name}: ")


@pytest.mark.parametrize(("method", "end"), [("POST", "/replay"), ("DELETE", "")])
@pytest.mark.parametrize("letter", [f"{'0' * 11}-{'0' * 16}", "nonsense", "..%2f..", "' or '1"])
async def test_a_letter_that_does_not_exist_is_not_found(
    stage: Stage, method: str, end: str, letter: str
) -> None:
    async with stage.app.request(method, f"/api/dead-letters/{letter}{end}") as response:
        status, code, _ = await error(response)

    assert (status, code) == (404, "LetterNotFound")


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", ""), ("POST", "/replay"), ("POST", "/x/replay"), ("DELETE", "/x")],
)
async def test_nobody_gets_in_without_a_key(stage: Stage, method: str, path: str) -> None:
    async with (
        aiohttp.ClientSession(stage.azure.endpoints.functions) as nobody,
        nobody.request(method, f"/api/dead-letters{path}") as response,
    ):
        assert response.status == 401
