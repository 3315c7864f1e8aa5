"""The events that wait in the ledger until somebody is told of them."""

from collections import Counter
from dataclasses import replace

from shared.adapters.table_ledger import TableLedger
from shared.core.resource_ids import AccountId
from shared.core.states import DeploymentState
from tests.adapters.ledger_book import APPLIED, DAY, VERIFIED, Book, a_run, as_state
from tests.builders import NOW, a_deployment, an_account, desired_of

(BIGGER,) = desired_of(an_account(a_deployment(capacity=20))).verdicts


async def test_what_is_told_waits_in_its_order_until_it_is_forgotten(
    book: Book, unit: AccountId
) -> None:
    await book.record(a_run(unit, verdicts=(VERIFIED,)))
    gone = replace(VERIFIED, state=DeploymentState.RETIRING, deployment=None)
    await book.record(a_run(unit, NOW + DAY, verdicts=(gone,)))

    assert await book.told(unit) == ["Onboarded gpt-4o", "Verified gpt-4o", "Retiring gpt-4o"]
    assert await book.told(unit) == []


async def test_the_end_of_a_deployment_is_told_and_is_the_last_chapter(
    book: Book, unit: AccountId
) -> None:
    retiring = replace(VERIFIED, state=DeploymentState.RETIRING, deployment=None)
    await book.record(a_run(unit, verdicts=(retiring,)))
    await book.record(a_run(unit, NOW + DAY, verdicts=()))

    assert await book.told(unit) == ["Retiring gpt-4o", "Removed gpt-4o"]
    last, _ = await book.history.story(unit, "gpt-4o")
    assert (last.state_before, last.state) == ("retiring", "removed")
    assert last.words.endswith("Before: retiring. Now: removed.")


async def test_a_quiet_run_tells_nothing(book: Book, unit: AccountId) -> None:
    await book.record(a_run(unit, verdicts=(VERIFIED,)))
    await book.told(unit)

    await book.record(a_run(unit, NOW + DAY, verdicts=(VERIFIED,)))

    assert await book.told(unit) == []


async def test_what_waits_in_between_is_neither_news_nor_forgotten(
    book: Book, unit: AccountId
) -> None:
    await book.record(a_run(unit, verdicts=(VERIFIED,)))
    await book.told(unit)
    bigger = as_state(BIGGER, DeploymentState.SEEN, reason="postponed: apis/a: busy")

    await book.record(a_run(unit, NOW + DAY, verdicts=(bigger,)))
    assert await book.told(unit) == []
    await book.record(
        a_run(unit, NOW + 2 * DAY, verdicts=(as_state(BIGGER, DeploymentState.VERIFIED),))
    )

    assert await book.told(unit) == ["Updated gpt-4o"]


async def test_what_is_kept_as_it_was_is_no_news(book: Book, unit: AccountId) -> None:
    await book.record(a_run(unit, verdicts=(VERIFIED,)))
    await book.told(unit)
    kept = replace(
        APPLIED,
        reason="kept as it was: ARM says Updating",
        rules={},
        keeps=frozenset(APPLIED.rules),
    )

    await book.record(a_run(unit, NOW + DAY, verdicts=(kept,)))
    await book.record(a_run(unit, NOW + 2 * DAY, verdicts=(VERIFIED,)))

    assert await book.told(unit) == []


async def test_many_deployments_at_once_are_written_and_told(book: Book, unit: AccountId) -> None:
    names = [f"d{number:03}" for number in range(300)]
    verdicts = tuple(replace(VERIFIED, name=it, reason="ü" * 1000) for it in names)

    await book.record(a_run(unit, verdicts=verdicts))

    assert Counter(it.state for it in await book.deployments(unit)) == {"verified": 300}
    told = await book.told(unit)
    assert told == [f"{it} {name}" for name in names for it in ("Onboarded", "Verified")]


async def test_where_nobody_listens_nothing_waits(book: Book, unit: AccountId) -> None:
    silent = TableLedger(book.service)
    await silent.record_end(a_run(unit, verdicts=(VERIFIED,)), was_blocked="")

    assert await book.told(unit) == []
    await book.record(a_run(unit, NOW + DAY, verdicts=(VERIFIED,)))
    assert await book.told(unit) == [], "nor is it told when somebody begins to listen"


async def test_forgetting_what_is_forgotten_already_does_no_harm(
    book: Book, unit: AccountId
) -> None:
    await book.record(a_run(unit, verdicts=(VERIFIED,)))
    keys = [it["key"] for it in await book.ledger.outcomes(unit)]

    for _ in range(2):
        await book.ledger.forget(unit, keys)

    assert await book.ledger.outcomes(unit) == ()


async def test_it_is_known_whose_events_wait(book: Book, unit: AccountId) -> None:
    await book.record(a_run(unit, verdicts=(APPLIED,)))
    assert unit in await book.ledger.untold()

    await book.told(unit)

    assert unit not in await book.ledger.untold()
