"""One gateway with everything for the tests of a module; each test has its own accounts."""

from collections.abc import AsyncIterator

import pytest

from tests.scenarios.equipped import CACHE, INSIGHTS, RULES, SAFETY, WORLD
from tests.stage import Stage, a_stage, an_app_with_rules


@pytest.fixture(scope="module")
async def shared_equipped(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    options = an_app_with_rules(tmp_path_factory.mktemp("rules"), RULES, world=WORLD)
    async with a_stage(options) as stage:
        await stage.own("backends/safety", {"properties": SAFETY})
        await stage.own("loggers/insights", {"properties": INSIGHTS})
        await stage.own("caches/default", {"properties": CACHE})
        yield stage


@pytest.fixture
async def equipped(shared_equipped: Stage) -> AsyncIterator[Stage]:
    await shared_equipped.quiet()
    shared_equipped.writes()
    yield shared_equipped
    shared_equipped.azure.arm.faults.clear()
