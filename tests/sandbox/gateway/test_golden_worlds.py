"""What the app writes, run: clients that people use, through the policies of the golden files."""

import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anthropic
import openai
import pytest
from aiohttp import WSMsgType, WSServerHandshakeError, web

from sandbox.gateway.configuration import properties
from tests.golden.making import policy_of, writes
from tests.golden.test_accepted import GATEWAY, azure_of, carry_out
from tests.golden.worlds import WORLDS, World
from tests.sandbox.gateway.place import SERVICE, Place, a_place
from tests.sandbox.gateway.upstream import Seen, chat

HELLO: Any = [{"role": "user", "content": "hi"}]
assert GATEWAY == SERVICE


@asynccontextmanager
async def a_world(name: str) -> AsyncIterator[tuple[Place, str]]:
    """The place after everything was written, and a key that is good for all of it."""
    world: World = WORLDS[name]
    async with a_place(azure_of(world)) as place:
        for change in writes(world):
            carry_out(place.dispatcher, change)
        yield place, place.key("client")


def azure(place: Place, key: str) -> openai.AsyncAzureOpenAI:
    return openai.AsyncAzureOpenAI(
        azure_endpoint=f"{place.url}/contoso",
        api_key=key,
        api_version="2024-10-21",
        max_retries=0,
    )


def v1(place: Place, key: str) -> openai.AsyncOpenAI:
    """Sends its key as a bearer token alone."""
    return openai.AsyncOpenAI(base_url=f"{place.url}/contoso/openai/v1", api_key=key, max_retries=0)


def is_without(key: str, seen: Seen) -> bool:
    names = {name.lower() for name in seen.headers}
    everything = f"{seen.url} {dict(seen.headers)} {seen.body!r}"
    return key not in everything and not names & {"api-key", "x-api-key"}


async def test_the_name_in_the_path_leads_to_the_account_as_the_gateway() -> None:
    async with a_world("chat-and-embeddings") as (place, key), azure(place, key) as client:
        answer = await client.chat.completions.create(model="GPT-4o", messages=HELLO)
        vector = await client.embeddings.create(model="vectors", input="hi")

        assert (answer.choices[0].message.content, len(vector.data[0].embedding)) == ("hello", 27)
        first, second = place.upstream.seen
        assert first.host == "contoso.openai.azure.com"
        path = "/openai/deployments/{}?api-version=2024-10-21"
        assert first.url == path.format("GPT-4o/chat/completions")
        assert second.url == path.format("vectors/embeddings")
        assert all(is_without(key, it) for it in place.upstream.seen)
        assert first.headers["Authorization"].startswith("Bearer ey")


async def test_the_name_in_the_body_does_too_for_a_client_with_a_bearer_alone() -> None:
    async with a_world("chat-and-embeddings") as (place, key), v1(place, key) as client:
        answer = await client.chat.completions.create(model="gpt-4o", messages=HELLO)
        stream = await client.chat.completions.create(model="gpt-4o", messages=HELLO, stream=True)
        text = [it.choices[0].delta.content async for it in stream if it.choices]

        assert (answer.choices[0].message.content, text) == ("hello", ["hel", "lo"])
        assert place.upstream.last.url == "/openai/v1/chat/completions"
        assert all(is_without(key, it) for it in place.upstream.seen)


async def test_a_key_in_the_query_does_not_reach_the_model() -> None:
    async with a_world("chat-and-embeddings") as (place, key):
        reached = await place.call(
            f"/contoso/openai/v1/chat/completions?subscription-key={key}",
            "POST",
            json={"model": "gpt-4o"},
        )

        assert reached.status == 200
        assert is_without(key, place.upstream.last)


async def test_what_is_not_onboarded_is_refused_and_nobody_is_asked() -> None:
    async with a_world("chat-and-embeddings") as (place, key):
        async with azure(place, key) as client:
            with pytest.raises(openai.NotFoundError, match=r"Onboarded: gpt-4o, vectors\."):
                await client.chat.completions.create(model="o3", messages=HELLO)
        async with v1(place, key) as client:
            with pytest.raises(openai.NotFoundError, match="model_not_found"):
                await client.chat.completions.create(model="o3", messages=HELLO)
        async with v1(place, "wrong") as client:
            with pytest.raises(openai.AuthenticationError, match="invalid subscription key"):
                await client.chat.completions.create(model="gpt-4o", messages=HELLO)

        assert place.upstream.seen == []


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"model": null}', b'{"model": {}}', b"\xff"])
async def test_a_body_that_names_nothing_is_refused(body: bytes) -> None:
    async with a_world("chat-and-embeddings") as (place, key):
        reached = await place.call(
            "/contoso/openai/v1/chat/completions",
            "POST",
            data=body,
            headers={"api-key": key, "Content-Type": "application/json"},
        )

        assert (reached.status, place.upstream.seen) == (404, [])


async def test_models_are_listed_and_retrieved_by_the_gateway_itself() -> None:
    async with a_world("chat-and-embeddings") as (place, key), v1(place, key) as client:
        names = [it.id async for it in client.models.list()]
        one = await client.models.retrieve("gpt-4o")
        with pytest.raises(openai.NotFoundError):
            await client.models.retrieve("o3")

        assert (names, one.id, place.upstream.seen) == (["gpt-4o", "vectors"], "gpt-4o", [])


async def test_forms_name_their_model_in_a_part() -> None:
    async with a_world("speech-and-transcription") as (place, key), v1(place, key) as client:
        place.upstream.answer = lambda _seen: web.json_response({"text": "spoken"})
        file = io.BytesIO(b"RIFF\r\n\xff\x00")
        answer = await client.audio.transcriptions.create(model="Whisper", file=("a.wav", file))
        with pytest.raises(openai.NotFoundError, match="Onboarded: tts, whisper"):
            await client.audio.transcriptions.create(model="other", file=("a.wav", b"x"))

        assert answer.text == "spoken"
        [seen] = place.upstream.seen
        assert seen.url == "/openai/v1/audio/transcriptions"
        assert b"RIFF\r\n\xff\x00" in seen.body
        assert is_without(key, seen)


async def test_audio_comes_back_as_it_is() -> None:
    async with a_world("speech-and-transcription") as (place, key), v1(place, key) as client:
        sound = bytes(range(256)) * 40
        place.upstream.answer = lambda _: web.Response(body=sound, content_type="audio/mpeg")

        speech = await client.audio.speech.create(model="tts", voice="alloy", input="hi")

        assert speech.content == sound


async def test_stored_responses_are_reached_without_a_name() -> None:
    async with a_world("responses") as (place, key), v1(place, key) as client:
        answer = {"id": "resp_1", "object": "response", "created_at": 1, "model": "m", "output": []}
        place.upstream.answer = lambda _seen: web.json_response(answer)

        found = await client.responses.retrieve("resp_1")

        assert (found.id, place.upstream.last.url) == ("resp_1", "/openai/v1/responses/resp_1")
        assert is_without(key, place.upstream.last)


async def test_a_deployment_that_went_is_gone_for_a_while() -> None:
    world = WORLDS["deployment-goes"]
    async with a_place(azure_of(world)) as place:
        for change in writes(world):
            carry_out(place.dispatcher, change)
            if 'code="410"' in policy_of(change) and change.path.startswith(
                "apis/contoso-azure-openai-v1"
            ):
                break
        key = place.key("client")
        async with v1(place, key) as client:
            create = client.chat.completions.create
            answer = await create(model="gpt-4o", messages=HELLO)
            with pytest.raises(openai.APIStatusError) as gone:
                await client.embeddings.create(model="vectors", input="hi")

    assert answer.choices[0].message.content == "hello"
    assert gone.value.status_code == 410
    assert "The deployment vectors was deleted." in str(gone.value)
    assert gone.value.response.headers["Sunset"].endswith("GMT")


async def test_claude_answers_and_refuses_in_its_own_shape() -> None:
    async with a_world("claude") as (place, key):
        message = {
            "id": "msg_1", "type": "message", "role": "assistant", "model": "claude",
            "content": [{"type": "text", "text": "hello"}], "stop_reason": "end_turn",
            "stop_sequence": None, "usage": {"input_tokens": 5, "output_tokens": 6},
        }  # fmt: skip
        place.upstream.answer = lambda _seen: web.json_response(message)
        base = f"{place.url}/contoso/anthropic"
        async with anthropic.AsyncAnthropicFoundry(
            api_key=key, base_url=base, max_retries=0
        ) as client:
            raw = await client.messages.with_raw_response.create(
                model="claude", max_tokens=9, messages=HELLO
            )
            with pytest.raises(anthropic.NotFoundError) as refused:
                await client.messages.create(model="other", max_tokens=9, messages=HELLO)

        assert raw.headers["consumed-tokens"] == "11"
        body: Any = refused.value.body
        assert (body["type"], body["error"]["type"]) == ("error", "not_found_error")
        [seen] = place.upstream.seen
        assert (seen.host, seen.url) == (
            "contoso.services.ai.azure.com",
            "/anthropic/v1/messages",
        )
        assert is_without(key, seen)


async def test_the_capacity_limits_each_client_by_itself() -> None:
    async with a_world("chat-and-embeddings") as (place, key), v1(place, key) as client:
        used = {"prompt_tokens": 9_000, "completion_tokens": 1_000, "total_tokens": 10_000}
        place.upstream.answer = lambda _seen: web.json_response(chat(usage=used))
        create = client.chat.completions.with_raw_response.create
        first = await create(model="gpt-4o", messages=HELLO)
        with pytest.raises(openai.RateLimitError) as refused:
            await create(model="gpt-4o", messages=HELLO)

        assert (first.headers["remaining-tokens"], first.headers["consumed-tokens"]) == (
            "0",
            "10000",
        )
        assert refused.value.response.headers["Retry-After"] == "60"
        async with v1(place, place.key("another")) as other:
            await other.chat.completions.create(model="gpt-4o", messages=HELLO)
        place.clock.now += 60
        await create(model="gpt-4o", messages=HELLO)


async def test_an_account_without_identities_is_called_by_its_key() -> None:
    async with a_world("access-key") as (place, key):
        named = [it.name for it in place.context.store.members(f"{SERVICE}/namedValues")]
        async with v1(place, key) as client:
            await client.chat.completions.create(model="gpt-4o", messages=HELLO)

        assert len(named) == 1
        sent = place.upstream.last.headers
        assert sent["api-key"].startswith("value of https://")
        assert key not in str(dict(sent))


async def test_realtime_is_a_handshake_and_then_goes_both_ways() -> None:
    async with a_world("realtime") as (place, key):
        url = f"{place.url}/contoso/openai/v1/realtime"
        headers = {"Authorization": f"Bearer {key}", "X-Own": "1"}
        async with place.session.ws_connect(
            f"{url}?model=Realtime", headers=headers, protocols=("realtime",)
        ) as socket:
            await socket.send_str("hi")
            heard = await socket.receive()
            await socket.close()

        assert (heard.type, heard.data) == (WSMsgType.TEXT, "heard hi")
        assert socket.protocol == "realtime"
        [seen] = place.upstream.seen
        assert seen.url == "/openai/v1/realtime?model=Realtime"
        assert seen.headers["Authorization"].startswith("Bearer ey")
        assert seen.headers["X-Own"] == "1"
        assert is_without(key, seen)


@pytest.mark.parametrize(
    ("query", "key", "status"),
    [("?model=other", None, 404), ("", None, 404), ("?model=realtime", "wrong", 401)],
)
async def test_a_handshake_is_refused_before_the_model_hears_of_it(
    query: str, key: str | None, status: int
) -> None:
    async with a_world("realtime") as (place, good):
        url = f"{place.url}/contoso/openai/v1/realtime{query}"
        with pytest.raises(WSServerHandshakeError) as refused:
            await place.session.ws_connect(url, headers={"api-key": key or good})

        assert (refused.value.status, place.upstream.seen) == (status, [])


@pytest.mark.parametrize("name", WORLDS)
async def test_no_world_has_a_policy_that_the_gateway_cannot_run(name: str) -> None:
    async with a_world(name) as (place, key):
        for api in place.context.store.members(f"{SERVICE}/apis"):
            if properties(api)["type"] == "websocket":
                continue
            for operation in place.context.store.members(f"{api.id}/operations"):
                settings = properties(operation)
                template = settings["urlTemplate"].replace("{", "").replace("}", "")
                reached = await place.call(
                    f"/{properties(api)['path']}{template}",
                    settings["method"],
                    headers={"api-key": key, "x-api-key": key},
                )
                assert reached.status != 500, reached.error
