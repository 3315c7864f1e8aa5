"""The local Event Grid as one object: subscribe, publish, wait, look."""

import asyncio
import contextlib
import uuid
from collections.abc import Callable, Sequence
from ssl import SSLContext
from typing import Any, Self

import aiohttp

from sandbox.contracts import ArmWrite, Json
from sandbox.event_grid.delivery import Attempt, Delivery
from sandbox.event_grid.events import arm_event
from sandbox.event_grid.filters import matches
from sandbox.event_grid.handshake import Challenge, validate
from sandbox.event_grid.options import Options
from sandbox.event_grid.server import create_app
from sandbox.event_grid.storage import Storage, open_storage
from sandbox.event_grid.subscriptions import Subscription
from sandbox.processes import listen


class EventGrid:
    """Listens and delivers while its ``async with`` block runs.

    Args:
        storage: connection string of the account that stands for every storage account.
        port: of the HTTP endpoint; a free one by default.
        tls: serves https with it.
        trust: verifies destinations on https with it, instead of the system's authorities.
    """

    def __init__(
        self,
        *,
        storage: str | None = None,
        options: Options | None = None,
        port: int = 0,
        tls: SSLContext | None = None,
        trust: SSLContext | None = None,
    ) -> None:
        self._storage_account = storage
        self._options = options or Options()
        self._port, self._tls, self._trust = port, tls, trust
        self._subscriptions: dict[str, tuple[Subscription, Callable[[], bool]]] = {}
        self._challenges: dict[str, Challenge] = {}
        self._topics: dict[str, list[Json]] = {}
        self._stack = contextlib.AsyncExitStack()
        self._delivery: Delivery
        self._http: aiohttp.ClientSession
        self.topic_key = self._options.topic_key
        self.url = ""  # of the HTTP endpoint, known when it listens

    async def __aenter__(self) -> Self:
        async with contextlib.AsyncExitStack() as stack:
            connector = aiohttp.TCPConnector(limit=0, ssl=self._trust or True)
            self._http = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
            storage: Storage | None = None
            if self._storage_account is not None:
                storage = await stack.enter_async_context(open_storage(self._storage_account))
            self._delivery = Delivery(self._http, storage, self._options)
            stack.push_async_callback(self._delivery.close)
            server = listen(create_app(self), port=self._port, tls=self._tls)
            self.url = await stack.enter_async_context(server)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    @property
    def subscriptions(self) -> Sequence[Subscription]:
        return tuple(each for each, exists in self._subscriptions.values() if exists())

    @property
    def deliveries(self) -> Sequence[Attempt]:
        """Every attempt, oldest first."""
        return tuple(self._delivery.log)

    async def subscribe(
        self, subscription: Subscription, *, exists: Callable[[], bool] = lambda: True
    ) -> None:
        """Validate the endpoint, then deliver to it while it ``exists``.

        Raises:
            HandshakeError: the endpoint did not agree.
        """
        code = str(uuid.uuid4())
        challenge = Challenge(code, self._validation_url(subscription, code), asyncio.Event())
        self._challenges[code] = challenge
        try:
            await validate(
                self._http, subscription, challenge, manual_s=self._options.manual_validation_s
            )
        finally:
            del self._challenges[code]
        self._delivery.add(subscription.key)
        self._subscriptions[subscription.key] = (subscription, exists)

    def unsubscribe(self, subscription: Subscription) -> None:
        if self._subscriptions.pop(subscription.key, None) is not None:
            self._delivery.remove(subscription.key)

    def publish_write(self, write: ArmWrite) -> None:
        """Raise the event of a finished ARM write; returns at once (an ``on_write`` callback)."""
        event = arm_event(
            write,
            event_id=str(uuid.uuid4()),
            caller=self._options.caller,
            quirks=self._options.quirks,
        )
        for subscription in self.subscriptions:
            if subscription.listens_to(write.resource_id):
                self._offer(subscription, event | {"topic": subscription.source})

    def publish(self, topic: str, events: Sequence[Json]) -> None:
        """Take events of a custom topic, keep them and deliver them to its subscriptions."""
        self._topics.setdefault(topic.lower(), []).extend(events)
        for subscription in self.subscriptions:
            if subscription.source.lower().endswith(f"/topics/{topic.lower()}"):
                for event in events:
                    self._offer(subscription, event)

    def inject(self, event: Any, *, subscription: str | None = None) -> int:
        """Send anything, filters aside, to one subscription or all; answers to how many."""
        wanted = (subscription or "").lower()
        found = [each for each in self.subscriptions if wanted in {"", each.name.lower()}]
        for each in found:
            self._delivery.dispatch(each, event)
        return len(found)

    def topic_events(self, topic: str) -> Sequence[Json]:
        return tuple(self._topics.get(topic.lower(), ()))

    def accept_challenge(self, code: str) -> bool:
        """The manual handshake: somebody visited the validation URL."""
        challenge = self._challenges.get(code)
        if challenge is None:
            return False
        challenge.accepted.set()
        return True

    async def idle(self) -> None:
        """Return when nothing waits for delivery, retry or dead-lettering, nor is in flight."""
        await self._delivery.idle()

    def _offer(self, subscription: Subscription, event: Json) -> None:
        if matches(subscription.filter, event):
            self._delivery.dispatch(subscription, event)

    def _validation_url(self, subscription: Subscription, code: str) -> str:
        return f"{self.url}/eventsubscriptions/{subscription.name}/validate?id={code}"
