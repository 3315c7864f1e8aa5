from collections.abc import AsyncIterator

import pytest
from azure.storage.queue.aio import QueueServiceClient

from sandbox.azurite import azurite
from tests.sandbox.functions_host.hosts import APPS, Host, hosted


@pytest.fixture(scope="session")
async def http_host() -> AsyncIterator[Host]:
    async with hosted(APPS / "http") as host:
        yield host


@pytest.fixture(scope="session")
async def storage() -> AsyncIterator[str]:
    async with azurite() as running:
        yield running.connection_string


@pytest.fixture(scope="session")
async def queues(storage: str) -> AsyncIterator[QueueServiceClient]:
    async with QueueServiceClient.from_connection_string(storage) as client:
        yield client
