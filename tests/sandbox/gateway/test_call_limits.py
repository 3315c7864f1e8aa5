"""Limits on calls: rates and quotas."""

from aiohttp import web

from tests.sandbox.gateway.place import Place, Reached


def limited(reached: Reached) -> tuple[int, str | None]:
    return reached.status, reached.headers.get("Retry-After")


async def test_a_rate_counts_by_key_over_a_sliding_window(place: Place) -> None:
    place.policy(
        inbound="<rate-limit-by-key calls='2' renewal-period='60' remaining-calls-header-name='L' "
        "total-calls-header-name='T' counter-key='@(context.Request.Headers.GetValueOrDefault("
        '"K", ""))\' />'
    )

    async def call(key: str) -> Reached:
        return await place.call("/a/x", headers={"K": key})

    first = await call("one")
    place.clock.now += 20
    second, third, other = await call("one"), await call("one"), await call("two")
    assert [it.headers["L"] for it in (first, second, third, other)] == ["1", "0", "0", "1"]
    assert (limited(third), third.headers["T"]) == ((429, "40"), "2")
    assert third.error == "Rate limit is exceeded. Try again in 40 seconds."
    place.clock.now += 40
    assert [(await call("one")).status for _ in range(2)] == [200, 429]


async def test_rate_limit_is_for_subscriptions_alone(place: Place) -> None:
    place.policy(inbound="<rate-limit calls='1' renewal-period='60' />")
    key = {"Ocp-Apim-Subscription-Key": place.key()}

    without = [(await place.call("/a/x")).status for _ in range(3)]
    within = [(await place.call("/a/x", headers=key)).status for _ in range(2)]

    assert (without, within) == ([200, 200, 200], [200, 429])


async def test_an_increment_condition_sees_the_answer(place: Place) -> None:
    place.policy(
        inbound="<rate-limit-by-key calls='1' renewal-period='60' counter-key='k' "
        "increment-condition='@(context.Response.StatusCode == 200)' />"
    )
    place.upstream.answer = lambda _seen: web.Response(status=500)
    failed = [(await place.call("/a/x")).status for _ in range(2)]
    place.upstream.answer = lambda _seen: None

    assert failed == [500, 500]
    assert [(await place.call("/a/x")).status for _ in range(2)] == [200, 429]


async def test_a_quota_lasts_for_its_period(place: Place) -> None:
    place.policy(inbound="<quota-by-key calls='1' renewal-period='3600' counter-key='k' />")

    found = [await place.call("/a/x") for _ in range(2)]
    place.clock.now += 3600

    assert [it.status for it in found] == [200, 403]
    assert found[1].error == "Out of call volume quota. Quota will be replenished in 1:00:00."
    assert (await place.call("/a/x")).status == 200
