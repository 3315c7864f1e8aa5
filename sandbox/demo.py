"""``make demo``: the whole path once, told while it happens, and checked at the end."""

import asyncio
import json
import signal
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import aiohttp
from rich.console import Console

from sandbox import demo_calls, demo_world
from sandbox.arm.latency import Latency
from sandbox.client import ACCOUNTS_VERSION, GATEWAY_VERSION, ArmClient, arm_client
from sandbox.contracts import Json
from sandbox.demo_calls import Clients, ClientsFailedError, Outcome, clients
from sandbox.demo_operator import Operator, OperatorFailedError
from sandbox.demo_tables import gateway_table, roles_of, standing, state_table
from sandbox.demo_timeline import Timeline
from sandbox.demo_world import ACCOUNTS, DELETED, PRODUCT, RESIZED, RULES
from sandbox.local_azure import LocalAzure, Options, local_azure
from sandbox.world import SUBSCRIPTION, World, WorldGateway

_GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-ai"
_ACCOUNTS = f"{_GROUP}/providers/Microsoft.CognitiveServices/accounts"
_PATIENCE_S = 120.0
# A small part of what Azure was seen to take: long enough to watch, short enough to wait for.
_LATENCY = Latency("realistic", scale=0.03)
_PLAIN_WIDTH = 120  # of the tables where there is no terminal to ask
# A v2 tier: the others can't count Claude's tokens. The newest models are in no catalogue.
_WORLD = World(
    gateways=[WorldGateway(name="apim-onramp", sku="StandardV2")], accept_unknown_models=True
)


class DemoFailedError(Exception):
    """Something that should stand doesn't."""


async def run(
    root: Path,
    *,
    console: Console | None = None,
    latency: Latency = _LATENCY,
    stay: bool = False,
) -> int:
    """Run it; the exit code. *stay*: leave everything up at the end, until Ctrl-C."""
    timeline = Timeline(console or _console())
    try:
        with TemporaryDirectory() as folder, timeline.waiting("starting a local Azure"):
            options = _options(root, Path(folder), timeline, latency)
            async with clients() as callers, local_azure(options) as azure:
                timeline.say("azure", "storage, identity, ARM, gateway, models and the app are up")
                await _tell(azure, timeline, callers)
                if stay:
                    timeline.say("demo", "the board stays up until Ctrl-C", style="bold")
                    timeline.wait("Ctrl-C ends it")
                    await interrupted()
    except (DemoFailedError, ClientsFailedError, OperatorFailedError) as exc:
        timeline.console.print(f"demo failed: {exc}", style="bold red", markup=False)
        return 1
    return 0


async def interrupted() -> None:
    """Until Ctrl-C, which is no failure here."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGINT, stop.set)
    try:
        await stop.wait()
    finally:
        loop.remove_signal_handler(signal.SIGINT)


def _console() -> Console:
    terminal = Console()
    return terminal if terminal.is_terminal else Console(width=_PLAIN_WIDTH)


def _options(root: Path, folder: Path, timeline: Timeline, latency: Latency) -> Options:
    rules = folder / "onramp.yaml"
    rules.write_text(RULES, encoding="utf-8")
    timeline.say("you", "write onramp.yaml and start the app with it", style="bold")
    timeline.show(RULES)
    return Options(
        world=_WORLD,
        app_dir=root,
        app_env={"ONRAMP_RULES_FILE": str(rules)},
        latency=latency,
        on_log=timeline.log,
    )


async def _tell(azure: LocalAzure, timeline: Timeline, callers: Clients) -> None:
    key = {"x-functions-key": azure.host.ready.host_key}
    async with (
        arm_client(azure.endpoints.arm, azure.token()) as arm,
        aiohttp.ClientSession(azure.endpoints.functions, headers=key) as app,
    ):
        story = _Story(azure, timeline, arm, app)
        await story.create()
        await story.say_what_is_parked()
        await story.resize()
        await story.delete()
        await story.reimport()
        operator = Operator(timeline, arm, app, azure.gateway_id, story.until)
        await operator.ask_why("contoso", "novelty")
        await operator.put_right("northwind")
        outcomes = await story.call(callers)
        await story.check(outcomes)
        await operator.find_what_goes_past("contoso")
        await story.sweep()
        await operator.open_the_board(azure.board)


@dataclass(frozen=True, slots=True)
class _Story:
    azure: LocalAzure
    timeline: Timeline
    arm: ArmClient
    app: aiohttp.ClientSession

    async def create(self) -> None:
        self.timeline.wait("deploying")
        names = set()
        for account, (kind, deployments) in ACCOUNTS.items():
            body = {
                "location": "swedencentral",
                "kind": kind,
                "sku": {"name": "S0"},
                "properties": {"customSubDomainName": account},
            }
            self._you(f"create account {account} (kind {kind})")
            await self.arm.put(f"{_ACCOUNTS}/{account}", body, version=ACCOUNTS_VERSION)
            for deploy in deployments:
                self._you(f"deploy {account}/{deploy.name}: {deploy.said()}")
                path = f"{_ACCOUNTS}/{account}/deployments/{deploy.name}"
                await self.arm.put(path, deploy.body(), version=ACCOUNTS_VERSION)
                names.add(f"{account}/{deploy.name}")

        async def decided() -> bool:
            found = (await self._known())["deployments"]
            open_ = ("seen", "applied")
            return {_name(it) for it in found if it["state"] not in open_} == names

        await self.until("every deployment to answer, or to be refused", decided)

    async def say_what_is_parked(self) -> None:
        self._you("GET /api/deployments?state=quarantined")
        for it in (await self._known(state="quarantined"))["deployments"]:
            self.timeline.say("app", f"{_name(it)}: {it['reason']}", style="yellow")

    async def resize(self) -> None:
        account, deploy, tokens = RESIZED
        self._you(f"change the capacity of {account}/{deploy.name} to {deploy.capacity}")
        path = f"{_ACCOUNTS}/{account}/deployments/{deploy.name}"
        await self.arm.put(path, deploy.body(), version=ACCOUNTS_VERSION)
        await self.until("the limits to follow", lambda: self._is_served(deploy.name, tokens))
        self._gateway(f"{account}/{deploy.name} has {tokens:,} tokens per minute on every API")

    async def delete(self) -> None:
        account, name = DELETED
        self._you(f"delete {account}/{name}")
        path = f"{_ACCOUNTS}/{account}/deployments/{name}"
        await self.arm.delete(path, version=ACCOUNTS_VERSION)
        await self.until("it to be gone", lambda: self._is_served(name, None))
        self._gateway(f"{account}/{name} answers 410 Gone")

    async def reimport(self) -> None:
        self._you("POST /api/reimport for everything")
        async with self.app.post("/api/reimport", json={"all": True}) as response:
            id_ = (await response.json())["run"]["id"]
        self.timeline.say("app", f"{response.status}, run {id_}", style="green")
        run: Json = {}

        async def ended() -> bool:
            nonlocal run
            async with self.app.get(f"/api/runs/{id_}") as found:
                run = await found.json()
            return run["status"] not in ("queued", "running")

        await self.until("the run to end", ended)
        writes = sum(unit["writes"] for unit in run["units"])
        if (run["status"], writes) != ("succeeded", 0):
            raise DemoFailedError(f"the reimport found something to do: {json.dumps(run)}")
        count = len(run["units"])
        self.timeline.say("app", f"{count} accounts looked at, nothing to write", style="green")

    async def call(self, callers: Clients) -> list[Outcome]:
        """Have the models called as people do, with a subscription's key and the usual SDKs."""
        self._you(f"subscribe to the product {PRODUCT} of the gateway")
        key = await self._subscribe()
        outcomes = []
        self.timeline.wait("waiting for answers")
        async for call, outcome in callers.call(self.azure.endpoints.extra["gatewayUrl"], key):
            self._you(f"call {call.account}/{call.deployment} with {call.client}")
            style = "magenta" if outcome.status == 200 else "yellow"
            self.timeline.say("gateway", outcome.told(), style=style)
            outcomes.append(outcome)
        return outcomes

    async def _subscribe(self) -> str:
        """The key of a new subscription, which is for the client alone."""
        path = f"{self.azure.gateway_id}/subscriptions/demo"
        body = {"properties": {"displayName": "demo", "scope": f"/products/{PRODUCT}"}}
        await self.arm.put(path, body, version=GATEWAY_VERSION)
        url = f"{self.arm.base_url}{path}/listSecrets?api-version={GATEWAY_VERSION}"
        async with self.arm.session.post(url) as response:
            if response.status != 200:
                raise DemoFailedError(f"listSecrets: {response.status}")
            return str((await response.json())["primaryKey"])

    async def check(self, outcomes: Sequence[Outcome]) -> None:
        """Show what stands, and hold it to what should."""
        known = await self._known()
        found = await standing(self.arm, self.azure.gateway_id)
        service = await self.arm.get(self.azure.gateway_id, version=GATEWAY_VERSION) or {}
        roles = {
            name: await roles_of(
                self.arm, f"{_ACCOUNTS}/{name}", service["identity"]["principalId"]
            )
            for name in ACCOUNTS
        }
        console = self.timeline.console
        stands = gateway_table(found, roles, width=console.width)
        console.print("", stands, "", state_table(known), "", sep="\n")
        apis = {it.path: it for it in found}
        problems = [
            *demo_world.problems(apis, roles, dict(map(_state, known["deployments"]))),
            *demo_world.unmeasured(known),
            *demo_calls.problems(outcomes),
        ]
        if problems:
            raise DemoFailedError("\n  ".join(["", *problems]))
        self.timeline.say("demo", "all that should stand does, and answers", style="bold green")

    async def sweep(self) -> None:
        self._you("let the timer's function look, as it does every 15 minutes")
        key = {"x-functions-key": self.azure.host.ready.master_key}
        body = {"input": ""}
        async with self.app.post("/admin/functions/sweep", json=body, headers=key) as response:
            if response.status != 202:
                raise DemoFailedError(f"the sweep was not started: {response.status}")

        async def looked() -> bool:
            async with self.app.get("/api/health") as found:
                health = await found.json()
            return health["lastSweep"] is not None and health["unfinished"] == 0

        await self.until("the sweep to be done", looked)

    def _gateway(self, what: str) -> None:
        self.timeline.say("gateway", what, style="magenta")

    def _you(self, what: str) -> None:
        self.timeline.say("you", what, style="bold")

    async def _known(self, **query: str) -> Json:
        """What the app knows."""
        async with self.app.get("/api/deployments", params=query) as response:
            answer: Json = await response.json()
        if response.status != 200:
            raise DemoFailedError(f"GET /api/deployments: {response.status} {answer}")
        return {**answer, "deployments": sorted(answer["deployments"], key=_name)}

    async def _is_served(self, name: str, tokens: int | None) -> bool:
        """Whether every API that serves the deployment has this limit; None: no API serves it."""
        apis = await standing(self.arm, self.azure.gateway_id)
        limits = {api.deployments[name] for api in apis if name in api.deployments}
        return limits == (set() if tokens is None else {tokens})

    async def until(self, what: str, holds: Callable[[], Awaitable[bool]]) -> None:
        self.timeline.wait(f"waiting for {what}")
        try:
            async with asyncio.timeout(_PATIENCE_S):
                while not await holds():  # noqa: ASYNC110 - asked over HTTP, nothing to wait on
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise DemoFailedError(f"waited {_PATIENCE_S:.0f} s for {what}") from None


def _name(deployment: Json) -> str:
    return f"{deployment['account'].rpartition('/')[2]}/{deployment['name']}"


def _state(deployment: Json) -> tuple[str, str]:
    """Name, and state with its reason, without the moment until when it holds."""
    reason = deployment["reason"].partition(" until ")[0]
    return _name(deployment), f"{deployment['state']}: {reason}"
