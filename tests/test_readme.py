"""What the README says is what the code has."""

import re
from enum import Enum
from pathlib import Path

from shared.settings import PREFIX, Settings

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
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
        if isinstance(default, bool | int | str):
            expected = str(default).lower() if isinstance(default, bool) else str(default)
            assert stated[f"{PREFIX}{name.upper()}"] == expected


def test_every_link_and_make_target_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()

    for target in re.findall(r"make (\w+)", README):
        if target in {"demo", "test", "sandbox"}:
            assert f"\n{target}:" in makefile
    for link in re.findall(r"\]\(((?!http)[^)#]+)\)", README):
        assert (ROOT / link).exists(), link


def test_the_walk_names_files_that_exist() -> None:
    walk = (ROOT / "docs/architecture.md").read_text().split("## Walk")[1].split("## Single")[0]

    files = re.findall(r"`([\w/]+\.py)`", walk)
    known = {path.name for path in (ROOT / "shared").rglob("*.py")}
    assert len(files) > 15
    for file in files:
        assert (ROOT / file).exists() or file in known, file
