"""uv.lock is the truth; what pip installs on Azure is exported from it."""

import re
import subprocess
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_requirements_are_what_the_lock_exports(tmp_path: Path) -> None:
    exported = tmp_path / "requirements.txt"

    subprocess.run(["make", "-s", "requirements", f"REQUIREMENTS={exported}"], cwd=ROOT, check=True)

    assert (ROOT / "requirements.txt").read_text() == exported.read_text(), "make requirements"


def test_every_dependency_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {re.split(r"[^a-z0-9-]", name)[0] for name in project["dependencies"]}
    pinned = dict(
        line.partition(" ")[0].split("==")
        for line in (ROOT / "requirements.txt").read_text().splitlines()
    )

    assert wanted <= pinned.keys()
