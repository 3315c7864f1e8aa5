"""What GitHub runs: only what people can run, with pinned actions and no right too many."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.y*ml"))
MANIFESTS = {"uv": "uv.lock", "npm": "package-lock.json", "github-actions": ".github/workflows"}
_USES = re.compile(r"^\s*(?:- )?uses: (.+)$", re.MULTILINE)
_PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")

each_workflow = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)


def read(path: Path) -> dict[str, Any]:
    # YAML 1.1 reads the key `on` as true.
    found: dict[Any, Any] = yaml.safe_load(path.read_text())
    return {"on" if key is True else str(key): value for key, value in found.items()}


def jobs(path: Path) -> list[dict[str, Any]]:
    return list(read(path)["jobs"].values())


def commands(path: Path) -> list[str]:
    return [step["run"] for job in jobs(path) for step in job.get("steps", ()) if "run" in step]


def test_there_are_a_check_and_a_release() -> None:
    assert [path.name for path in WORKFLOWS] == ["ci.yml", "release.yml"]


@each_workflow
def test_every_action_is_pinned_by_a_commit_and_says_its_version(path: Path) -> None:
    used = [line for line in _USES.findall(path.read_text()) if not line.startswith("./")]

    assert used
    assert [line for line in used if not _PINNED.fullmatch(line)] == []


def test_one_action_has_one_version() -> None:
    used = {line for path in WORKFLOWS for line in _USES.findall(path.read_text())}

    names = [line.partition("@")[0] for line in used]

    assert len(names) == len(set(names))


@each_workflow
def test_a_workflow_may_nothing_and_each_job_says_what_it_may(path: Path) -> None:
    assert read(path)["permissions"] == {}
    for job in jobs(path):
        assert job["permissions"], "a job without permissions has the repository's default ones"


def test_only_the_job_that_releases_may_write_and_only_contents() -> None:
    rights = [
        (path.name, what, right)
        for path in WORKFLOWS
        for job in jobs(path)
        for what, right in job["permissions"].items()
    ]

    assert [it for it in rights if it[2] != "read"] == [("release.yml", "contents", "write")]


@each_workflow
def test_no_text_of_others_is_put_into_a_shell(path: Path) -> None:
    """learn: docs.github.com/actions/security-guides/security-hardening-for-github-actions."""
    assert [command for command in commands(path) if "${{" in command] == []


@each_workflow
def test_every_command_of_ours_exists(path: Path) -> None:
    makefile = (ROOT / "Makefile").read_text()
    text = "\n".join(commands(path))

    for target in re.findall(r"^make (\S+)", text, re.MULTILINE):
        assert f"\n{target}:" in makefile
    for module in re.findall(r"-m (sandbox\S*)", text):
        assert (ROOT / f"{module.replace('.', '/')}.py").is_file()
    for local in re.findall(r"uses: \./(\S+)", path.read_text()):
        assert (ROOT / local).is_file()


def test_the_check_is_what_people_run_and_the_release_waits_for_it() -> None:
    ci, release = (read(path) for path in WORKFLOWS)

    assert {"make test", "make package"} <= set(commands(WORKFLOWS[0]))
    assert release["jobs"]["test"]["uses"] == "./.github/workflows/ci.yml"
    assert release["jobs"]["publish"]["needs"] == "test"
    assert "workflow_call" in ci["on"]


def test_the_check_compiles_every_template_that_is_deployed() -> None:
    text = "\n".join(commands(WORKFLOWS[0]))

    templates = [f"infra/{path.name}" for path in (ROOT / "infra").glob("*.bicep")]

    assert templates
    assert [it for it in templates if f"az bicep build --file {it} " not in text] == []


def test_every_job_ends() -> None:
    for path in WORKFLOWS:
        for job in jobs(path):
            assert "uses" in job or job["timeout-minutes"] <= 60


def test_updates_are_looked_for_wherever_versions_are_pinned() -> None:
    updates = read(ROOT / ".github/dependabot.yml")["updates"]

    found = {it["package-ecosystem"]: it["directory"].strip("/") for it in updates}

    assert found.keys() == MANIFESTS.keys()
    for ecosystem, folder in found.items():
        assert (ROOT / folder / MANIFESTS[ecosystem]).exists()
