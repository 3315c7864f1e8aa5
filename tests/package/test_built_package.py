"""The app as it is deployed: from the zip, with its own packages and no others."""

import ast
import os
import platform
import re
import shutil
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path
from zipfile import ZipFile

import pytest

from sandbox import package
from sandbox.functions_host.process import HostFailedError, HostOptions, functions_host
from sandbox.functions_host.vendored import FOLDER
from sandbox.local_azure import Options
from tests.stage import a_stage

ROOT = Path(__file__).parents[2]
SETTINGS = {"AzureWebJobsStorage": "UseDevelopmentStorage=true"}
# As the worker looks: nothing of this environment, the packages before the app.
IMPORT_ALL = """
import importlib, sys
sys.path[:0] = sys.argv[1:3]
for name in sys.stdin.read().split():
    importlib.import_module(name)
"""
pytestmark = pytest.mark.skipif(
    (sys.platform, platform.machine()) != ("linux", "x86_64"),
    reason="the package is built for Linux on x86_64, as Azure runs it",
)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> package.Package:
    return package.build(ROOT, tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def unpacked(built: package.Package, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What Azure mounts: the folder in which the zip was unpacked."""
    folder = tmp_path_factory.mktemp("wwwroot")
    with ZipFile(built.path) as archive:
        archive.extractall(folder)
    return folder


def files(folder: Path) -> set[str]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix() for path in found}


def without(unpacked: Path, missing: str, folder: Path) -> Path:
    """The unpacked app with one file or folder left out; the rest are links."""
    for name in files(unpacked):
        if name != missing and not name.startswith(f"{missing}/"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).symlink_to(unpacked / name)
    return folder


def app_modules(unpacked: Path) -> list[Path]:
    rooms = (path for room in ("handlers", "shared") for path in (unpacked / room).rglob("*.py"))
    return [unpacked / "function_app.py", *rooms]


def imports(path: Path) -> set[str]:
    """The modules that a file imports, also within its functions."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


async def test_the_app_onboards_a_model_from_its_package(unpacked: Path) -> None:
    delivered = files(unpacked)

    async with a_stage(Options(app_dir=unpacked)) as stage:
        account = await stage.account()
        await stage.deploy(account)
        await stage.quiet()

        assert await stage.states(account) == {"gpt-4o": "verified"}
    assert files(unpacked) == delivered, "something was left to compile at the start"


@pytest.mark.parametrize(
    ("missing", "told"),
    [
        ("host.json", "no host.json in "),
        ("handlers/sweep.py", "cannot import name 'sweep' from 'handlers'"),
        ("shared/settings.py", "No module named 'shared.settings'"),
        (f"{FOLDER}/azure/functions", "No module named 'azure.functions'"),
        (f"{FOLDER}/pydantic", "No module named 'pydantic'"),
    ],
)
async def test_what_is_left_out_is_missed_though_it_is_on_this_machine(
    missing: str, told: str, unpacked: Path, tmp_path: Path
) -> None:
    app = without(unpacked, missing, tmp_path)

    with pytest.raises(HostFailedError, match=re.escape(told)):
        async with functions_host(HostOptions(app, SETTINGS)):
            pass


def test_every_import_finds_its_module_in_the_package_even_late_ones(unpacked: Path) -> None:
    """The SDKs are imported at first use, so an app that starts may still lack one."""
    names = {name for path in app_modules(unpacked) for name in imports(path)}
    assert {"azure.data.tables.aio", "shared.core.naming"} <= names

    subprocess.run(
        [sys.executable, "-I", "-S", "-c", IMPORT_ALL, str(unpacked / FOLDER), str(unpacked)],
        input="\n".join(sorted(names)),
        text=True,
        check=True,
    )


def test_the_packages_are_those_of_requirements_txt(unpacked: Path) -> None:
    lines = (ROOT / "requirements.txt").read_text().splitlines()

    found = distributions(path=[str(unpacked / FOLDER)])

    assert {f"{it.name.lower().replace('_', '-')}=={it.version}" for it in found} == {
        line.partition(" ")[0] for line in lines
    }


def test_no_package_hides_a_module_of_the_app(unpacked: Path) -> None:
    """The worker looks for modules in the packages before it looks in the app."""
    packages = {path.name.partition(".")[0] for path in (unpacked / FOLDER).iterdir()}
    app = {path.name.partition(".")[0] for path in unpacked.iterdir()} - {"", "__pycache__"}

    assert {"handlers", "shared", "function_app"} <= app
    assert packages & app == set()


def test_every_module_is_compiled_and_none_of_it_is_checked_against_a_time(unpacked: Path) -> None:
    modules = [name for name in files(unpacked) if name.endswith(".py")]

    for name in modules:
        path = unpacked / name
        compiled = path.parent / "__pycache__" / f"{path.stem}.cpython-313.pyc"
        # PEP 552: the second word of a pyc; 1 is a hash that nobody checks.
        assert compiled.read_bytes()[4:8] == b"\x01\0\0\0", name


def test_the_same_input_gives_the_same_bytes_and_no_path_of_this_machine(
    built: package.Package, unpacked: Path, tmp_path: Path
) -> None:
    source = tmp_path / "elsewhere"
    shutil.copytree(unpacked, source)
    for name in (".funcignore", ".python-version", "pyproject.toml", "uv.lock"):
        shutil.copy(ROOT / name, source)
    (source / ".tools").symlink_to(ROOT / ".tools")

    again = package.build(source, tmp_path)

    assert again.sha256 == built.sha256
    here = os.fsencode(ROOT)
    ours = [name for name in files(unpacked) if not name.startswith(str(FOLDER))]
    assert [name for name in ours if here in (unpacked / name).read_bytes()] == []
