"""The story of a deployment, as the ledger keeps it."""

from dataclasses import replace
from datetime import timedelta

from shared.core.applied import AppliedChange, ChangeStatus
from shared.core.diff import Drift
from shared.core.plan import Action, Change
from shared.core.resource_ids import AccountId
from tests.adapters.ledger_book import APPLIED, Book, a_run
from tests.builders import NOW


async def test_a_story_is_read_newest_first_and_no_more_of_it_than_anybody_reads(
    book: Book, unit: AccountId
) -> None:
    for number in range(105):
        reason = f"reason {number}"
        verdict = replace(APPLIED, reason=reason)
        run = a_run(unit, NOW + timedelta(minutes=number), verdicts=(verdict,))
        await book.ledger.record_end(run, was_blocked="")

    story = await book.history.story(unit, "GPT-4o")

    assert [it.reason for it in story] == [f"reason {number}" for number in range(104, 4, -1)]
    assert story[-1].words.endswith("Still applied.")


async def test_a_chapter_without_end_is_kept_without_its_details(
    book: Book, unit: AccountId
) -> None:
    drift = tuple(Drift(f"properties.{'x' * 300}", "🦄" * 300, "🦄" * 300) for _ in range(9))
    changes = tuple(
        AppliedChange(Change(Action.UPDATE, f"apis/{it}", "", drift=drift), ChangeStatus.APPLIED)
        for it in range(30)
    )
    verdict = replace(
        APPLIED,
        resources=tuple(it.change.path for it in changes),
        because=tuple("🦄" * 900 for _ in range(9)),
        reason="🦄" * 2000,
    )

    await book.record(a_run(unit, verdicts=(verdict,), changes=changes))

    (chapter,) = await book.history.story(unit, "gpt-4o")
    assert (chapter.writes, chapter.state) == ((), "applied")
    assert chapter.reason == "🦄" * 1000
