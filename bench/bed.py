"""A local Azure with the app in it, and everything to load it and to watch it with."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from time import monotonic

import aiohttp
from azure.core.exceptions import ResourceExistsError
from azure.data.tables.aio import TableServiceClient
from azure.storage.queue.aio import QueueClient

from bench.machine import Usage, usage
from bench.trace import Call, Meter, Trace
from sandbox.arm.latency import Latency
from sandbox.client import ACCOUNTS_VERSION, ArmClient, arm_client
from sandbox.contracts import Json
from sandbox.demo_tables import standing
from sandbox.local_azure import APP, LocalAzure, Options, local_azure
from sandbox.world import (
    SUBSCRIPTION,
    World,
    WorldAccount,
    WorldDeployment,
    WorldGateway,
    WorldModel,
)
from shared.adapters.table_state import TableState
from shared.core.messages import QUEUE

ROOT = Path(__file__).parents[1]
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-ai"
ACCOUNTS = f"{GROUP}/providers/Microsoft.CognitiveServices/accounts"
CHAT = {"format": "OpenAI", "name": "gpt-4o", "version": "2024-11-20"}
EMBEDDINGS = {"format": "OpenAI", "name": "text-embedding-3-small", "version": "1"}
# The operations of thousands of deployments don't fit the Developer tier.
_GATEWAY = WorldGateway(name="apim-onramp", sku="StandardV2")
# The host looks into an empty queue every two seconds. Where nothing is timed nobody need wait.
EAGER = {"AzureFunctionsJobHost__extensions__queues__maxPollingInterval": "00:00:00.1"}
# Its quarter of an hour may fall into a bench, whose counts would not be those of the events then.
# Calls through the gateway are a matter of the gateway's time, and none of ARM's.
_UNMEASURED = {"AzureWebJobs.sweep.Disabled": "true", "ONRAMP_VERIFY": "false"}
_PATIENCE_S, _QUICK_PATIENCE_S = 1800.0, 300.0


@dataclass(frozen=True, slots=True)
class Setup:
    """What the command line asks for."""

    app_dir: Path = ROOT
    env: Mapping[str, str] = field(default_factory=dict)
    quick: bool = False
    say: Callable[[str], None] = lambda _line: None


@dataclass(frozen=True, slots=True)
class Bed:
    azure: LocalAzure
    arm: ArmClient
    http: aiohttp.ClientSession
    trace: Trace
    meter: Meter
    _state: TableState
    _queue: QueueClient
    _patience_s: float

    @property
    def calls(self) -> list[Call]:
        """What the app asked of ARM since :meth:`forget`."""
        return self.trace.of(APP.principal_id)

    def forget(self) -> None:
        """Count from here on, with ARM's buckets full."""
        self.trace.clear()
        self.meter.reset()

    def host(self) -> Usage:
        return usage(self.azure.host.pid)

    async def account(self, name: str) -> str:
        """Create an account; its ARM id."""
        path = f"{ACCOUNTS}/{name}"
        body = {
            "location": "swedencentral",
            "kind": "AIServices",
            "sku": {"name": "S0"},
            "properties": {"customSubDomainName": name},
        }
        await self.arm.put(path, body, version=ACCOUNTS_VERSION)
        return path

    async def deploy(
        self, account: str, name: str, *, capacity: int = 10, model: Json = CHAT
    ) -> None:
        """Create a deployment and wait until ARM says that it is there."""
        body = deployment_body(capacity, model)
        await self.arm.put(f"{account}/deployments/{name}", body, version=ACCOUNTS_VERSION)

    async def deliver(self, event: Json) -> None:
        """Send *event* as Event Grid does, and wait until it is delivered."""
        self.azure.event_grid.inject(event)
        await self.azure.event_grid.idle()

    async def quiet(self, *, every_s: float = 0.1) -> None:
        """Return when every event is delivered, every message done and every unit clean."""
        async with asyncio.timeout(self._patience_s):
            while not await self._is_quiet():  # noqa: ASYNC110 - asked over HTTP
                await asyncio.sleep(every_s)

    async def reimport(self, body: Json) -> None:
        """Ask for a full look and wait until it is done."""
        headers = {"x-functions-key": self.azure.host.ready.host_key}
        url = f"{self.azure.endpoints.functions}/api/reimport"
        async with self.http.post(url, json=body, headers=headers) as response:
            response.raise_for_status()
        await self.quiet(every_s=0.5)

    async def served(self) -> int:
        """Deployments in the gateway, counted once per surface."""
        found = await standing(self.arm, self.azure.gateway_id)
        return sum(len(api.deployments) for api in found)

    async def _is_quiet(self) -> bool:
        await self.azure.event_grid.idle()
        if await self._queue.peek_messages():  # those that are to come back later don't show
            return False
        return not await self._state.unfinished()


@asynccontextmanager
async def a_bed(
    setup: Setup,
    *,
    accounts: list[WorldAccount] | None = None,
    latency: Latency | None = None,
    env: Mapping[str, str] | None = None,
) -> AsyncIterator[Bed]:
    """Run a local Azure with the app until the block ends."""
    trace = Trace()
    meter = Meter(trace, APP.principal_id)
    options = Options(
        world=World(accounts=accounts or [], gateways=[_GATEWAY]),
        app_dir=setup.app_dir,
        app_env={**_UNMEASURED, **(env or {}), **setup.env},
        latency=latency or Latency(),
        throttle=meter,
    )
    async with local_azure(options) as azure:
        azure.arm.journal = trace
        connection = azure.azurite.connection_string
        tables = TableServiceClient.from_connection_string(connection)
        connector = aiohttp.TCPConnector(limit=0)
        async with (
            arm_client(azure.endpoints.arm, azure.token()) as arm,
            aiohttp.ClientSession(connector=connector) as http,
            tables,
            QueueClient.from_connection_string(connection, QUEUE) as queue,
        ):
            with contextlib.suppress(ResourceExistsError):
                await queue.create_queue()
            state = TableState(tables, lease=timedelta(minutes=5))
            patience_s = _QUICK_PATIENCE_S if setup.quick else _PATIENCE_S
            yield Bed(azure, arm, http, trace, meter, state, queue, patience_s)


def world_account(name: str, deployments: int) -> WorldAccount:
    """An account that is there from the start."""
    model = WorldModel(**CHAT)
    return WorldAccount(
        name=name,
        deployments=[WorldDeployment(name=f"gpt-{i}", model=model) for i in range(deployments)],
    )


def deployment_body(capacity: int = 10, model: Json = CHAT) -> Json:
    return {"sku": {"name": "GlobalStandard", "capacity": capacity}, "properties": {"model": model}}


def an_event(account: str, deployment: str, event_id: str) -> Json:
    """The event of a written deployment.

    Shape: learn.microsoft.com/azure/event-grid/event-schema-subscriptions
    """
    subject = f"{account}/deployments/{deployment}"
    return {
        "id": event_id,
        "topic": f"/subscriptions/{SUBSCRIPTION}",
        "subject": subject,
        "eventType": "Microsoft.Resources.ResourceWriteSuccess",
        "eventTime": "2026-01-01T00:00:00.0000000Z",
        "dataVersion": "2",
        "metadataVersion": "1",
        "data": {
            "operationName": "Microsoft.CognitiveServices/accounts/deployments/write",
            "resourceUri": subject,
            "status": "Succeeded",
            "subscriptionId": SUBSCRIPTION,
            "correlationId": event_id,
        },
    }


class Watch:
    """Seconds and the app's CPU since it was made."""

    def __init__(self, bed: Bed) -> None:
        self._bed, self._at, self._before = bed, monotonic(), bed.host()

    def seconds(self) -> float:
        return monotonic() - self._at

    def app_cpu_s(self) -> float:
        return self._bed.host().cpu_s - self._before.cpu_s
