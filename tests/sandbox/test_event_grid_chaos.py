"""Events lost, doubled, late and out of order, as a test asked for it."""

from dataclasses import replace

import pytest

from sandbox.event_grid.emulator import EventGrid
from sandbox.event_grid.options import Chaos, Options
from tests.sandbox.event_grid import FAST, a_subscription, a_write
from tests.sandbox.event_receiver import receiver


@pytest.mark.parametrize(
    ("chaos", "expected"),
    [
        (Chaos(), 20),
        (Chaos(drop=1), 0),
        (Chaos(duplicate=1), 40),
        (Chaos(delay_s=10, reorder_s=1000), 20),
    ],
)
async def test_chaos_is_what_was_asked_for(chaos: Chaos, expected: int) -> None:
    async with receiver() as endpoint, EventGrid(options=replace(FAST, chaos=chaos)) as grid:
        await grid.subscribe(a_subscription(endpoint))
        for _ in range(20):
            grid.publish_write(a_write())
        await grid.idle()

    assert len(endpoint.received) == expected


async def test_chaos_reorders_the_same_way_for_the_same_seed() -> None:
    orders = []
    for _ in range(2):
        options = Options(time_scale=0.001, chaos=Chaos(reorder_s=200, seed=7))
        async with receiver() as endpoint, EventGrid(options=options) as grid:
            await grid.subscribe(a_subscription(endpoint))
            for number in range(4):
                grid.publish_write(a_write(correlation_id=str(number)))
            await grid.idle()
        orders.append([event["data"]["correlationId"] for event in endpoint.events])

    assert orders[0] == orders[1] != ["0", "1", "2", "3"]
