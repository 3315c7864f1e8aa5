"""The HTTP functions through the host: every answer is JSON that says what to do."""

import ast
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from handlers.api_document import document
from shared.adapters.tables import RUNS
from shared.core.naming import unit_hash
from shared.core.orders import Order
from shared.core.resource_ids import AccountId
from shared.core.single_flight import Cause, Claim, Ending
from tests.stage import GROUP, ROOT, Stage

NOWHERE = "/subscriptions/99999999-2222-3333-4444-555555555555/resourceGroups/rg"
ACCOUNTS = "providers/Microsoft.CognitiveServices/accounts"
NO_ACCOUNT = f"{GROUP}/{ACCOUNTS}/nobody-s"
A_DEPLOYMENT = f"{NOWHERE}/{ACCOUNTS}/abc/deployments/x"
LIST_OF_ACCOUNTS = {"method": "GET", "path": f"^/subscriptions/[^/]+/{ACCOUNTS}$"}
EVERYTHING = {"all": True, "dryRun": True}
NO_RUN = "0" * 32
FORCED = {"account": "{unit}", "force": True}
A_ROLLBACK = (Cause(run_id=NO_RUN, order=Order(rollback=NO_RUN)),)
MANY_RUNS = tuple(Cause(run_id=f"{number:032}") for number in range(500))
NOBODY = "0" * 12


@dataclass(frozen=True, slots=True)
class Ask:
    """What somebody does and is told; *unit* in the address is an account that is looked after.

    Attributes:
        arm: How the list of accounts is answered meanwhile.
        no_table: A table that somebody deletes before.
        waits: What was asked for the account before, and nobody has begun.
    """

    status: int
    code: str
    method: str
    path: str
    body: Any = None
    words: str = ""
    arm: Any = None
    no_table: str = ""
    waits: tuple[Cause, ...] = ()

    def __str__(self) -> str:
        return f"{self.code}-{self.method}-{self.path}"


# Each code that the handlers' source has; a new one needs a row.
TABLE = (
    Ask(400, "InvalidBody", "POST", "/reimport", "{", "Invalid JSON"),
    Ask(400, "InvalidBody", "POST", "/units/{unit}/release", '{"digest": "x"}', "digest:"),
    Ask(400, "InvalidBody", "POST", "/units/{unit}/rollback", "{}", "state: Field required"),
    Ask(400, "InvalidQuery", "GET", "/runs?limit=0", words="limit:"),
    Ask(400, "InvalidQuery", "GET", "/runs?limit=1&limit=2", words="limit:"),
    Ask(400, "InvalidQuery", "GET", "/runs?after=x", words="after:"),
    Ask(400, "InvalidQuery", "GET", "/deployments?state=verified,good", words="state.1:"),
    Ask(400, "InvalidQuery", "GET", "/deployments?stat=verified", words="stat:"),
    Ask(400, "InvalidQuery", "GET", "/deployments?sort=model", words="sort:"),
    Ask(400, "InvalidQuery", "GET", "/ungoverned?fresh=perhaps", words="fresh:"),
    Ask(400, "InvalidQuery", "GET", "/dead-letters?after=0", words="after:"),
    Ask(400, "InvalidId", "POST", "/reimport", {"account": "/x"}, "not the id of"),
    Ask(404, "NotWatched", "POST", "/reimport", {"deployment": A_DEPLOYMENT}, "not watched"),
    Ask(404, "AccountNotFound", "POST", "/reimport", {"account": NO_ACCOUNT}),
    Ask(404, "NoAccounts", "POST", "/reimport", EVERYTHING, arm={"list": "empty"}),
    Ask(404, "RunNotFound", "GET", f"/runs/{NO_RUN}"),
    Ask(404, "DeploymentNotFound", "GET", f"/deployments/{NOBODY}-x/why"),
    Ask(404, "UnitNotFound", "GET", f"/units/{NOBODY}/states"),
    Ask(404, "UnitNotFound", "POST", f"/units/{NOBODY}/release"),
    Ask(404, "UnitNotFound", "POST", f"/units/{NOBODY}/rollback", {"state": NO_RUN}),
    Ask(404, "StateNotFound", "POST", "/units/{unit}/rollback", {"state": NO_RUN}),
    Ask(404, "LetterNotFound", "DELETE", f"/dead-letters/{NOBODY}"),
    Ask(404, "LetterNotFound", "POST", f"/dead-letters/{NOBODY}/replay"),
    Ask(409, "PlanChanged", "POST", "/reimport", {"account": "{unit}", "digest": "0" * 16}),
    Ask(409, "OrderPending", "POST", "/reimport", FORCED, waits=A_ROLLBACK),
    Ask(409, "TooManyRuns", "POST", "/reimport", {"account": "{unit}"}, waits=MANY_RUNS),
    Ask(409, "NotHeld", "POST", "/units/{unit}/release"),
    Ask(409, "NothingOrdered", "DELETE", "/units/{unit}/order"),
    Ask(404, "UnitNotFound", "DELETE", f"/units/{NOBODY}/order"),
    Ask(409, "NotReplayable", "POST", "/dead-letters/replay"),
    Ask(409, "Refused", "POST", "/reimport", EVERYTHING, "BadRequest", {"status": 400}),
    Ask(409, "Refused", "GET", "/ungoverned?fresh=true", None, "BadRequest", {"status": 400}),
    Ask(503, "Unavailable", "POST", "/reimport", EVERYTHING, "check its role", {"status": 403}),
    Ask(503, "Unavailable", "GET", "/ungoverned?fresh=true", None, "check its", {"status": 403}),
    Ask(503, "Unavailable", "GET", "/runs", words="storage answered 404", no_table=RUNS),
    # An answer of ARM that nobody thought of.
    Ask(
        500,
        "InternalError",
        "POST",
        "/reimport",
        EVERYTHING,
        "",
        {"status": 200, "body": {"value": [{"kind": "OpenAI"}]}},
    ),
)


async def answer(response: aiohttp.ClientResponse) -> tuple[int, dict[str, Any]]:
    assert response.content_type == "application/json"
    assert response.headers["Cache-Control"] == "no-store"
    return response.status, await response.json()


@pytest.fixture(scope="module")
async def known(shared_stage: Stage) -> str:
    """An account that the app looks after."""
    account = await shared_stage.account()
    await shared_stage.deploy(account)
    await shared_stage.quiet()
    return account


@pytest.fixture
async def faulty(stage: Stage) -> AsyncIterator[Stage]:
    yield stage
    stage.azure.arm.faults.clear()


@pytest.mark.parametrize("ask", TABLE, ids=str)
async def test_every_error_says_what_it_is_and_what_to_do(
    faulty: Stage, known: str, ask: Ask
) -> None:
    if ask.arm:
        faulty.azure.arm.faults.add(LIST_OF_ACCOUNTS, {"code": "BadRequest", **ask.arm})
    if ask.no_table:  # which the app believes in since it last looked
        await asked(faulty, ask, known)
        await faulty.tables.delete_table(ask.no_table)

    unit = AccountId.parse(known)
    for cause in ask.waits:  # nothing is sent to the queue, so nobody begins
        await faulty.state.mark(unit, cause)

    status, found = await asked(faulty, ask, known)
    if isinstance(claim := await faulty.state.claim(unit), Claim):
        await faulty.state.finish(claim, Ending(done=True))

    assert (status, found["error"]["code"]) == (ask.status, ask.code), found
    assert found.keys() == {"error"}
    assert ask.words in found["error"]["message"]
    assert found["error"]["action"]


async def test_a_table_that_was_deleted_is_made_anew(stage: Stage) -> None:
    statuses = [await status_of(stage, "/api/runs")]
    await stage.tables.delete_table(RUNS)
    statuses += [await status_of(stage, "/api/runs") for _ in range(2)]

    assert statuses == [200, 503, 200]


def test_every_code_of_the_handlers_has_a_row() -> None:
    assert {ask.code for ask in TABLE} == codes_of_the_handlers()


def test_every_error_is_in_the_document() -> None:
    paths = document()["paths"]
    for ask in TABLE:
        path = next(it for it in paths if is_of(ask.path.partition("?")[0], it))
        responses = paths[path][ask.method.lower()]["responses"]
        assert str(ask.status) in responses, ask


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        ("", "InvalidBody", "exactly one of"),
        ("{", "InvalidBody", "Invalid JSON"),
        ("[]", "InvalidBody", "object"),
        ("{}", "InvalidBody", "exactly one of"),
        (b"\xff\xfe", "InvalidBody", "Invalid JSON"),
        ('{"all": true, "account": "/x"}', "InvalidBody", "exactly one of"),
        ('{"all": "maybe"}', "InvalidBody", "all:"),
        ('{"account": 7}', "InvalidBody", "account:"),
        ('{"acount": "/x"}', "InvalidBody", "acount:"),
        ('{"all": true, "digest": "0000000000000000"}', "InvalidBody", "a digest is of one"),
        ('{"account": "/x"}', "InvalidId", "not the id of"),
        ('{"deployment": "../../policies/policy"}', "InvalidId", "not the id of"),
        (f'{{"account": "{A_DEPLOYMENT}"}}', "InvalidId", "something else"),
        (f'{{"deployment": "{GROUP}/{ACCOUNTS}/abc"}}', "InvalidId", "something else"),
    ],
)
async def test_a_bad_body_is_answered_with_the_field_and_the_cure(
    stage: Stage, body: str | bytes, code: str, words: str
) -> None:
    async with stage.app.post("/api/reimport", data=body) as response:
        status, found = await answer(response)

    assert status == 400
    assert found["error"]["code"] == code
    assert words in found["error"]["message"]
    assert found["error"]["action"]


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


async def test_deployments_come_in_the_order_and_the_pages_asked_for(stage: Stage) -> None:
    account = await stage.account()
    for name in ("b1", "c1", "a1", "d1", "e1"):
        await stage.deploy(account, name)
    await stage.quiet()
    wanted = {"account": account.rpartition("/")[2], "sort": "-name", "limit": "2"}

    names, after = list[str](), "0"
    while after:
        async with stage.app.get("/api/deployments", params={**wanted, "after": after}) as response:
            _status, found = await answer(response)
        assert (found["total"], found["timeToVerified"]["count"]) == (5, 5)
        names += [it["name"] for it in found["deployments"]]
        after = found["next"]

    assert names == ["e1", "d1", "c1", "b1", "a1"]


async def asked(stage: Stage, ask: Ask, known: str) -> tuple[int, dict[str, Any]]:
    path = ask.path.replace("{unit}", unit_hash(AccountId.parse(known)))
    body = ask.body
    if isinstance(body, dict):
        body = {key: known if value == "{unit}" else value for key, value in body.items()}
    sent = {"data": body} if isinstance(body, str) else {"json": body} if body else {}
    async with stage.app.request(ask.method, f"/api{path}", **sent) as response:
        return await answer(response)


async def status_of(stage: Stage, url: str) -> int:
    async with stage.app.get(url) as response:
        return response.status


def is_of(path: str, template: str) -> bool:
    parts = zip(path.split("/"), template.split("/"), strict=False)
    same_length = path.count("/") == template.count("/")
    return same_length and all(wanted in (given, "{id}") for given, wanted in parts)


def codes_of_the_handlers() -> set[str]:
    """Read off the calls of HttpError and not_found."""
    calls = [
        node
        for file in (ROOT / "handlers").glob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    ]
    named = [(it.func.id, it.args) for it in calls if isinstance(it.func, ast.Name)]
    codes = {text(args[1]) for name, args in named if name == "HttpError"}
    return {f"{text(args[0])}NotFound" for name, args in named if name == "not_found"} | {
        code for code in codes if code
    }


def text(node: ast.expr) -> str:
    return str(node.value) if isinstance(node, ast.Constant) else ""
