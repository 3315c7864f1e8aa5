"""Every kind of resource through its life: created, read, drifted, updated, fenced, deleted."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import pytest

from shared.core.model import Resource
from shared.core.plan import Action
from shared.core.resource_kinds import ResourceKind
from shared.errors import Rejected, StaleRead
from tests.adapters.conftest import Bench
from tests.adapters.resources import (
    API,
    BACKEND,
    LINK,
    LOGGER,
    MORE,
    POLICY,
    PRODUCT,
    SOCKET,
    SOCKET_POLICY,
    a_backend,
    a_key,
    a_policy,
    an_api,
    apply,
    changes,
    clear,
    create,
    delete,
    diagnostics,
    edited,
    look,
    make,
    update,
)


@dataclass(frozen=True, slots=True)
class Life:
    """A resource, what it stands on, and what it becomes."""

    name: str
    first: Resource
    then: Resource
    below: tuple[Resource, ...] = ()

    @property
    def path(self) -> str:
        return self.first.path


BEARER = {"header": "api-key", "query": "subscription-key", "bearer": "enabled"}
CHATTY = a_policy('<set-variable name="a" value="b" />', of=API)
LIVES = [
    Life(
        "backend",
        BACKEND,
        a_backend(BACKEND.path[9:], "https://contoso.services.ai.azure.com/openai/v1"),
    ),
    Life("API", API, MORE),
    Life(
        "API with bearer",
        an_api("chat", subscriptionKeyParameterNames=BEARER),
        edited(API, displayName="Another"),
    ),
    Life("WebSocket API", SOCKET, edited(SOCKET, displayName="Another")),
    Life("named value", a_key(), a_key("key2")),
    Life("API policy", POLICY, CHATTY, (BACKEND, API)),
    Life(
        "handshake policy",
        a_policy('<set-variable name="a" value="b" />', of=SOCKET, websocket=True),
        SOCKET_POLICY,
        (SOCKET,),
    ),
    Life("diagnostics", diagnostics(), diagnostics(50.0), (API,)),
]
lives = pytest.mark.parametrize("life", LIVES, ids=lambda it: it.name)


@pytest.fixture
async def clean(bench: Bench) -> AsyncIterator[Bench]:
    await bench.own("loggers/insights", LOGGER)
    bench.azure.arm.journal.clear()
    yield bench
    await clear(bench)


@lives
async def test_what_was_created_is_read_back_and_needs_nothing_more(
    clean: Bench, life: Life
) -> None:
    created = await make(clean, *life.below, life.first)

    assert {it.action for it in created} == {Action.CREATE}
    assert life.path in (await look(clean)).resources
    assert await make(clean, *life.below, life.first) == []


@lives
async def test_what_differs_is_seen_and_put_right(clean: Bench, life: Life) -> None:
    await make(clean, *life.below, life.first)

    (changed,) = await make(clean, *life.below, life.then)

    assert (changed.action, changed.path) == (Action.UPDATE, life.path)
    assert changes([*life.below, life.then], (await look(clean)).resources) == []


@lives
async def test_what_was_deleted_is_gone_and_leaves_the_rest(clean: Bench, life: Life) -> None:
    await make(clean, *life.below, life.first)

    (gone,) = await make(clean, *life.below)

    assert (gone.action, gone.path) == (Action.DELETE, life.path)
    assert set((await look(clean)).resources) == {it.path for it in life.below}


@lives
async def test_no_write_goes_past_a_newer_one(clean: Bench, life: Life) -> None:
    await make(clean, *life.below, life.first)
    old = replace((await look(clean)).resources[life.path], etag='"stale"')

    for change in (update(life.then, old), delete(old)):
        with pytest.raises(StaleRead):
            await apply(clean, change)

    assert changes([*life.below, life.first], (await look(clean)).resources) == []


@lives
async def test_a_create_never_overwrites_what_came_meanwhile(clean: Bench, life: Life) -> None:
    """Whoever made it: the lists did not show it, and without an ETag a PUT asks nobody."""
    await make(clean, *life.below, life.first)

    with pytest.raises(StaleRead, match="exists"):
        await apply(clean, create(life.then))

    assert changes([*life.below, life.first], (await look(clean)).resources) == []


async def test_the_managed_identity_of_a_backend_really_arrives(clean: Bench) -> None:
    await make(clean, BACKEND)

    found = (await look(clean)).resources[BACKEND.path]

    credentials = found.body["properties"]["credentials"]
    assert credentials["managedIdentity"]["resource"] == "https://cognitiveservices.azure.com/"


async def test_a_key_as_bearer_arrives_although_no_stable_version_knows_it(clean: Bench) -> None:
    await make(clean, an_api("chat", subscriptionKeyParameterNames=BEARER))

    found = await clean.arm.get(
        f"{clean.azure.gateway_id}/{API.path}", api_version="2025-03-01-preview"
    )

    assert found is not None
    assert found.body["properties"]["subscriptionKeyParameterNames"]["bearer"] == "enabled"


async def test_a_secret_is_never_read_and_never_written_in_the_clear(clean: Bench) -> None:
    await make(clean, a_key())

    found = (await look(clean)).resources[a_key().path].body["properties"]

    assert "value" not in found
    assert found["keyVault"]["secretIdentifier"].endswith("/secrets/key1")


async def test_a_key_vault_that_refuses_is_not_taken_for_a_success(clean: Bench) -> None:
    await make(clean, a_key())
    refused = (await look(clean)).resources[a_key().path]
    vault = {**refused.body["properties"]["keyVault"], "lastStatus": {"code": "Forbidden"}}
    shown = {**refused.body, "properties": {**refused.body["properties"], "keyVault": vault}}
    clean.fail(
        {"method": "GET", "path": f"/{a_key().path}$"},
        {"status": 200, "body": shown, "headers": {"ETag": refused.etag}},
    )

    with pytest.raises(Rejected, match="lastStatus"):
        await apply(clean, update(a_key(), refused))


async def test_a_product_is_made_once_and_never_changed(clean: Bench) -> None:
    await apply(clean, create(PRODUCT))

    with pytest.raises(StaleRead, match="exists"):
        await apply(clean, create(edited(PRODUCT, displayName="Another")))

    assert (await look(clean)).facts.products == frozenset({"ai"})


async def test_an_api_is_linked_to_a_product_and_taken_off_it(clean: Bench) -> None:
    await apply(clean, create(PRODUCT))

    assert [it.kind for it in await make(clean, API, LINK)] == [
        ResourceKind.API,
        ResourceKind.PRODUCT_LINK,
    ]
    assert await make(clean, API, LINK) == []
    await apply(clean, create(LINK))  # a link that exists is what was asked for
    (gone,) = await make(clean, API)
    assert (gone.action, gone.path) == (Action.DELETE, LINK.path)
    assert set((await look(clean)).resources) == {API.path}


async def test_an_api_that_goes_takes_along_what_belongs_to_it(clean: Bench) -> None:
    await apply(clean, create(PRODUCT))
    await make(clean, BACKEND, API, POLICY, diagnostics(), LINK)

    gone = await make(clean)

    assert [it.path for it in gone] == [API.path, BACKEND.path]
    assert (await look(clean)).resources == {}
