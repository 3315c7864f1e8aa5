"""A release says what the changelog says of it, and is refused where the two don't agree."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from sandbox.release_notes import release_notes

ROOT = Path(__file__).parents[2]
CHANGELOG = """\
# Changelog

## [Unreleased]

- Something.

## [0.2.0] - 2026-12-01

### Added

- A thing.

## [0.1.0] - 2026-11-23

- The first.
"""


@pytest.mark.parametrize(
    ("version", "notes"),
    [("0.2.0", "### Added\n\n- A thing."), ("0.1.0", "- The first.")],
)
def test_the_notes_are_the_section_of_the_version(version: str, notes: str) -> None:
    assert release_notes(f"v{version}", changelog=CHANGELOG, project_version=version) == notes


@pytest.mark.parametrize(
    ("tag", "project_version", "told"),
    [
        ("v0.2.0", "0.1.0", "is not v0.1.0"),
        ("0.2.0", "0.2.0", "is not v0.2.0"),
        ("v0.3.0", "0.3.0", r"no section \[0.3.0\]"),
        ("vUnreleased", "Unreleased", "no date"),
    ],
)
def test_what_does_not_agree_is_not_released(tag: str, project_version: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        release_notes(tag, changelog=CHANGELOG, project_version=project_version)


def test_a_version_without_a_date_is_not_released_yet() -> None:
    changelog = "## [0.1.0] - unreleased\n\n- The first."

    with pytest.raises(ValueError, match="no date"):
        release_notes("v0.1.0", changelog=changelog, project_version="0.1.0")


def test_the_changelog_has_a_section_for_the_version_of_the_project() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]

    assert f"\n## [{version}] - " in (ROOT / "CHANGELOG.md").read_text()


def test_it_runs_where_nothing_is_installed() -> None:
    command = (sys.executable, "-S", "-m", "sandbox.release_notes", "v0.0.0-other")

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (1, "")
    assert "is not v" in done.stderr
