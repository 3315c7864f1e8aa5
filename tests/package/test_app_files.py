"""What is deployed: all that .funcignore leaves, and nothing that only people need."""

from pathlib import Path

import pytest

from sandbox.package import PackagingError, app_files

ROOT = Path(__file__).parents[2]
DEPLOYED = {"function_app.py", "handlers", "host.json", "requirements.txt", "shared"}
IF_THERE = {"onramp.yaml"}  # what the owner of a deployment adds


def an_app(folder: Path, *names: str, ignored: str = "") -> Path:
    (folder / ".funcignore").write_text(ignored)
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def test_just_the_app_is_deployed() -> None:
    top = {name.parts[0] for name in app_files(ROOT)}

    assert top - IF_THERE == DEPLOYED, "what is new here goes into .funcignore, or into DEPLOYED"


def test_only_modules_are_deployed_from_the_rooms_of_the_app() -> None:
    rooms = [name for name in app_files(ROOT) if name.parts[0] in {"handlers", "shared"}]

    assert {name.suffix for name in rooms} <= {".py", ".json", ".html"}
    assert Path("shared/core/plan.py") in rooms


@pytest.mark.parametrize(
    ("ignored", "left"),
    [
        ("", {"app.py", "a/tests/x.py", "tests/x.py", "tests/y.txt"}),
        ("tests", {"app.py"}),
        ("/tests", {"app.py", "a/tests/x.py"}),
        ("tests/\n!tests/x.py", {"app.py"}),
        ("*.txt", {"app.py", "a/tests/x.py", "tests/x.py"}),
        ("# tests\n\ntests/*\n!tests/y.txt", {"app.py", "a/tests/x.py", "tests/y.txt"}),
    ],
)
def test_funcignore_is_read_as_git_reads_its_own(
    ignored: str, left: set[str], tmp_path: Path
) -> None:
    names = ("app.py", "tests/x.py", "tests/y.txt", "a/tests/x.py", "__pycache__/app.pyc")
    root = an_app(tmp_path, *names, ignored=f"{ignored}\n.funcignore")

    found = {name.as_posix() for name in app_files(root)}

    assert found == left


@pytest.mark.parametrize(
    "name", ["local.settings.json", ".env", "shared/.env.prod", "shared/gateway.pem", "a.key"]
)
def test_what_may_be_a_secret_is_refused_rather_than_deployed(name: str, tmp_path: Path) -> None:
    root = an_app(tmp_path, "app.py", name)

    with pytest.raises(PackagingError, match=name):
        app_files(root)
