"""What a call does not know is refused: ignored, `?dryRun=true` would write."""

from typing import Any

import pytest

from handlers.api_document import document
from tests.stage import Stage

NOBODY = "0" * 12
AN_ID = "0" * 32
CALLS = [(method.upper(), path) for path, item in document()["paths"].items() for method in item]
each_call = pytest.mark.parametrize(("method", "path"), CALLS, ids=[" ".join(it) for it in CALLS])
WITHOUT_BODY = [
    (method, path)
    for method, path in CALLS
    if "requestBody" not in document()["paths"][path][method.lower()]
]
REIMPORT = {"account": "/x", "dryRun": True}


async def asked(stage: Stage, method: str, url: str, **sent: Any) -> tuple[int, dict[str, str]]:
    async with stage.app.request(method, f"/api{url}", **sent) as response:
        found = await response.json()
        return response.status, found.get("error", {})


@each_call
async def test_a_parameter_that_a_call_does_not_have_is_refused(
    stage: Stage, method: str, path: str
) -> None:
    url = f"{path.replace('{id}', AN_ID)}?dry_run=true"
    body = {"json": REIMPORT} if method == "POST" else {}

    status, error = await asked(stage, method, url, **body)

    assert (status, error["code"]) == (400, "InvalidQuery")
    assert error["message"] == "dry_run: Extra inputs are not permitted"


@each_call
async def test_a_field_that_a_call_does_not_have_is_refused(
    stage: Stage, method: str, path: str
) -> None:
    url = path.replace("{id}", AN_ID)

    status, error = await asked(stage, method, url, json={"dry_run": True})

    assert (status, error["code"]) == (400, "InvalidBody")
    assert "dry_run: Extra inputs are not permitted" in error["message"]


@pytest.mark.parametrize("body", ["", "{}"])
@pytest.mark.parametrize(("method", "path"), WITHOUT_BODY, ids=str)
async def test_an_empty_body_is_none(stage: Stage, method: str, path: str, body: str) -> None:
    status, error = await asked(stage, method, path.replace("{id}", AN_ID), data=body)

    assert status != 400, error


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('{"all": true, "dryRun": true, "dryRun": false}', "dryRun: Field is there twice"),
        ('{"all": true, "all": true}', "all: Field is there twice"),
        ('{"all": true, "dry\\u0052un": true, "dryRun": false}', "dryRun: Field is there twice"),
    ],
)
async def test_a_field_that_is_there_twice_is_refused(stage: Stage, body: str, words: str) -> None:
    status, error = await asked(stage, "POST", "/reimport", data=body)

    assert (status, error["code"], error["message"]) == (400, "InvalidBody", words)


@pytest.mark.parametrize(
    "body",
    [
        f'{{"{"x" * 1_000_000}": 1}}',
        f"{{{', '.join(f'"field{number}": 1' for number in range(5000))}}}",
        "[" * 100_000,
        '{"all":' * 50_000,
        f'{{"account": "{"x" * 1_000_000}"}}',
        '{"digest": "' + "y" * 1_000_000 + '", "all": true}',
    ],
    ids=["name", "names", "brackets", "objects", "id", "digest"],
)
async def test_however_much_is_wrong_the_answer_is_short(stage: Stage, body: str) -> None:
    status, error = await asked(stage, "POST", "/reimport", data=body)

    assert status == 400
    assert len(error["message"]) < 1000
