"""Every answer that people met from API Management, produced by the emulator, to the adapter.

The rows and their sources are those of shared/core/arm_errors.py and docs/reliability.md.
"""

from typing import Any

import pytest

from shared.core.arm_errors import _MISSING, _TABLE, Meaning, meaning
from shared.errors import Denied, OnboardingError, Rejected, StaleRead, Unavailable
from tests.adapters.conftest import Bench
from tests.adapters.resources import API, FOREVER, create

PUT: dict[str, Any] = {"method": "PUT", "path": f"/{API.path}$"}
BUSY = "Operation on the API is in progress"
VNET = "Failed to connect to management endpoint apim.management.azure-api.net:3443"


def answer(status: int, code: str, message: str, **headers: str) -> dict[str, Any]:
    return {"status": status, "code": code, "message": message, "headers": headers}


# (what is answered, for how many requests, the error in the end, requests sent)
ROWS = [
    pytest.param(answer(409, "PessimisticConcurrencyConflict", BUSY), 2, None, 3, id="A1 busy"),
    pytest.param(answer(409, "Conflict", BUSY), 1, None, 2, id="A2 still busy after success"),
    pytest.param(answer(409, "Conflict", BUSY), 99, Unavailable, 6, id="A1 busy for long"),
    pytest.param(answer(422, "ManagementApiRequestFailed", VNET), 1, None, 2, id="A3 422"),
    pytest.param(answer(409, "ManagementApiRequestFailed", VNET), 1, None, 2, id="A3 409"),
    pytest.param(answer(412, "PreconditionFailed", "changed"), 1, StaleRead, 1, id="A4 412"),
    pytest.param(
        answer(400, "ValidationError", "Resource was modified since last retrieval."),
        1,
        StaleRead,
        1,
        id="A5 old 412",
    ),
    pytest.param(
        answer(400, "ValidationError", "Entity with specified identifier not found"),
        1,
        None,
        2,
        id="A9 too early",
    ),
    pytest.param(
        answer(400, "ValidationError", "Backend with id 'x' could not be found."),
        99,
        Unavailable,
        1,
        id="A10 backend missing",
    ),
    pytest.param(
        answer(400, "ValidationError", "Url is not supported for backend pool."),
        99,
        Rejected,
        1,
        id="A11 pool with url",
    ),
    pytest.param(
        answer(400, "ValidationError", "Cannot create API 'a' with the same Path 'p' as API 'b'"),
        99,
        Rejected,
        1,
        id="A12 path taken",
    ),
    pytest.param(
        answer(400, "ValidationError", "Tag with the same name already exists."),
        1,
        None,
        2,
        id="A13 parallel tags",
    ),
    pytest.param(answer(409, "ScopeLocked", "locked"), 99, Rejected, 1, id="A15 lock"),
    pytest.param(
        answer(400, "ValidationError", "'x' is used by the following entities: /policies/policy"),
        99,
        Rejected,
        1,
        id="A16 in use",
    ),
    pytest.param(answer(504, "GatewayTimeout", "no answer"), 1, Unavailable, 1, id="A17 cut"),
    pytest.param(
        answer(429, "ResourceRequestsThrottled", "slow down", **{"Retry-After": "372"}),
        99,
        Unavailable,
        1,
        id="A18 throttled for long",
    ),
    pytest.param(
        answer(429, "TooManyRequests", "slow down", **{"Retry-After": "2"}),
        1,
        None,
        2,
        id="A18 throttled for a moment",
    ),
    pytest.param(answer(499, "ServerClosedRequest", "closed"), 1, None, 2, id="A19 closed"),
    pytest.param(
        answer(400, "ValidationError", "'x' is an unexpected token."), 99, Rejected, 1, id="A20 XML"
    ),
    pytest.param(answer(401, "AuthenticationFailed", "no"), 99, Unavailable, 1, id="401"),
    pytest.param(answer(403, "AuthorizationFailed", "no role"), 99, Denied, 1, id="403"),
    pytest.param(answer(404, "ParentResourceNotFound", "gone"), 99, StaleRead, 1, id="404 parent"),
    pytest.param(answer(500, "InternalServerError", "oops"), 1, Unavailable, 1, id="500"),
    pytest.param(answer(503, "ServiceUnavailable", "oops"), 1, None, 2, id="503"),
]


@pytest.fixture
async def tidy(bench: Bench) -> Bench:
    await bench.arm.delete(
        f"{bench.azure.gateway_id}/{API.path}",
        api_version="2024-05-01",
        if_match="*",
        until=FOREVER,
    )
    bench.azure.arm.journal.clear()
    return bench


@pytest.mark.parametrize(("given", "times", "error", "sent"), ROWS)
async def test_an_answer_gets_the_reaction_of_its_class(
    tidy: Bench,
    given: dict[str, Any],
    times: int,
    error: type[OnboardingError] | None,
    sent: int,
) -> None:
    tidy.fail({**PUT, "count": times}, given)

    if error is None:
        await tidy.gateway.apply(create(API), until=FOREVER)
    else:
        with pytest.raises(error) as met:
            await tidy.gateway.apply(create(API), until=FOREVER)
        assert type(met.value) is error
    assert len(tidy.asked("PUT")) == sent


async def test_a_role_that_is_missing_is_named_and_given_time(tidy: Bench) -> None:
    tidy.fail(PUT, answer(403, "AuthorizationFailed", "no role"))

    with pytest.raises(Unavailable, match="role assignments") as met:
        await tidy.gateway.apply(create(API), until=FOREVER)

    assert met.value.retry_after is not None


@pytest.mark.parametrize(
    "first",
    [
        {"status": 200, "body": {"ProvisioningState": "InProgress"}},
        {"status": 200, "body": {"properties": {"provisioningState": "InProgress"}}},
    ],
    ids=["A7 top level", "A7 properties"],
)
async def test_a_success_that_is_still_in_progress_is_not_believed(
    tidy: Bench, first: dict[str, Any]
) -> None:
    tidy.fail(PUT, first)

    with pytest.raises(Unavailable, match="not visible yet"):
        await tidy.gateway.apply(create(API), until=FOREVER)


async def test_a_resource_that_shows_late_is_waited_for(tidy: Bench) -> None:
    """A8: a 404 right after the write was accepted."""
    tidy.fail(
        {"method": "GET", "path": f"/{API.path}$", "count": 2},
        answer(404, "ResourceNotFound", "Api not found."),
    )

    before = tidy.sent("GET", API.path)

    await tidy.gateway.apply(create(API), until=FOREVER)

    assert tidy.sent("GET", API.path) - before == 3


async def test_a_poll_that_wants_longer_than_the_run_has_is_not_slept_out(tidy: Bench) -> None:
    url = f"{tidy.azure.endpoints.arm}/polling?api-version=2024-05-01"
    accepted = {"status": 202, "headers": {"Location": url}, "body": {}}
    tidy.fail(PUT, accepted)
    tidy.fail({"path": "/polling"}, {"status": 202, "headers": {"Retry-After": "600"}, "body": {}})

    with pytest.raises(Unavailable, match="not ended"):
        await tidy.gateway.apply(create(API), until=tidy.clock.monotonic() + 60)

    assert max(tidy.clock.slept, default=0) < 60


def test_every_row_of_the_table_has_a_source_and_can_be_reached() -> None:
    """No row hides behind an earlier one: each decides for its own words."""
    for row in _TABLE:
        assert row.source
        code = "ResourceNotFound" if row.code == _MISSING else row.code or "AnyCode"
        message = row.message or "any message"
        assert meaning(row.status, code, message) is row.meaning


def test_a_link_that_exists_is_what_was_asked_for() -> None:
    message = "Link already exists between specified Product and Api."

    assert meaning(409, "Conflict", message) is Meaning.DONE
