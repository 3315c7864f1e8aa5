"""The page and its headers, without a browser."""

import re
from base64 import b64encode
from hashlib import sha256

import pytest

from handlers.board import content_security_policy, page

TEXT, HEADERS = page()


def directives(policy: str) -> dict[str, str]:
    return dict(item.split(" ", 1) for item in policy.split("; "))


def test_the_policy_allows_the_script_and_the_style_sheet_and_requests_to_the_app() -> None:
    found = directives(HEADERS["Content-Security-Policy"])

    assert found["default-src"] == "'none'"
    assert found["connect-src"] == "'self'"
    assert found["script-src"].startswith("'sha256-")
    assert found["style-src"].startswith("'sha256-")
    assert not re.search(r"unsafe|https?:|\*", HEADERS["Content-Security-Policy"])


def test_the_hash_in_the_policy_is_that_of_the_script() -> None:
    script = TEXT.partition('<script type="module">')[2].partition("</script>")[0]
    digest = b64encode(sha256(script.encode()).digest()).decode()

    assert directives(HEADERS["Content-Security-Policy"])["script-src"] == f"'sha256-{digest}'"


def test_another_script_has_another_hash() -> None:
    changed = TEXT.replace("const API", "const Api", 1)

    assert content_security_policy(changed) != HEADERS["Content-Security-Policy"]


def test_the_page_is_one_script_and_one_style_sheet() -> None:
    assert len(re.findall(r"<script\b", TEXT)) == 1
    assert len(re.findall(r"<style\b", TEXT)) == 1


@pytest.mark.parametrize(
    "sink", ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function("]
)
def test_no_text_can_become_markup_or_code(sink: str) -> None:
    assert sink not in TEXT


@pytest.mark.parametrize("pattern", [r"<[^>]+\son\w+=", r"<[^>]+\sstyle=", r"https?://(?!www\.w3)"])
def test_nothing_is_inline_in_an_attribute_or_fetched_from_elsewhere(pattern: str) -> None:
    assert re.findall(pattern, TEXT) == []


def test_the_key_leaks_by_no_header() -> None:
    assert HEADERS["Referrer-Policy"] == "no-referrer"
    assert HEADERS["X-Content-Type-Options"] == "nosniff"
    assert HEADERS["Cache-Control"] == "no-cache"


def test_the_page_stays_small() -> None:
    assert len(TEXT.encode()) < 68_000
