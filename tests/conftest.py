"""What all tests of a process share: a local Azure with the app in it, and a storage account.

Each test has its own accounts on the stage; in the storage its own units, queues, containers.
"""

from collections.abc import AsyncIterator

import pytest
from hypothesis import HealthCheck, settings

from sandbox.azurite import Azurite, azurite
from tests.stage import Stage, a_stage

# Benchmarks measure time, tests don't; and a commit that changes nothing fails nothing, because the
# examples follow from the test. Those who look for others say --hypothesis-profile=default.
settings.register_profile(
    "repeatable",
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("repeatable")


@pytest.fixture(scope="session")
async def shared_stage() -> AsyncIterator[Stage]:
    async with a_stage() as stage:
        yield stage


@pytest.fixture
async def stage(shared_stage: Stage) -> Stage:
    await shared_stage.quiet()
    shared_stage.writes()
    return shared_stage


@pytest.fixture(scope="session")
async def storage() -> AsyncIterator[Azurite]:
    async with azurite() as running:
        yield running


@pytest.fixture(scope="session")
def connection(storage: Azurite) -> str:
    return storage.connection_string
