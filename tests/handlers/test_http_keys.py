"""Who gets in: each HTTP function against each kind of key.

Which key opens what: learn.microsoft.com/azure/azure-functions/function-keys-how-to. A function's
own key opens that function alone, the host key all of them, the master key the host's own
endpoints too; a system key (Event Grid's) is for its extension's webhook.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

import aiohttp
import pytest

from handlers.api_document import document
from tests.stage import Stage

PUBLIC = {"board": "/board", "openapi": "/openapi.json"}
CALLS = {
    operation["operationId"]: (method.upper(), path.replace("{id}", "0" * 12))
    for path, item in document()["paths"].items()
    for method, operation in item.items()
}
# Whose key, and whether it opens a function.
KEYS = {
    "none": False,
    "wrong": False,
    "another": False,
    "event grid": False,
    "own": True,
    "host": True,
    "master": True,
}


@dataclass(frozen=True, slots=True)
class Door:
    """The app without a key in hand, and all the keys there are."""

    stage: Stage
    nobody: aiohttp.ClientSession
    functions: Mapping[str, str]

    async def key(self, whose: str, function: str) -> str | None:
        ready = self.stage.azure.host.ready
        others = (key for name, key in self.functions.items() if name != function)
        return {
            "none": None,
            "wrong": "x" * 54,
            "another": next(others),
            "event grid": await self._system_key(),
            "own": self.functions[function],
            "host": ready.host_key,
            "master": ready.master_key,
        }[whose]

    async def _system_key(self) -> str:
        url = "/admin/host/systemkeys/eventgrid_extension"
        async with self.stage.admin.get(url) as response:
            return str((await response.json())["value"])


@pytest.fixture
async def door(stage: Stage) -> AsyncIterator[Door]:
    functions = {}
    for name in CALLS:
        async with stage.admin.get(f"/admin/functions/{name}/keys") as response:
            functions[name] = (await response.json())["keys"][0]["value"]
    async with aiohttp.ClientSession(stage.azure.endpoints.functions) as nobody:
        yield Door(stage, nobody, functions)


@pytest.mark.parametrize(("whose", "opens"), KEYS.items(), ids=KEYS)
@pytest.mark.parametrize("function", CALLS)
async def test_only_the_right_key_opens_a_function(
    door: Door, function: str, whose: str, opens: bool
) -> None:
    key, (method, path) = await door.key(whose, function), CALLS[function]
    headers = {"x-functions-key": key} if key else {}
    async with door.nobody.request(method, f"/api{path}", headers=headers) as response:
        body = await response.read()

    assert (response.status != 401) is opens
    assert bool(body) is opens  # the host refuses without a word


async def test_a_key_may_come_in_the_query_and_the_header_wins(door: Door) -> None:
    good = await door.key("host", "units")
    statuses = []
    for header, query in ((None, good), (None, "x"), ("x", good), (good, "x")):
        headers = {"x-functions-key": header} if header else {}
        params = {"code": query or ""}
        async with door.nobody.get("/api/units", headers=headers, params=params) as response:
            statuses.append(response.status)

    assert statuses == [200, 401, 401, 200]


@pytest.mark.parametrize("path", PUBLIC.values())
async def test_what_anybody_may_read_holds_no_data(door: Door, path: str) -> None:
    stage = door.stage
    account = await stage.account(prefix="secretproject")
    await stage.deploy(account, "unspoken")
    await stage.quiet()

    async with door.nobody.get(f"/api{path}") as response:
        text = await response.text()
    async with stage.app.get(f"/api{path}") as response:
        with_key = await response.text()

    private = ["secretproject", "unspoken", stage.azure.gateway_id, account.split("/")[2]]
    assert response.status == 200
    assert text == with_key
    assert [word for word in private if word in text] == []


async def test_nothing_else_is_open_to_anybody(door: Door) -> None:
    async with door.stage.admin.get("/admin/functions") as response:
        functions = await response.json()
    anonymous = {
        function["name"]
        for function in functions
        for binding in function["config"]["bindings"]
        if binding["type"] == "httpTrigger" and binding["authLevel"].lower() == "anonymous"
    }

    assert anonymous == set(PUBLIC)


@pytest.mark.parametrize(("whose", "status"), [("none", 401), ("host", 403), ("own", 401)])
async def test_no_function_s_key_opens_the_host_itself(door: Door, whose: str, status: int) -> None:
    key = await door.key(whose, "units")
    headers = {"x-functions-key": key} if key else {}
    async with door.nobody.get("/admin/functions", headers=headers) as response:
        assert response.status == status
