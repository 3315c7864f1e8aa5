"""Dead letters on Azurite: recorded once, whatever happens on the way."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from azure.core.exceptions import ServiceRequestError
from azure.core.pipeline.transport import AioHttpTransport
from azure.data.tables.aio import TableServiceClient
from azure.storage.blob.aio import ContainerClient

from sandbox.event_grid.events import Quirks, Schema, to_cloud_event
from sandbox.event_grid.messages import Message, dead_letter
from shared.adapters import dead_letters as adapter
from shared.adapters.dead_letters import TABLE, DeadLetters
from shared.core.dead_letters import DeadLetter, LetterKind, letter_id
from shared.core.messages import write_message
from shared.errors import Unavailable
from tests.builders import NOW, SUBSCRIPTION, UNIT

EVENT = {
    "id": "e-1",
    "topic": f"/subscriptions/{SUBSCRIPTION}",
    "subject": f"{UNIT.arm_id}/deployments/gpt-4o",
    "eventType": "Microsoft.Resources.ResourceWriteSuccess",
    "eventTime": "2026-11-23T11:00:00Z",
    "data": {"claims": {"name": "dev.user@example.com"}},
    "dataVersion": "2",
    "metadataVersion": "1",
}


class Refusing(AioHttpTransport):  # type: ignore[misc]
    """A network on which requests of one method fail, of one blob if it is named."""

    def __init__(self, method: str) -> None:
        super().__init__()
        self.method, self.blob, self.is_on = method, "", False

    async def send(self, request: Any, **config: Any) -> Any:
        if self.is_on and request.method == self.method and self.blob in request.url:
            raise ServiceRequestError("refused by the test")
        return await super().send(request, **config)


class Outrun(AioHttpTransport):  # type: ignore[misc]
    """A network on which somebody else has just asked the same, where a method is given."""

    method = ""

    async def send(self, request: Any, **config: Any) -> Any:
        if request.method == self.method:
            await super().send(request, **config)
        return await super().send(request, **config)


@dataclass(frozen=True, slots=True)
class Post:
    """The container, as Event Grid fills it, and the adapter on it."""

    letters: DeadLetters
    container: ContainerClient
    tables: TableServiceClient

    async def give_up(self, schema: Schema = Schema.EVENT_GRID, *, count: int = 1) -> str:
        """Write a blob as the local Event Grid does; its name."""
        event = EVENT if schema is Schema.EVENT_GRID else to_cloud_event(EVENT, Quirks())
        letter = dead_letter(
            Message("e-1", event, schema, NOW),
            reason="MaxDeliveryAttemptsExceeded",
            attempts=30,
            outcome="NotFound",
            last_attempt_at=NOW,
        )
        return await self.write(json.dumps([letter] * count).encode())

    async def write(self, content: bytes, *, end: str = "json") -> str:
        name = f"MODEL-ONRAMP/2026/11/3/5/{uuid4()}.{end}"
        await self.container.upload_blob(name, content)
        return name

    async def blobs(self) -> list[str]:
        return [blob.name async for blob in self.container.list_blobs()]

    async def all(self) -> tuple[DeadLetter, ...]:
        found, following = await self.letters.page(1000)
        assert following == ""
        return found


@asynccontextmanager
async def a_post(connection: str, network: AioHttpTransport | None = None) -> AsyncIterator[Post]:
    """Nothing is there yet: no container, no table."""
    tables = TableServiceClient.from_connection_string(connection)
    container = ContainerClient.from_connection_string(
        connection, f"dead-{uuid4().hex}", transport=network, retry_total=0
    )
    letters = DeadLetters(tables, container)
    await tables.delete_table(TABLE)
    try:
        yield Post(letters, container, tables)
    finally:
        await letters.close()


@pytest.fixture
async def post(connection: str) -> AsyncIterator[Post]:
    async with a_post(connection) as found:
        await found.container.create_container()
        yield found


async def test_without_container_and_table_there_are_none(connection: str) -> None:
    async with a_post(connection) as post:
        assert await post.letters.collect() == 0
        assert await post.letters.page(10) == ((), "")
        assert await post.letters.count() == {}
        assert await post.letters.get(letter_id(NOW, "x")) is None
        await post.letters.mark_replayed(letter_id(NOW, "x"), "r-1")
        await post.letters.forget(letter_id(NOW, "x"))


@pytest.mark.parametrize("schema", list(Schema))
async def test_what_event_grid_gave_up_is_recorded_and_its_blob_goes(
    post: Post, schema: Schema
) -> None:
    await post.give_up(schema)

    assert await post.letters.collect() == 1

    (letter,) = await post.all()
    assert (letter.unit, letter.deployment) == (UNIT, "gpt-4o")
    assert (letter.reason, letter.outcome, letter.attempts) == (
        "MaxDeliveryAttemptsExceeded",
        "NotFound",
        30,
    )
    assert await post.blobs() == []


async def test_each_event_of_a_blob_has_its_row(post: Post) -> None:
    await post.give_up(count=3)

    assert await post.letters.collect() == 3
    assert len(await post.all()) == 3


async def test_many_blobs_are_taken_at_several_times(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapter, "_BLOBS_AT_A_TIME", 3)
    for _ in range(5):
        await post.give_up()

    counts = [await post.letters.collect() for _ in range(3)]

    assert counts == [3, 2, 0]


async def test_a_blob_that_cannot_be_read_is_recorded_once_and_kept(post: Post) -> None:
    name = await post.write(b"no JSON")
    await post.give_up()

    counts = [await post.letters.collect() for _ in range(3)]

    assert counts == [2, 0, 0]
    (bad,) = [it for it in await post.all() if it.unit is None]
    assert name in bad.problem
    assert await post.blobs() == [name]


async def test_an_unreadable_blob_that_somebody_let_go_does_not_come_back(post: Post) -> None:
    await post.write(b"no JSON")
    await post.letters.collect()
    (bad,) = await post.all()

    await post.letters.forget(bad.id)

    assert await post.letters.collect() == 0
    assert await post.all() == ()


async def test_what_is_not_of_event_grid_is_left_alone(post: Post) -> None:
    name = await post.write(b"my notes", end="txt")

    assert await post.letters.collect() == 0
    assert await post.blobs() == [name]


async def test_two_sweeps_at_once_record_each_letter_once(connection: str, post: Post) -> None:
    for _ in range(5):
        await post.give_up()
    other = DeadLetters(
        TableServiceClient.from_connection_string(connection),
        ContainerClient.from_connection_string(connection, post.container.container_name),
    )

    counts = await asyncio.gather(post.letters.collect(), other.collect())

    await other.close()
    assert sum(counts) == 5
    assert len(await post.all()) == 5
    assert await post.blobs() == []


@pytest.mark.parametrize(("method", "left"), [("DELETE", 0), ("PUT", 1)])
async def test_what_it_recorded_counts_though_another_takes_the_blob_away(
    connection: str, method: str, left: int
) -> None:
    network = Outrun()
    async with a_post(connection, network) as post:
        await post.container.create_container()
        await (post.give_up() if method == "DELETE" else post.write(b"not JSON"))
        network.method = method

        assert await post.letters.collect() == 1

        assert len(await post.all()) == 1
        assert len(await post.blobs()) == left


async def test_a_worker_that_dies_before_it_deletes_the_blob_records_it_once(
    connection: str,
) -> None:
    refusing = Refusing("DELETE")
    async with a_post(connection, refusing) as post:
        await post.container.create_container()
        await post.give_up()
        refusing.is_on = True
        with pytest.raises(Unavailable, match="container dead-"):
            await post.letters.collect()
        (before,) = await post.all()
        await post.letters.mark_replayed(before.id, "r-1")

        refusing.is_on = False
        assert await post.letters.collect() == 0

        (after,) = await post.all()
        assert after.run_id == "r-1", "to record it again does not forget that it was replayed"
        assert await post.blobs() == []


async def test_one_blob_that_fails_keeps_no_other_from_being_read(connection: str) -> None:
    refusing = Refusing("GET")
    async with a_post(connection, refusing) as post:
        await post.container.create_container()
        names = [await post.give_up() for _ in range(3)]
        refusing.blob, refusing.is_on = names[1].rpartition("/")[2], True

        with pytest.raises(Unavailable):
            await post.letters.collect()

        assert len(await post.all()) == 2
        assert await post.blobs() == [names[1]]


async def test_nothing_is_lost_when_the_table_is_refused(connection: str, post: Post) -> None:
    name = await post.give_up()
    network = Refusing("POST")
    network.is_on = True
    async with TableServiceClient.from_connection_string(
        connection, transport=network, retry_total=0
    ) as tables:
        with pytest.raises(Unavailable, match=f"table {TABLE}"):
            await DeadLetters(tables, post.container).collect()

    assert await post.blobs() == [name]


async def test_a_poisoned_message_that_comes_twice_is_one_row(post: Post) -> None:
    for _ in range(2):
        await post.letters.record_message(write_message(UNIT), message_id="m-1", at=NOW)
    await post.letters.record_message(write_message(UNIT), message_id="m-2", at=NOW)

    found = await post.all()

    assert [(it.kind, it.unit) for it in found] == [(LetterKind.MESSAGE, UNIT)] * 2


async def test_pages_go_from_the_newest_to_the_oldest(post: Post) -> None:
    for minute in (3, 1, 5, 2, 4):
        at = NOW + timedelta(minutes=minute)
        await post.letters.record_message("", message_id=f"m-{minute}", at=at)

    seen, after, pages = [], "", 0
    while after or not pages:
        found, after = await post.letters.page(2, after=after)
        seen += [(it.given_up_at - NOW) // timedelta(minutes=1) for it in found]
        pages += 1

    assert (seen, pages) == ([5, 4, 3, 2, 1], 3)


async def test_what_was_replayed_is_told_apart_and_no_longer_counted(post: Post) -> None:
    await post.give_up(count=2)
    await post.letters.collect()
    await post.letters.record_message(write_message(UNIT), message_id="m-1", at=NOW)
    replayed, *_ = [it for it in await post.all() if it.kind is LetterKind.EVENT]

    await post.letters.mark_replayed(replayed.id, "r-1")

    assert await post.letters.count() == {LetterKind.EVENT: 1, LetterKind.MESSAGE: 1}
    ((found,), _) = await post.letters.page(10, replayed=True)
    assert (found.id, found.run_id) == (replayed.id, "r-1")
    assert found.replayed_at is not None
    assert found.replayed_at <= datetime.now(UTC)
    assert len((await post.letters.page(10, replayed=False))[0]) == 2


async def test_letters_of_long_ago_go_and_later_ones_stay(post: Post) -> None:
    now = datetime.now(UTC)
    for days in (0, 29, 31, 400):
        at = now - timedelta(days=days)
        await post.letters.record_message("", message_id=f"m-{days}", at=at)

    await post.letters.collect()

    assert [(now - it.given_up_at).days for it in await post.all()] == [0, 29]


async def test_a_letter_is_found_by_its_id_and_none_by_another(post: Post) -> None:
    await post.give_up()
    await post.letters.collect()
    (letter,) = await post.all()

    assert await post.letters.get(letter.id) == letter
    assert await post.letters.get(letter_id(NOW, "another")) is None
    assert await post.letters.get("../x'/") is None


async def test_no_row_holds_what_the_event_carried(post: Post) -> None:
    await post.give_up()
    await post.letters.collect()

    rows = [entity async for entity in post.tables.get_table_client(TABLE).list_entities()]

    assert rows
    assert "dev.user@example.com" not in repr(rows)
