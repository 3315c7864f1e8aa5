"""Storage clients for a binding's ``connection``: a connection string, or identity-based.

learn.microsoft.com/azure/azure-functions/functions-reference#connections
"""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Self

from azure.data.tables.aio import TableServiceClient
from azure.identity.aio import DefaultAzureCredential, ManagedIdentityCredential
from azure.storage.queue.aio import QueueServiceClient

from sandbox.functions_host.errors import StartupError
from sandbox.functions_host.settings import lookup

_DEFAULT = "AzureWebJobsStorage"
_PREFIXES = ("AzureWebJobs", "")


class StorageConnections:
    """Opens one client per connection and service, and closes them all at the end."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        self._settings = settings
        self._queues: dict[str, QueueServiceClient] = {}
        self._tables: dict[str, TableServiceClient] = {}
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._open.aclose()

    def check(self, connection: str, service: str) -> None:
        """StartupError when the connection has neither a string nor an endpoint."""
        if self._string(connection) is None:
            self._endpoint(connection, service)

    async def queues(self, connection: str) -> QueueServiceClient:
        if connection not in self._queues:
            text = self._string(connection)
            client = (
                QueueServiceClient(
                    self._endpoint(connection, "queue"),
                    credential=await self._credential(connection),
                )
                if text is None
                else QueueServiceClient.from_connection_string(text)
            )
            self._queues[connection] = await self._open.enter_async_context(client)
        return self._queues[connection]

    async def tables(self, connection: str) -> TableServiceClient:
        if connection not in self._tables:
            text = self._string(connection)
            client = (
                TableServiceClient(
                    endpoint=self._endpoint(connection, "table"),
                    credential=await self._credential(connection),
                )
                if text is None
                else TableServiceClient.from_connection_string(text)
            )
            self._tables[connection] = await self._open.enter_async_context(client)
        return self._tables[connection]

    def _setting(self, connection: str, member: str = "") -> str | None:
        """The prefixed name wins: WebJobsConfigurationExtensions in Azure/azure-webjobs-sdk."""
        name = connection or _DEFAULT
        suffix = f"__{member}" if member else ""
        candidates = (lookup(f"{prefix}{name}{suffix}", self._settings) for prefix in _PREFIXES)
        return next((value for value in candidates if value), None)

    def _string(self, connection: str) -> str | None:
        return self._setting(connection)

    def _endpoint(self, connection: str, service: str) -> str:
        uri = self._setting(connection, f"{service}ServiceUri")
        account = self._setting(connection, "accountName")
        if uri:
            return uri
        if account:
            return f"https://{account}.{service}.core.windows.net"
        name = connection or _DEFAULT
        raise StartupError(
            f"Storage account connection string '{name}' does not exist, nor does "
            f"'{name}__{service}ServiceUri': add one of them to the app settings"
        )

    async def _credential(
        self, connection: str
    ) -> DefaultAzureCredential | ManagedIdentityCredential:
        client_id = self._setting(connection, "clientId")
        if (self._setting(connection, "credential") or "").casefold() == "managedidentity":
            managed = ManagedIdentityCredential(client_id=client_id)
            return await self._open.enter_async_context(managed)
        default = DefaultAzureCredential(managed_identity_client_id=client_id)
        return await self._open.enter_async_context(default)
