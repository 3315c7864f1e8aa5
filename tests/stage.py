"""A local Azure as tests use it: do what people do, wait until all is quiet, look."""

import asyncio
import contextlib
import json
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
from azure.core.exceptions import ResourceExistsError
from azure.data.tables.aio import TableServiceClient
from azure.storage.queue.aio import QueueClient

from sandbox.client import ACCOUNTS_VERSION, GATEWAY_VERSION, ArmClient, arm_client
from sandbox.contracts import Json
from sandbox.demo_tables import Standing, standing
from sandbox.local_azure import APP, LocalAzure, Options, local_azure
from sandbox.models.journal import Called
from sandbox.world import SUBSCRIPTION
from shared.adapters.table_state import TableState
from shared.adapters.tables import TABLES
from shared.core.messages import QUEUE, write_message
from shared.core.resource_ids import AccountId
from shared.core.single_flight import Cause, Claim, Ending

ROOT = Path(__file__).parents[1]
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-ai"
CHAT = {"format": "OpenAI", "name": "gpt-4o", "version": "2024-11-20"}
EMBEDDINGS = {"format": "OpenAI", "name": "text-embedding-3-small", "version": "1"}
_PATIENCE_S = 240  # bounds a hang: a sweep of all that a session left takes half a minute
_OURS, _SWEPT = '{"event"', "Executed 'Functions.sweep'"
_ALL = {"limit": "1000"}
_UNPROVEN = ("not verified", "kept as it was: ", "served as it was: ")


@dataclass(frozen=True, slots=True)
class Stage:
    azure: LocalAzure
    arm: ArmClient
    app: aiohttp.ClientSession
    admin: aiohttp.ClientSession
    state: TableState
    queue: QueueClient
    tables: TableServiceClient
    log: Sequence[str]  # the app's own lines and the ends of sweeps, from the beginning

    async def account(
        self,
        *,
        kind: str = "AIServices",
        prefix: str = "acct",
        tags: Mapping[str, str] | None = None,
    ) -> str:
        """Create an account of its own for this test; its ARM id."""
        name = f"{prefix}-{uuid4().hex[:10]}"
        account = f"{GROUP}/providers/Microsoft.CognitiveServices/accounts/{name}"
        body = {
            "location": "swedencentral",
            "kind": kind,
            "sku": {"name": "S0"},
            "tags": dict(tags or {}),
            "properties": {"customSubDomainName": name},
        }
        await self.arm.put(account, body, version=ACCOUNTS_VERSION)
        return account

    async def tag(self, account: str, **tags: str) -> None:
        """Give an account just these tags; ``_`` stands for the colon in ``onramp:``."""
        found = await self.arm.get(account, version=ACCOUNTS_VERSION) or {}
        kept = {key: found[key] for key in ("location", "kind", "sku", "properties")}
        named = {key.replace("_", ":"): value for key, value in tags.items()}
        await self.arm.put(account, {**kept, "tags": named}, version=ACCOUNTS_VERSION)

    async def deploy(
        self,
        account: str,
        name: str = "gpt-4o",
        *,
        capacity: int = 10,
        model: Json = CHAT,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        body = {
            "sku": {"name": "GlobalStandard", "capacity": capacity},
            "tags": dict(tags or {}),
            "properties": {"model": model},
        }
        await self.arm.put(f"{account}/deployments/{name}", body, version=ACCOUNTS_VERSION)

    async def delete(self, resource: str) -> None:
        await self.arm.delete(resource, version=ACCOUNTS_VERSION)

    async def quiet(self, *, but: str = "") -> None:
        """Return when every event is delivered, every message done and every unit clean.

        Nothing is under way then: what a test does next meets no run that is about to begin.

        Args:
            but: An account whose deployments can't be proven: the app comes back to it for long.
        """
        async with asyncio.timeout(_PATIENCE_S):
            while not await self._is_quiet(but):  # noqa: ASYNC110 - asked over HTTP
                await asyncio.sleep(0.05)

    async def wake(self, account: str) -> None:
        """Send what makes the app look whether there is something to do for *account*."""
        text = write_message(AccountId.parse(account))
        await self.queue.send_message(b64encode(text.encode()).decode())
        await self.quiet()

    @asynccontextmanager
    async def somebody_at_work(self, account: str) -> AsyncIterator[None]:
        """Nobody else begins with the account meanwhile, whatever is ordered; then all is done.

        A gateway that only answers 429 would leave open who is faster: an order, or a try of the
        one before.
        """
        unit = AccountId.parse(account)
        await self.state.mark(unit, Cause())
        claim = await self.state.claim(unit)
        assert isinstance(claim, Claim)
        yield
        await self.state.finish(claim, Ending(done=True, stands=claim.stands, left=claim.left))
        await self.wake(account)

    async def served(self, account: str) -> dict[str, Standing]:
        """What the gateway serves of *account*, by the end of the API's path."""
        name = account.rpartition("/")[2]
        found = await standing(self.arm, self.azure.gateway_id)
        start = f"{name}/"
        return {it.path.removeprefix(start): it for it in found if it.path.startswith(start)}

    async def gateway(self, path: str) -> Json | None:
        return await self.arm.get(f"{self.azure.gateway_id}/{path}", version=GATEWAY_VERSION)

    async def policy(self, account: str, path: str) -> str:
        """The policy of the account's API at *path* below the account's own."""
        api = (await self.served(account))[path]
        found = await self.gateway(f"apis/{api.name}/policies/policy")
        return str(found["properties"]["value"]) if found else ""

    async def own(self, path: str, body: Json) -> None:
        """Write something on the gateway, as a person."""
        await self.arm.put(f"{self.azure.gateway_id}/{path}", body, version=GATEWAY_VERSION)

    async def deployment(self, account: str, name: str) -> Json:
        async with self.app.get("/api/deployments", params=_ALL) as response:
            found: list[Json] = (await response.json())["deployments"]
        wanted = (account.lower(), name)
        return next((it for it in found if (it["account"].lower(), it["name"]) == wanted), {})

    async def told(self, account: str, name: str, **fields: Any) -> Json:
        """Wait until the ledger says this of a deployment; of its reason, a part is enough."""
        async with asyncio.timeout(_PATIENCE_S):
            while True:
                found = await self.deployment(account, name)
                reason = found.get("reason", "")
                wanted = {**fields, "reason": reason} if "reason" in fields else fields
                if fields.get("reason", "") in reason and found.items() >= wanted.items():
                    return found
                await asyncio.sleep(0.05)

    async def assumed(self) -> list[Json]:
        """Deployments that count as onboarded though none has answered, and no reason is told."""
        async with self.app.get(
            "/api/deployments", params={**_ALL, "state": "applied"}
        ) as response:
            found: list[Json] = (await response.json())["deployments"]
        return [it for it in found if not any(words in it["reason"] for words in _UNPROVEN)]

    async def all_told(self) -> None:
        """What a test left on its way comes to its end; then nothing is only assumed."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE_S):
                while await self.assumed():  # noqa: ASYNC110 - asked over HTTP
                    await asyncio.sleep(0.2)
        assert await self.assumed() == []

    async def states(self, account: str) -> dict[str, str]:
        """The states of an account's deployments by name."""
        async with self.app.get("/api/deployments", params=_ALL) as response:
            found: list[Json] = (await response.json())["deployments"]
        return {it["name"]: it["state"] for it in found if it["account"].lower() == account.lower()}

    @property
    def gateway_url(self) -> str:
        return self.azure.endpoints.extra["gatewayUrl"]

    def at_gateway(self, account: str) -> str:
        """Where clients find an account."""
        return f"{self.gateway_url}/{account.rpartition('/')[2]}"

    async def key_of(self, subscription: str) -> str:
        """The primary key of a subscription of the gateway."""
        url = f"{self.arm.base_url}{self.azure.gateway_id}/subscriptions/{subscription}/listSecrets"
        params = {"api-version": GATEWAY_VERSION}
        async with self.arm.session.post(url, params=params) as response:
            found: Json = await response.json()
        return str(found["primaryKey"])

    async def client_key(self, subscription: str = "client", scope: str = "/apis") -> str:
        """The key of a subscription that is made for a client."""
        body = {"displayName": subscription, "scope": f"{self.azure.gateway_id}{scope}"}
        await self.own(f"subscriptions/{subscription}", {"properties": {**body, "state": "active"}})
        return await self.key_of(subscription)

    def calls(self, account: str, deployment: str = "") -> list[Called]:
        """What the account's model endpoints were asked."""
        return self.azure.models.journal.of(account.rpartition("/")[2], deployment)

    def writes(self) -> list[str]:
        """The app's writes since the last time this was asked, below the gateway or in full."""
        found = self.azure.arm.journal.writes(APP.principal_id)
        self.azure.arm.journal.clear()
        return [f"{it.method} {self._short(it.path)}" for it in found]

    async def invoke(self, function: str) -> None:
        """Run a function by hand, as the portal does."""
        async with self.admin.post(f"/admin/functions/{function}", json={"input": ""}) as response:
            assert response.status == 202

    async def sweep(self) -> None:
        before = self._sweeps()
        await self.invoke("sweep")
        async with asyncio.timeout(_PATIENCE_S):
            while self._sweeps() == before:  # noqa: ASYNC110 - said in the log only
                await asyncio.sleep(0.05)
        await self.quiet()

    async def reimport(self, body: Json, *, but: str = "") -> Json:
        """Ask for a reimport and wait for its run; *but* as for quiet."""
        async with self.app.post("/api/reimport", json=body) as response:
            answer = await response.json()
            assert response.status == 202, answer
        await self.quiet(but=but)
        async with asyncio.timeout(_PATIENCE_S):
            while True:
                async with self.app.get(f"/api/runs/{answer['run']['id']}") as response:
                    run: Json = await response.json()
                if run["status"] not in ("queued", "running"):
                    return run
                await asyncio.sleep(0.05)

    async def lose_the_tables(self) -> None:
        """Everything that the app remembers, gone."""
        for name in TABLES:
            table = self.tables.get_table_client(name)
            async for entity in table.list_entities():
                await table.delete_entity(entity)

    def log_entries(self, event: str) -> list[Json]:
        """The app's own log lines about *event*."""
        lines = (line[line.index(_OURS) :] for line in self.log if _OURS in line)
        return [entry for entry in map(json.loads, lines) if entry["event"] == event]

    async def logged(self, event: str, **fields: str | int) -> Json:
        """Wait for a log line about *event* with these *fields*; lines come through a pipe."""
        async with asyncio.timeout(_PATIENCE_S):
            while True:
                for entry in self.log_entries(event):
                    if entry.items() >= fields.items():
                        return entry
                await asyncio.sleep(0.02)

    def _sweeps(self) -> int:
        return len([line for line in self.log if _SWEPT in line])

    def _short(self, path: str) -> str:
        root = f"{self.azure.gateway_id}/"
        return path[len(root) :] if path.lower().startswith(root.lower()) else path

    async def _is_quiet(self, but: str) -> bool:
        await self.azure.event_grid.idle()
        if await self.queue.peek_messages():  # what is visible: not what is to come back later
            return False
        # After the look into the queue, for what was taken from it by then is being worked on.
        async with self.admin.get("/sandbox/busy") as response:
            if await response.json():
                return False
        unfinished = {unit.arm_id.lower() for unit in await self.state.unfinished()}
        return unfinished <= {but.lower()}


def an_app_with_rules(
    folder: Path, rules: Json, *, more_env: Mapping[str, str] | None = None, **options: Any
) -> Options:
    """The app with a rules file that lies in *folder*."""
    env = {"ONRAMP_RULES_FILE": str(write_rules(folder, rules)), **(more_env or {})}
    return Options(app_dir=ROOT, app_env=env, **options)


def write_rules(folder: Path, rules: Json) -> Path:
    path = folder / "onramp.yaml"
    path.write_text(json.dumps(rules), encoding="utf-8")  # JSON is YAML
    return path


@asynccontextmanager
async def a_stage(options: Options | None = None) -> AsyncIterator[Stage]:
    log: list[str] = []
    async with local_azure(_for_tests(options or Options(app_dir=ROOT), log)) as azure:
        base, ready = azure.endpoints.functions, azure.host.ready
        connection = azure.azurite.connection_string
        tables = TableServiceClient.from_connection_string(connection)
        async with (
            arm_client(azure.endpoints.arm, azure.token()) as arm,
            aiohttp.ClientSession(base, headers={"x-functions-key": ready.host_key}) as app,
            aiohttp.ClientSession(base, headers={"x-functions-key": ready.master_key}) as admin,
            tables,
            QueueClient.from_connection_string(connection, QUEUE) as queue,
        ):
            with contextlib.suppress(ResourceExistsError):
                await queue.create_queue()
            state = TableState(tables, lease=timedelta(minutes=5))
            stage = Stage(azure, arm, app, admin, state, queue, tables, log)
            yield stage
            if options is None or "ONRAMP_VERIFY" not in options.app_env:
                await stage.all_told()


def _for_tests(options: Options, log: list[str]) -> Options:
    """A sweep is only made when a test asks for it, and what the app says is kept in *log*.

    The timer would go off in the middle of some test, and put right what that has just put wrong.
    A disabled function can be run by hand all the same.
    """

    def keep(line: str) -> None:
        options.on_log(line)
        if _OURS in line or _SWEPT in line:  # the SDKs' lines would be a hundred times as many
            log.append(line)

    env = {"AzureWebJobs.sweep.Disabled": "true", **options.app_env}
    return replace(options, app_env=env, on_log=keep)
