"""A local ARM, and one with a gateway, for tests that want no other."""

from collections.abc import AsyncIterator

import pytest

from tests.sandbox.apim_client import Apim, local_apim
from tests.sandbox.arm_client import Arm, local_arm


@pytest.fixture
async def arm() -> AsyncIterator[Arm]:
    async with local_arm() as running:
        yield running


@pytest.fixture
async def apim() -> AsyncIterator[Apim]:
    async with local_apim() as running:
        yield running
