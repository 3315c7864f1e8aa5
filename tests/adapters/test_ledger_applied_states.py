"""What stood after a run, as the ledger keeps it to go back to."""

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import uuid4

import pytest

from shared.core.applied_states import AppliedState
from shared.core.model import Resource
from shared.core.resource_ids import AccountId
from shared.core.run_ids import run_id
from tests.adapters.ledger_book import DAY, Book, a_run
from tests.builders import NOW


def a_state(at: datetime, *, resources: int = 1, run: str = "") -> AppliedState:
    found = tuple(
        Resource(f"apis/{it}", {"properties": {"n": it}}, (("a", "GET", "/a"),), ("backends/b",))
        for it in range(resources)
    )
    return AppliedState(run or run_id(at, uuid4().hex), at, ("gpt-4o",), found, ("apis/kept",))


async def test_an_applied_state_comes_back_as_it_was(book: Book, unit: AccountId) -> None:
    state = a_state(NOW, resources=300)
    await book.record(a_run(unit, applied_state=state))

    assert await book.ledger.applied_state(unit, state.id) == state
    assert await book.ledger.applied_state(unit, "0" * 32) is None
    assert await book.history.applied_states(unit) == [state]


async def test_the_last_applied_state_is_the_one_that_was_applied_last(
    book: Book, unit: AccountId
) -> None:
    """A reimport has its id from when it was asked for, and waits while others run."""
    asked = run_id(NOW - DAY, uuid4().hex)
    await book.record(a_run(unit, applied_state=a_state(NOW)))
    await book.record(a_run(unit, applied_state=a_state(NOW + DAY, run=asked)))

    last, before = await book.history.applied_states(unit)

    assert (last.run, last.at, before.at) == (asked, NOW + DAY, NOW)


async def test_what_one_reimport_applied_in_two_tries_are_two_states(
    book: Book, unit: AccountId
) -> None:
    asked = run_id(NOW, uuid4().hex)
    states = [a_state(NOW + it * DAY, run=asked) for it in (1, 2)]
    for state in states:
        await book.record(a_run(unit, applied_state=state))

    assert [await book.ledger.applied_state(unit, it.id) for it in states] == states


async def test_only_the_last_applied_states_are_kept(book: Book, unit: AccountId) -> None:
    states = [a_state(NOW + timedelta(minutes=it)) for it in range(53)]
    for state in states:
        await book.ledger.record_end(a_run(unit, applied_state=state), was_blocked="")

    assert await book.history.applied_states(unit) == states[:2:-1]


async def test_an_applied_state_that_is_too_large_is_not_kept_and_fails_nothing(
    book: Book, unit: AccountId, caplog: pytest.LogCaptureFixture
) -> None:
    noise = "".join(uuid4().hex for _ in range(60_000))
    state = replace(a_state(NOW), resources=(Resource("apis/a", {"properties": {"v": noise}}),))

    await book.record(a_run(unit, applied_state=state))

    assert await book.history.applied_states(unit) == []
    assert "state too large to go back to" in caplog.text
