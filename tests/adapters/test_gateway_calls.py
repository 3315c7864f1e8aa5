from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from shared.adapters.gateway_calls import ApimCalls
from shared.core.probes import Probe
from shared.core.resource_ids import GatewayId
from shared.errors import Unavailable
from tests.adapters.conftest import Bench
from tests.adapters.resources import API, BACKEND, FOREVER, clear, make

PROBE = Probe(
    surface="azure-openai-v1",
    method="POST",
    path="nowhere/openai/v1/chat/completions",
    key_header="api-key",
    body="{}",
    reaches=True,
    behind="",
)


@pytest.fixture
async def calls(bench: Bench) -> AsyncIterator[ApimCalls]:
    found = ApimCalls(
        bench.arm, GatewayId.parse(bench.azure.gateway_id), subscription="prober", scope="/apis"
    )
    yield found
    await found.close()
    await bench.remove("subscriptions/prober")
    await clear(bench)


async def test_its_subscription_is_made_once_with_the_scope_that_was_asked_for(
    bench: Bench, calls: ApimCalls
) -> None:
    before = bench.sent("PUT", "/subscriptions/prober")
    for _ in range(3):
        assert (await calls.ask(PROBE, until=FOREVER)).status == 404

    assert bench.sent("PUT", "/subscriptions/prober") == before + 1
    found = await bench.client.get(
        f"{bench.azure.gateway_id}/subscriptions/prober", version="2024-05-01"
    )
    assert found is not None
    assert found["properties"]["scope"].lower().endswith("/apis")


async def test_a_call_is_let_in_with_its_key_and_is_asked_for_anew_when_it_was_changed(
    bench: Bench, calls: ApimCalls
) -> None:
    await make(bench, BACKEND, API)
    probe = replace(PROBE, method="GET", path=f"{API.body['properties']['path']}/nothing")
    assert (await calls.ask(probe, until=FOREVER)).status == 404  # no such operation, yet let in

    path = f"{bench.azure.gateway_id}/subscriptions/prober/regeneratePrimaryKey"
    await bench.arm.post(path, api_version="2024-05-01", until=FOREVER)
    operation = replace(probe, method="POST", path=f"{API.body['properties']['path']}/chat")
    first = await calls.ask(operation, until=FOREVER)
    second = await calls.ask(operation, until=FOREVER)

    assert (first.status, second.status == 401) == (401, False)


async def test_no_key_is_shown_by_what_is_printed_of_it(calls: ApimCalls) -> None:
    await calls.ask(PROBE, until=FOREVER)

    assert calls._key
    assert calls._key not in repr(calls)


async def test_a_gateway_that_can_not_be_reached_is_said_at_once(calls: ApimCalls) -> None:
    await calls.ask(PROBE, until=FOREVER)
    calls._origin = "http://127.0.0.1:1"

    with pytest.raises(Unavailable, match="ONRAMP_VERIFY"):
        await calls.ask(PROBE, until=FOREVER)
