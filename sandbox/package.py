"""``python -m sandbox.package``: the zip that is deployed, with all that the app needs in it.

    dist/model-onramp-<version>.zip
      function_app.py host.json …              what .funcignore leaves of this folder
      .python_packages/lib/site-packages/      what uv.lock pins, for Linux on x86_64

Deployed without a remote build, as learn.microsoft.com/azure/azure-functions/python-build-options
describes for local builds. Every module is compiled: without that a cold start compiles hundreds of
them, for seconds. The compiled files are *unchecked* (PEP 552), because a zip keeps times to two
seconds only, and times that differ would void the usual kind. On one machine the same input gives
the same bytes.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from pathspec import GitIgnoreSpec

from sandbox.functions_host.vendored import FOLDER

ROOT = Path(__file__).resolve().parents[1]
# Of wheels for the glibc of Debian 10 and newer; the images of Functions are newer than that
# (github.com/Azure/azure-functions-docker, host/4; UNVERIFIED for Flex Consumption).
_PLATFORM = "x86_64-manylinux_2_28"
_OLDEST_ZIP_TIME = (1980, 1, 1, 0, 0, 0)
_PLAIN_FILE = 0o100644 << 16
# Commands with this machine's interpreter in their first line, and uv's own notes.
_NO_PACKAGES = ("bin", ".lock")
_NEVER = {"__pycache__", ".python_packages"}  # made anew here
_SECRETS = ("local.settings*.json", ".env*", "*.pem", "*.key", "*.pfx", "*.publishsettings")


class PackagingError(Exception):
    """The package can't be built; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Package:
    path: Path
    size: int
    sha256: str
    files: int


def build(root: Path, out: Path) -> Package:
    """Build the package of the app in *root* as a file in *out*."""
    with tempfile.TemporaryDirectory() as folder:
        stage = Path(folder)
        for name in app_files(root):
            (stage / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(root / name, stage / name)
        _vendor(root, stage / FOLDER)
        _compile(stage)
        out.mkdir(parents=True, exist_ok=True)
        return _zip(stage, out / f"model-onramp-{_version(root)}.zip")


def app_files(root: Path) -> list[Path]:
    """What of *root* is deployed, as ``func`` and ``azd`` see it: all that .funcignore leaves.

    Raises:
        PackagingError: a file that looks like a secret is among them.
    """
    ignored = GitIgnoreSpec.from_lines((root / ".funcignore").read_text().splitlines())
    names = sorted(_walk(root, Path(), ignored))
    for name in names:
        if any(fnmatch(name.name, pattern) for pattern in _SECRETS):
            raise PackagingError(f"{name} may hold a secret: add it to .funcignore, or move it")
    return names


def _walk(root: Path, folder: Path, ignored: GitIgnoreSpec) -> Iterator[Path]:
    """Folders that are ignored are not entered: as in git, nothing in them can be let in again."""
    for entry in os.scandir(root / folder):
        name = folder / entry.name
        if entry.name in _NEVER:
            continue
        if entry.is_dir():
            if not ignored.match_file(f"{name.as_posix()}/"):
                yield from _walk(root, name, ignored)
        elif not ignored.match_file(name.as_posix()):
            yield name


def _vendor(root: Path, target: Path) -> None:
    """Install what uv.lock pins, checked against its hashes; test_lock holds requirements.txt."""
    pinned = target.parent / "pinned.txt"
    target.mkdir(parents=True)
    _uv(root, "export", "--frozen", "--no-dev", "--no-emit-project", "--output-file", str(pinned))
    _uv(
        *(root, "pip", "install", "--requirement", str(pinned), "--target", str(target)),
        *("--require-hashes", "--no-deps", "--only-binary", ":all:", "--link-mode", "copy"),
        *("--python", sys.executable, "--python-platform", _PLATFORM),
        *("--python-version", (root / ".python-version").read_text().strip()),
    )
    pinned.unlink()
    for name in _NO_PACKAGES:
        if (target / name).is_dir():
            shutil.rmtree(target / name)
        (target / name).unlink(missing_ok=True)


def _uv(root: Path, *arguments: str) -> None:
    env = {"UV_SYSTEM_CERTS": "true", **os.environ}  # as in the Makefile
    _run((str(root / ".tools/bin/uv"), "--quiet", *arguments), root, env)


def _compile(stage: Path) -> None:
    """A process of its own, and one only: what else lives in a process shows in marshalled code."""
    quiet = ("-q", "--invalidation-mode", "unchecked-hash", "-s", str(stage), str(stage))
    _run((sys.executable, "-I", "-m", "compileall", *quiet), stage, {"PYTHONHASHSEED": "0"})


def _run(command: Sequence[str], cwd: Path, env: dict[str, str]) -> None:
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PackagingError(f"{' '.join(command[:3])}: {done.stderr or done.stdout}")


def _zip(stage: Path, path: Path) -> Package:
    names = sorted(it.relative_to(stage) for it in stage.rglob("*") if it.is_file())
    with ZipFile(path, "w") as archive:
        for name in names:
            info = ZipInfo(name.as_posix(), _OLDEST_ZIP_TIME)
            info.external_attr = _PLAIN_FILE
            info.compress_type = ZIP_DEFLATED
            archive.writestr(info, (stage / name).read_bytes())
    content = path.read_bytes()
    return Package(path, len(content), hashlib.sha256(content).hexdigest(), len(names))


def _version(root: Path) -> str:
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    return str(project["version"])


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m sandbox.package", description=build.__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "dist", metavar="DIR")
    try:
        package = build(ROOT, parser.parse_args(arguments).out)
    except PackagingError as exc:
        print(f"package: {exc}", file=sys.stderr)
        return 1
    shown = os.path.relpath(package.path)
    checksum = package.path.with_name(f"{package.path.name}.sha256")
    checksum.write_text(f"{package.sha256}  {package.path.name}\n")
    print(f"{shown}  {package.size / 1e6:.1f} MB, {package.files} files")
    print(f"sha256  {package.sha256}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
