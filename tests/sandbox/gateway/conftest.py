"""A gateway with one API, for tests that want no other."""

from collections.abc import AsyncIterator

import pytest

from tests.sandbox.gateway.place import Place, a_place, an_api


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    async with a_place() as it:
        an_api(it)
        yield it
