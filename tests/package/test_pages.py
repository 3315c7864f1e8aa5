"""The pages for people name only what is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = ("CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")
ROOMS = ("shared", "sandbox", "tests", "docs", "infra", "handlers")
_LINK = re.compile(r"\]\(((?!http)[^)#]+)\)")
_QUOTED = re.compile(r"`([^`\s]+)`")
_TARGET = re.compile(r"\bmake ([a-z]+)\b")


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page: str) -> None:
    links = _LINK.findall((ROOT / page).read_text())

    assert [link for link in links if not (ROOT / link).exists()] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_is_named_is_there(page: str) -> None:
    named = [it for it in _QUOTED.findall((ROOT / page).read_text()) if it.startswith(ROOMS)]

    paths = [name for name in named if "/" in name]

    assert [path for path in paths if not any(ROOT.glob(f"{path.rstrip('/')}*"))] == []


def test_a_file_that_is_named_alone_is_in_the_folder_of_the_one_before() -> None:
    """As in: `shared/core/naming.py`, `bodies.py`."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    for line in text.splitlines():
        folder = ROOT
        for name in _QUOTED.findall(line):
            if name.startswith(ROOMS) and name.endswith(".py"):
                folder = (ROOT / name).parent
            elif re.fullmatch(r"\w+\.py", name) and folder != ROOT:
                assert (folder / name).is_file(), f"{name} of {line}"


@pytest.mark.parametrize("page", PAGES)
def test_every_command_is_a_target_of_make(page: str) -> None:
    makefile = (ROOT / "Makefile").read_text()
    commands = re.findall(r"`([^`]*)`|^(make .*)$", (ROOT / page).read_text(), re.MULTILINE)

    targets = {name for pair in commands for name in _TARGET.findall(" ".join(pair))}

    assert {name for name in targets if f"\n{name}:" not in makefile} == set()
