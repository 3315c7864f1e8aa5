"""What ``$filter`` may ask of each list."""

from collections.abc import AsyncIterator

import pytest

from tests.sandbox.apim_client import API, BACKEND, Apim, details, local_apim


@pytest.fixture
async def apim() -> AsyncIterator[Apim]:
    async with local_apim() as apim:
        await apim.must("apis/echo", API | {"description": "model-onramp: mine"})
        await apim.must("backends/first", BACKEND | {"title": "One"})
        await apim.must(
            "namedValues/key", {"displayName": "The-Key", "value": "v", "tags": ["ai", "blue"]}
        )
        await apim.must("products/p", {"displayName": "p", "state": "published"})
        await apim.must("products/p/apis/echo")
        yield apim


@pytest.mark.parametrize(
    ("tail", "text", "found"),
    [
        ("apis", "contains(name,'ECH')", ["echo"]),
        ("apis", "startswith(properties/description,'model-onramp')", ["echo"]),
        ("apis", "isCurrent ne true", []),
        ("backends", "contains(url,'openai')", ["first"]),
        ("backends", "title eq 'one' and startswith(name,'f')", ["first"]),
        ("namedValues", "displayName eq 'the-key'", ["key"]),
        ("namedValues", "tags/any(t: t eq 'AI')", ["key"]),
        ("namedValues", "tags/all(t: startswith(t,'b'))", []),
        ("products", "state eq 'published'", ["p"]),
        ("apis/echo/products", "displayName eq 'p'", ["p"]),
        ("products/p/apis", "path eq 'echo'", ["echo"]),
        ("apiVersionSets", "anything eq 'x'", []),
    ],
)
async def test_what_the_reference_lists_can_be_asked(
    apim: Apim, tail: str, text: str, found: list[str]
) -> None:
    assert await apim.names(f"{tail}?$filter={text}") == found


@pytest.mark.parametrize(
    ("tail", "text"),
    [
        ("apis", "protocols eq 'https'"),
        ("apis", "contains(isCurrent,'t')"),
        ("apis", "isCurrent gt true"),
        ("backends", "description eq 'x'"),
        ("backends", "contains(protocol,'h')"),
        ("namedValues", "name eq 'key'"),
        ("namedValues", "displayName/any(t: t eq 'x')"),
        ("products", "state ne 'published'"),
        ("loggers", "startswith(loggerType,'a')"),
        ("apis/echo/products", "name eq 'p'"),
        ("apis", "name eq 'echo' and secret eq 'x'"),
        ("apis", "length(name) eq 4"),
    ],
)
async def test_what_the_reference_does_not_list_is_refused(
    apim: Apim, tail: str, text: str
) -> None:
    [(target, _)] = details(await apim.get(f"{tail}?$filter={text}"))

    assert target == "$filter"


async def test_the_count_is_of_all_pages_and_of_the_filtered(apim: Apim) -> None:
    for name in ("a", "b", "c"):
        await apim.must(f"backends/{name}", BACKEND)

    page = await apim.get("backends?$top=1&$skip=1&$filter=name ne 'first'")

    assert [it["name"] for it in page.body["value"]] == ["b"]
    assert page.body["count"] == 3
    assert "nextLink" in page.body
