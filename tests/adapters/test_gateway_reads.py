"""What the gateway adapter reads: found by lists that lag, proven by GETs, no more than needed."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from sandbox.arm.apim.call import ApimOptions
from sandbox.world import SUBSCRIPTION
from shared.core import naming
from shared.core.model import Wants
from shared.core.resource_ids import AccountId
from shared.errors import StaleRead, Unavailable
from tests.adapters.conftest import Bench, a_bench
from tests.adapters.resources import (
    API,
    BACKEND,
    FOREVER,
    LINK,
    LOGGER,
    MORE,
    POLICY,
    PRODUCT,
    SOCKET,
    UNIT,
    a_backend,
    a_key,
    a_policy,
    an_api,
    apply,
    clear,
    create,
    delete,
    diagnostics,
    look,
    make,
)

NOTHING_ELSE = Wants()
OTHER = AccountId(SUBSCRIPTION, "rg-other", "contoso")
METRIC = a_policy(
    '<llm-emit-token-metric namespace="n"><dimension name="API ID" /></llm-emit-token-metric>',
    of=API,
)
NAMES_KEY = a_policy(
    f'<set-header name="api-key"><value>{{{{{naming.key_name(UNIT)}}}}}</value></set-header>',
    of=API,
)


@pytest.fixture
async def clean(bench: Bench) -> AsyncIterator[Bench]:
    await bench.own("loggers/insights", LOGGER)
    bench.azure.arm.journal.clear()
    yield bench
    await clear(bench)
    await look(bench)  # the adapter remembers what a list lacked until it is gone


def lags(bench: Bench, collection: str, **match: Any) -> None:
    """The list of a collection lacks everything, as if it were older than the resources."""
    bench.fail({"method": "GET", "path": f"/{collection}$", **match}, {"list": "empty"})


async def test_a_unit_without_anything_costs_three_reads(clean: Bench) -> None:
    assert (await look(clean, NOTHING_ELSE)).resources == {}

    assert len(clean.asked("GET")) == 3


async def test_an_api_costs_four_reads_with_its_backend(clean: Bench) -> None:
    await make(clean, BACKEND, API, POLICY)
    clean.azure.arm.journal.clear()

    await look(clean, NOTHING_ELSE)

    assert len(clean.asked("GET")) == 3 + 4


async def test_a_first_api_costs_two_reads_before_its_writes(clean: Bench) -> None:
    """Both are asked for once more; the policy of an API that was not there can't exist."""
    await make(clean, BACKEND, API, POLICY, wants=NOTHING_ELSE)

    before = [path for path in clean.asked("GET") if path.endswith((API.path, BACKEND.path))]
    assert clean.sent("GET", BACKEND.path) == 1
    assert len(before) == 1 + 2  # and the API is read back
    assert clean.sent("GET", POLICY.path) == 0


async def test_what_a_get_denied_is_not_asked_for_again_by_the_same_run(clean: Bench) -> None:
    await make(clean, BACKEND, API)
    clean.azure.arm.journal.clear()

    await make(clean, BACKEND, API, POLICY)

    assert clean.sent("GET", POLICY.path) == 1


async def test_a_later_run_asks_for_itself(clean: Bench) -> None:
    await make(clean, BACKEND, API)
    await look(clean)
    await clean.own(POLICY.path, POLICY.body)
    await look(clean)

    with pytest.raises(StaleRead, match="exists"):
        await apply(clean, create(POLICY))


@pytest.mark.parametrize("collection", ["apis", "backends"])
async def test_what_a_list_lacks_is_not_overwritten_and_found_by_the_next_look(
    clean: Bench, collection: str
) -> None:
    await make(clean, API if collection == "apis" else BACKEND)
    lags(clean, collection)
    resource = API if collection == "apis" else BACKEND

    assert (await look(clean)).resources == {}
    with pytest.raises(StaleRead, match="exists"):
        await apply(clean, create(resource))

    assert set((await look(clean)).resources) == {resource.path}
    assert clean.sent("PUT", resource.path) == 1


async def test_the_api_of_a_listed_backend_is_asked_for_whatever_the_list_says(
    clean: Bench,
) -> None:
    """Else the backend would look like a left-over, and its API would lose it."""
    await make(clean, BACKEND, API, POLICY)
    lags(clean, "apis")

    assert set((await look(clean)).resources) == {BACKEND.path, API.path, POLICY.path}


async def test_what_a_list_shows_and_a_get_denies_is_absent(clean: Bench) -> None:
    await make(clean, BACKEND, API, POLICY)
    gone = {"status": 404, "code": "ResourceNotFound", "message": "Api not found."}
    clean.fail({"method": "GET", "path": f"/{API.path}$"}, gone)

    assert set((await look(clean)).resources) == {BACKEND.path}


async def test_an_empty_page_is_not_the_end_of_a_list(clean: Bench) -> None:
    await make(clean, BACKEND, API)
    clean.fail({"method": "GET", "path": "/apis$", "count": 1}, {"list": "empty-page"})

    assert set((await look(clean)).resources) == {BACKEND.path, API.path}


@pytest.mark.parametrize("collection", ["apis", "backends", f"{API.path}/operations"])
async def test_a_list_that_fails_is_not_an_empty_one(clean: Bench, collection: str) -> None:
    await make(clean, BACKEND, API)
    clean.fail({"method": "GET", "path": f"/{collection}$"}, {"status": 403})

    with pytest.raises(Unavailable):
        await look(clean)


async def test_what_belongs_to_another_account_is_not_seen(clean: Bench) -> None:
    await make(clean, BACKEND, API)
    foreign = a_backend(naming.backend_id(OTHER, "azure-openai-v1"))
    await clean.own(foreign.path, foreign.body)

    assert set((await look(clean)).resources) == {BACKEND.path, API.path}
    await clean.remove(foreign.path)


async def test_a_foreign_api_on_our_id_is_seen_and_shown_as_it_is(clean: Bench) -> None:
    """The planner finds no mark on it and leaves it alone."""
    foreign = an_api("theirs", description="Not yours")
    await clean.own(foreign.path, foreign.body)

    found = (await look(clean)).resources[API.path]

    assert found.body["properties"]["description"] == "Not yours"


async def test_another_revision_of_our_api_is_not_ours(clean: Bench) -> None:
    await make(clean, API)
    revision = {**MORE.body["properties"], "apiRevision": "2", "sourceApiId": f"/{API.path}"}
    await clean.own(f"{API.path};rev=2", {"properties": revision})

    assert set((await look(clean)).resources) == {API.path}
    await clean.remove(f"{API.path};rev=2")


async def test_a_websocket_api_has_its_policy_where_its_handshake_is(clean: Bench) -> None:
    policy = a_policy(of=SOCKET, websocket=True)
    await make(clean, SOCKET, policy)
    clean.azure.arm.journal.clear()

    found = (await look(clean)).resources

    assert set(found) == {SOCKET.path, policy.path}
    assert found[SOCKET.path].operations == ()
    assert clean.sent("GET", f"{SOCKET.path}/operations") == 0


async def test_a_websocket_api_that_its_list_lacks_is_known_for_one_by_the_next_look(
    clean: Bench,
) -> None:
    policy = a_policy(of=SOCKET, websocket=True)
    await make(clean, SOCKET, policy)
    lags(clean, "apis")
    await look(clean)
    with pytest.raises(StaleRead):
        await apply(clean, create(SOCKET))

    assert set((await look(clean)).resources) == {SOCKET.path, policy.path}


async def test_diagnostics_are_looked_for_where_a_policy_emits_a_metric(clean: Bench) -> None:
    """So that they are still found, and taken off, once nobody chooses metrics any more."""
    await make(clean, API, METRIC, diagnostics())
    assert diagnostics().path in (await look(clean, NOTHING_ELSE)).resources

    await make(clean, API, POLICY, BACKEND, diagnostics())
    assert diagnostics().path not in (await look(clean, NOTHING_ELSE)).resources


async def test_a_key_is_looked_for_where_a_policy_names_it(clean: Bench) -> None:
    await make(clean, API, a_key())
    assert a_key().path not in (await look(clean, NOTHING_ELSE)).resources

    await make(clean, API, a_key(), NAMES_KEY)
    assert a_key().path in (await look(clean, NOTHING_ELSE)).resources


async def test_only_links_to_wanted_products_are_seen(clean: Bench) -> None:
    await apply(clean, create(PRODUCT))
    await make(clean, API, LINK)
    starter = Wants(products=frozenset({"starter"}))

    assert set((await look(clean, NOTHING_ELSE)).resources) == {API.path}
    assert set((await look(clean, starter)).resources) == {API.path}


async def test_the_facts_are_those_of_what_was_wanted(clean: Bench) -> None:
    await clean.own("loggers/hub", {"properties": {"loggerType": "azureMonitor"}})
    await clean.own("backends/safety", a_backend("safety").body)
    await apply(clean, create(PRODUCT))
    wants = Wants(
        loggers=True,
        products=frozenset({"AI", "missing"}),
        backends=frozenset({"Safety", "none"}),
    )

    facts = (await look(clean, wants)).facts

    assert facts.loggers == ("insights",)
    assert facts.products == frozenset({"ai"})
    assert facts.backends == frozenset({"safety"})
    await clean.remove("backends/safety")


async def test_a_cache_is_found(clean: Bench) -> None:
    wants = Wants(caches=True)
    assert not (await look(clean, wants)).facts.has_cache
    cache = {"name": "default", "properties": {"useFromLocation": "default"}}
    clean.fail({"method": "GET", "path": "/caches$"}, {"status": 200, "body": {"value": [cache]}})

    assert (await look(clean, wants)).facts.has_cache


async def test_operations_are_counted_once_and_kept_true_to_our_writes(clean: Bench) -> None:
    before = await clean.gateway.operations_in_use(until=FOREVER)
    clean.azure.arm.journal.clear()

    await make(clean, API)
    assert await clean.gateway.operations_in_use(until=FOREVER) == before + 1
    await make(clean, MORE)
    assert await clean.gateway.operations_in_use(until=FOREVER) == before + 2
    await apply(clean, delete((await look(clean)).resources[API.path]))
    assert await clean.gateway.operations_in_use(until=FOREVER) == before

    assert sum(path.endswith("/operations") for path in clean.asked("GET")) <= 7  # reads of the API


async def test_operations_are_counted_one_by_one_where_no_count_is_given() -> None:
    async with a_bench() as bench:
        await bench.own(API.path, API.body)
        items = {"value": [{"name": "a"}, {"name": "b"}, {"name": "c"}]}
        bench.fail({"path": f"/{API.path}/operations$"}, {"status": 200, "body": items})

        assert await bench.gateway.operations_in_use(until=FOREVER) >= 3


async def test_a_count_is_of_all_operations_whatever_fits_on_a_page() -> None:
    async with a_bench(ApimOptions(page_size=1)) as bench:
        await bench.own(MORE.path, MORE.body)

        assert await bench.gateway.operations_in_use(until=FOREVER) >= 2
        assert set((await look(bench)).resources) == {MORE.path}


async def paths_at(bench: Bench, *paths: str) -> list[str]:
    return [it.path for it in await bench.gateway.apis_at(frozenset(paths), until=FOREVER)]


@pytest.fixture
async def theirs(clean: Bench) -> AsyncIterator[Bench]:
    """An API of somebody with two revisions, the one that is not current with another path."""
    api = {"displayName": "x", "path": "Fab/OpenAI", "protocols": ["https"]}
    source = f"{clean.azure.gateway_id}/apis/theirs"
    await clean.own("apis/theirs", {"properties": api})
    revised = {**api, "path": "fab/later", "sourceApiId": source}
    await clean.own("apis/theirs;rev=2", {"properties": revised})
    clean.azure.arm.journal.clear()
    yield clean
    clean.azure.arm.faults.clear()
    for name in ("theirs;rev=2", "theirs"):
        await clean.remove(f"apis/{name}")


async def test_who_has_a_path_costs_a_read_for_each_path_and_one_for_who_is_found(
    theirs: Bench,
) -> None:
    assert await paths_at(theirs, "fab", "fab/openai", "fab/openai/v1") == ["apis/theirs"]

    assert len(theirs.asked("GET")) == 3 + 1


async def test_a_revision_that_is_not_current_holds_no_path(theirs: Bench) -> None:
    assert await paths_at(theirs, "fab/later") == []


async def test_who_moved_away_holds_no_path_though_a_list_still_says_so(theirs: Bench) -> None:
    late = {"value": [{"name": "theirs", "properties": {"path": "fab/before"}}]}
    theirs.fail({"method": "GET", "path": "/apis$"}, {"status": 200, "body": late})

    assert await paths_at(theirs, "fab/before") == []
