"""Brings events to their destinations, each on its own, until delivered, dead or dropped."""

import asyncio
import uuid
from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from typing import Any, Literal

import aiohttp

from sandbox.event_grid import retry
from sandbox.event_grid.messages import Message, dead_letter, dead_letter_path, headers, render
from sandbox.event_grid.options import Options
from sandbox.event_grid.retry import Response
from sandbox.event_grid.storage import Storage
from sandbox.event_grid.subscriptions import StorageQueue, Subscription, Webhook

_LOG_LENGTH = 20_000

type Fate = Literal["delivered", "retry", "dead-letter", "drop", "lost"]


@dataclass(frozen=True, slots=True)
class Attempt:
    event_id: str
    subscription: str
    attempt: int  # counted from 1; 0 for an event that chaos lost
    status: int | None
    outcome: str
    fate: Fate
    reason: str | None  # why it was given up
    at: datetime


@dataclass(slots=True)
class _Health:
    """Of one subscription's endpoint."""

    failures: int = 0  # in a row
    probation_ends: float = 0.0  # in the loop's time


class Delivery:
    def __init__(
        self, http: aiohttp.ClientSession, storage: Storage | None, options: Options
    ) -> None:
        self._http = http
        self._storage = storage
        self._options = options
        # Apart from each other: the timing of retries must not change what chaos does to whom.
        self._chaos = Random(options.chaos.seed)  # noqa: S311  # repeatable, not secret
        self._jitter = Random(options.chaos.seed)  # noqa: S311
        self._tasks: set[asyncio.Task[None]] = set()
        self._health: dict[str, _Health] = {}
        self._removed: set[str] = set()
        self.log: deque[Attempt] = deque(maxlen=_LOG_LENGTH)

    def dispatch(self, subscription: Subscription, event: Any) -> None:
        """Start to deliver an event; returns at once."""
        message = render(event, subscription, self._options.quirks, published_at=datetime.now(UTC))
        chaos = self._options.chaos
        if self._chaos.random() < chaos.drop:
            lost = _Try(0, Response("Lost"), message.published_at)
            self._record(subscription, message, lost, "lost")
            return
        copies = 2 if self._chaos.random() < chaos.duplicate else 1
        for _ in range(copies):
            wait_s = chaos.delay_s + self._chaos.uniform(0, chaos.reorder_s)
            self.spawn(self._deliver(subscription, message, wait_s))

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def add(self, key: str) -> None:
        self._removed.discard(key)
        self._health[key] = _Health()

    def remove(self, key: str) -> None:
        """Events on their way to a deleted subscription are given up."""
        self._removed.add(key)

    async def idle(self) -> None:
        """Return when nothing waits for an attempt and nothing is in flight."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def close(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _deliver(self, subscription: Subscription, message: Message, wait_s: float) -> None:
        azure_resource = _is_azure_resource(subscription)
        age_s = 0.0  # in the service's time
        last = _Try(0, Response("Delivering"), message.published_at)
        while True:
            await self._sleep(wait_s)
            age_s += wait_s + await self._wait_out_probation(subscription)
            if subscription.key in self._removed:
                return
            # "The time-to-live expiration is checked ONLY at the next scheduled delivery attempt."
            if age_s > subscription.retry.time_to_live.total_seconds():
                reason = "TimeToLiveExceeded"
                break
            last = await self._try(subscription, message, last.number + 1)
            if last.response.delivered:
                return
            if final := _final(last, subscription, azure_resource=azure_resource):
                reason = final
                break
            self._record(subscription, message, last, "retry")
            wait_s = retry.delay_s(
                last.number, last.response, azure_resource=azure_resource, random=self._jitter
            )
        await self._give_up(subscription, message, reason, last)

    async def _try(self, subscription: Subscription, message: Message, number: int) -> "_Try":
        at = datetime.now(UTC)
        match subscription.destination:
            case Webhook() as webhook:
                sent = headers(message, subscription, attempt=number) | dict(webhook.headers)
                got = await self._post(webhook.url, message.webhook_body, sent)
            case StorageQueue(queue, ttl_s) if self._storage is not None:
                got = await self._storage.send(queue, message.queue_text, ttl_s=ttl_s)
            case StorageQueue():
                got = retry.response(404)
        done = _Try(number, got, at)
        self._note_health(subscription, got)
        if got.delivered:
            self._record(subscription, message, done, "delivered")
        return done

    async def _post(self, url: str, body: bytes, sent: dict[str, str]) -> Response:
        timeout = aiohttp.ClientTimeout(total=self._options.response_timeout_s)
        try:
            async with self._http.post(
                url, data=body, headers=sent, timeout=timeout, allow_redirects=False
            ) as reply:
                await reply.read()
                return retry.response(reply.status)
        except TimeoutError:
            return Response("TimedOut")
        except aiohttp.ClientConnectorDNSError:
            return Response("ResolutionError")
        except aiohttp.ClientError:
            return Response("SocketError")

    async def _give_up(
        self, subscription: Subscription, message: Message, reason: str, last: "_Try"
    ) -> None:
        container = subscription.dead_letter_container
        fate: Fate = "dead-letter" if container and self._storage else "drop"
        self._record(subscription, message, last, fate, reason)
        if container is None or self._storage is None:
            return
        letter = dead_letter(
            message,
            reason=reason,
            attempts=last.number,
            outcome=last.response.outcome,
            last_attempt_at=last.at,
        )
        path = dead_letter_path(subscription, str(uuid.uuid4()), datetime.now(UTC))
        await self._sleep(retry.DEAD_LETTER_DELAY_S)
        waited_s = 0.0
        # "If the dead-letter location is unavailable for four hours, the event is dropped."
        while waited_s <= retry.DEAD_LETTER_GIVE_UP_S:
            if await self._storage.write(container, path, [letter]) is not False:
                return  # written, or "dropped when the dead-letter destination isn't found"
            await self._sleep(retry.DEAD_LETTER_RETRY_S)
            waited_s += retry.DEAD_LETTER_RETRY_S

    def _note_health(self, subscription: Subscription, got: Response) -> None:
        health = self._health.setdefault(subscription.key, _Health())
        if got.delivered:
            health.failures = 0
            return
        health.failures += 1
        limit = self._options.probation_after
        if limit is not None and health.failures >= limit:
            pause_s = retry.probation_s(got) * self._options.time_scale
            health.probation_ends = asyncio.get_running_loop().time() + pause_s

    async def _wait_out_probation(self, subscription: Subscription) -> float:
        """Seconds of the service's time that went by. An extension meanwhile is for the next."""
        health = self._health.setdefault(subscription.key, _Health())
        left_s = health.probation_ends - asyncio.get_running_loop().time()
        if left_s <= 0:
            return 0.0
        await asyncio.sleep(left_s)
        return left_s / self._options.time_scale

    async def _sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds * self._options.time_scale)

    def _record(
        self,
        subscription: Subscription,
        message: Message,
        last: "_Try",
        fate: Fate,
        reason: str | None = None,
    ) -> None:
        got = last.response
        entry = Attempt(
            message.event_id,
            subscription.name,
            last.number,
            got.status,
            got.outcome,
            fate,
            reason,
            last.at,
        )
        self.log.append(entry)


@dataclass(frozen=True, slots=True)
class _Try:
    number: int  # counted from 1
    response: Response
    at: datetime


def _is_azure_resource(subscription: Subscription) -> bool:
    match subscription.destination:
        case Webhook(azure_resource=azure_resource):
            return azure_resource
        case StorageQueue():
            return True


def _final(last: _Try, subscription: Subscription, *, azure_resource: bool) -> str | None:
    """Why there is no further attempt, or None."""
    if retry.is_final(last.response, azure_resource=azure_resource):
        return retry.dead_letter_reason(last.response)
    if last.number >= subscription.retry.max_attempts:
        return "MaxDeliveryAttemptsExceeded"
    return None
