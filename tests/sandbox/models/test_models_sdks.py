"""The real SDKs against the model endpoints, at Azure's own host names."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from anthropic import AsyncAnthropicFoundry, NotFoundError
from cohere import AsyncClientV2
from openai import AsyncAzureOpenAI, AsyncOpenAI, BadRequestError, OpenAIError
from openai.types.chat import ChatCompletionUserMessageParam

from tests.sandbox.models.stand import (
    COGNITIVE_USER,
    FOUNDRY,
    FOUNDRY_HOST,
    HOST,
    Stand,
    a_token,
)

VERSION = "2025-04-01-preview"
HELLO: list[ChatCompletionUserMessageParam] = [{"role": "user", "content": "hello there"}]
PICTURE, SOUND = ("a.png", b"\x89PNG\r\n", "image/png"), ("a.wav", b"RIFF", "audio/wav")


@pytest.fixture
async def http(stand: Stand) -> AsyncIterator[httpx.AsyncClient]:
    async with stand.http() as client:
        yield client


@pytest.fixture
def azure(stand: Stand, http: httpx.AsyncClient) -> AsyncAzureOpenAI:
    return AsyncAzureOpenAI(
        azure_endpoint=f"https://{HOST}",
        api_key=stand.key(),
        api_version=VERSION,
        http_client=http,
        max_retries=0,
    )


@pytest.fixture
def v1(stand: Stand, http: httpx.AsyncClient) -> AsyncOpenAI:
    base_url = f"https://{FOUNDRY_HOST}/openai/v1/"
    return AsyncOpenAI(base_url=base_url, api_key=stand.key(), http_client=http, max_retries=0)


@pytest.fixture(params=["azure", "v1"])
def client(request: pytest.FixtureRequest) -> AsyncOpenAI:
    found = request.getfixturevalue(request.param)
    assert isinstance(found, AsyncOpenAI)
    return found


async def test_chat_says_which_account_and_deployment_answered(client: AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(model="gpt-4o", messages=HELLO)

    assert answer.choices[0].message.content == "contoso/gpt-4o heard: hello there"
    assert answer.choices[0].finish_reason == "stop"
    assert (answer.model, answer.system_fingerprint) == ("gpt-4o-2024-11-20", "fp_contoso/gpt-4o")
    assert answer.usage
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (2, 4)


async def test_chat_stops_where_it_was_told_to(client: AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(model="gpt-4o", messages=HELLO, max_tokens=2)

    assert answer.choices[0].message.content == "contoso/gpt-4o heard:"
    assert answer.choices[0].finish_reason == "length"


async def test_chat_streams_and_ends_with_its_usage(client: AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(
        model="gpt-4o", messages=HELLO, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]

    texts = [it.choices[0].delta.content or "" for it in chunks if it.choices]
    assert "".join(texts) == "contoso/gpt-4o heard: hello there"
    assert len(texts) > 4
    assert [it.usage.total_tokens for it in chunks if it.usage] == [6]
    assert not chunks[-1].choices


async def test_only_the_dated_surface_starts_with_a_chunk_without_choices(
    azure: AsyncAzureOpenAI, v1: AsyncOpenAI
) -> None:
    firsts = []
    for client in (azure, v1):
        stream = await client.chat.completions.create(model="gpt-4o", messages=HELLO, stream=True)
        chunks = [chunk async for chunk in stream]
        firsts.append(bool(chunks[0].choices))

    assert firsts == [False, True]


async def test_completions(client: AsyncOpenAI) -> None:
    answer = await client.completions.create(model="instruct", prompt="hello")
    stream = await client.completions.create(model="instruct", prompt="hello", stream=True)
    streamed = "".join([chunk.choices[0].text async for chunk in stream])

    assert answer.choices[0].text == streamed == "contoso/instruct heard: hello"


async def test_embeddings_are_the_same_for_the_same_text(client: AsyncOpenAI) -> None:
    answer = await client.embeddings.create(model="embed", input=["one", "two", "one"])
    plain = await client.embeddings.create(model="embed", input="one", encoding_format="float")
    wide = await client.embeddings.create(model="embed", input="one", dimensions=40)

    one, two, again = (it.embedding for it in answer.data)
    assert one == again != two
    assert one == pytest.approx(plain.data[0].embedding)
    assert sum(it * it for it in one) == pytest.approx(1)
    assert (len(wide.data[0].embedding), answer.usage.prompt_tokens) == (40, 3)


async def test_images(client: AsyncOpenAI) -> None:
    made = await client.images.generate(model="dalle", prompt="a fox")
    edited = await client.images.edit(model="image", prompt="a fox", image=[PICTURE, PICTURE])

    assert made.data
    assert made.data[0].revised_prompt == "contoso/dalle heard: a fox"
    assert (made.data[0].url or "").endswith("/contoso/dalle.png")
    assert edited.data
    assert edited.data[0].revised_prompt == "contoso/image heard: a fox"
    assert edited.data[0].b64_json


async def test_audio(client: AsyncOpenAI) -> None:
    heard = await client.audio.transcriptions.create(model="whisper", file=SOUND)
    translated = await client.audio.translations.create(
        model="whisper", file=SOUND, response_format="text"
    )
    spoken = await client.audio.speech.create(model="tts", voice="alloy", input="hello")

    assert heard.text == "contoso/whisper heard: 4 bytes of a.wav"
    assert str(translated) == "contoso/whisper heard: 4 bytes of a.wav"
    assert spoken.content == b"ID3contoso/tts heard: hello"
    assert spoken.response.headers["Content-Type"] == "audio/mpeg"


async def test_responses_are_kept_until_they_are_deleted(client: AsyncOpenAI) -> None:
    made = await client.responses.create(model="gpt-4o", input="hello there")
    got = await client.responses.retrieve(made.id)
    items = [it async for it in client.responses.input_items.list(made.id)]
    more = await client.responses.create(model="gpt-4o", input="more", previous_response_id=made.id)
    with pytest.raises(BadRequestError, match="Cannot cancel a synchronous response"):
        await client.responses.cancel(made.id)
    await client.responses.delete(made.id)

    assert made.output_text == got.output_text == "contoso/gpt-4o heard: hello there"
    assert made.usage
    assert (made.usage.input_tokens, made.usage.output_tokens) == (2, 4)
    assert [it.type for it in items] == ["message"]
    assert more.previous_response_id == made.id
    with pytest.raises(OpenAIError, match="not found"):
        await client.responses.retrieve(made.id)


async def test_a_response_in_the_background_can_be_cancelled(v1: AsyncOpenAI) -> None:
    made = await v1.responses.create(model="gpt-4o", input="hello", background=True)
    cancelled = await v1.responses.cancel(made.id)

    assert (made.status, cancelled.status) == ("queued", "cancelled")


async def test_a_response_that_is_not_to_be_stored_is_not(v1: AsyncOpenAI) -> None:
    made = await v1.responses.create(model="gpt-4o", input="hello", store=False)

    with pytest.raises(OpenAIError, match="not found"):
        await v1.responses.retrieve(made.id)


async def test_responses_stream_typed_events(client: AsyncOpenAI) -> None:
    stream = await client.responses.create(model="gpt-4o", input="hello", stream=True)
    events = [event async for event in stream]

    said = "".join(it.delta for it in events if it.type == "response.output_text.delta")
    assert said == "contoso/gpt-4o heard: hello"
    assert [it.sequence_number for it in events] == list(range(len(events)))
    assert (events[0].type, events[-1].type) == ("response.created", "response.completed")


async def test_responses_are_counted_and_compacted_on_v1(v1: AsyncOpenAI) -> None:
    counted = await v1.responses.input_tokens.count(model="gpt-4o", input="one two three")
    compacted = await v1.responses.compact(model="gpt-4o", input="hello")

    assert (counted.input_tokens, compacted.object) == (3, "response.compaction")


async def test_models_are_the_base_models_and_not_the_deployments(client: AsyncOpenAI) -> None:
    names = [it.id async for it in client.models.list()]
    one = await client.models.retrieve("gpt-4o-2024-11-20")

    assert one.id in names
    assert "gpt-4o" not in names
    with pytest.raises(OpenAIError, match="not found"):
        await client.models.retrieve("gpt-4o")


@asynccontextmanager
async def a_foundry(stand: Stand, **credential: Any) -> AsyncIterator[AsyncAnthropicFoundry]:
    async with AsyncAnthropicFoundry(
        base_url=f"{stand.url}/anthropic",
        default_headers={"Host": FOUNDRY_HOST},
        max_retries=0,
        **credential,
    ) as client:
        yield client


@pytest.fixture
async def foundry(stand: Stand) -> AsyncIterator[AsyncAnthropicFoundry]:
    async with a_foundry(stand, api_key=stand.key()) as client:
        yield client


async def test_claude_answers_and_counts(foundry: AsyncAnthropicFoundry) -> None:
    messages: Any = [{"role": "user", "content": [{"type": "text", "text": "hello there"}]}]
    answer = await foundry.messages.create(model="claude", max_tokens=50, messages=messages)
    counted = await foundry.messages.count_tokens(model="claude", messages=messages)

    [block] = answer.content
    assert block.type == "text"
    assert block.text == "contoso/claude heard: hello there"
    assert (answer.stop_reason, answer.usage.output_tokens) == ("end_turn", 4)
    assert counted.input_tokens == answer.usage.input_tokens == 2


async def test_claude_streams_typed_events(foundry: AsyncAnthropicFoundry) -> None:
    async with foundry.messages.stream(
        model="claude", max_tokens=2, messages=[{"role": "user", "content": "hello"}]
    ) as stream:
        said = "".join([text async for text in stream.text_stream])
        final = await stream.get_final_message()

    assert said == "contoso/claude heard:"
    assert (final.stop_reason, final.usage.output_tokens) == ("max_tokens", 2)


async def test_claude_takes_a_token_of_foundrys_audience(stand: Stand) -> None:
    await stand.grant(COGNITIVE_USER)

    async with a_foundry(stand, azure_ad_token_provider=lambda: a_token(FOUNDRY)) as client:
        await client.messages.create(
            model="claude", max_tokens=5, messages=[{"role": "user", "content": "hello"}]
        )

    [call] = stand.endpoints.journal.of("contoso", "claude")
    assert (call.audience, call.status) == (FOUNDRY, 200)


async def test_claude_that_is_not_deployed_is_not_found(foundry: AsyncAnthropicFoundry) -> None:
    with pytest.raises(NotFoundError, match="DeploymentNotFound"):
        await foundry.messages.create(
            model="nobody", max_tokens=5, messages=[{"role": "user", "content": "hello"}]
        )


async def test_cohere_reranks_and_embeds(stand: Stand, http: httpx.AsyncClient) -> None:
    client = AsyncClientV2(
        base_url=f"https://{FOUNDRY_HOST}/providers/cohere",
        api_key=stand.key(),
        httpx_client=http,
    )
    ranked = await client.rerank(
        model="rerank", query="red fox", documents=["a dog", "the red fox", "a red hen"], top_n=2
    )
    embedded = await client.embed(
        model="cohere-embed",
        texts=["one"],
        input_type="search_query",
        embedding_types=["float"],
    )

    assert [(it.index, it.relevance_score) for it in ranked.results] == [(1, 1.0), (2, 0.5)]
    assert ranked.meta
    assert ranked.meta.warnings == ["answered by contoso/rerank"]
    assert embedded.embeddings.float_
