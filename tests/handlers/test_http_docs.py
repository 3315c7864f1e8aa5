"""docs/http-api.md has every call and every error, and its examples are answers of this app."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from handlers.api_document import document
from tests.handlers.test_http_api import codes_of_the_handlers
from tests.stage import ROOT

TEXT = (ROOT / "docs/http-api.md").read_text(encoding="utf-8")
CALLS = [
    f"{method.upper()} /api{path}" for path, item in document()["paths"].items() for method in item
]
EXAMPLE = re.compile(r"```http\n(\w+) /api(\S+)\n([^`]*)```(?:\n\n```json\n(.*?)```)?", re.DOTALL)
EXAMPLES = [
    pytest.param(*found.groups(), id=f"{number}-{found[1]}-{found[2]}")
    for number, found in enumerate(EXAMPLE.finditer(TEXT))
]


@pytest.mark.parametrize("call", [*CALLS, "GET /api/openapi.json", "GET /api/board"])
def test_every_call_has_its_line(call: str) -> None:
    assert f"\n| `{call}` |" in TEXT


@pytest.mark.parametrize("code", sorted(codes_of_the_handlers()))
def test_every_error_is_explained(code: str) -> None:
    assert re.search(rf"^\| \d{{3}} \|.*`{code}`.*\|$", TEXT, re.MULTILINE)


@pytest.mark.parametrize(("method", "url", "body", "answer"), EXAMPLES)
def test_every_example_is_what_the_document_describes(
    method: str, url: str, body: str, answer: str | None
) -> None:
    operation = operation_of(method, url)
    asked = [operation["requestBody"]["content"]] if body else []
    told = [it["content"] for it in operation["responses"].values() if "content" in it]

    assert answer is None or any(matches(json.loads(answer), it) for it in told)
    assert all(matches(json.loads(body), it) for it in asked)
    known = {it["name"] for it in operation["parameters"]}
    assert set(re.findall(r"[?&](\w+)=", url)) <= known


def test_there_is_an_example_of_each_way_to_look() -> None:
    shown = {operation_of(it.values[0], it.values[1])["operationId"] for it in EXAMPLES}
    reads = {item["get"]["operationId"] for item in document()["paths"].values() if "get" in item}

    assert reads <= shown


def operation_of(method: Any, url: Any) -> Any:
    parts = url.partition("?")[0].split("/")
    for path, item in document()["paths"].items():
        wanted = path.split("/")
        same = len(wanted) == len(parts) and all(
            it in (part, "{id}") for it, part in zip(wanted, parts, strict=True)
        )
        if same and method.lower() in item:
            return item[method.lower()]
    raise LookupError(f"{method} {url}")


def matches(value: Any, content: Any) -> bool:
    """Whether *value* has all that the schema wants and nothing that it does not know."""
    schemas = {name: closed(it) for name, it in document()["components"]["schemas"].items()}
    schema = {**content["application/json"]["schema"], "components": {"schemas": schemas}}
    return not list(errors(value, schema))


def errors(value: Any, schema: Any) -> Iterator[Any]:
    yield from Draft202012Validator(schema).iter_errors(value)


def closed(schema: Any) -> Any:
    return {"additionalProperties": False, **schema} if "properties" in schema else schema
