"""The ledger on Azurite: what is written down of runs, and what people read of it."""

import json
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from azure.data.tables import UpdateMode
from azure.data.tables.aio import TableClient, TableServiceClient

from sandbox.azurite import azurite
from shared.adapters.table_history import TableHistory
from shared.adapters.table_ledger import TableLedger
from shared.adapters.tables import DEPLOYMENTS, RUNS
from shared.adapters.unit_rows import unit_key
from shared.core.applied import AppliedChange, ChangeStatus
from shared.core.applied_states import AppliedState
from shared.core.diff import Drift
from shared.core.model import Resource
from shared.core.plan import Action, Change
from shared.core.records import DeploymentRecord
from shared.core.resource_ids import AccountId
from shared.core.run_ids import run_id
from shared.core.runs import Run, RunStatus
from shared.core.states import DeploymentState, Verdict
from tests.builders import SUBSCRIPTION, a_deployment, an_account, desired_of

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Book:
    ledger: TableLedger
    history: TableHistory
    service: TableServiceClient

    async def record(self, run: Run, *, was_blocked: str = "") -> None:
        await self.ledger.record_run(run)
        await self.ledger.record_end(run, was_blocked=was_blocked)

    async def deployments(self, unit: AccountId) -> list[DeploymentRecord]:
        return [it for it in await self.history.deployments() if it.account == unit.arm_id]

    async def told(self, unit: AccountId) -> list[str]:
        """The events that wait, as type and name, and forget them."""
        found = await self.ledger.outcomes(unit)
        await self.ledger.forget(unit, [it["key"] for it in found])
        return [
            f"{it['type'].rpartition('.')[2]} {it['subject'].rpartition('/')[2]}" for it in found
        ]

    def table(self, name: str) -> TableClient:
        return self.service.get_table_client(name)


@pytest.fixture(scope="module")
async def connection() -> AsyncIterator[str]:
    async with azurite() as storage:
        yield storage.connection_string


@pytest.fixture
async def book(connection: str) -> AsyncIterator[Book]:
    async with TableServiceClient.from_connection_string(connection) as service:
        yield Book(TableLedger(service, tells=True), TableHistory(service), service)


@pytest.fixture
def unit() -> AccountId:
    return AccountId(SUBSCRIPTION, "rg-ai", f"acct-{uuid4().hex[:8]}")


def a_run(unit: AccountId, at: datetime = NOW, **changes: Any) -> Run:
    verdicts = desired_of(an_account(a_deployment(), a_deployment("other"))).verdicts
    run = Run((run_id(at, uuid4().hex),), unit, RunStatus.SUCCEEDED, at, at, verdicts=verdicts)
    return replace(run, **changes)


def as_state(verdict: Verdict, state: DeploymentState, **changes: Any) -> Verdict:
    proof = "proof" if state is DeploymentState.VERIFIED else ""
    return replace(verdict, state=state, proof=proof, **changes)


(APPLIED,) = desired_of(an_account(a_deployment())).verdicts
VERIFIED = as_state(APPLIED, DeploymentState.VERIFIED)
WAITING = as_state(APPLIED, DeploymentState.SEEN, reason="postponed: apis/a: busy")
(BIGGER,) = desired_of(an_account(a_deployment(capacity=20))).verdicts


async def test_a_run_is_found_by_each_of_its_ids(book: Book, unit: AccountId) -> None:
    ids = (run_id(NOW, uuid4().hex), run_id(NOW, uuid4().hex))
    await book.record(a_run(unit, ids=ids))

    for id_ in ids:
        found = await book.history.run(id_)
        assert found is not None
        assert (found.units[0].account, found.status) == (unit.arm_id, "succeeded")
    assert await book.history.run("0" * 32) is None


async def test_deployments_keep_since_when_they_are_as_they_are(
    book: Book, unit: AccountId
) -> None:
    await book.record(a_run(unit))
    later = NOW + timedelta(hours=1)
    verdicts = desired_of(an_account(a_deployment(capacity=20))).verdicts
    await book.record(a_run(unit, started=later, finished=later, verdicts=verdicts))

    found = {it.name: it for it in await book.deployments(unit)}

    assert {name: (it.state, it.since[11:13]) for name, it in found.items()} == {
        "gpt-4o": ("applied", "12"),
        "other": ("removed", "13"),
    }
    assert found["gpt-4o"].capacity == 20


async def test_a_run_that_never_saw_the_inventory_removes_nothing(
    book: Book, unit: AccountId
) -> None:
    await book.record(a_run(unit))
    await book.record(a_run(unit, status=RunStatus.WAITING, verdicts=None, error="ARM is down"))

    found = [it.state for it in await book.deployments(unit)]

    assert found == ["applied", "applied"]


async def test_a_deployment_with_a_wild_name_can_be_told_of(book: Book, unit: AccountId) -> None:
    wild = a_deployment("a/b#c?d\\e")
    await book.record(a_run(unit, verdicts=desired_of(an_account(wild)).verdicts))

    (found,) = await book.deployments(unit)

    assert (found.name, found.state) == ("a/b#c?d\\e", "quarantined")


async def test_the_clock_of_a_deployment_runs_from_its_event_to_its_first_good_answer(
    book: Book, unit: AccountId
) -> None:
    (applied,) = desired_of(an_account(a_deployment())).verdicts
    verified = replace(applied, state=DeploymentState.VERIFIED, proof="p")
    gone = replace(applied, state=DeploymentState.RETIRING, deployment=None)

    async def told(
        verdict: Verdict, minutes: int, written: timedelta | None = None
    ) -> DeploymentRecord:
        at = NOW + timedelta(minutes=minutes)
        names = {"gpt-4o": NOW + written} if written is not None else {}
        run = a_run(unit, started=at, finished=at, verdicts=(verdict,), written=names)
        await book.record(run)
        (row,) = await book.deployments(unit)
        return row

    first = await told(applied, 1, written=timedelta())
    assert (first.applied_at[14:16], first.seconds_to_verified) == ("01", None)
    assert (await told(verified, 3)).seconds_to_verified == 180
    assert await book.ledger.proofs(unit) == {"gpt-4o": "p"}
    assert (await told(verified, 9)).seconds_to_verified == 180, "the first answer counts"
    assert (await told(gone, 20)).seconds_to_verified == 180
    assert await book.ledger.proofs(unit) == {}
    again = await told(verified, 31, written=timedelta(minutes=30))
    assert again.seconds_to_verified == 60, "a new life has a clock of its own"


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


async def test_a_runs_changes_that_do_not_fit_are_counted(book: Book, unit: AccountId) -> None:
    changes = tuple(
        AppliedChange(Change(Action.UPDATE, f"apis/{it:04}", "why " * 20), ChangeStatus.APPLIED)
        for it in range(3000)
    )
    notes = tuple("note " * 100 for _ in range(500))
    run = a_run(unit, changes=changes, notes=notes, drifted=tuple(it.change.path for it in changes))
    await book.record(run)

    found = await book.history.run(run.ids[0])

    assert found is not None
    (part,) = found.units
    assert len(part.changes) + part.changes_left_out == 3000
    assert [it.path for it in part.changes[:2]] == ["apis/0000", "apis/0001"]
    assert (len(part.changes) > 100, len(part.notes) > 50) == (True, True)


async def test_runs_are_listed_in_pages_the_newest_first_each_with_all_of_its_units(
    book: Book,
) -> None:
    begin = datetime(2027, 1, 1, tzinfo=UTC)
    units = [AccountId(SUBSCRIPTION, "rg-ai", f"many-{it:02}") for it in range(7)]
    ids = [run_id(begin + timedelta(minutes=it), uuid4().hex) for it in range(5)]
    for id_ in ids:
        for unit in units:
            await book.ledger.record_run(a_run(unit, begin, ids=(id_,)))

    first = await book.history.runs(limit=2)
    second = await book.history.runs(limit=3, after=first[-1].id)

    assert [it.id for it in (*first, *second)] == ids[::-1]
    assert {len(it.units) for it in (*first, *second)} == {7}


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


# What the app wrote down before there were stories and events.
OLD_DEPLOYMENT = {
    "state": "verified",
    "reason": "onboarded",
    "since": "2026-11-01T12:00:00.000Z",
    "model_format": "OpenAI",
    "model_name": "gpt-4o",
    "model_version": "2024-11-20",
    "sku": "GlobalStandard",
    "capacity": 10,
    "tokens_per_minute": 10_000,
    "kind": "chat",
    "apis": '["contoso-azure-openai"]',
    "proof": "proof",
    "event_at": "2026-11-01T12:00:00.000Z",
    "applied_at": "2026-11-01T12:00:01.000Z",
    "verified_at": "2026-11-01T12:00:02.000Z",
}
OLD_CHANGE = {"action": "create", "path": "apis/a", "status": "applied", "reason": "new"}


async def write_old(table: TableClient, partition: str, key: str, row: Mapping[str, Any]) -> None:
    await table.upsert_entity({"PartitionKey": partition, "RowKey": key, **row}, UpdateMode.REPLACE)


async def test_rows_of_an_older_version_are_read_and_are_no_news(
    book: Book, unit: AccountId
) -> None:
    await book.history.runs(limit=1)  # makes the tables
    old = {**OLD_DEPLOYMENT, "account": unit.arm_id, "name": "gpt-4o"}
    await write_old(book.table(DEPLOYMENTS), unit_key(unit), "gpt-4o", old)

    (found,) = await book.deployments(unit)
    assert (found.state, found.surfaces, found.seconds_to_verified) == ("verified", (), 2.0)
    await book.record(a_run(unit, verdicts=(VERIFIED,)))

    assert await book.told(unit) == []
    (found,) = await book.deployments(unit)
    assert len(found.surfaces) == 2


async def test_runs_of_an_older_version_are_read(book: Book, unit: AccountId) -> None:
    await book.history.runs(limit=1)
    id_ = uuid4().hex
    row = {
        "unit": unit.arm_id,
        "status": "succeeded",
        "started": "2026-11-01T12:00:00.000Z",
        "finished": "",
        "writes": 1,
        "changes": json.dumps([OLD_CHANGE]),
        "changes_left_out": 0,
        "notes": '["a note"]',
        "error": "",
    }
    await write_old(book.table(RUNS), id_, unit_key(unit), row)

    found = await book.history.run(id_)

    assert found is not None
    assert (found.units[0].changes[0].path, found.units[0].notes) == ("apis/a", ("a note",))
    await book.ledger.prune(NOW - 90 * DAY, now=NOW)


async def test_what_is_long_past_is_removed(book: Book, unit: AccountId) -> None:
    old, late = NOW - 100 * DAY, NOW - DAY
    random = "0" * 31 + "1"  # an id of an older version, which sorts before all others
    runs = [a_run(unit, it) for it in (old, late)]
    for run in (*runs, a_run(unit, old, ids=(random,))):
        await book.ledger.record_run(run)

    await book.ledger.prune(NOW - 90 * DAY, now=NOW)

    kept = [await book.history.run(it) is not None for it in (runs[0].ids[0], random)]
    assert kept == [False, False]
    assert await book.history.run(runs[1].ids[0]) is not None
    assert await book.ledger.prune(NOW - 90 * DAY, now=NOW) == 0


async def test_the_last_chapter_of_a_deployment_stays_however_old(
    book: Book, unit: AccountId
) -> None:
    other = replace(APPLIED, name="other")
    for number in range(3):
        verdicts = (replace(APPLIED, reason=f"reason {number}"), other)
        await book.record(a_run(unit, NOW - (100 - number) * DAY, verdicts=verdicts))

    await book.ledger.prune(NOW - 90 * DAY, now=NOW)

    assert [it.reason for it in await book.history.story(unit, "gpt-4o")] == ["reason 2"]
    assert len(await book.history.story(unit, "other")) == 1
    assert await book.told(unit) == [], "what nobody took in all that time is not sent any more"
    assert len(await book.deployments(unit)) == 2
