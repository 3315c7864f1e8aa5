"""The import rule of docs/architecture.md, read off the code."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LAYERS = (
    ("onramp",),  # the command line: an edge like the handlers, and never deployed with them
    ("function_app",),
    ("handlers",),
    ("shared.wiring",),
    ("shared.reconciler",),
    ("shared.planning", "shared.applying", "shared.proving", "shared.intake", "shared.adapters"),
    ("shared.ports",),
    ("shared.run_telemetry", "shared.metering"),
    ("shared.settings", "shared.rules_file", "shared.logs", "shared.telemetry"),
    ("shared.core",),
    ("shared.errors",),
)
NOT_IN_CORE = {"azure", "os", "logging", "time", "random", "aiohttp", "asyncio"}


def app_modules() -> list[Path]:
    folders = [
        path for room in ("handlers", "onramp", "shared") for path in (ROOT / room).rglob("*.py")
    ]
    return [ROOT / "function_app.py", *folders]


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def layer(module: str) -> int | None:
    for number, rooms in enumerate(LAYERS):
        if any(module == room or module.startswith(f"{room}.") for room in rooms):
            return number
    return None


@pytest.mark.parametrize("path", app_modules(), ids=module_name)
def test_imports_go_one_way(path: Path) -> None:
    mine = layer(module_name(path))
    if mine is None:
        assert module_name(path) == "shared"
        return

    upwards = {
        name for name in imports(path) if (other := layer(name)) is not None and other < mine
    }

    assert upwards == set()


@pytest.mark.parametrize("path", app_modules(), ids=module_name)
def test_only_the_edge_knows_azure_the_environment_and_the_sandbox(path: Path) -> None:
    module, found = module_name(path), imports(path)
    top = {name.partition(".")[0] for name in found}
    is_edge = module.startswith("shared.adapters") or module in ("shared.wiring", "onramp.sign_in")
    is_trigger = module == "function_app" or module.startswith("handlers")

    assert "sandbox" not in top
    assert not module.startswith("onramp") or not top & {"handlers", "function_app"}
    assert "azure" not in top or is_edge or is_trigger
    assert not is_trigger or {n for n in found if n.startswith("azure")} <= {
        "azure.functions",
        "azure",
    }
    assert "os" not in top or module == "shared.settings"
    if module.startswith("shared.core"):
        assert not top & NOT_IN_CORE


def test_core_modules_are_small_enough_to_read() -> None:
    long = {
        module_name(path): lines
        for path in app_modules()
        if (lines := len(path.read_text().splitlines())) > 350
    }

    assert long == {}
