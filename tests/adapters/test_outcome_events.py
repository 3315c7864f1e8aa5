"""Outcome events on the local Event Grid, and on endpoints that are down, slow or refuse."""

import asyncio
import base64
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from sandbox.contracts import Json
from sandbox.event_grid.emulator import EventGrid
from sandbox.processes import listen
from shared.adapters.outcome_events import TopicOutcomes
from shared.core.resource_ids import AccountId
from shared.errors import Unavailable
from tests.adapters.conftest import Token
from tests.builders import UNIT

SOURCE = "/subscriptions/x/resourceGroups/rg/providers/Microsoft.ApiManagement/service/apim"
_CLAIMS = json.dumps({"aud": "https://eventgrid.azure.net", "exp": 4_000_000_000})
TOKEN = f"x.{base64.urlsafe_b64encode(_CLAIMS.encode()).decode()}.x"


@dataclass(slots=True)
class Outbox:
    """The Outbox port; *forgets* is what happens where something is to be forgotten."""

    waiting: list[Json]
    forgets: Callable[[], None] = lambda: None

    async def untold(self) -> frozenset[AccountId]:
        return frozenset({UNIT}) if self.waiting else frozenset()

    async def outcomes(self, _unit: AccountId) -> tuple[Json, ...]:
        return tuple(self.waiting)

    async def forget(self, _unit: AccountId, ids: Iterable[str]) -> None:
        self.forgets()
        gone = set(ids)
        self.waiting = [it for it in self.waiting if it["key"] not in gone]


@dataclass(slots=True)
class Topic:
    """An endpoint that answers as a test says, by the number of events in a request."""

    url: str
    status: Callable[[int], int]
    sent: list[list[str]] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        events = await request.json()
        self.sent.append([it["id"] for it in events])
        return web.Response(status=self.status(len(events)))


def an_event(number: int, *, size: int = 100) -> Json:
    return {
        "key": f"~event|2026-11-23T12:00:00.000Z|{number:04}|{number}",
        "id": f"id-{number}",
        "type": "ModelOnramp.Onboarded",
        "subject": f"{UNIT.arm_id}/deployments/d{number}",
        "time": "2026-11-23T12:00:00.000Z",
        "data": {"words": "x" * size},
    }


def an_outbox(count: int, **options: int) -> Outbox:
    return Outbox([an_event(number, **options) for number in range(count)])


async def publish(url: str, outbox: Outbox, *, token: str = TOKEN, patience_s: float = 120) -> None:
    topic = TopicOutcomes(Token(token), url, outbox, source=SOURCE, patience_s=patience_s)
    try:
        await topic.publish(UNIT)
    finally:
        await topic.close()


@asynccontextmanager
async def a_topic(status: Callable[[int], int] | int) -> AsyncIterator[Topic]:
    found = Topic("", status if callable(status) else lambda _: status)
    app = web.Application(client_max_size=1 << 22)
    app.add_routes([web.post("/api/events", found.answer)])
    async with listen(app) as url:
        found.url = f"{url}/api/events"
        yield found


async def test_what_waits_is_sent_in_order_and_forgotten() -> None:
    outbox = an_outbox(3)

    async with EventGrid() as grid:
        await publish(f"{grid.url}/topics/outcomes/api/events", outbox)
        sent = grid.topic_events("outcomes")

    assert outbox.waiting == []
    assert [it["id"] for it in sent] == ["id-0", "id-1", "id-2"]
    assert sent[0] == {
        "id": "id-0",
        "source": SOURCE,
        "type": "ModelOnramp.Onboarded",
        "subject": f"{UNIT.arm_id}/deployments/d0",
        "time": "2026-11-23T12:00:00.000Z",
        "specversion": "1.0",
        "data": {"words": "x" * 100},
    }


async def test_what_is_more_than_a_request_holds_goes_in_several() -> None:
    outbox = an_outbox(90, size=28_000)

    async with EventGrid() as grid:
        await publish(f"{grid.url}/topics/outcomes/api/events", outbox)
        sent = grid.topic_events("outcomes")

    assert outbox.waiting == []
    assert [it["id"] for it in sent] == [f"id-{number}" for number in range(90)]


@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")  # aiohttp's, for 1 MB
async def test_an_event_that_is_too_large_by_itself_holds_up_no_other() -> None:
    outbox = an_outbox(5)
    outbox.waiting[3] = an_event(3, size=1 << 20)

    async with EventGrid() as grid:
        await publish(f"{grid.url}/topics/outcomes/api/events", outbox)
        sent = grid.topic_events("outcomes")

    assert outbox.waiting == []
    assert [it["id"] for it in sent] == ["id-0", "id-1", "id-2", "id-4"]


async def test_a_topic_that_takes_less_than_we_think_gets_less_at_once() -> None:
    outbox = an_outbox(5)

    async with a_topic(lambda events: 200 if events <= 2 else 413) as topic:
        await publish(topic.url, outbox)

    assert outbox.waiting == []
    assert [it for it in topic.sent if len(it) <= 2] == [
        ["id-0", "id-1"],
        ["id-2"],
        ["id-3", "id-4"],
    ]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 503])
async def test_what_the_topic_refuses_stays_and_fails_nothing(
    status: int, caplog: pytest.LogCaptureFixture
) -> None:
    outbox = an_outbox(2)

    async with a_topic(status) as topic:
        await publish(topic.url, outbox)

        assert [it["id"] for it in outbox.waiting] == ["id-0", "id-1"]
        assert "outcome events not sent" in caplog.text

        topic.status = lambda _: 200
        await publish(topic.url, outbox)

    assert outbox.waiting == []
    assert topic.sent[-1] == topic.sent[0], "with the same ids"


async def test_a_token_that_event_grid_does_not_take_loses_nothing() -> None:
    outbox = an_outbox(1)

    async with EventGrid() as grid:
        await publish(f"{grid.url}/topics/outcomes/api/events", outbox, token="nobody's")

    assert len(outbox.waiting) == 1


async def test_a_topic_that_is_down_loses_nothing() -> None:
    outbox = an_outbox(1)
    async with a_topic(200) as topic:
        pass

    await publish(topic.url, outbox)

    assert len(outbox.waiting) == 1


async def test_a_topic_that_is_slow_is_not_waited_for() -> None:
    outbox, asked, over = an_outbox(1), asyncio.Event(), asyncio.Event()

    async def never(_request: web.Request) -> web.Response:
        asked.set()
        await over.wait()
        return web.Response()

    app = web.Application()
    app.add_routes([web.post("/api/events", never)])
    patience_s = 0.1
    async with listen(app) as url:
        while not asked.is_set():  # a machine may be too slow to ask in so little time
            await publish(f"{url}/api/events", outbox, patience_s=patience_s)
            patience_s *= 2
        over.set()

    assert len(outbox.waiting) == 1


async def test_what_was_sent_and_not_forgotten_comes_again_with_its_id() -> None:
    outbox = an_outbox(1)

    def crash() -> None:
        raise Unavailable("storage is down")

    async with a_topic(200) as topic:
        outbox.forgets = crash
        await publish(topic.url, outbox)
        outbox.forgets = lambda: None
        await publish(topic.url, outbox)

    assert topic.sent == [["id-0"], ["id-0"]]
    assert outbox.waiting == []


async def test_where_nothing_waits_nothing_is_sent(caplog: pytest.LogCaptureFixture) -> None:
    async with a_topic(500) as topic:
        with caplog.at_level(logging.INFO):
            await publish(topic.url, Outbox([]))

    assert topic.sent == []
    assert "outcome" not in caplog.text


@pytest.mark.parametrize(("but", "sent"), [((), [["id-0"]]), ((UNIT,), [])])
async def test_what_no_run_will_tell_is_told_by_itself(
    but: tuple[AccountId, ...], sent: list[list[str]]
) -> None:
    async with a_topic(200) as topic:
        outcomes = TopicOutcomes(Token(TOKEN), topic.url, an_outbox(1), source=SOURCE)
        await outcomes.publish_rest(but)
        await outcomes.close()

    assert topic.sent == sent
