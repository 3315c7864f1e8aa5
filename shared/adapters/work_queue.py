"""The queue that says which unit wants a reconcile; it carries identity only."""

from collections.abc import Callable
from datetime import timedelta

from azure.core.exceptions import ResourceNotFoundError
from azure.storage.queue import TextBase64EncodePolicy
from azure.storage.queue.aio import QueueClient

from shared.adapters.storage import translated
from shared.core.messages import QUEUE, write_message
from shared.core.resource_ids import AccountId

# A message is a wake-up call, not the record of work: the unit's row is that, and a sweep finds
# it. So it may as well go when nobody took it for a day.
_TIME_TO_LIVE_S = 24 * 3600


class StorageWorkQueue:
    """The WorkQueue port on Azure Storage; encoded as the Functions queue trigger expects."""

    def __init__(self, connect: Callable[..., QueueClient]) -> None:
        self._client = connect(QUEUE, message_encode_policy=TextBase64EncodePolicy())

    async def close(self) -> None:
        await self._client.close()

    async def send(self, unit: AccountId, *, delay: timedelta = timedelta()) -> None:
        text = write_message(unit)
        with translated(f"queue {QUEUE}"):
            try:
                await self._send(text, delay)
            except ResourceNotFoundError:
                await self._client.create_queue()
                await self._send(text, delay)

    async def length(self) -> int:
        with translated(f"queue {QUEUE}"):
            try:
                found = await self._client.get_queue_properties()
            except ResourceNotFoundError:
                return 0
        return found.approximate_message_count or 0

    async def _send(self, text: str, delay: timedelta) -> None:
        await self._client.send_message(
            text,
            visibility_timeout=int(delay.total_seconds()),
            time_to_live=_TIME_TO_LIVE_S,
        )
