"""``make demo``: the whole path once, told while it happens, and checked at the end."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from rich.console import Console
from rich.status import Status

from sandbox.arm.latency import Latency
from sandbox.client import ACCOUNTS_VERSION, ArmClient, arm_client
from sandbox.contracts import Json
from sandbox.demo_tables import gateway_table, standing, state_table
from sandbox.local_azure import LocalAzure, Options, local_azure
from sandbox.world import SUBSCRIPTION

_GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-ai"
_ACCOUNTS = f"{_GROUP}/providers/Microsoft.CognitiveServices/accounts"
_PATIENCE_S = 40.0
# A twentieth of what Azure was seen to take: long enough to watch, short enough to wait for.
_LATENCY_SCALE = 0.05
_PLAIN_WIDTH = 180  # of the tables where there is no terminal to ask

_CREATED: Mapping[str, tuple[str, Sequence[tuple[str, str, str, str, int]]]] = {
    # account: (kind, deployments as (name, model format, model, version, capacity))
    "contoso-foundry": (
        "AIServices",
        (
            ("gpt-4o", "OpenAI", "gpt-4o", "2024-11-20", 10),
            ("embed-small", "OpenAI", "text-embedding-3-small", "1", 50),
            ("whisper", "OpenAI", "whisper", "001", 3),
        ),
    ),
    "contoso-openai": (
        "OpenAI",
        (
            ("gpt-4o-mini", "OpenAI", "gpt-4o-mini", "2024-07-18", 20),
            ("trial", "OpenAI", "gpt-4o", "2024-11-20", 1),
        ),
    ),
}
_RESIZED = ("contoso-foundry", "gpt-4o", 40)
_DELETED = ("contoso-openai", "trial")

# What must stand in the gateway at the end: API path -> deployments with their tokens per minute.
EXPECTED: Mapping[str, Mapping[str, int]] = {
    "contoso-foundry/openai": {"gpt-4o": 40_000, "embed-small": 50_000},
    "contoso-foundry/openai/v1": {"gpt-4o": 40_000, "embed-small": 50_000},
    "contoso-openai/openai": {"gpt-4o-mini": 20_000},
    "contoso-openai/openai/v1": {"gpt-4o-mini": 20_000},
}
_STATES = {
    "gpt-4o": "applied",
    "embed-small": "applied",
    "whisper": "quarantined",
    "gpt-4o-mini": "applied",
    "trial": "retiring",
}


class DemoFailedError(Exception):
    """Something that should stand doesn't."""


@dataclass(slots=True)
class Timeline:
    """Lines with the seconds since the start; the last thing being waited for on a terminal."""

    console: Console
    started: float = field(default_factory=time.monotonic)
    status: Status | None = None

    def say(self, who: str, what: str, *, style: str = "") -> None:
        seconds = time.monotonic() - self.started
        self.console.print(
            f"{seconds:6.2f}s  {who:<8} {what.rstrip()}",
            style=style,
            highlight=False,
            markup=False,
            soft_wrap=True,
        )

    def wait(self, what: str) -> None:
        if self.status is not None:
            self.status.update(what)

    def log(self, line: str) -> None:
        """Show what of the app's log tells the story."""
        start = line.find('{"event"')
        if start < 0:
            return
        try:
            entry = json.loads(line[start:])
        except ValueError:
            return
        told = _TOLD.get(entry["event"])
        if told is not None:
            who, tell, style = told
            self.say(who, tell(entry), style=style)


def _unit(entry: Json) -> str:
    return str(entry.get("unit", "")).rpartition("/")[2]


_TOLD: Mapping[str, tuple[str, Callable[[Json], str], str]] = {
    "event accepted": (
        "event",
        lambda it: f"{it['type']} {_unit(it)}{'/' + it['deployment'] if it['deployment'] else ''}",
        "cyan",
    ),
    "change applied": ("  write", lambda it: f"{it['action']} {it['path']}  ({it['reason']})", ""),
    "run ended": (
        "run",
        lambda it: f"{_unit(it)}: {it['status']}, {it['writes']} writes {it['detail']}",
        "green",
    ),
}


async def run(root: Path) -> int:
    """Run it; the exit code."""
    terminal = Console()
    console = terminal if terminal.is_terminal else Console(width=_PLAIN_WIDTH)
    timeline = Timeline(console)
    try:
        with console.status("starting a local Azure") as status:
            timeline.status = status if console.is_terminal else None
            options = Options(
                app_dir=root,
                latency=Latency("realistic", scale=_LATENCY_SCALE),
                on_log=timeline.log,
            )
            async with local_azure(options) as azure:
                timeline.say("azure", "storage, identity, ARM, Event Grid and the app are up")
                await _tell(azure, timeline)
    except DemoFailedError as exc:
        console.print(f"demo failed: {exc}", style="bold red", markup=False)
        return 1
    return 0


async def _tell(azure: LocalAzure, timeline: Timeline) -> None:
    key = {"x-functions-key": azure.host.ready.host_key}
    async with (
        arm_client(azure.endpoints.arm, azure.token()) as arm,
        aiohttp.ClientSession(azure.endpoints.functions, headers=key) as app,
    ):
        await _create(arm, timeline)
        await _until(timeline, "the APIs to stand", lambda: _is_served(arm, azure, "trial", 1_000))
        await _resize(arm, azure, timeline)
        await _delete(arm, azure, timeline)
        await _reimport(app, timeline)
        await _check(arm, azure, app, timeline)


async def _create(arm: ArmClient, timeline: Timeline) -> None:
    for account, (kind, deployments) in _CREATED.items():
        body = {
            "location": "swedencentral",
            "kind": kind,
            "sku": {"name": "S0"},
            "properties": {"customSubDomainName": account},
        }
        timeline.say("you", f"create account {account} ({kind})", style="bold")
        await arm.put(f"{_ACCOUNTS}/{account}", body, version=ACCOUNTS_VERSION)
        for name, format_, model, version, capacity in deployments:
            timeline.say("you", f"deploy {model} as {account}/{name}", style="bold")
            found = {"format": format_, "name": model, "version": version}
            await _deploy(arm, account, name, found, capacity)


async def _deploy(arm: ArmClient, account: str, name: str, model: Json, capacity: int) -> None:
    body = {"sku": {"name": "GlobalStandard", "capacity": capacity}, "properties": {"model": model}}
    path = f"{_ACCOUNTS}/{account}/deployments/{name}"
    await arm.put(path, body, version=ACCOUNTS_VERSION)


async def _resize(arm: ArmClient, azure: LocalAzure, timeline: Timeline) -> None:
    account, name, capacity = _RESIZED
    timeline.say("you", f"change the capacity of {account}/{name} to {capacity}", style="bold")
    await _deploy(
        arm,
        account,
        name,
        {"format": "OpenAI", "name": "gpt-4o", "version": "2024-11-20"},
        capacity,
    )
    await _until(
        timeline, "the limits to follow", lambda: _is_served(arm, azure, name, capacity * 1000)
    )


async def _delete(arm: ArmClient, azure: LocalAzure, timeline: Timeline) -> None:
    account, name = _DELETED
    timeline.say("you", f"delete {account}/{name}", style="bold")
    await arm.delete(f"{_ACCOUNTS}/{account}/deployments/{name}", version=ACCOUNTS_VERSION)
    await _until(timeline, "it to be gone", lambda: _is_served(arm, azure, name, None))


async def _reimport(app: aiohttp.ClientSession, timeline: Timeline) -> None:
    timeline.say("you", "POST /api/reimport for everything", style="bold")
    async with app.post("/api/reimport", json={"all": True}) as response:
        answer = await response.json()
    timeline.say("app", f"{response.status}, run {answer['run']['id']}")
    run: Json = {}

    async def ended() -> bool:
        nonlocal run
        async with app.get(f"/api/runs/{answer['run']['id']}") as found:
            run = await found.json()
        return run["status"] not in ("queued", "running")

    await _until(timeline, "the run to end", ended)
    writes = sum(unit["writes"] for unit in run["units"])
    timeline.say("app", f"run {run['status']}: {len(run['units'])} accounts, {writes} writes")
    if (run["status"], writes) != ("succeeded", 0):
        raise DemoFailedError(f"the reimport found something to do: {json.dumps(run)}")


async def _is_served(arm: ArmClient, azure: LocalAzure, name: str, tokens: int | None) -> bool:
    """Whether every API that serves the deployment has this limit; None: no API serves it."""
    limits = [
        api.deployments[name]
        for api in await standing(arm, azure.gateway_id)
        if name in api.deployments
    ]
    return limits == [] if tokens is None else bool(limits) and set(limits) == {tokens}


async def _until(timeline: Timeline, what: str, holds: Callable[[], Awaitable[bool]]) -> None:
    timeline.wait(f"waiting for {what}")
    try:
        async with asyncio.timeout(_PATIENCE_S):
            while not await holds():  # noqa: ASYNC110 - asked over HTTP, nothing to wait on
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise DemoFailedError(f"waited {_PATIENCE_S:.0f} s for {what}") from None


async def _check(
    arm: ArmClient, azure: LocalAzure, app: aiohttp.ClientSession, timeline: Timeline
) -> None:
    async with app.get("/api/deployments") as response:
        deployments: list[Json] = (await response.json())["deployments"]
    found = await standing(arm, azure.gateway_id)
    timeline.console.print(gateway_table(found), state_table(deployments))
    problems = [
        *_differences("API", EXPECTED, {api.path: api.deployments for api in found}),
        *_differences("deployment", _STATES, {it["name"]: it["state"] for it in deployments}),
        *(f"{api.path} has no backend with our identity" for api in found if not api.identity),
    ]
    if problems:
        raise DemoFailedError("; ".join(problems))
    timeline.say("demo", "everything that should stand does", style="bold green")


def _differences(what: str, expected: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    return [
        f"{what} {key}: expected {expected.get(key)}, found {found.get(key)}"
        for key in sorted(expected.keys() | found.keys())
        if expected.get(key) != found.get(key)
    ]
