"""What the README says is what the code has."""

import re
from enum import Enum
from pathlib import Path

import pytest

from shared.rules_file import read_rules_file
from shared.settings import PREFIX, Settings
from tests.clients.table import CALLS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
PAGES = (
    *(ROOT / f"{it}.md" for it in ("README", "CONTRIBUTING", "SECURITY", "CHANGELOG")),
    ROOT / "infra/README.md",
    *sorted((ROOT / "docs").glob("*.md")),
)
TEST = re.compile(r"\[([^\]]+)\]\(\.\./(tests/[^)]+\.py)\)")
ROW = re.compile(r"^\| `(ONRAMP_\w+|AzureWebJobsStorage)` \|(.*?)\|(.*)\|$", re.MULTILINE)


def test_every_setting_has_its_row_and_every_row_its_setting() -> None:
    rows = {name: what for name, _default, what in ROW.findall(README)}
    fields = {
        "AzureWebJobsStorage" if name == "storage" else f"{PREFIX}{name.upper()}"
        for name in Settings.model_fields
    }

    assert rows.keys() == fields


def test_the_defaults_in_the_readme_are_the_ones_in_the_code() -> None:
    stated = {name: default.strip(" `") for name, default, _ in ROW.findall(README)}

    for name, field in Settings.model_fields.items():
        default = field.default.value if isinstance(field.default, Enum) else field.default
        if isinstance(default, bool | int | str | Path):
            expected = str(default).lower() if isinstance(default, bool) else str(default)
            assert stated[f"{PREFIX}{name.upper()}"] == expected


def test_every_make_target_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()

    for target in re.findall(r"make (\w+)", README):
        assert f"\n{target}:" in makefile, target


@pytest.mark.parametrize("page", PAGES, ids=[str(it.relative_to(ROOT)) for it in PAGES])
def test_every_link_leads_to_a_file_and_a_heading_in_it(page: Path) -> None:
    for link in re.findall(r"\]\(((?!http)[^)\s]+)\)", page.read_text()):
        file, _, anchor = link.partition("#")
        target = page.parent / file if file else page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


def anchors(page: Path) -> set[str]:
    """What GitHub makes of a page's headings."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", it.lower()).replace(" ", "-") for it in titles}


def section(title: str) -> str:
    return README.split(f"\n## {title}\n")[1].split("\n## ")[0]


WIZARD = [
    line
    for line in (ROOT / "docs/wizard.md").read_text().splitlines()
    if line.startswith("| ") and not line.startswith("| the wizard asks for ")
]


@pytest.mark.parametrize("row", WIZARD, ids=[row.split("|")[1].strip() for row in WIZARD])
def test_every_step_of_the_wizard_links_tests_that_exist(row: str) -> None:
    links = TEST.findall(row)

    assert links
    for name, file in links:
        function = f"def test_{name.replace(' ', '_')}("
        assert function in (ROOT / file).read_text(), f"{file} has no {function}"


def test_the_wizards_table_has_every_step() -> None:
    assert len(WIZARD) == 14


def test_the_rules_file_shown_can_be_used(tmp_path: Path) -> None:
    (shown,) = re.findall(r"```yaml\n(.*?)```", section("onramp.yaml"), re.DOTALL)
    file = tmp_path / "onramp.yaml"
    file.write_text(shown)

    assert len(read_rules_file(file).rules) == 2


def test_every_client_of_the_table_is_one_that_is_driven() -> None:
    rows = (ROOT / "docs/clients.md").read_text()
    driven = {call.client for call in CALLS if call.operation}

    named = [
        name
        for row in re.findall(r"^\| (.*?) \|", rows, re.MULTILINE)
        for name in re.findall(r"`([^`<…]+)[^`]*`", row)
    ]

    assert len(named) > 10
    for name in named:
        assert any(it.startswith(name.rstrip("-")) for it in driven), name


def test_the_walk_names_files_that_exist() -> None:
    walk = (ROOT / "docs/architecture.md").read_text().split("## Walk")[1].split("## Single")[0]

    files = re.findall(r"`([\w/]+\.py)`", walk)
    known = {path.name for path in (ROOT / "shared").rglob("*.py")}
    assert len(files) > 15
    for file in files:
        assert (ROOT / file).exists() or file in known, file
