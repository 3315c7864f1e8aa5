"""One local Azure with the app in it for all tests of a process; each test has its own accounts."""

from collections.abc import AsyncIterator

import pytest
from hypothesis import settings

from tests.stage import Stage, a_stage

settings.register_profile("untimed", deadline=None)  # benchmarks measure time, tests don't
settings.load_profile("untimed")


@pytest.fixture(scope="session")
async def shared_stage() -> AsyncIterator[Stage]:
    async with a_stage() as stage:
        yield stage


@pytest.fixture
async def stage(shared_stage: Stage) -> Stage:
    await shared_stage.quiet()
    shared_stage.writes()
    return shared_stage
