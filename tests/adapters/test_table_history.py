"""What the tables tell, on Azurite, and how much is read for it."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest
from azure.core.pipeline.transport import AioHttpTransport
from azure.data.tables.aio import TableServiceClient

from shared.adapters import table_history
from shared.adapters.table_history import TableHistory
from shared.adapters.table_state import TableState
from shared.adapters.tables import RUNS
from shared.core.orders import Hold
from shared.core.resource_ids import AccountId
from shared.core.run_ids import run_id
from shared.core.single_flight import Cause, Claim, Ending
from shared.core.states import DeploymentState
from tests.adapters.ledger_book import APPLIED, Book, a_run, as_state
from tests.builders import NOW, SUBSCRIPTION

LATER = datetime(2026, 12, 24, 12, tzinfo=UTC)  # later than any other run here


class Noting(AioHttpTransport):  # type: ignore[misc]
    """A network that writes down how many rows of the runs each request asks for at most."""

    def __init__(self) -> None:
        super().__init__()
        self.pages: list[int] = []

    async def send(self, request: Any, **options: Any) -> Any:
        address = urlsplit(request.url)
        if address.path.partition("(")[0].endswith(f"/{RUNS}"):
            self.pages += map(int, parse_qs(address.query)["$top"])
        return await super().send(request, **options)


@pytest.fixture
async def noting(connection: str) -> AsyncIterator[tuple[TableHistory, Noting]]:
    network = Noting()
    async with TableServiceClient.from_connection_string(connection, transport=network) as service:
        yield TableHistory(service), network


async def put_runs(book: Book, accounts: int, runs: int, begin: datetime) -> str:
    """As many runs of as many accounts each; the id that comes before all of them."""
    await book.history.runs(limit=1)  # makes the tables
    entities = []
    for number in range(runs):
        id_ = run_id(begin + timedelta(seconds=number), uuid4().hex)
        units = (AccountId(SUBSCRIPTION, "rg-ai", f"u-{it:03}") for it in range(accounts))
        entities.append([(id_, unit) for unit in units])
    for group in entities:
        for id_, unit in group:
            await book.ledger.record_run(a_run(unit, begin, ids=(id_,)))
    return run_id(begin + timedelta(seconds=runs), "0" * 32)


async def test_a_list_of_runs_reads_little_more_than_it_tells(
    book: Book, noting: tuple[TableHistory, Noting]
) -> None:
    before = await put_runs(book, 1, 12, datetime(2026, 12, 20, tzinfo=UTC))
    history, network = noting

    found = await history.runs(limit=10, after=before)

    assert len(found) == 10
    assert network.pages == [11]


async def test_runs_of_many_accounts_are_read_in_growing_pages(
    book: Book, noting: tuple[TableHistory, Noting]
) -> None:
    before = await put_runs(book, 15, 3, datetime(2026, 12, 21, tzinfo=UTC))
    history, network = noting

    found = await history.runs(limit=2, after=before)

    assert [len(it.units) for it in found] == [15, 15]
    assert network.pages == [3, 6, 12, 24]


async def test_a_page_ends_once_it_tells_of_enough_accounts(
    book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await put_runs(book, 5, 4, datetime(2026, 12, 23, tzinfo=UTC))
    monkeypatch.setattr(table_history, "ENOUGH", 8)

    found = await book.history.runs(limit=4, after=before)

    assert [len(it.units) for it in found] == [5, 5]


async def test_a_list_of_runs_has_neither_changes_nor_notes(book: Book, unit: AccountId) -> None:
    begin = datetime(2026, 12, 22, tzinfo=UTC)
    await book.record(a_run(unit, begin, notes=("a note",), error="it broke"))

    (found,) = await book.history.runs(
        limit=1, after=run_id(begin + timedelta(seconds=1), "0" * 32)
    )

    assert (found.units[0].notes, found.units[0].error) == ((), "it broke")
    whole = await book.history.run(found.id)
    assert whole is not None
    assert whole.units[0].notes == ("a note",)


async def test_the_last_error_is_the_newest_run_s_unless_it_is_too_long_ago(
    book: Book, unit: AccountId
) -> None:
    for number, error in enumerate(("older", "it broke", "")):
        at = LATER + timedelta(minutes=number)
        await book.record(a_run(unit, at, finished=at, error=error))

    found = await book.history.last_error(LATER - timedelta(minutes=1))

    assert found is not None
    assert (found.message, found.account) == ("it broke", unit.arm_id)
    assert (found.at[11:16], len(found.run)) == ("12:01", 32)
    assert await book.history.last_error(LATER + timedelta(minutes=1, seconds=1)) is None


async def test_quarantined_deployments_are_counted(book: Book, unit: AccountId) -> None:
    before = await book.history.quarantined()
    bad = as_state(APPLIED, DeploymentState.QUARANTINED)
    await book.record(a_run(unit, verdicts=(bad, replace(bad, name="other"))))
    await book.record(a_run(unit, verdicts=(bad, replace(APPLIED, name="other"))))

    assert await book.history.quarantined() == before + 1


async def test_units_are_counted_by_what_holds_them_up(book: Book) -> None:
    state = TableState(book.service, lease=timedelta(minutes=5))
    await book.history.runs(limit=1)  # makes the tables
    before = await book.history.unit_signs()
    units = [AccountId(SUBSCRIPTION, "rg-ai", f"sign-{uuid4().hex[:8]}") for _ in range(3)]
    for unit in units:
        await state.mark(unit, Cause(full=True))
    for unit, hold in zip(units[:2], (None, Hold("removals", "too many", NOW)), strict=True):
        claim = await state.claim(unit)
        assert isinstance(claim, Claim)
        await state.finish(claim, Ending(done=True, hold=hold))

    after = await book.history.unit_signs()

    assert after.unfinished == before.unfinished + 1
    assert after.held == before.held + 1
    assert after.touched is not None
    assert after.touched <= datetime.now(UTC) + timedelta(minutes=1)
