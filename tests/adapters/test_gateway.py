"""The API Management adapter on the emulator: every answer shape, every fence, every refusal."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any, get_args

import pytest

from sandbox.arm.apim.call import ApimOptions, PutShape
from shared.core.desired import Desired, unit_paths
from shared.core.model import Actual, Resource
from shared.core.naming import unit_hash
from shared.core.plan import Action, Change, make_plan
from shared.core.resource_ids import AccountId
from shared.errors import Rejected, RetryableError, StaleRead, Unavailable
from tests.adapters.conftest import Bench, a_bench
from tests.builders import (
    SUBSCRIPTION,
    UNIT,
    a_deployment,
    an_account,
    an_embedding,
    desired_of,
)

FOREVER = float("inf")
WANTED = desired_of(an_account(a_deployment()))
MORE = desired_of(an_account(a_deployment(), an_embedding()))
NOTHING = desired_of(None)
API = next(r for r in WANTED.resources if r.path.startswith("apis/") and not r.needs)
BACKEND = next(r for r in WANTED.resources if r.path.startswith("backends/"))
POLICY = next(r for r in WANTED.resources if API.path in r.needs)
API_PUT: dict[str, Any] = {"method": "PUT", "path": f"/{API.path}$"}


def plan(desired: Desired, actual: Actual) -> tuple[Change, ...]:
    return make_plan(desired, actual.resources, owner="default", unit=unit_hash(UNIT))


async def apply_all(bench: Bench, desired: Desired) -> list[Action]:
    """Make *desired* stand; what that took."""
    changes = plan(desired, await bench.gateway.actual(unit_paths(UNIT), until=FOREVER))
    writes = [change for change in changes if change.action is not Action.KEEP]
    for change in writes:
        await bench.gateway.apply(change, until=FOREVER)
    return [change.action for change in writes]


def create(resource: Resource) -> Change:
    return Change(Action.CREATE, resource.path, "test", resource)


@pytest.fixture
async def clean(bench: Bench) -> AsyncIterator[Bench]:
    yield bench
    bench.azure.arm.faults.clear()
    await apply_all(bench, NOTHING)


@pytest.mark.parametrize("shape", get_args(PutShape.__value__))
async def test_whatever_shape_a_put_answers_in_the_second_look_finds_nothing_to_do(
    shape: PutShape,
) -> None:
    async with a_bench(ApimOptions(api_put_shape=shape)) as bench:
        assert set(await apply_all(bench, WANTED)) == {Action.CREATE}
        assert await apply_all(bench, WANTED) == []
        assert set(await apply_all(bench, MORE)) == {Action.UPDATE}
        assert await apply_all(bench, MORE) == []
        assert set(await apply_all(bench, NOTHING)) == {Action.DELETE}
        assert (await bench.gateway.actual(unit_paths(UNIT), until=FOREVER)).resources == {}


async def test_the_managed_identity_of_a_backend_really_arrives(clean: Bench) -> None:
    await apply_all(clean, WANTED)

    found = (await clean.gateway.actual([BACKEND.path], until=FOREVER)).resources[BACKEND.path]

    credentials = found.body["properties"]["credentials"]
    assert credentials["managedIdentity"]["resource"] == "https://cognitiveservices.azure.com/"


async def test_a_write_on_an_old_etag_is_refused(clean: Bench) -> None:
    await apply_all(clean, WANTED)
    before = await clean.gateway.actual([POLICY.path], until=FOREVER)
    (first, *_), (second, *_) = (
        [it for it in plan(MORE, before) if it.path == POLICY.path] for _ in range(2)
    )

    await clean.gateway.apply(first, until=FOREVER)
    with pytest.raises(StaleRead):
        await clean.gateway.apply(second, until=FOREVER)


@pytest.mark.parametrize("resource", [API, BACKEND], ids=["API", "backend"])
async def test_a_delete_on_an_old_etag_is_refused(clean: Bench, resource: Resource) -> None:
    await clean.gateway.apply(create(resource), until=FOREVER)
    found = (await clean.gateway.actual([resource.path], until=FOREVER)).resources[resource.path]
    old = replace(found, etag='"stale"')

    with pytest.raises(StaleRead):
        await clean.gateway.apply(
            Change(Action.DELETE, resource.path, "test", actual=old), until=FOREVER
        )


async def test_what_is_gone_already_is_deleted(bench: Bench) -> None:
    await bench.gateway.apply(Change(Action.DELETE, API.path, "test"), until=FOREVER)


async def test_a_busy_api_is_asked_again_in_seconds(clean: Bench) -> None:
    busy = {
        "status": 409,
        "code": "PessimisticConcurrencyConflict",
        "message": "Operation on the API is in progress",
    }
    clean.fail({**API_PUT, "count": 2}, busy)

    await clean.gateway.apply(create(API), until=FOREVER)

    assert len(clean.asked("PUT")) == 3


async def test_a_throttle_is_not_slept_out(clean: Bench) -> None:
    clean.fail(API_PUT, {"status": 429, "headers": {"Retry-After": "372"}})

    with pytest.raises(Unavailable) as refused:
        await clean.gateway.apply(create(API), until=FOREVER)

    assert refused.value.retry_after is not None
    assert refused.value.retry_after.total_seconds() >= 372
    assert sum(clean.clock.slept) == 0


async def test_a_short_throttle_is_waited_for(clean: Bench) -> None:
    clean.fail({**API_PUT, "count": 1}, {"status": 429, "headers": {"Retry-After": "3"}})

    await clean.gateway.apply(create(API), until=FOREVER)

    assert max(clean.clock.slept) >= 3


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, "ValidationError"), (409, "ScopeLocked"), (409, "IdentifierAlreadyInUse")],
)
async def test_a_refusal_for_good_is_not_repeated(clean: Bench, status: int, code: str) -> None:
    clean.fail(API_PUT, {"status": status, "code": code, "message": "no"})

    with pytest.raises(Rejected) as refused:
        await clean.gateway.apply(create(API), until=FOREVER)

    assert refused.value.code == code
    assert len(clean.asked("PUT")) == 1


@pytest.mark.parametrize(
    ("answer", "sent"),
    [
        ({"status": 504, "code": "GatewayTimeout", "effect": True}, 1),
        # aiohttp itself tries once more on a new connection
        ({"drop": "after"}, 2),
        ({"drop": "before"}, 0),
    ],
    ids=str,
)
async def test_a_create_without_an_answer_is_not_repeated_until_it_must_have_landed(
    clean: Bench, answer: dict[str, Any], sent: int
) -> None:
    clean.fail(API_PUT, answer)

    with pytest.raises(Unavailable) as met:
        await clean.gateway.apply(create(API), until=FOREVER)

    assert met.value.retry_after == timedelta(seconds=clean.arm.request_s)
    assert len(clean.asked("PUT")) == sent


async def test_an_update_without_an_answer_is_looked_up_at_once(clean: Bench) -> None:
    await apply_all(clean, WANTED)
    actual = await clean.gateway.actual(unit_paths(UNIT), until=FOREVER)
    (update,) = (it for it in plan(MORE, actual) if it.path == API.path)
    clean.fail(API_PUT, {"drop": "after"})

    with pytest.raises(StaleRead):
        await clean.gateway.apply(update, until=FOREVER)


async def test_an_import_that_fails_after_a_good_answer_is_not_taken_for_a_success(
    clean: Bench,
) -> None:
    failure = {"code": "ValidationError", "message": "The document is no good."}
    clean.fail(API_PUT, {"operation": failure})

    with pytest.raises(Rejected, match="no good"):
        await clean.gateway.apply(create(API), until=FOREVER)


async def test_a_write_that_arm_forgets_is_not_taken_for_a_success(clean: Bench) -> None:
    """200 and nothing done: what stands is what counts."""
    await clean.gateway.apply(create(API), until=FOREVER)
    found = (await clean.gateway.actual([API.path], until=FOREVER)).resources[API.path]
    other = next(r for r in MORE.resources if r.path == API.path)
    clean.fail(API_PUT, {"status": 200, "body": found.body})

    with pytest.raises(Rejected, match="written, yet differs in operations"):
        await clean.gateway.apply(
            Change(Action.UPDATE, API.path, "test", other, found), until=FOREVER
        )


async def test_a_service_that_drops_a_field_is_found_out(clean: Bench) -> None:
    echo = {"properties": {**BACKEND.body["properties"], "credentials": None}}
    clean.fail({"method": "PUT", "path": f"/{BACKEND.path}$"}, {"status": 200, "body": echo})

    with pytest.raises(Rejected, match="managedIdentity"):
        await clean.gateway.apply(create(BACKEND), until=FOREVER)


async def test_a_policy_waits_for_its_backend(clean: Bench) -> None:
    """An order that the planner never makes: the answer must still not be final."""
    await clean.gateway.apply(create(API), until=FOREVER)

    with pytest.raises(RetryableError, match="could not be found"):
        await clean.gateway.apply(create(POLICY), until=FOREVER)


async def test_nothing_is_started_when_the_time_is_up(clean: Bench) -> None:
    with pytest.raises(Unavailable, match="time is up"):
        await clean.gateway.apply(create(API), until=clean.clock.monotonic())

    assert clean.asked("PUT") == []


@pytest.mark.parametrize("state", ["Activating", "Updating"])
async def test_a_service_in_motion_is_left_alone(bench: Bench, state: str) -> None:
    service = {"sku": {"name": "Developer"}, "properties": {"provisioningState": state}}
    bench.fail({"method": "GET", "path": "/service/apim-onramp$"}, {"status": 200, "body": service})

    with pytest.raises(Unavailable, match=state):
        await bench.gateway.actual([], until=FOREVER)


async def test_an_unreadable_resource_is_not_taken_for_a_missing_one(bench: Bench) -> None:
    bench.fail({"method": "GET", "path": f"/{API.path}$"}, {"status": 403})

    with pytest.raises(Unavailable):
        await bench.gateway.actual(unit_paths(UNIT), until=FOREVER)


async def test_the_accounts_behind_our_backends_are_found_in_the_gateway_alone(
    clean: Bench,
) -> None:
    await apply_all(clean, WANTED)

    assert await clean.gateway.owned_units("default") == (UNIT,)
    assert await clean.gateway.owned_units("another") == ()
    assert AccountId(SUBSCRIPTION, "rg-ai", "contoso") == UNIT
