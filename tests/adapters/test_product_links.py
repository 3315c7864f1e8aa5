"""Links to products: those that we made go with the choice, those that people made stay."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from sandbox.client import GATEWAY_VERSION
from shared.core.desired import desired
from shared.core.model import Wants
from shared.core.modes import Mode
from shared.core.naming import api_id, unit_hash
from shared.core.observed import Observed, Rules
from shared.core.ownership import mark_of
from shared.core.plan import WRITES, Action, Change, make_plan
from shared.core.resource_ids import AccountId
from shared.core.resource_kinds import ResourceKind
from shared.core.rulebook import RuleBook, wants
from shared.core.standing import read_standing
from tests.adapters.conftest import CONTOSO, Bench
from tests.adapters.resources import FOREVER

API = f"apis/{api_id(CONTOSO, 'azure-openai-v1')}"
AI, LAB = f"products/ai/{API}", f"products/lab/{API}"
FOR_OTHERS = {"match": {"account": "another"}, "set": {"products": ["ai", "lab"]}}


def a_book(*products: str, rules: Sequence[Any] = ()) -> RuleBook:
    defaults = {"surfaces": ["azure-openai-v1"], "products": products}
    return RuleBook.model_validate({"defaults": defaults, "rules": rules})


@dataclass(frozen=True, slots=True)
class Walk:
    """The app's own plan for the account of the bench, and what became of it."""

    bench: Bench
    unit: AccountId = CONTOSO

    async def plan(self, book: RuleBook) -> list[Change]:
        rules = Rules("default", Mode.SYNC, timedelta(hours=24), book)
        actual = await self.bench.gateway.actual(self.unit, wants(book), until=FOREVER)
        standing = read_standing(self.unit, actual, owner="default")
        account = await self.bench.inventory.read(self.unit, confirm=frozenset(), until=FOREVER)
        now = self.bench.clock.now()
        wanted = desired(
            Observed(self.unit, account, standing, actual.service, now, None, facts=actual.facts),
            rules,
        )
        plan = make_plan(wanted, actual.resources, owner="default", unit=unit_hash(self.unit))
        return [it for it in plan if it.action in WRITES]

    async def apply(self, plan: Sequence[Change]) -> None:
        for change in plan:
            await self.bench.gateway.apply(change, until=FOREVER)

    async def settle(self, book: RuleBook) -> None:
        """Walk until there is nothing to do."""
        for _ in range(3):
            plan = await self.plan(book)
            await self.apply(plan)
        assert await self.plan(book) == []

    async def links(self) -> set[str]:
        """As the gateway itself has them."""
        path = f"{self.bench.azure.gateway_id}/{API}/products"
        found = await self.bench.client.list(path, version=GATEWAY_VERSION)
        return {it["name"] for it in found}

    async def marked(self) -> tuple[str, ...]:
        path = f"{self.bench.azure.gateway_id}/{API}"
        body = await self.bench.client.get(path, version=GATEWAY_VERSION)
        mark = mark_of(body or {})
        assert mark is not None
        return mark.products


@pytest.fixture
async def walk(bench: Bench) -> AsyncIterator[Walk]:
    for product in ("ai", "lab"):
        await bench.own(f"products/{product}", {"properties": {"displayName": product}})
    yield Walk(bench)
    bench.azure.arm.faults.clear()
    for path in (API, "products/ai", "products/lab"):
        await bench.remove(path)


async def test_the_mark_names_what_was_linked(walk: Walk) -> None:
    await walk.settle(a_book("ai"))

    assert await walk.links() == {"ai"}
    assert await walk.marked() == ("ai",)


async def test_a_link_is_read_where_the_mark_names_it_though_nobody_wants_it(walk: Walk) -> None:
    await walk.settle(a_book("ai"))

    actual = await walk.bench.gateway.actual(CONTOSO, Wants(), until=FOREVER)

    assert AI in actual.resources


async def test_a_link_by_hand_to_a_product_that_nobody_wants_is_not_even_read(walk: Walk) -> None:
    await walk.settle(a_book("ai"))
    await walk.bench.own(LAB, {})

    actual = await walk.bench.gateway.actual(CONTOSO, wants(a_book("ai")), until=FOREVER)

    assert {AI, LAB} & actual.resources.keys() == {AI}


async def test_without_products_no_links_are_asked_for(walk: Walk) -> None:
    await walk.settle(a_book())
    walk.bench.azure.arm.journal.clear()

    await walk.bench.gateway.actual(CONTOSO, Wants(), until=FOREVER)

    assert walk.bench.sent("GET", f"{API}/products") == 0


async def test_a_link_that_we_made_goes_with_its_choice(walk: Walk) -> None:
    await walk.settle(a_book("ai", "lab"))

    (gone,) = [it for it in await walk.plan(a_book("lab")) if it.action is Action.DELETE]
    await walk.settle(a_book("lab"))

    assert gone.path == AI
    assert (await walk.links(), await walk.marked()) == ({"lab"}, ("lab",))


async def test_a_link_by_hand_to_a_product_that_only_others_choose_stays(walk: Walk) -> None:
    book = a_book("lab", rules=[FOR_OTHERS])
    await walk.settle(book)
    await walk.bench.own(AI, {})

    await walk.settle(book)

    assert await walk.links() == {"ai", "lab"}
    assert await walk.marked() == ("lab",)


async def test_a_link_that_somebody_took_off_is_made_again(walk: Walk) -> None:
    await walk.settle(a_book("ai"))
    await walk.bench.remove(AI)

    (made,) = await walk.plan(a_book("ai"))

    assert (made.action, made.path) == (Action.CREATE, AI)


async def test_a_removal_survives_a_crash_before_the_link_is_gone(walk: Walk) -> None:
    """The API is written in the same run: its mark must not forget the link before it is gone."""
    await walk.settle(a_book("ai", "lab"))
    renamed = {"match": {}, "set": {"display_name": "Another name"}}
    then = a_book("lab", rules=[renamed])

    plan = await walk.plan(then)
    until_crash = plan[: [it.action for it in plan].index(Action.DELETE)]
    assert [it.kind for it in until_crash] == [ResourceKind.API]
    await walk.apply(until_crash)

    assert await walk.marked() == ("lab", "ai")
    assert [(it.action, it.path) for it in await walk.plan(then)] == [(Action.DELETE, AI)]
    await walk.settle(then)
    assert (await walk.links(), await walk.marked()) == ({"lab"}, ("lab",))


async def test_a_link_never_made_for_a_crash_is_not_ours_to_remove_later(walk: Walk) -> None:
    """The mark comes first; a person's link to that product, made meanwhile, is not ours."""
    plan = await walk.plan(a_book("ai"))
    await walk.apply([it for it in plan if it.kind is not ResourceKind.PRODUCT_LINK])

    await walk.settle(a_book())
    await walk.bench.own(AI, {})
    await walk.settle(a_book())

    assert await walk.links() == {"ai"}


async def test_one_product_in_two_spellings_is_one_product(walk: Walk) -> None:
    """Ids don't differ by case: https://learn.microsoft.com/rest/api/apimanagement/product/get"""
    shouting = {"match": {"account": "contoso"}, "set": {"products": ["AI"]}}

    await walk.settle(a_book("ai", rules=[shouting]))

    assert await walk.links() == {"ai"}
