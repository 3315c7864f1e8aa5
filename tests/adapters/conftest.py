"""The real adapters on the ARM emulator and on Azurite, without the app."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Self
from uuid import uuid4

import pytest
from azure.core.credentials import AccessToken
from azure.data.tables.aio import TableServiceClient

from sandbox.arm.apim.call import ApimOptions
from sandbox.client import ACCOUNTS_VERSION, GATEWAY_VERSION, ArmClient, arm_client
from sandbox.contracts import Json
from sandbox.local_azure import APP, LocalAzure, Options, local_azure
from sandbox.world import SUBSCRIPTION, World
from shared.adapters.arm import Arm
from shared.adapters.clock import SystemClock
from shared.adapters.gateway import ApimGateway
from shared.adapters.gateway_reads import ROLES_VERSION
from shared.adapters.inventory import ArmInventory
from shared.adapters.table_history import TableHistory
from shared.adapters.table_ledger import TableLedger
from shared.core.resource_ids import AccountId, GatewayId
from tests.adapters.ledger_book import Book

WORLD = World.model_validate(
    {
        "accounts": [
            {
                "name": "contoso",
                "deployments": [{"name": "gpt-4o", "model": {"name": "gpt-4o"}}],
            },
            {"name": "speech", "kind": "SpeechServices"},
        ]
    }
)
CONTOSO = AccountId(SUBSCRIPTION, "rg-ai", "contoso")


class Token:
    """A credential with a token at hand."""

    def __init__(self, token: str) -> None:
        self._token = token

    async def get_token(self, *_scopes: str, **_options: object) -> AccessToken:
        return AccessToken(self._token, 4_000_000_000)

    async def close(self) -> None:
        """Hold nothing."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Hold nothing."""


class Impatient(SystemClock):
    """Time that passes at once where somebody sleeps; remembers for how long they wanted to."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await super().sleep(0)


@dataclass(frozen=True, slots=True)
class Bench:
    azure: LocalAzure
    client: ArmClient
    arm: Arm
    clock: Impatient
    gateway: ApimGateway
    inventory: ArmInventory

    def fail(self, match: dict[str, Any], answer: dict[str, Any]) -> None:
        """Let ARM fail from now on; members as in sandbox/arm/faults.py."""
        self.azure.arm.faults.add(match, answer)

    def asked(self, method: str) -> list[str]:
        """The paths that the app's identity asked for with *method*."""
        log = self.azure.arm.journal.log
        return [it.path for it in log if (it.method, it.principal) == (method, APP.principal_id)]

    def sent(self, method: str, end: str) -> int:
        """How many of the app's requests ended in *end*."""
        return sum(path.lower().endswith(end.lower()) for path in self.asked(method))

    async def put(self, path: str, body: dict[str, object]) -> None:
        await self.client.put(path, body, version=ACCOUNTS_VERSION)

    async def own(self, path: str, body: Json) -> None:
        """Write something on the gateway, as a person."""
        await self.client.put(f"{self.azure.gateway_id}/{path}", body, version=GATEWAY_VERSION)

    async def remove(self, path: str) -> None:
        await self.client.delete(
            f"{self.azure.gateway_id}/{path}", version=GATEWAY_VERSION, if_match="*"
        )

    async def assignments(self, unit: AccountId) -> list[Json]:
        """The role assignments that stand on an account itself."""
        path = f"{unit.arm_id}/providers/Microsoft.Authorization/roleAssignments"
        found = await self.client.list(path, version=ROLES_VERSION)
        return [it for it in found if it["properties"]["scope"].lower() == unit.arm_id.lower()]


@asynccontextmanager
async def a_bench(apim: ApimOptions | None = None, **settings: int) -> AsyncIterator[Bench]:
    options = Options(world=WORLD, apim=apim or ApimOptions())
    async with (
        local_azure(options) as azure,
        arm_client(azure.endpoints.arm, azure.token()) as client,
    ):
        clock = Impatient()
        arm = Arm(
            Token(azure.token(APP)),
            clock,
            endpoint=azure.endpoints.arm,
            subscription=SUBSCRIPTION,
            request_timeout=timedelta(seconds=settings.get("request_timeout_s", 120)),
        )
        try:
            gateway = ApimGateway(
                arm, clock, GatewayId.parse(azure.gateway_id), parallel_reads=4, parallel_writes=4
            )
            inventory = ArmInventory(arm, clock, subscriptions=(SUBSCRIPTION,))
            yield Bench(azure, client, arm, clock, gateway, inventory)
        finally:
            await arm.close()


@pytest.fixture(scope="module")
async def shared_bench() -> AsyncIterator[Bench]:
    async with a_bench() as bench:
        yield bench


@pytest.fixture
async def bench(shared_bench: Bench) -> AsyncIterator[Bench]:
    yield shared_bench
    shared_bench.azure.arm.faults.clear()
    shared_bench.azure.arm.journal.clear()
    shared_bench.clock.slept.clear()


@pytest.fixture
def unit() -> AccountId:
    """Nobody else's: the tables are there for all tests of a process."""
    return AccountId(SUBSCRIPTION, "rg-ai", f"acct-{uuid4().hex[:8]}")


@pytest.fixture
async def book(connection: str) -> AsyncIterator[Book]:
    async with TableServiceClient.from_connection_string(connection) as service:
        yield Book(TableLedger(service, tells=True), TableHistory(service), service)
