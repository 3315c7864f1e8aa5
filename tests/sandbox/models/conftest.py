from collections.abc import AsyncIterator

import pytest

from tests.sandbox.models.stand import Stand, a_stand


@pytest.fixture(scope="module")
async def shared_stand() -> AsyncIterator[Stand]:
    async with a_stand() as stand:
        yield stand


@pytest.fixture
async def stand(shared_stand: Stand) -> AsyncIterator[Stand]:
    yield shared_stand
    await shared_stand.clean()
