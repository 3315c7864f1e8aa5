"""A gateway without an app, and somebody who has rights on it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from sandbox.client import ACCOUNTS_VERSION, GATEWAY_VERSION, ArmClient
from sandbox.contracts import Json
from sandbox.local_azure import APP, LocalAzure
from tests.stage import CHAT, GROUP


def direct_env(azure: LocalAzure) -> dict[str, str]:
    """Somebody signed in, on the gateway itself."""
    return {
        "ONRAMP_GATEWAY_ID": azure.gateway_id,
        "ONRAMP_ARM_ENDPOINT": azure.endpoints.arm,
        "IDENTITY_ENDPOINT": f"{azure.endpoints.identity}/msi/token",
        "IDENTITY_HEADER": azure.endpoints.extra["identityHeader"],
    }


@dataclass(frozen=True, slots=True)
class Gate:
    """A gateway and somebody who has rights on it."""

    azure: LocalAzure
    arm: ArmClient

    @property
    def env(self) -> dict[str, str]:
        return direct_env(self.azure)

    async def account(self, *deployments: str, tags: Mapping[str, str] | None = None) -> str:
        """A new account with these deployments of gpt-4o; its name."""
        name = f"acct-{uuid4().hex[:8]}"
        body = {
            "location": "swedencentral",
            "kind": "AIServices",
            "sku": {"name": "S0"},
            "tags": dict(tags or {}),
            "properties": {"customSubDomainName": name},
        }
        path = f"{GROUP}/providers/Microsoft.CognitiveServices/accounts/{name}"
        await self.arm.put(path, body, version=ACCOUNTS_VERSION)
        for it in deployments:
            made = {
                "sku": {"name": "GlobalStandard", "capacity": 10},
                "properties": {"model": CHAT},
            }
            await self.arm.put(f"{path}/deployments/{it}", made, version=ACCOUNTS_VERSION)
        return name

    async def undeploy(self, account: str, name: str) -> None:
        path = f"{GROUP}/providers/Microsoft.CognitiveServices/accounts/{account}"
        await self.arm.delete(f"{path}/deployments/{name}", version=ACCOUNTS_VERSION)

    async def own(self, path: str, properties: Json) -> None:
        """Write something on the gateway, by hand."""
        await self.arm.put(
            f"{self.azure.gateway_id}/{path}", {"properties": properties}, version=GATEWAY_VERSION
        )

    async def at(self, path: str) -> dict[str, Any] | None:
        found = await self.arm.get(f"{self.azure.gateway_id}/{path}", version=GATEWAY_VERSION)
        return found["properties"] if found else None

    def writes(self) -> list[str]:
        """What was written with the signed-in user's rights since this was asked last."""
        found = self.azure.arm.journal.writes(APP.principal_id)
        self.azure.arm.journal.clear()
        return [f"{it.method} {it.path}" for it in found]
