"""The state store on Azurite: the compare-and-swap really is one."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from azure.data.tables.aio import TableServiceClient

from shared.adapters.table_state import TableState
from shared.adapters.tables import TABLES
from shared.core.resource_ids import AccountId
from shared.core.single_flight import Cause, Claim, Ending
from shared.errors import Unavailable

LEASE = timedelta(minutes=5)


@pytest.fixture
async def state(connection: str) -> AsyncIterator[TableState]:
    store = a_store(connection)
    yield store
    await store.close()


def a_store(connection: str, *, lease: timedelta = LEASE) -> TableState:
    return TableState(TableServiceClient.from_connection_string(connection), lease=lease)


async def taken(state: TableState, unit: AccountId) -> Claim:
    claim = await state.claim(unit)
    assert isinstance(claim, Claim)
    return claim


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
    assert (await store.has(first), await store.has(second)) == (False, True)
    assert not await store.finish(first, Ending(done=True)), "it is the second's now"
    assert unit in await store.unfinished()
    await store.close()


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
    for name in TABLES:
        await service.delete_table(name)

    with pytest.raises(Unavailable):
        await store.mark(unit, Cause())
    assert await store.mark(unit, Cause())
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
