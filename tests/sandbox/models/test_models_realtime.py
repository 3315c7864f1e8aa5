"""Realtime sessions, by the openai SDK and by hand."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from aiohttp import WSServerHandshakeError
from openai import AsyncAzureOpenAI, AsyncOpenAI

from tests.sandbox.models.stand import HOST, Stand

VERSION = "2025-04-01-preview"


@pytest.fixture
async def http(stand: Stand) -> AsyncIterator[httpx.AsyncClient]:
    async with stand.http() as client:
        yield client


@pytest.mark.parametrize("surface", ["/openai", "/openai/v1"])
async def test_realtime_sessions_echo(stand: Stand, http: httpx.AsyncClient, surface: str) -> None:
    port = httpx.URL(stand.url).port
    address = f"ws://{HOST}{surface}"
    given: dict[str, Any] = {"api_key": stand.key(), "http_client": http}
    client = (
        AsyncOpenAI(base_url=f"https://{HOST}{surface}", websocket_base_url=address, **given)
        if surface.endswith("v1")
        else AsyncAzureOpenAI(
            azure_endpoint=f"https://{HOST}",
            websocket_base_url=address,
            api_version=VERSION,
            **given,
        )
    )
    options: Any = {"host": "127.0.0.1", "port": port}
    async with client.realtime.connect(
        model="realtime", websocket_connection_options=options
    ) as session:
        opened = await session.recv()
        await session.conversation.item.create(
            item={
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": "hello"}],
            }
        )
        await session.response.create()
        kinds = [opened.type]
        said = ""
        while kinds[-1] != "response.done":
            event: Any = await session.recv()
            kinds.append(event.type)
            said += event.delta if event.type.endswith("text.delta") else ""

    assert (kinds[0], said) == ("session.created", "contoso/realtime heard: hello")
    is_v1 = surface.endswith("v1")
    assert ("response.output_text.delta" in kinds) is is_v1
    assert ("response.text.delta" in kinds) is not is_v1


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("deployment=gpt-4o", 400),
        ("deployment=nobody", 404),
        ("", 400),
        ("deployment=realtime&api-key=wrong", 401),
    ],
)
async def test_a_realtime_session_is_refused_before_it_is_opened(
    stand: Stand, query: str, status: int
) -> None:
    key = {} if "api-key" in query else {"api-key": stand.key()}
    with pytest.raises(WSServerHandshakeError) as refused:
        await stand.session.ws_connect(
            f"{stand.url}/openai/realtime?api-version={VERSION}&{query}",
            headers={"Host": HOST, **key},
        )

    assert refused.value.status == status


async def test_what_is_no_event_gets_an_error_and_the_session_goes_on(stand: Stand) -> None:
    async with stand.session.ws_connect(
        f"{stand.url}/openai/v1/realtime?model=realtime&api-key={stand.key()}",
        headers={"Host": HOST},
    ) as socket:
        await socket.receive_json()
        await socket.send_str("no json")
        error = await socket.receive_json()
        await socket.send_json({"type": "session.update", "session": {"instructions": "be brief"}})
        updated = await socket.receive_json()

    assert (error["type"], updated["session"]["instructions"]) == ("error", "be brief")
