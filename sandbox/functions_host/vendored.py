"""``python -S -m sandbox.functions_host.vendored RUNTIME PACKAGES …``: the host, for a built app.

A deployed app brings its packages in ``.python_packages/lib/site-packages``, and the worker puts
that folder first and its own few packages after it (DependencyManager in
Azure/azure-functions-python-worker, azure_functions_worker/utils/dependency.py). ``-S`` leaves out
this environment's own site-packages, which hold far more than any worker; of them only the runtime
is found, so a package that the app forgot to bring is missing here as it is on Azure. The host's
own imports come from PACKAGES as well: they are among those of this app.
"""

import runpy
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

FOLDER = Path(".python_packages/lib/site-packages")
_WORKERS_OWN = {"azure_functions_runtime", "azurefunctions"}


def command(app_dir: Path, runtime: Path) -> tuple[str, ...]:
    """How to start the host for this app; *runtime* is where the worker's packages are."""
    packages = app_dir / FOLDER
    if not packages.is_dir():
        return (sys.executable, "-m", "sandbox.functions_host")
    ours = (sys.executable, "-S", "-m", "sandbox.functions_host.vendored")
    return (*ours, str(runtime), str(packages))


class _WorkerPackages:
    """Finds the worker's own packages and nothing else of the folder they lie in."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def find_spec(
        self, name: str, _path: Sequence[str] | None, _target: object = None
    ) -> ModuleSpec | None:
        return PathFinder.find_spec(name, [self._folder]) if name in _WORKERS_OWN else None


if __name__ == "__main__":
    _, runtime, packages, *rest = sys.argv
    sys.path.insert(0, packages)
    sys.meta_path.append(_WorkerPackages(runtime))
    sys.argv = [sys.argv[0], *rest]
    runpy.run_module("sandbox.functions_host", run_name="__main__", alter_sys=True)
