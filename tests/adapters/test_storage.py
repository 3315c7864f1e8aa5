"""What comes back from where storage should be."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from azure.data.tables.aio import TableServiceClient
from azure.storage.blob.aio import ContainerClient
from azure.storage.queue.aio import QueueClient

from shared.adapters.storage import translated
from shared.errors import Unavailable

type Ask = Callable[[str], Awaitable[Any]]
PAGES = {
    "html": ("<html>Sign in to the proxy</html>", "text/html"),
    "html as json": ("<html><br></html>", "application/json"),
    "a list": ("[]", "application/json"),
}


async def read_rows(connection: str) -> None:
    async with TableServiceClient.from_connection_string(connection) as service:
        _ = [
            it async for it in service.get_table_client("rows").query_entities("PartitionKey gt ''")
        ]


async def write_row(connection: str) -> None:
    async with TableServiceClient.from_connection_string(connection) as service:
        row = {"PartitionKey": "a", "RowKey": "b"}
        await service.get_table_client("rows").upsert_entity(row)


async def send_message(connection: str) -> None:
    async with QueueClient.from_connection_string(connection, "work") as queue:
        await queue.send_message("look")


async def list_blobs(connection: str) -> None:
    async with ContainerClient.from_connection_string(connection, "letters") as container:
        _ = [it async for it in container.list_blobs()]


@pytest.fixture(params=list(PAGES))
async def somebody_else(request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """A connection string that leads to a server that is not storage."""
    text, content_type = PAGES[request.param]

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(text=text, content_type=content_type)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    async with TestServer(app) as server:
        ends = ("Table", "Queue", "Blob")
        url = server.make_url("/account")
        yield ";".join(
            ("AccountName=account", "AccountKey=a2V5", *(f"{it}Endpoint={url}" for it in ends))
        )


@pytest.mark.parametrize("ask", [read_rows, write_row, send_message, list_blobs])
async def test_an_answer_of_somebody_else_is_none_of_storage(somebody_else: str, ask: Ask) -> None:
    with pytest.raises(Unavailable, match="thing: "), translated("thing"):
        await ask(somebody_else)
