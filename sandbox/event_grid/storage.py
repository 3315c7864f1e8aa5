"""The storage account that stands for every storage account of a subscription's body."""

import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass

from azure.core.exceptions import AzureError, HttpResponseError
from azure.storage.blob.aio import BlobServiceClient
from azure.storage.queue.aio import QueueServiceClient

from sandbox.contracts import Json
from sandbox.event_grid.retry import Response, response


@dataclass(frozen=True, slots=True)
class Storage:
    queues: QueueServiceClient
    blobs: BlobServiceClient

    async def send(self, queue: str, text: str, *, ttl_s: int | None) -> Response:
        try:
            await self.queues.get_queue_client(queue).send_message(text, time_to_live=ttl_s)
        except HttpResponseError as exc:
            return response(exc.status_code or 500)
        except AzureError:
            return Response("SocketError")
        return response(201)

    async def write(self, container: str, path: str, events: list[Json]) -> bool | None:
        """True when written, None when the container is not there, False when storage is down."""
        blob = self.blobs.get_blob_client(container, path)
        try:
            await blob.upload_blob(json.dumps(events).encode())
        except HttpResponseError as exc:
            return None if exc.status_code == 404 else False
        except AzureError:
            return False
        return True


@contextlib.asynccontextmanager
async def open_storage(connection_string: str) -> AsyncIterator[Storage]:
    # Event Grid has its own retry schedule; the SDK's would hide it.
    async with (
        QueueServiceClient.from_connection_string(connection_string, retry_total=0) as queues,
        BlobServiceClient.from_connection_string(connection_string, retry_total=0) as blobs,
    ):
        yield Storage(queues, blobs)
