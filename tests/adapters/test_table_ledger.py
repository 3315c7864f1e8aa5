"""The ledger on Azurite: what is written down of runs and of deployments."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from shared.core.applied import AppliedChange, ChangeStatus
from shared.core.plan import Action, Change
from shared.core.records import DeploymentRecord
from shared.core.resource_ids import AccountId
from shared.core.run_ids import run_id
from shared.core.runs import RunStatus
from shared.core.states import DeploymentState, Verdict
from tests.adapters.ledger_book import Book, a_run
from tests.builders import NOW, SUBSCRIPTION, a_deployment, an_account, desired_of


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


STOPPED: dict[str, Any] = {"status": RunStatus.FAILED, "finished": NOW, "error": "stopped"}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"status": RunStatus.RUNNING, "finished": None}, ("failed", "stopped", 1)),
        ({"status": RunStatus.SUCCEEDED}, ("succeeded", "", 1)),
    ],
)
async def test_a_run_that_was_stopped_is_told_as_that_unless_it_had_ended(
    book: Book, unit: AccountId, before: dict[str, Any], after: tuple[str, str, int]
) -> None:
    done = AppliedChange(Change(Action.UPDATE, "apis/a", "why"), ChangeStatus.APPLIED)
    run = a_run(unit, changes=(done,), **before)
    await book.ledger.record_run(run)

    stopped = replace(run, changes=(), **STOPPED)
    await book.ledger.record_stopped(stopped, was={RunStatus.RUNNING})

    found = await book.history.run(run.ids[0])
    assert found is not None
    (part,) = found.units
    assert (part.status, part.error, part.writes) == after
    assert found.finished


@pytest.mark.parametrize(
    ("was", "first", "second"), [("running", None, "queued"), ("queued", "failed", "failed")]
)
async def test_a_run_that_nobody_has_told_of_yet_may_be_stopped(
    book: Book, unit: AccountId, was: str, first: str | None, second: str
) -> None:
    """Whoever asks for a run tells of it only then; it may have been called off in between."""
    run = a_run(unit, status=RunStatus.QUEUED, finished=None)

    async def status() -> str | None:
        found = await book.history.run(run.ids[0])
        return found.status if found else None

    await book.ledger.record_stopped(replace(run, **STOPPED), was={RunStatus(was)})
    assert await status() == first
    await book.ledger.record_queued(run)
    assert await status() == second


async def test_whoever_wakes_up_late_does_not_tell_over_the_run_that_went_on(
    book: Book, unit: AccountId
) -> None:
    run = a_run(unit, epoch=2)
    late = replace(run, epoch=1, status=RunStatus.RUNNING, finished=None)

    for record in (late, run, late):
        await book.ledger.record_run(record)

    found = await book.history.run(run.ids[0])
    assert found is not None
    assert found.status == "succeeded"
