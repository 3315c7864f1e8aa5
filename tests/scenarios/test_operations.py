"""docs/operations.md is true: its commands are run, and say what it shows."""

import ast
import os
import re
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import typer
from azure.storage.blob.aio import ContainerClient

from onramp.commands import app as command_line
from sandbox.client import ACCOUNTS_VERSION
from sandbox.event_grid.options import Options as EventGridOptions
from shared.adapters.dead_letters import _KEPT
from shared.adapters.table_ledger import _STATES
from shared.core.health import Signs, health
from shared.core.records import SweepRecord
from shared.settings import Settings
from tests.scenarios.console import Console, Step, compare, section, steps
from tests.stage import GROUP, ROOT, Stage, a_stage, an_app_with_rules

PAGE = (ROOT / "docs/operations.md").read_text()
CONTOSO = f"{GROUP}/providers/Microsoft.CognitiveServices/accounts/contoso"
SUMMARIES = f"{CONTOSO}/deployments/gpt-4o-summaries"
NORTHWIND = CONTOSO.replace("contoso", "northwind")
RULES = {
    "profiles": {
        "small": {"token_limit": {"tokens_per_minute": 1000}},
        "large": {"token_limit": {"tokens_per_minute": "80%"}},
    }
}
# az is not there, and has no sandbox: of `az rest`, what the page uses.
AZ = """
test "$1 $2 $4" = "rest --method --url" || exit 1
curl -sS -X "${3^^}" "$ARM$5" -H "Authorization: Bearer $ARM_TOKEN" \
  -H "Content-Type: application/json" -d "$7"
"""
PYTHON = f'exec {sys.executable} "$@"\n'  # in no virtual environment, it would not be this one
DEFINED = re.search(r"^call\(\) \{.*?^\}$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    options = an_app_with_rules(
        tmp_path_factory.mktemp("rules"), RULES, event_grid=EventGridOptions(time_scale=0.0001)
    )
    async with a_stage(options) as stage:
        connection = stage.azure.azurite.connection_string
        async with ContainerClient.from_connection_string(connection, "dead-letters") as container:
            if not await container.exists():
                await container.create_container()
        yield stage


@pytest.fixture(scope="module")
async def console(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Console:
    """What the page's beginning sets, and `az` and `python` on PATH."""
    tools = tmp_path_factory.mktemp("tools")
    for name, text in {"az": AZ, "python": PYTHON}.items():
        (tools / name).write_text(f"#!/usr/bin/env bash\n{text}")
        (tools / name).chmod(0o755)
    env = {
        "PATH": f"{tools}:{os.environ['PATH']}",
        "ONRAMP_APP": stage.azure.endpoints.functions,
        "ONRAMP_KEY": stage.azure.host.ready.host_key,
        "DEPLOYMENT": SUMMARIES,
        "GATEWAY": stage.gateway_url,
        "CALLER_KEY": await stage.client_key(),
        "ARM": stage.azure.endpoints.arm,
        "ARM_TOKEN": stage.azure.token(),
    }
    assert DEFINED is not None
    return Console(DEFINED[0], env, ROOT)


async def make(stage: Stage, account: str, *deployments: str) -> None:
    name = account.rpartition("/")[2]
    body = {
        "location": "swedencentral",
        "kind": "AIServices",
        "sku": {"name": "S0"},
        "properties": {"customSubDomainName": name},
    }
    await stage.arm.put(account, body, version=ACCOUNTS_VERSION)
    for deployment in deployments:
        await stage.deploy(account, deployment)
    await stage.quiet()


async def walk(stage: Stage, console: Console, heading: str) -> int:
    """Do what stands below *heading*, as somebody who waits a moment after each command."""
    found = steps(PAGE, heading)
    for step in found:
        await console.do(step)
        await stage.quiet()
    return len(found)


async def test_the_page_leads_from_a_complaint_to_an_answer(stage: Stage, console: Console) -> None:
    """One story: lost while the app was stopped, found by the sweep, parked for a tag.

    What is rolled back and what is held comes after it, on the same gateway, as in the page.
    """
    await make(stage, CONTOSO, "gpt-4o")
    await stage.azure.host.set_state("stopped")
    await stage.deploy(CONTOSO, "gpt-4o-summaries", tags={"onramp:profile": "smal"})
    await stage.azure.event_grid.idle()
    await stage.azure.host.set_state("running")
    await stage.sweep()

    assert await walk(stage, console, "## The walk") > 8
    assert await stage.states(CONTOSO) == {"gpt-4o": "verified", "gpt-4o-summaries": "verified"}

    assert await walk(stage, console, "### Take an account back to yesterday") > 3
    assert await stage.states(CONTOSO) == {"gpt-4o": "verified", "gpt-4o-summaries": "verified"}

    names = [f"chat-{number}" for number in range(1, 7)]
    await make(stage, NORTHWIND, *names)
    for name in names[:4]:
        await stage.delete(f"{NORTHWIND}/deployments/{name}")
    await stage.quiet()
    assert await walk(stage, console, "### A mass deletion is held") > 2
    assert set((await stage.states(NORTHWIND)).values()) == {"retiring", "verified"}


async def test_a_call_says_the_status_of_an_empty_answer(console: Console) -> None:
    await console.do(Step(0, "ONRAMP_KEY=wrong call GET units", ("HTTP 401",)))


@pytest.mark.parametrize(
    ("shown", "said", "agrees"),
    [
        (("a  b",), "a b\n", True),
        (("a", "…", "d"), "a\nb\nc\nd\n", True),
        (("a … d",), "a b c d\n", True),
        (("a",), "a\nb\n", False),
        (("at 2026-11-23T02:14:31Z",), "at 2031-01-01T00:00:00.123Z\n", True),
        (("run e5df77649300",), "run 0123456789abcdef\n", True),
        (("run e5df77649300",), "run none\n", False),
    ],
)
def test_an_answer_is_compared_by_what_a_reader_sees(
    shown: tuple[str, ...], said: str, *, agrees: bool
) -> None:
    assert (compare(shown, said) is not None) == agrees


def rows(heading: str) -> list[list[str]]:
    """The cells of the table below *heading*, without its head."""
    lines = [it for it in section(PAGE, heading).splitlines() if it.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def test_the_app_is_named_as_infra_names_it() -> None:
    (name,) = re.findall(r"appName: '([\w-]+)\$\{token\}'", (ROOT / "infra/main.bicep").read_text())

    named = set(re.findall(r"az functionapp .*? -n ([\w-]+)|https://([\w-]+)\.azurewebsites", PAGE))

    assert named
    assert all(it.startswith(name) for pair in named for it in pair if it)


def test_every_alert_of_the_infrastructure_has_its_row() -> None:
    made = {
        name
        for file in ("alerts", "event-alerts")
        for name in re.findall(
            r"^    name: '([\w-]+)'$",
            (ROOT / f"infra/modules/{file}.bicep").read_text(),
            re.MULTILINE,
        )
    }

    told = {name for row in rows("### What woke you") for name in re.findall(r"`([\w-]+)`", row[0])}

    assert len(made) == 7
    assert told == made


def signs() -> Iterator[Signs]:
    """Everything that health can complain about."""
    now = datetime.now(UTC)
    for age in (timedelta(minutes=40), timedelta(hours=2), None):
        sweep = SweepRecord(at=(now - age).isoformat(), problems=("gateway: 429",)) if age else None
        yield Signs(
            sweep,
            backlog=900,
            unfinished=1,
            held=1,
            poisoned=1,
            dead_letters=1,
            quarantined=1,
            last_error=None,
        )


def test_every_problem_that_health_names_is_on_the_page() -> None:
    page = re.sub(r"\d+|…|\*", "", section(PAGE, "### What woke you"))
    problems = {words for it in signs() for words in health(it, datetime.now(UTC)).problems}

    assert len(problems) == 8
    for words in problems:
        told = re.sub(r"\d+|gateway: 429", "", words.partition(": GET")[0])
        assert told.strip() in page, words


def test_every_reason_to_stay_applied_is_one_that_the_app_gives() -> None:
    sources = [(ROOT / f"shared/core/{it}.py").read_text() for it in ("proofs", "verdicts")]
    given = " ".join("".join(sources).split())

    reasons = [row[0].strip("`") for row in rows("### It stays `applied`")]

    assert len(reasons) >= 7
    for reason in reasons:
        assert reason in given, reason


def test_every_call_and_command_that_the_page_names_exists() -> None:
    routes = {
        (method, re.sub(r"\{\w+\}", "*", route))
        for file in (ROOT / "handlers").glob("*.py")
        for route, method in re.findall(
            r'route="([\w/{}.-]+)", methods=\["(\w+)"\]', file.read_text()
        )
    }
    called = set(re.findall(r"\bcall ([A-Z]+) ([\w/…<>.-]+)", PAGE))
    called |= set(re.findall(r"`(GET|POST|DELETE) /api/([\w/…<>.{}-]+)", PAGE))

    assert len(called) > 5
    for method, path in called:
        known = {
            it for verb, it in routes if verb == method and _is_of(it.split("/"), path.split("/"))
        }
        assert known, f"{method} {path}"
    group = typer.main.get_group(command_line)
    used = re.findall(r"python -m onramp (\w+)([^`\n|]*)", PAGE)
    assert len(used) > 12
    for name, options in used:
        known_options = {it for option in group.commands[name].params for it in option.opts}
        assert set(re.findall(r"(?<= )--[\w-]+", options)) <= known_options, (name, options)


def _is_of(route: list[str], path: list[str]) -> bool:
    same = len(route) == len(path)
    return same and all(it in ("*", part) for it, part in zip(route, path, strict=True))


def test_every_error_code_is_in_the_page_of_the_http_api() -> None:
    page = (ROOT / "docs/http-api.md").read_text()

    codes = {code for file in (ROOT / "handlers").glob("*.py") for code in _codes(file)}

    assert len(codes) > 10
    for code in codes:
        assert f"`{code}`" in page, code


def _codes(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        texts = [it.value for it in node.args if isinstance(it, ast.Constant)]
        match node.func.id, texts:
            case "HttpError", [str(code), *_]:
                yield code
            case "not_found", [str(what), *_]:
                yield f"{what}NotFound"


def test_what_is_said_to_be_kept_is_what_is_kept() -> None:
    said = section(PAGE, "## What is kept, and for how long")
    settings = Settings.model_fields

    assert f"the last {_STATES} of each account" in said
    assert f"`ONRAMP_KEEP_DAYS`, {settings['keep_days'].default} days" in said
    assert f"`ONRAMP_GRACE_HOURS`, {settings['grace_hours'].default} hours" in said
    assert f"| {_KEPT.days} days |" in next(it for it in said.splitlines() if "dead letters" in it)
