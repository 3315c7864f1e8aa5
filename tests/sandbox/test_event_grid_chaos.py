"""Events lost, doubled, late and out of order, as a test asked for it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter

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


@dataclass(slots=True)
class Line:
    """All who sleep, let go one after the other: who sleeps shorter first, however far apart."""

    sleepers: list[tuple[float, asyncio.Future[None]]] = field(default_factory=list)

    async def sleep(self, seconds: float) -> None:
        turn = asyncio.get_running_loop().create_future()
        self.sleepers.append((seconds, turn))
        await turn

    async def release(self, count: int, arrived: Sequence[object]) -> None:
        while len(self.sleepers) < count:  # noqa: ASYNC110
            await asyncio.sleep(0)
        for number, (_, turn) in enumerate(sorted(self.sleepers, key=itemgetter(0)), 1):
            turn.set_result(None)
            while len(arrived) < number:  # noqa: ASYNC110
                await asyncio.sleep(0.001)


async def test_chaos_reorders_the_same_way_for_the_same_seed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    orders = []
    for _ in range(2):
        options = Options(chaos=Chaos(reorder_s=200, seed=7))
        line = Line()
        async with receiver() as endpoint, EventGrid(options=options) as grid:
            await grid.subscribe(a_subscription(endpoint))
            monkeypatch.setattr(grid._delivery, "_sleep", line.sleep)
            for number in range(4):
                grid.publish_write(a_write(correlation_id=str(number)))
            await line.release(4, endpoint.received)
        orders.append([event["data"]["correlationId"] for event in endpoint.events])

    assert orders[0] == orders[1] != ["0", "1", "2", "3"]
