"""The API Management adapter on the emulator: every answer shape, every fence, every refusal."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, get_args

import pytest

from sandbox.arm.apim.call import ApimOptions, PutShape
from shared.core.plan import Action, Change
from shared.errors import Rejected, RetryableError, StaleRead, Unavailable
from tests.adapters.conftest import Bench, a_bench
from tests.adapters.resources import (
    API,
    BACKEND,
    MORE,
    POLICY,
    SOCKET,
    UNIT,
    apply,
    clear,
    create,
    look,
    make,
    update,
)

API_PUT: dict[str, Any] = {"method": "PUT", "path": f"/{API.path}$"}


@pytest.fixture
async def clean(bench: Bench) -> AsyncIterator[Bench]:
    yield bench
    bench.azure.arm.faults.clear()
    await clear(bench)


@pytest.mark.parametrize("shape", get_args(PutShape.__value__))
async def test_whatever_shape_a_put_answers_in_the_second_look_finds_nothing_to_do(
    shape: PutShape,
) -> None:
    async with a_bench(ApimOptions(api_put_shape=shape)) as bench:
        assert {it.action for it in await make(bench, BACKEND, API, POLICY)} == {Action.CREATE}
        assert await make(bench, BACKEND, API, POLICY) == []
        assert {it.action for it in await make(bench, BACKEND, MORE, POLICY)} == {Action.UPDATE}
        assert await make(bench, BACKEND, MORE, POLICY) == []
        assert {it.action for it in await make(bench)} == {Action.DELETE}
        assert (await look(bench)).resources == {}


async def test_what_is_gone_already_is_deleted(bench: Bench) -> None:
    await apply(bench, Change(Action.DELETE, API.path, "test"))


async def test_a_busy_api_is_asked_again_in_seconds(clean: Bench) -> None:
    busy = {
        "status": 409,
        "code": "PessimisticConcurrencyConflict",
        "message": "Operation on the API is in progress",
    }
    clean.fail({**API_PUT, "count": 2}, busy)

    await apply(clean, create(API))

    assert len(clean.asked("PUT")) == 3


async def test_a_throttle_is_not_slept_out(clean: Bench) -> None:
    clean.fail(API_PUT, {"status": 429, "headers": {"Retry-After": "372"}})

    with pytest.raises(Unavailable) as refused:
        await apply(clean, create(API))

    assert refused.value.retry_after is not None
    assert refused.value.retry_after.total_seconds() >= 372
    assert sum(clean.clock.slept) == 0


async def test_a_short_throttle_is_waited_for(clean: Bench) -> None:
    clean.fail({**API_PUT, "count": 1}, {"status": 429, "headers": {"Retry-After": "3"}})

    await apply(clean, create(API))

    assert max(clean.clock.slept) >= 3


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, "ValidationError"), (409, "ScopeLocked"), (409, "IdentifierAlreadyInUse")],
)
async def test_a_refusal_for_good_is_not_repeated(clean: Bench, status: int, code: str) -> None:
    clean.fail(API_PUT, {"status": status, "code": code, "message": "no"})

    with pytest.raises(Rejected) as refused:
        await apply(clean, create(API))

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
        await apply(clean, create(API))

    assert met.value.retry_after == timedelta(seconds=clean.arm.request_s)
    assert len(clean.asked("PUT")) == sent


async def test_an_update_without_an_answer_is_looked_up_at_once(clean: Bench) -> None:
    await make(clean, API)
    found = (await look(clean)).resources[API.path]
    clean.fail(API_PUT, {"drop": "after"})

    with pytest.raises(StaleRead):
        await apply(clean, update(MORE, found))


async def test_an_import_that_fails_after_a_good_answer_is_not_taken_for_a_success(
    clean: Bench,
) -> None:
    failure = {"code": "ValidationError", "message": "The document is no good."}
    clean.fail(API_PUT, {"operation": failure})

    with pytest.raises(Rejected, match="no good"):
        await apply(clean, create(API))


async def test_a_write_that_arm_forgets_is_not_taken_for_a_success(clean: Bench) -> None:
    """200 and nothing done: what stands is what counts."""
    await make(clean, API)
    found = (await look(clean)).resources[API.path]
    clean.fail(API_PUT, {"status": 200, "body": found.body})

    with pytest.raises(Rejected, match="written, yet differs in operations"):
        await apply(clean, update(MORE, found))


async def test_a_service_that_drops_a_field_is_found_out(clean: Bench) -> None:
    echo = {"properties": {**BACKEND.body["properties"], "credentials": None}}
    clean.fail({"method": "PUT", "path": f"/{BACKEND.path}$"}, {"status": 200, "body": echo})

    with pytest.raises(Rejected, match="managedIdentity"):
        await apply(clean, create(BACKEND))


async def test_a_policy_waits_for_its_backend(clean: Bench) -> None:
    """An order that the planner never makes: the answer must still not be final."""
    await apply(clean, create(API))

    with pytest.raises(RetryableError, match="could not be found"):
        await apply(clean, create(POLICY))


async def test_nothing_is_started_when_the_time_is_up(clean: Bench) -> None:
    with pytest.raises(Unavailable, match="time is up"):
        await clean.gateway.apply(create(API), until=clean.clock.monotonic())

    assert clean.asked("PUT") == []


@pytest.mark.parametrize("state", ["Activating", "Updating"])
async def test_a_service_in_motion_is_left_alone(bench: Bench, state: str) -> None:
    service = {"sku": {"name": "Developer"}, "properties": {"provisioningState": state}}
    bench.fail({"method": "GET", "path": "/service/apim-onramp$"}, {"status": 200, "body": service})

    with pytest.raises(Unavailable, match=state):
        await look(bench)


async def test_an_unreadable_resource_is_not_taken_for_a_missing_one(clean: Bench) -> None:
    await make(clean, API)
    clean.fail({"method": "GET", "path": f"/{API.path}$"}, {"status": 403})

    with pytest.raises(Unavailable):
        await look(clean)


async def test_the_accounts_behind_our_backends_are_found_in_the_gateway_alone(
    clean: Bench,
) -> None:
    await make(clean, BACKEND)

    assert await clean.gateway.owned_units("default") == (UNIT,)
    assert await clean.gateway.owned_units("another") == ()


async def test_an_account_of_which_only_a_websocket_api_stands_is_found_by_it(
    clean: Bench,
) -> None:
    await make(clean, SOCKET)

    assert await clean.gateway.owned_units("default") == (UNIT,)
