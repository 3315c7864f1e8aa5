"""Outcome events: what a run changed, as CloudEvents on an Event Grid custom topic.

They wait in the ledger, written with what they tell of; what could not be sent is sent after the
account's next run, or by the sweep where none comes. So each is sent at least once, with one id.
"""

import asyncio
import json
import logging
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime

from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import AzureError, HttpResponseError
from azure.core.messaging import CloudEvent
from azure.eventgrid.aio import EventGridPublisherClient

from shared import logs
from shared.adapters.plain_http import http_policies
from shared.core.model import Json
from shared.core.resource_ids import AccountId
from shared.errors import RetryableError
from shared.ports import Outbox

logger = logging.getLogger(__name__)

_PATIENCE_S = 10.0  # for a request; a run's worker waits for it
_TRIES_MORE = 2  # of the SDK's own; the next run is a try as well
# A request has at most 1 MB, all of its events together (learn.microsoft.com/azure/event-grid/
# post-to-custom-topic); half of it leaves room for what the SDK adds to each.
_BYTES = 500_000
_TOO_LARGE = 413


class NoOutcomes:
    """The Outcomes port where no topic is set."""

    async def publish(self, unit: AccountId) -> None:
        """Do nothing."""

    async def publish_rest(self, but: Collection[AccountId]) -> None:
        """Do nothing."""

    async def close(self) -> None:
        """Hold nothing."""


class TopicOutcomes:
    """The Outcomes port on a custom topic."""

    def __init__(
        self,
        credential: AsyncTokenCredential,
        endpoint: str,
        outbox: Outbox,
        *,
        source: str,
        patience_s: float = _PATIENCE_S,
    ) -> None:
        policies = http_policies(endpoint)
        self._client = EventGridPublisherClient(
            endpoint, credential, per_call_policies=policies, retry_total=_TRIES_MORE
        )
        self._outbox, self._source, self._patience_s = outbox, source, patience_s

    async def close(self) -> None:
        await self._client.close()

    async def publish(self, unit: AccountId) -> None:
        try:
            for events in _requests(await self._outbox.outcomes(unit)):
                await self._tell(unit, events)
        except (AzureError, RetryableError, TimeoutError) as exc:
            # Best effort: the gateway stands whether or not anybody hears of it by now.
            logs.error(logger, "outcome events not sent", exc)

    async def publish_rest(self, but: Collection[AccountId]) -> None:
        try:
            for unit in sorted(await self._outbox.untold() - frozenset(but)):
                await self.publish(unit)
        except RetryableError as exc:
            logs.error(logger, "outcome events can't be read", exc)

    async def _tell(self, unit: AccountId, events: Sequence[Json]) -> None:
        """Send *events* and forget them; one too large alone would hold up the rest for ever."""
        try:
            async with asyncio.timeout(self._patience_s):
                await self._client.send([self._cloud_event(it) for it in events])
        except HttpResponseError as exc:
            if exc.status_code != _TOO_LARGE:
                raise
            if half := len(events) // 2:
                await self._tell(unit, events[:half])
                await self._tell(unit, events[half:])
                return
            logs.error(logger, "outcome event too large", exc, id=events[0]["id"])
        await self._outbox.forget(unit, [it["key"] for it in events])

    def _cloud_event(self, event: Json) -> CloudEvent[Json]:
        return CloudEvent(
            source=self._source,
            type=event["type"],
            id=event["id"],
            subject=event["subject"],
            time=datetime.fromisoformat(event["time"]),
            data=event["data"],
        )


def _requests(events: Sequence[Json]) -> Iterator[list[Json]]:
    some: list[Json] = []
    size = 0
    for event in events:
        more = len(json.dumps(event))
        if some and size + more > _BYTES:
            yield some
            some, size = [], 0
        some, size = [*some, event], size + more
    if some:
        yield some
