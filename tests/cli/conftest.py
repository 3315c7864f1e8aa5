"""A local Azure without an app, for those who only want to look at their gateway."""

from collections.abc import AsyncIterator

import pytest

from sandbox.client import arm_client
from sandbox.local_azure import Options, local_azure
from tests.cli.gate import Gate
from tests.stage import Stage


@pytest.fixture(scope="session")
async def one_gate() -> AsyncIterator[Gate]:
    async with (
        local_azure(Options()) as azure,
        arm_client(azure.endpoints.arm, azure.token()) as arm,
    ):
        yield Gate(azure, arm)


@pytest.fixture
def gate(one_gate: Gate) -> Gate:
    """As it is without what the last test had it fail."""
    one_gate.azure.arm.faults.clear()
    one_gate.writes()
    return one_gate


@pytest.fixture
def app_env(stage: Stage) -> dict[str, str]:
    """Somebody with a key of the app."""
    return {
        "ONRAMP_APP": stage.azure.endpoints.functions,
        "ONRAMP_KEY": stage.azure.host.ready.host_key,
    }
