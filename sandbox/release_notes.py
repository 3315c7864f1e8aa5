"""``python -m sandbox.release_notes v1.2.3``: what CHANGELOG.md says of a version, for its release.

Needs the standard library only, for it runs where nothing is installed.
"""

import re
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[1]
_HEADING = re.compile(r"^## \[(?P<version>[^\]]+)\](?: - (?P<date>\S+))?$", re.MULTILINE)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def release_notes(tag: str, *, changelog: str, project_version: str) -> str:
    """The section of the version that *tag* names.

    Raises:
        ValueError: the tag, the project and the changelog don't agree that this is released.
    """
    version = tag.removeprefix("v")
    if tag != f"v{project_version}":
        raise ValueError(f"the tag {tag} is not v{project_version}, the version in pyproject.toml")
    for heading in _HEADING.finditer(changelog):
        if heading["version"] != version:
            continue
        if not _DATE.fullmatch(heading["date"] or ""):
            raise ValueError(f"CHANGELOG.md gives {version} no date: it is not released yet")
        following = _HEADING.search(changelog, heading.end())
        return changelog[heading.end() : following.start() if following else None].strip()
    raise ValueError(f"CHANGELOG.md has no section [{version}]")


def main(arguments: Sequence[str]) -> int:
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text())["project"]
    changelog = (_ROOT / "CHANGELOG.md").read_text()
    try:
        (tag,) = arguments
        print(release_notes(tag, changelog=changelog, project_version=str(project["version"])))
    except ValueError as exc:
        print(f"release_notes: {exc}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
