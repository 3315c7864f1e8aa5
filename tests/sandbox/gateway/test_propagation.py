"""What ARM holds is served at once, or some time later where a gateway takes time."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from sandbox.arm.ids import ResourcePath
from sandbox.arm.provider import Context
from sandbox.gateway.propagation import Delayed
from tests.sandbox.gateway.place import START, Clock, Place, a_place, an_api

_DELAY_S = 10.0
_HOURS_S = 10_000.0  # far more than a test can take


def reaching(place: Place) -> Callable[[], Awaitable[int]]:
    async def status() -> int:
        return (await place.call("/a/x")).status

    return status


async def test_a_change_is_served_at_once() -> None:
    async with a_place() as place:
        status = reaching(place)

        assert await status() == 404
        an_api(place)
        assert await status() == 200
        place.policy(inbound="<return-response><set-status code='204' /></return-response>")
        assert await status() == 204
        place.delete("apis/a")
        assert await status() == 404


async def test_a_change_is_served_later_if_asked() -> None:
    # What ARM says of the time of a write is the real one.
    now = datetime.now(UTC).timestamp()
    clock = Clock(now)
    async with a_place(propagation_s=_HOURS_S, clock=clock) as place:
        status = reaching(place)

        an_api(place)
        assert await status() == 404
        clock.now = now + 1.5 * _HOURS_S
        assert await status() == 200
        place.delete("apis/a")
        assert await status() == 200
        clock.now += _HOURS_S
        assert await status() == 404


def test_versions_follow_each_other_in_their_time() -> None:
    context, clock = Context(), Clock(START)
    path = ResourcePath.parse(
        "/subscriptions/1/resourceGroups/g/providers/Microsoft.ApiManagement/service/s"
    )
    from_store = Delayed(context.store, path.id, _DELAY_S, clock)
    served = []
    for second in range(0, 40, 5):
        clock.now = START + second
        if second in (0, 5, 20):
            at = datetime.fromtimestamp(clock.now, UTC)
            context.store.put(path, {"version": second}, now=at)
        from_store.look()
        entry = from_store.get(path.id.upper())
        served.append(entry.body["version"] if entry else None)

    assert served == [None, None, 0, 5, 5, 5, 20, 20]
