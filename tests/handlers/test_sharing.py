"""One look for all who ask at once."""

import asyncio
from dataclasses import dataclass, field

import pytest

from handlers.sharing import Shared
from shared.errors import Unavailable

LONG, NOT_AT_ALL = 3600, 0


@dataclass(slots=True)
class Gate:
    """A look that takes until somebody lets it go on; it says how many there were before."""

    looks: int = 0
    fails: bool = False
    opened: asyncio.Event = field(default_factory=asyncio.Event)

    async def look(self) -> int:
        self.looks += 1
        await self.opened.wait()
        if self.fails:
            raise Unavailable("busy")
        return self.looks

    def shared(self, *, kept_s: float = LONG, failure_kept_s: float = LONG) -> Shared[int]:
        return Shared(self.look, kept_s=kept_s, failure_kept_s=failure_kept_s)


@pytest.mark.parametrize("fresh", [False, True])
async def test_all_who_ask_meanwhile_share_one_look(fresh: bool) -> None:
    gate = Gate()
    shared = gate.shared()
    asks = [asyncio.ensure_future(shared.get(fresh=fresh)) for _ in range(3)]
    await asyncio.sleep(0)

    gate.opened.set()

    assert await asyncio.gather(*asks) == [1, 1, 1]


async def test_all_who_ask_meanwhile_are_told_of_one_failure() -> None:
    gate = Gate(fails=True)
    shared = gate.shared()
    asks = [asyncio.ensure_future(shared.get(fresh=False)) for _ in range(3)]
    await asyncio.sleep(0)

    gate.opened.set()
    found = await asyncio.gather(*asks, return_exceptions=True)

    assert [type(it) for it in found] == [Unavailable] * 3
    assert gate.looks == 1


@pytest.mark.parametrize(
    ("fails", "kept_s", "failure_kept_s", "fresh", "looks"),
    [
        (False, LONG, NOT_AT_ALL, False, 1),
        (False, LONG, NOT_AT_ALL, True, 2),
        (False, NOT_AT_ALL, LONG, False, 2),
        (True, NOT_AT_ALL, LONG, False, 1),
        (True, NOT_AT_ALL, LONG, True, 2),
        (True, LONG, NOT_AT_ALL, False, 2),
    ],
)
async def test_what_was_found_and_what_went_wrong_are_kept_as_long_as_each_is_worth(
    fails: bool, kept_s: float, failure_kept_s: float, fresh: bool, looks: int
) -> None:
    gate = Gate(fails=fails)
    gate.opened.set()
    shared = gate.shared(kept_s=kept_s, failure_kept_s=failure_kept_s)

    for again in (False, fresh):
        await asyncio.gather(shared.get(fresh=again), return_exceptions=True)

    assert gate.looks == looks


async def test_who_goes_away_takes_the_look_from_nobody() -> None:
    gate = Gate()
    shared = gate.shared()
    first, second = (asyncio.ensure_future(shared.get(fresh=False)) for _ in range(2))
    await asyncio.sleep(0)

    first.cancel()
    await asyncio.sleep(0)
    gate.opened.set()

    assert await second == 1
