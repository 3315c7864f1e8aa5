from collections.abc import AsyncIterator

import pytest
from azure.storage.queue.aio import QueueServiceClient

from tests.sandbox.functions_host.hosts import APPS, Host, hosted


@pytest.fixture(scope="session")
async def http_host() -> AsyncIterator[Host]:
    async with hosted(APPS / "http") as host:
        yield host


@pytest.fixture(scope="session")
async def queues(connection: str) -> AsyncIterator[QueueServiceClient]:
    async with QueueServiceClient.from_connection_string(connection) as client:
        yield client
