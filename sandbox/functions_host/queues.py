"""Queue triggers: poll, invoke, then delete, release or move to the poison queue.

QueueListener.cs and QueueProcessor.cs of the Storage Queues extension (Azure/azure-sdk-for-net,
sdk/storage/Microsoft.Azure.WebJobs.Extensions.Storage.*):

    the queue does not exist        wait for it; only output bindings create queues
    success                         delete
    failure, below maxDequeueCount  visible again after visibilityTimeout
    failure at maxDequeueCount      moved to <queue>-poison, which is created
    dequeued more often than that   moved without an invocation
    not base64 (when expected)      moved without an invocation, text as it was
    still running                   invisible for 10 minutes, renewed at half-time

A queue whose own name ends in -poison has no poison queue (QueueListenerFactory.cs, which also
looks at the length of the name): a message that fails there stays invisible for the rest of its 10
minutes, and one that came too often, or is not base64, is never handed over.
"""

import asyncio
import base64
import binascii
import json
import logging
import uuid
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from azure.core.exceptions import AzureError, ResourceExistsError, ResourceNotFoundError
from azure.storage.queue import QueueMessage
from azure.storage.queue.aio import QueueClient

from sandbox.functions_host.expressions import json_members
from sandbox.functions_host.functions import Function
from sandbox.functions_host.hostjson import QueueOptions
from sandbox.functions_host.invocations import Invoker, Trigger
from sandbox.functions_host.runtime import Datum

_logger = logging.getLogger("Host.Triggers.Queues")

_PROCESSING = timedelta(minutes=10)
_POISON = "-poison"
_LONGEST_NAME = 63  # learn.microsoft.com/rest/api/storageservices/naming-queues-and-metadata
_FIRST_DELAY_S = 0.1  # QueuePollingIntervals.Minimum


class QueueListener:
    """Serves one queue-triggered function."""

    def __init__(
        self,
        function: Function,
        queue: QueueClient,
        poison: QueueClient | None,
        *,
        options: QueueOptions,
        invoker: Invoker,
    ) -> None:
        self._function = function
        self._queue = queue
        self._poison = poison
        self._options = options
        self._invoker = invoker
        self._processing: set[asyncio.Task[None]] = set()
        self._is_receiving = False

    async def run(self) -> None:
        """Poll until cancelled; what is being processed goes on, see ``processing``."""
        delay_s = _FIRST_DELAY_S
        while True:
            if await self._poll():
                delay_s = _FIRST_DELAY_S
                await self._room_for_a_batch()
            else:
                await asyncio.sleep(delay_s)
                delay_s = min(delay_s * 2, self._options.max_polling_interval.total_seconds())

    def processing(self) -> set[asyncio.Task[None]]:
        """The messages whose processing has not ended."""
        return set(self._processing)

    def is_busy(self) -> bool:
        """A message that is being received is in nobody's sight: hidden, and not processed yet."""
        return self._is_receiving or bool(self._processing)

    async def _poll(self) -> bool:
        self._is_receiving = True
        try:
            return await self._begin_what_is_there()
        finally:
            self._is_receiving = False

    async def _begin_what_is_there(self) -> bool:
        receiving = asyncio.create_task(self._receive())
        try:
            messages = await asyncio.shield(receiving)
        except asyncio.CancelledError:
            # Whatever is on its way would stay invisible for ten minutes: take it along.
            with suppress(AzureError):
                self._begin(await receiving)
            raise
        except ResourceNotFoundError:
            return False
        except AzureError as exc:
            _logger.warning("polling queue '%s' failed: %s", self._queue.queue_name, _brief(exc))
            return False
        self._begin(messages)
        return bool(messages)

    def _begin(self, messages: Iterable[QueueMessage]) -> None:
        for message in messages:
            task = asyncio.create_task(self._process(message))
            self._processing.add(task)
            task.add_done_callback(self._processing.discard)

    async def _receive(self) -> list[QueueMessage]:
        pages = self._queue.receive_messages(
            messages_per_page=self._options.batch_size,
            visibility_timeout=int(_PROCESSING.total_seconds()),
        ).by_page()
        async for page in pages:
            return [message async for message in page]
        return []

    async def _room_for_a_batch(self) -> None:
        while len(self._processing) > self._options.new_batch_threshold:
            await asyncio.wait(self._processing, return_when=asyncio.FIRST_COMPLETED)

    async def _process(self, message: QueueMessage) -> None:
        try:
            await self._process_or_raise(message)
        except AzureError as exc:
            # Somebody else has the message, or the queue is gone: QueueProcessor.cs goes on, too.
            _logger.warning("message %s was not completed: %s", message.id, _brief(exc))

    async def _process_or_raise(self, message: QueueMessage) -> None:
        count, most = message.dequeue_count or 0, self._options.max_dequeue_count
        body = decoded(str(message.content), expect_base64=self._options.base64)
        if body is None or count > most:
            await self._move_to_poison(message)
        elif await self._invoked(message, body):
            await self._queue.delete_message(message)
        elif count >= most:
            await self._move_to_poison(message)
        elif self._poison is not None:
            timeout_s = int(self._options.visibility_timeout.total_seconds())
            await self._queue.update_message(message, visibility_timeout=timeout_s)

    async def _invoked(self, message: QueueMessage, body: str) -> bool:
        renewal = asyncio.create_task(self._renew(message))
        try:
            trigger = queue_trigger(body, message, self._queue.queue_name)
            outcome = await self._invoker.invoke(self._function, trigger)
        finally:
            renewal.cancel()
            await asyncio.wait({renewal})
        return outcome.error is None

    async def _renew(self, message: QueueMessage) -> None:
        while True:
            await asyncio.sleep(_PROCESSING.total_seconds() / 2)
            try:
                updated = await self._queue.update_message(
                    message, visibility_timeout=int(_PROCESSING.total_seconds())
                )
            except AzureError as exc:
                _logger.warning("message %s was not renewed: %s", message.id, _brief(exc))
                continue
            message.pop_receipt = updated.pop_receipt

    async def _move_to_poison(self, message: QueueMessage) -> None:
        if self._poison is None:
            return
        _logger.warning(
            "Message has reached MaxDequeueCount of %d. Moving message to queue '%s'.",
            *(self._options.max_dequeue_count, self._poison.queue_name),
        )
        try:
            await self._poison.send_message(message.content)
        except ResourceNotFoundError:
            with suppress(ResourceExistsError):
                await self._poison.create_queue()
            await self._poison.send_message(message.content)
        await self._queue.delete_message(message)


def poison_name(queue: str) -> str | None:
    """The queue that takes what can't be processed; None where there is none."""
    name = f"{queue}{_POISON}"
    return None if queue.endswith(_POISON) or len(name) > _LONGEST_NAME else name


def decoded(content: str, *, expect_base64: bool) -> str | None:
    """The text of a message, or None when it is not the base64 that host.json promises."""
    if not expect_base64:
        return content
    try:
        return base64.b64decode(content, validate=True).decode()
    except (binascii.Error, ValueError):
        return None


def queue_trigger(body: str, message: QueueMessage, queue_name: str) -> Trigger:
    """A message as a trigger, with the metadata that func.QueueMessage reads."""
    times = {
        "InsertionTime": message.inserted_on,
        "ExpirationTime": message.expires_on,
        "NextVisibleTime": message.next_visible_on,
    }
    metadata: dict[str, Any] = {
        "Id": message.id,
        "PopReceipt": message.pop_receipt,
        "DequeueCount": message.dequeue_count or 0,
        **{name: _utc(value).isoformat() for name, value in times.items()},
    }
    return Trigger(
        value=Datum(body, "string"),
        reason=f"New queue message detected on '{queue_name}'.",
        metadata={name: _metadata_datum(name, value) for name, value in metadata.items()},
        data={**json_members(body), **metadata, "queueTrigger": body},
    )


def manual_queue_trigger(body: str, queue_name: str) -> Trigger:
    """A message that never was in the queue, for ``POST /admin/functions/{name}``."""
    message = QueueMessage(content=body, id=str(uuid.uuid4()), pop_receipt="", dequeue_count=0)
    return queue_trigger(body, message, queue_name)


def _metadata_datum(name: str, value: Any) -> Datum:
    if name in {"Id", "PopReceipt"}:
        return Datum(value, "string")
    return Datum(json.dumps(value), "json")


def _utc(value: datetime | None) -> datetime:
    return (value or datetime.now(UTC)).astimezone(UTC)


def _brief(exc: AzureError) -> str:
    return str(exc).partition("\n")[0]
