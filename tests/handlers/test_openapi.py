"""The document of the HTTP API against the API: schemathesis asks through the real host."""

from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from openapi_spec_validator import OpenAPIV31SpecValidator, validate
from schemathesis.specs.openapi.checks import unsupported_method
from yarl import URL

from handlers.api_document import document
from tests.handlers.threaded import ThreadedStage, threaded_stage
from tests.stage import EMBEDDINGS, GROUP

EXAMPLES = 10
NOT_IN_THE_DOCUMENT = {"board", "openapi"}  # the page for people, and the document itself
HOSTILE = {
    "parent": "..%2f..%2fpolicies",
    "quote": "' or PartitionKey ne '",
    "nul": "%00",
    "lines": "%0d%0aSet-Cookie:%20a=b",
    "script": "<script>alert(1)<%2fscript>",
    "long": "f" * 2000,
    "other letters": "%c5%bf" * 32,  # a long s, which lower-casing would make an s
    "table key": "a%23b%3fc%5cd",
    "wildcard": "*",
}
schema = schemathesis.openapi.from_dict(document())
calls_with_id = pytest.mark.parametrize(
    ("method", "path"),
    [
        pytest.param(method, path, id=f"{method} {path}")
        for path, item in document()["paths"].items()
        for method in item
        if "{id}" in path
    ],
)


@pytest.fixture(scope="module")
def held() -> Iterator[ThreadedStage]:
    """An app that has something to tell."""
    with threaded_stage() as held:
        held.do(_populate(held))
        yield held


async def _populate(held: ThreadedStage) -> None:
    stage = held.stage
    account = await stage.account()
    await stage.deploy(account)
    await stage.deploy(account, "odd", model={"format": "OpenAI", "name": "sora-2"})
    await stage.deploy(account, "embed", model=EMBEDDINGS)
    await stage.quiet()
    await stage.sweep()


@st.composite
def arm_ids(draw: st.DrawFn) -> str:
    """Of accounts that ARM does not have, in a subscription that is watched."""
    name = draw(st.from_regex(r"[a-z0-9][a-z0-9-]{1,20}", fullmatch=True))
    return f"{GROUP}/providers/Microsoft.CognitiveServices/accounts/{name}"


schemathesis.openapi.format("arm-id", arm_ids())


@schema.parametrize()
@settings(
    max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
def test_whatever_is_asked_is_answered_as_the_document_says(
    case: schemathesis.Case[Any], held: ThreadedStage
) -> None:
    case.body = _of_its_type(case.body)
    # The host has methods as constraints of routes: 404, not 405 (HttpMethodRouteConstraint).
    case.call_and_validate(
        _base(held), headers=_key(held), excluded_checks=[unsupported_method], timeout=120
    )


@calls_with_id
@pytest.mark.parametrize("id_", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_id_is_only_not_found(
    held: ThreadedStage, method: str, path: str, id_: str
) -> None:
    url = f"/api{path.replace('{id}', id_)}"
    status, headers, found = held.do(_answer(held.stage.app, method, url))

    assert (status, found["error"]["code"][-8:]) == (404, "NotFound")
    assert id_ not in found["error"]["message"]
    assert "Set-Cookie" not in headers


def test_the_document_is_valid_and_is_what_the_app_serves(held: ThreadedStage) -> None:
    _status, headers, served = held.do(_answer(held.stage.app, "get", "/api/openapi.json"))

    validate(served, cls=OpenAPIV31SpecValidator)
    assert served == document()
    assert headers["Content-Type"] == "application/json"


def test_every_http_function_is_in_the_document_and_the_other_way_round(
    held: ThreadedStage,
) -> None:
    _status, _headers, functions = held.do(_answer(held.stage.admin, "get", "/admin/functions"))
    triggers = {
        it["name"]: binding
        for it in functions
        for binding in it["config"]["bindings"]
        if binding["type"] == "httpTrigger"
    }
    served = {
        (name, method.lower(), f"/{trigger['route']}")
        for name, trigger in triggers.items()
        for method in trigger["methods"]
        if name not in NOT_IN_THE_DOCUMENT
    }

    assert triggers.keys() >= NOT_IN_THE_DOCUMENT
    assert served == {
        (operation["operationId"], method, path)
        for path, item in document()["paths"].items()
        for method, operation in item.items()
    }


def test_every_schema_of_the_document_is_used() -> None:
    text = str(document())

    for name in document()["components"]["schemas"]:
        assert f"'#/components/schemas/{name}'" in text, name


def _of_its_type(body: Any) -> Any:
    """No format can tell what a resource is of; x-ms-arm-id-details does."""
    of = body.get("deployment") if isinstance(body, dict) else None
    if isinstance(of, str) and of.startswith(GROUP):
        return {**body, "deployment": f"{of}/deployments/x"}
    return body


async def _answer(session: aiohttp.ClientSession, method: str, url: str) -> tuple[int, Any, Any]:
    body = {"state": "0" * 32} if url.endswith("rollback") else None
    encoded = URL(f"{session._base_url}".rstrip("/") + url, encoded="%" in url)
    async with session.request(method, encoded, json=body) as response:
        return response.status, response.headers, await response.json(content_type=None)


def _base(held: ThreadedStage) -> str:
    return f"{held.stage.azure.endpoints.functions}/api"


def _key(held: ThreadedStage) -> dict[str, str]:
    return {"x-functions-key": held.stage.azure.host.ready.host_key}
