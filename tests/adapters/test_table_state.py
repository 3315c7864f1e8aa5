"""The state store on Azurite: the compare-and-swap really is one."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from azure.data.tables.aio import TableServiceClient

from sandbox.azurite import azurite
from shared.adapters.table_state import DEPLOYMENTS, RUNS, UNITS, TableState
from shared.core.model import Json
from shared.core.resource_ids import AccountId
from shared.core.runs import Run, RunStatus
from shared.core.single_flight import Cause, Claim, Ending
from shared.core.states import DeploymentState, Verdict
from shared.errors import Unavailable
from tests.builders import SUBSCRIPTION, a_deployment, an_account, desired_of

LEASE = timedelta(minutes=5)
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
async def connection() -> AsyncIterator[str]:
    async with azurite() as storage:
        yield storage.connection_string


@pytest.fixture
async def state(connection: str) -> AsyncIterator[TableState]:
    store = a_store(connection)
    yield store
    await store.close()


@pytest.fixture
def unit() -> AccountId:
    return AccountId(SUBSCRIPTION, "rg-ai", f"acct-{uuid4().hex[:8]}")


def a_store(connection: str, *, lease: timedelta = LEASE) -> TableState:
    return TableState(TableServiceClient.from_connection_string(connection), lease=lease)


async def taken(state: TableState, unit: AccountId) -> Claim:
    claim = await state.claim(unit)
    assert isinstance(claim, Claim)
    return claim


async def record(state: TableState, run: Run) -> None:
    await state.record_run(run)
    await state.record_deployments(run)


def a_run(unit: AccountId, **changes: object) -> Run:
    verdicts = desired_of(an_account(a_deployment(), a_deployment("other"))).verdicts
    run = Run((uuid4().hex,), unit, RunStatus.SUCCEEDED, NOW, NOW, verdicts=verdicts)
    return replace(run, **changes)  # type: ignore[arg-type]


async def test_a_marked_unit_is_claimed_once(state: TableState, unit: AccountId) -> None:
    assert await state.claim(unit) is None
    assert await state.mark(unit, Cause())

    first = await state.claim(unit)
    second, third = await state.claim(unit), await state.claim(unit)

    assert isinstance(first, Claim)
    assert isinstance(second, timedelta), "the first who asks is told when to come back"
    assert timedelta() < second <= LEASE
    assert third is None


async def test_of_many_workers_one_gets_the_unit(state: TableState, unit: AccountId) -> None:
    await state.mark(unit, Cause())

    claims = await asyncio.gather(*(state.claim(unit) for _ in range(16)))

    assert sum(isinstance(claim, Claim) for claim in claims) == 1


async def test_no_mark_of_many_is_lost(state: TableState, unit: AccountId) -> None:
    await state.mark(unit, Cause())
    claim = await taken(state, unit)

    await asyncio.gather(*(state.mark(unit, Cause(event_id=f"e{number}")) for number in range(12)))

    assert await state.finish(claim, Ending(done=True))
    again = await taken(state, unit)
    assert again.gen == claim.gen + 12


async def test_a_finished_unit_is_clean(state: TableState, unit: AccountId) -> None:
    await state.mark(unit, Cause())
    claim = await taken(state, unit)
    assert unit in await state.unfinished()

    assert not await state.finish(claim, Ending(done=True))

    assert await state.claim(unit) is None
    assert unit not in await state.unfinished()


async def test_a_replayed_event_is_known(state: TableState, unit: AccountId) -> None:
    assert await state.mark(unit, Cause(event_id="e"))
    claim = await taken(state, unit)
    await state.finish(claim, Ending(done=True))

    assert not await state.mark(unit, Cause(event_id="e"))
    assert await state.claim(unit) is None


async def test_the_lease_counts_in_storages_time(connection: str, unit: AccountId) -> None:
    store = a_store(connection, lease=timedelta())
    await store.mark(unit, Cause())

    first, second = await taken(store, unit), await taken(store, unit)

    assert second.epoch == first.epoch + 1
    assert not await store.finish(first, Ending(done=True)), "it is the second's now"
    assert unit in await store.unfinished()
    await store.close()


async def test_a_run_is_found_by_each_of_its_ids(state: TableState, unit: AccountId) -> None:
    ids = (uuid4().hex, uuid4().hex)
    await record(state, a_run(unit, ids=ids))

    for run_id in ids:
        (found,) = await state.run(run_id)
        assert (found["unit"], found["status"]) == (unit.arm_id, "succeeded")
    assert await state.run("0" * 32) == []


async def test_deployments_keep_since_when_they_are_as_they_are(
    state: TableState, unit: AccountId
) -> None:
    await record(state, a_run(unit))
    later = NOW + timedelta(hours=1)
    verdicts = desired_of(an_account(a_deployment(capacity=20))).verdicts
    await record(state, a_run(unit, started=later, finished=later, verdicts=verdicts))

    found = {it["name"]: it for it in await state.deployments() if it["account"] == unit.arm_id}

    assert {name: (it["state"], it["since"][11:13]) for name, it in found.items()} == {
        "gpt-4o": ("applied", "12"),
        "other": ("removed", "13"),
    }
    assert found["gpt-4o"]["capacity"] == 20


async def test_a_run_that_never_saw_the_inventory_removes_nothing(
    state: TableState, unit: AccountId
) -> None:
    await record(state, a_run(unit))
    await record(state, a_run(unit, status=RunStatus.WAITING, verdicts=None, error="ARM is down"))

    found = [it["state"] for it in await state.deployments() if it["account"] == unit.arm_id]

    assert found == ["applied", "applied"]


async def test_a_deployment_with_a_wild_name_can_be_told_of(
    state: TableState, unit: AccountId
) -> None:
    wild = a_deployment("a/b#c?d\\e")
    await record(state, a_run(unit, verdicts=desired_of(an_account(wild)).verdicts))

    (found,) = (it for it in await state.deployments() if it["account"] == unit.arm_id)

    assert (found["name"], found["state"]) == ("a/b#c?d\\e", "quarantined")


async def test_storage_that_is_down_is_worth_another_try(unit: AccountId) -> None:
    connection = (
        "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=a2V5;"
        "TableEndpoint=http://127.0.0.1:9/devstoreaccount1;"
    )
    service = TableServiceClient.from_connection_string(connection, retry_total=0)
    store = TableState(service, lease=LEASE)

    with pytest.raises(Unavailable):
        await store.mark(unit, Cause())
    await store.close()


async def test_tables_that_were_deleted_are_made_anew(connection: str, unit: AccountId) -> None:
    service = TableServiceClient.from_connection_string(connection)
    store = TableState(service, lease=LEASE)
    await store.mark(unit, Cause())
    for name in (UNITS, DEPLOYMENTS, RUNS):
        await service.delete_table(name)

    with pytest.raises(Unavailable):
        await store.mark(unit, Cause())
    assert await store.mark(unit, Cause())
    await record(store, a_run(unit))
    await store.close()


async def test_a_unit_is_left_alone_for_as_long_as_was_asked(
    state: TableState, unit: AccountId
) -> None:
    await state.mark(unit, Cause())
    claim = await taken(state, unit)

    await state.finish(claim, Ending(done=False, wait=timedelta(minutes=1)))
    await state.mark(unit, Cause(event_id="later"))

    assert await state.claim(unit) is None
    assert unit in await state.unfinished()


async def test_the_clock_of_a_deployment_runs_from_its_event_to_its_first_good_answer(
    state: TableState, unit: AccountId
) -> None:
    (applied,) = desired_of(an_account(a_deployment())).verdicts
    verified = replace(applied, state=DeploymentState.VERIFIED, proof="p")
    gone = replace(applied, state=DeploymentState.RETIRING, deployment=None)

    async def told(verdict: Verdict, minutes: int, written: timedelta | None = None) -> Json:
        at = NOW + timedelta(minutes=minutes)
        names = {"gpt-4o": NOW + written} if written is not None else {}
        run = a_run(unit, started=at, finished=at, verdicts=(verdict,), written=names)
        await record(state, run)
        (row,) = (it for it in await state.deployments() if it["account"] == unit.arm_id)
        return row

    first = await told(applied, 1, written=timedelta())
    assert (first["applied_at"][14:16], first["seconds_to_verified"]) == ("01", None)
    assert (await told(verified, 3))["seconds_to_verified"] == 180
    assert await state.proofs(unit) == {"gpt-4o": "p"}
    assert (await told(verified, 9))["seconds_to_verified"] == 180, "the first answer counts"
    assert (await told(gone, 20))["seconds_to_verified"] == 180
    assert await state.proofs(unit) == {}
    again = await told(verified, 31, written=timedelta(minutes=30))
    assert again["seconds_to_verified"] == 60, "a new life has a clock of its own"
