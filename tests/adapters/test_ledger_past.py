"""Rows of an older version of the app, and rows of long ago."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import uuid4

from azure.data.tables import UpdateMode
from azure.data.tables.aio import TableClient

from shared.adapters.tables import DEPLOYMENTS, RUNS
from shared.adapters.unit_rows import unit_key
from shared.core.resource_ids import AccountId
from tests.adapters.ledger_book import APPLIED, DAY, VERIFIED, Book, a_run
from tests.builders import NOW

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


async def test_a_deployment_that_is_long_gone_is_forgotten_with_its_story(
    book: Book, unit: AccountId
) -> None:
    gone, back = replace(APPLIED, name="gone"), replace(APPLIED, name="back")
    await book.record(a_run(unit, NOW - 110 * DAY, verdicts=(APPLIED, gone, back)))
    await book.record(a_run(unit, NOW - 100 * DAY, verdicts=(APPLIED,)))
    await book.record(a_run(unit, NOW - 99 * DAY, verdicts=(APPLIED, back)))

    await book.ledger.prune(NOW - 90 * DAY, now=NOW)

    assert sorted(it.name for it in await book.deployments(unit)) == ["back", "gpt-4o"]
    assert await book.history.story(unit, "gone") == []
    assert len(await book.history.story(unit, "back")) == 1
