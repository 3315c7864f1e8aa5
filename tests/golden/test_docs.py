"""docs/what-it-creates.md shows what the golden files say.

Its marks are comments, each before the block that it is for::

    <!-- golden: world | heading > heading | first line | last line -->

Headings and lines are told by how they begin, and the last line is indented as the first is.
Without lines, it is all that stands below the last heading.
"""

import re
from pathlib import Path
from textwrap import dedent

import pytest

from shared.core.choices import Choices
from tests.golden.making import text_of
from tests.golden.worlds import WORLDS

PAGE = Path(__file__).parents[2] / "docs/what-it-creates.md"
BLOCK = re.compile(
    r"(<!-- golden: (?P<mark>[^\n]*) -->\n\n```\w*\n)(?P<text>.*?)(?=\n```\n)", re.DOTALL
)
HEADING = re.compile(r"(?:=====|-----|#####+) ")


def test_every_block_shows_what_its_golden_file_says(regenerate: bool) -> None:
    page = PAGE.read_text()
    if regenerate:
        page = BLOCK.sub(lambda it: it[1] + shown(it["mark"]), page)
        PAGE.write_text(page)

    for block in BLOCK.finditer(page):
        assert block["text"] == shown(block["mark"])


def test_every_example_has_its_mark() -> None:
    page = PAGE.read_text()

    unmarked = BLOCK.sub("", page)

    assert len(BLOCK.findall(page)) > 10
    assert re.findall(r"```(?:json|xml)\n.*", unmarked) == []


def test_every_link_of_the_page_exists() -> None:
    for link in re.findall(r"\]\(((?!http)[^)#]+)\)", PAGE.read_text()):
        assert (PAGE.parent / link).exists(), link


def test_every_choice_has_its_row_and_its_golden_file() -> None:
    rows = re.findall(r"^\| (`.*?) \| .* \| `([a-z-]+)` \|$", PAGE.read_text(), re.MULTILINE)

    named = {name for first, _world in rows for name in re.findall(r"`(\w+)", first)}

    assert named == set(Choices.model_fields)
    assert {world for _first, world in rows} <= set(WORLDS)


def test_every_reason_of_the_page_is_one_that_is_given() -> None:
    reasons = re.findall(r"^\| `(no[t ][^`]+)` \|", PAGE.read_text(), re.MULTILINE)
    given = "\n".join(map(text_of, WORLDS.values()))

    assert len(reasons) > 5
    assert [reason for reason in reasons if reason not in given] == []


@pytest.mark.parametrize("mark", ["claude | PUT apis/none", "claude | PUT backends | { | ]"])
def test_a_mark_for_nothing_is_told(mark: str) -> None:
    with pytest.raises(LookupError):
        shown(mark)


def shown(mark: str) -> str:
    """What the golden file says where the mark points."""
    name, headings, *ends = mark.split(" | ")
    lines = _section(text_of(WORLDS[name]), headings)
    if ends:
        start, end = ends
        first = _index(lines, start, 0)
        indent = lines[first][: len(lines[first]) - len(lines[first].lstrip())]
        lines = lines[first : _index(lines, end, first, indent) + 1]
    return dedent("\n".join(lines)).strip()


def _section(text: str, headings: str) -> list[str]:
    lines = text.splitlines()
    starts = [n for n, line in enumerate(lines) if HEADING.match(line)]
    at = -1
    for heading in headings.split(" > "):
        fits = [n for n in starts if n > at and HEADING.sub("", lines[n]).startswith(heading)]
        if not fits:
            raise LookupError(f"no heading begins with {heading}")
        at = fits[0]
    end = next((n for n in starts if n > at), len(lines))
    return lines[at + 1 : end]


def _index(lines: list[str], start: str, since: int, indent: str | None = None) -> int:
    """The first line that begins so; with *indent*, of those that are indented as much."""
    for n in range(since, len(lines)):
        text = lines[n].strip()
        if text.startswith(start) and indent in (None, lines[n].removesuffix(text)):
            return n
    raise LookupError(f"no line begins with {start}")
