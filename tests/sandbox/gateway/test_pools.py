"""Several backends, and several tries: circuit breakers, pools, retries."""

from aiohttp import web

from tests.sandbox.gateway.place import Place, a_backend

_BREAKER = {
    "rules": [
        {
            "name": "r",
            "failureCondition": {
                "count": 2,
                "interval": "PT1M",
                "statusCodeRanges": [{"min": 429, "max": 429}],
            },
            "tripDuration": "PT30S",
            "acceptRetryAfter": True,
        }
    ]
}


async def test_a_circuit_breaker_trips_and_closes_again(place: Place) -> None:
    place.policy(inbound=f"<base />{a_backend(place, circuitBreaker=_BREAKER)}")
    place.upstream.answer = lambda _seen: web.Response(status=429)

    found = [await place.call("/a/x") for _ in range(4)]
    assert [it.status for it in found] == [429, 429, 503, 503]
    assert found[3].reason == "Backend 'b' is temporarily unavailable"
    assert len(place.upstream.seen) == 2
    place.clock.now += 30
    place.upstream.answer = lambda _seen: None
    assert (await place.call("/a/x")).status == 200


async def test_a_circuit_breaker_may_accept_retry_after(place: Place) -> None:
    place.policy(inbound=f"<base />{a_backend(place, circuitBreaker=_BREAKER)}")
    headers = {"Retry-After": "300"}
    place.upstream.answer = lambda _seen: web.Response(status=429, headers=headers)

    for _ in range(2):
        await place.call("/a/x")
    place.clock.now += 299
    assert (await place.call("/a/x")).status == 503
    place.clock.now += 1
    assert (await place.call("/a/x")).status == 429


def a_pool(place: Place, *members: tuple[str, int, int]) -> str:
    for name, _priority, _weight in members:
        a_backend(place, name, circuitBreaker=_BREAKER)
    services = [
        {"id": f"/backends/{name}", "priority": priority, "weight": weight}
        for name, priority, weight in members
    ]
    place.put("backends/pool", {"type": "Pool", "pool": {"services": services}})
    return "<set-backend-service backend-id='pool' />"


def asked(place: Place) -> str:
    return "".join(it.host[0] for it in place.upstream.seen)


async def test_a_pool_goes_by_priority_and_weight(place: Place) -> None:
    place.policy(inbound=f"<base />{a_pool(place, ('x', 1, 3), ('y', 1, 1), ('z', 2, 1))}")

    for _ in range(8):
        await place.call("/a/x")

    assert (asked(place).count("x"), asked(place).count("y")) == (6, 2)


async def test_the_next_priority_is_for_when_all_breakers_are_open(place: Place) -> None:
    place.policy(inbound=f"<base />{a_pool(place, ('x', 1, 1), ('y', 2, 1))}")
    place.upstream.answer = lambda it: web.Response(status=429) if it.host[0] == "x" else None

    found = [(await place.call("/a/x")).status for _ in range(3)]
    assert (found, asked(place)) == ([429, 429, 200], "xxy")
    place.upstream.answer = lambda _seen: web.Response(status=429)
    last = [await place.call("/a/x") for _ in range(3)][-1]
    assert (last.status, last.reason) == (503, "Backend pool 'pool' is temporarily unavailable")


_RETRY = (
    "<retry condition='@(context.Response.StatusCode == 429)' count='{count}' interval='{interval}'"
    " first-fast-retry='{fast}'>{before}<forward-request buffer-request-body='{buffer}' /></retry>"
)


async def test_a_retry_goes_on_to_the_next_member(place: Place) -> None:
    pool = a_pool(place, ("x", 1, 1), ("y", 1, 1))
    place.policy(
        backend=_RETRY.format(count=1, interval=0, fast="true", buffer="true", before=pool)
    )
    place.upstream.answer = lambda it: web.Response(status=429) if it.host[0] == "x" else None

    reached = await place.call("/a/x", "POST", json={"a": 1})

    assert (reached.status, asked(place)) == (200, "xy")
    assert [it.json for it in place.upstream.seen] == [{"a": 1}] * 2


async def test_a_retry_ends_with_its_count_and_waits_between(place: Place) -> None:
    place.policy(backend=_RETRY.format(count=3, interval=5, fast="true", buffer="true", before=""))
    place.upstream.answer = lambda _seen: web.Response(status=429)

    reached = await place.call("/a/x")

    assert (reached.status, len(place.upstream.seen), place.clock.slept) == (429, 4, [5, 5])


async def test_a_body_can_be_sent_twice_only_if_it_was_buffered(place: Place) -> None:
    place.policy(backend=_RETRY.format(count=1, interval=0, fast="true", buffer="false", before=""))
    place.upstream.answer = lambda _seen: web.Response(status=429)

    reached = await place.call("/a/x", "POST", json={"a": 1})

    assert "A second attempt needs buffer-request-body" in reached.error
