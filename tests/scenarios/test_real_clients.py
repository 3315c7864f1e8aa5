"""What clients get: their own SDKs, through the gateway as the app left it, to the models."""

from collections.abc import AsyncIterator
from typing import Any

import anthropic
import cohere
import openai
import pytest
from azure.ai.inference.aio import ChatCompletionsClient, EmbeddingsClient
from azure.ai.inference.models import UserMessage
from azure.core.credentials import AzureKeyCredential
from azure.core.exceptions import ResourceNotFoundError
from openai import AsyncOpenAI

from sandbox.arm.system_data import principal_id_of
from sandbox.models.journal import digest
from sandbox.models.server import _Server
from tests.scenarios.client_desk import (
    COGNITIVE,
    FOUNDRY,
    HELLO,
    MODELS,
    PICTURE,
    RULES,
    SOUND,
    WORLD,
    Desk,
    account_id,
)
from tests.scenarios.gates import a_gate
from tests.stage import a_stage, an_app_with_rules


@pytest.fixture(scope="module")
async def shared_desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    options = an_app_with_rules(tmp_path_factory.mktemp("rules"), RULES, world=WORLD)
    async with a_stage(options) as stage:
        await stage.reimport({"all": True})
        yield Desk(stage, await stage.client_key())


@pytest.fixture
async def desk(shared_desk: Desk) -> AsyncIterator[Desk]:
    """And afterwards: whatever a model was asked in a test, it saw the gateway and no key."""
    models = shared_desk.stage.azure.models
    models.journal.clear()
    yield shared_desk
    models.faults.clear()
    gateway = principal_id_of(shared_desk.stage.azure.gateway_id)
    for call in models.journal.log:
        seen = f"{call.headers} {call.query}"
        assert digest(shared_desk.key) not in seen
        assert not {"api-key", "x-api-key", "ocp-apim-subscription-key"} & set(call.headers)
        assert call.principal in (gateway, "")
        assert call.principal or call.status == 0  # who is down looks at nobody


@pytest.fixture(params=["azure", "v1"])
async def client(request: pytest.FixtureRequest, desk: Desk) -> AsyncIterator[AsyncOpenAI]:
    """Each of OpenAI's clients, on the account that has everything."""
    async with getattr(desk, request.param)() as found:
        yield found


async def test_every_deployment_was_verified_by_a_call(desk: Desk) -> None:
    found = {name: await desk.stage.states(account_id(name)) for name in ("contoso", "inference")}

    assert found == {
        "contoso": dict.fromkeys(MODELS, "verified"),
        "inference": {"chat": "verified", "vectors": "verified"},
    }


async def test_chat_is_answered_by_the_deployment_that_was_named(client: AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(model="chat", messages=HELLO)

    assert answer.choices[0].message.content == "contoso/chat heard: hello there"


async def test_chat_streams(client: AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(
        model="chat", messages=HELLO, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]

    texts = [it.choices[0].delta.content or "" for it in chunks if it.choices]
    assert "".join(texts) == "contoso/chat heard: hello there"
    assert len(texts) > 4
    assert [it.usage.total_tokens for it in chunks if it.usage] == [6]


async def test_embeddings(client: AsyncOpenAI) -> None:
    answer = await client.embeddings.create(model="vectors", input=["one", "two", "one"])

    one, two, again = (it.embedding for it in answer.data)
    assert one == again != two


async def test_responses_are_kept_and_streamed(client: AsyncOpenAI) -> None:
    made = await client.responses.create(model="chat", input="hello")
    got = await client.responses.retrieve(made.id)
    items = [it async for it in client.responses.input_items.list(made.id)]
    await client.responses.delete(made.id)
    with pytest.raises(openai.OpenAIError, match="not found"):
        await client.responses.retrieve(made.id)
    stream = await client.responses.create(model="chat", input="hello", stream=True)
    events = [event async for event in stream]

    assert made.output_text == got.output_text == "contoso/chat heard: hello"
    assert [it.type for it in items] == ["message"]
    said = "".join(it.delta for it in events if it.type == "response.output_text.delta")
    assert (said, events[-1].type) == ("contoso/chat heard: hello", "response.completed")


async def test_images(client: AsyncOpenAI) -> None:
    made = await client.images.generate(model="pictures", prompt="a fox")
    edited = await client.images.edit(model="pictures", prompt="a hen", image=[PICTURE, PICTURE])

    assert made.data
    assert made.data[0].revised_prompt == "contoso/pictures heard: a fox"
    assert edited.data
    assert edited.data[0].revised_prompt == "contoso/pictures heard: a hen"


async def test_sound_in_and_out(client: AsyncOpenAI) -> None:
    heard = await client.audio.transcriptions.create(model="listener", file=SOUND)
    spoken = await client.audio.speech.create(model="speaker", voice="alloy", input="hello")

    assert heard.text == "contoso/listener heard: 7 bytes of a.wav"
    assert spoken.content == b"ID3contoso/speaker heard: hello"


async def test_models_are_those_that_are_onboarded(client: AsyncOpenAI) -> None:
    names = {it.id async for it in client.models.list()}

    assert {"chat", "vectors", "pictures", "listener", "speaker"} <= names
    assert not names & {"claude", "ranker", "gpt-4o"}


@pytest.mark.parametrize("surface", ["azure", "v1"])
async def test_realtime_converses(desk: Desk, surface: str) -> None:
    found: AsyncOpenAI = getattr(desk, surface)()
    path = "openai/v1" if surface == "v1" else "openai"
    base = desk.stage.at_gateway("contoso").replace("http:", "ws:")
    async with (
        found.with_options(websocket_base_url=f"{base}/{path}") as client,
        client.realtime.connect(model="talker") as session,
    ):
        kinds = [(await session.recv()).type]
        message: Any = {
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": "hello"}],
        }
        await session.conversation.item.create(item=message)
        await session.response.create()
        said = ""
        while kinds[-1] != "response.done":
            event: Any = await session.recv()
            kinds.append(event.type)
            said += event.delta if event.type.endswith("text.delta") else ""

    assert (kinds[0], said) == ("session.created", "contoso/talker heard: hello")
    [call] = desk.stage.calls("contoso", "talker")
    assert (call.status, call.audience.rstrip("/")) == (101, COGNITIVE)


@pytest.mark.parametrize("kind", ["foundry", "claude"])
async def test_claude_answers_streams_and_counts(desk: Desk, kind: str) -> None:
    async with getattr(desk, kind)() as client:
        answer = await client.messages.create(model="claude", max_tokens=50, messages=HELLO)
        counted = await client.messages.count_tokens(model="claude", messages=HELLO)
        async with client.messages.stream(model="claude", max_tokens=50, messages=HELLO) as stream:
            said = "".join([text async for text in stream.text_stream])

    assert answer.content[0].text == said == "contoso/claude heard: hello there"
    assert counted.input_tokens == answer.usage.input_tokens == 2
    assert {it.audience.rstrip("/") for it in desk.stage.calls("contoso", "claude")} == {FOUNDRY}


async def test_cohere_ranks(desk: Desk) -> None:
    async with desk.cohere() as client:
        ranked = await client.rerank(
            model="ranker", query="red fox", documents=["a dog", "the red fox"], top_n=1
        )

    assert [it.index for it in ranked.results] == [1]
    assert ranked.meta
    assert ranked.meta.warnings == ["answered by contoso/ranker"]


async def test_the_inference_sdk_chats_streams_and_embeds(desk: Desk) -> None:
    endpoint = f"{desk.stage.at_gateway('inference')}/models"
    key = AzureKeyCredential(desk.key)
    async with ChatCompletionsClient(endpoint, key) as chat:
        answer = await chat.complete(model="chat", messages=[UserMessage("hello")])
        stream = await chat.complete(model="chat", messages=[UserMessage("hello")], stream=True)
        said = "".join([it.choices[0].delta.content or "" async for it in stream if it.choices])
        with pytest.raises(ResourceNotFoundError, match="Onboarded: chat, vectors"):
            await chat.complete(model="nobody", messages=[UserMessage("hello")])
    async with EmbeddingsClient(endpoint, key) as embeddings:
        vectors = await embeddings.embed(model="vectors", input=["one", "two"])

    assert answer.choices[0].message.content == said == "inference/chat heard: hello"
    assert len(vectors.data) == 2


async def test_a_client_is_the_gateway_to_the_model_and_its_key_stays_behind(desk: Desk) -> None:
    async with desk.azure() as azure, desk.v1() as v1:
        await azure.chat.completions.create(
            model="chat", messages=HELLO, extra_headers={"Authorization": f"Bearer {desk.key}"}
        )
        await v1.chat.completions.create(
            model="chat",
            messages=HELLO,
            extra_headers={"api-key": desk.key},
            extra_query={"subscription-key": desk.key},
        )

    dated, newer = desk.stage.calls("contoso", "chat")
    gateway = principal_id_of(desk.stage.azure.gateway_id)
    for call in (dated, newer):
        assert (call.principal, call.audience.rstrip("/")) == (gateway, COGNITIVE)
        assert call.headers["authorization"].startswith("Bearer sha256:")
        assert digest(desk.key) not in f"{call.headers} {call.query}"


async def test_what_is_not_onboarded_is_not_found_in_the_words_of_each_sdk(desk: Desk) -> None:
    ours = "No deployment of this name is onboarded on this API"
    for openais in (desk.azure(), desk.v1()):
        async with openais as client:
            with pytest.raises(openai.NotFoundError, match=ours):
                await client.chat.completions.create(model="nobody", messages=HELLO)
            with pytest.raises(openai.NotFoundError, match=ours):
                await client.chat.completions.create(model="claude", messages=HELLO)
    for claudes in (desk.foundry(), desk.claude()):
        async with claudes as claude:
            with pytest.raises(anthropic.NotFoundError, match=ours):
                await claude.messages.create(model="nobody", max_tokens=9, messages=HELLO)
    async with desk.cohere() as ranker:
        with pytest.raises(cohere.NotFoundError, match=ours):
            await ranker.rerank(model="nobody", query="q", documents=["d"])

    assert desk.stage.azure.models.journal.log == []


async def test_nobody_gets_in_with_a_wrong_key(desk: Desk) -> None:
    async with desk.v1(key="wrong") as client:
        with pytest.raises(openai.AuthenticationError, match="invalid subscription key"):
            await client.chat.completions.create(model="chat", messages=HELLO)

    assert desk.stage.azure.models.journal.log == []


async def test_a_key_for_one_api_is_good_for_that_one(desk: Desk) -> None:
    served = await desk.stage.served(account_id("contoso"))
    key = await desk.stage.client_key("only-v1", f"/apis/{served['openai/v1'].name}")
    async with desk.v1(key=key) as client:
        await client.chat.completions.create(model="chat", messages=HELLO)
    async with desk.azure(key=key) as client:
        with pytest.raises(openai.AuthenticationError):
            await client.chat.completions.create(model="chat", messages=HELLO)


async def test_a_client_is_limited_to_its_tokens_and_others_are_not(desk: Desk) -> None:
    async with desk.v1("small") as client:
        create = client.chat.completions.with_raw_response.create
        answered = [await create(model="chat", messages=HELLO) for _ in range(2)]
        with pytest.raises(openai.RateLimitError) as limited:
            await create(model="chat", messages=HELLO)
    async with desk.v1("small", await desk.stage.client_key("another")) as other:
        await other.chat.completions.create(model="chat", messages=HELLO)

    assert [it.headers["remaining-tokens"] for it in answered] == ["4", "0"]
    assert {it.headers["consumed-tokens"] for it in answered} == {"6"}
    assert 0 < int(limited.value.response.headers["Retry-After"]) <= 60
    assert len(desk.stage.calls("small")) == len(answered) + 1


async def test_an_account_that_is_down_takes_nobody_along(desk: Desk) -> None:
    faults = desk.stage.azure.models.faults
    faults.add({"account": "fabrikam"}, {"down": True})
    async with desk.v1("fabrikam") as client, desk.v1("contoso") as other:
        with pytest.raises(openai.InternalServerError) as refused:
            await client.chat.completions.create(model="chat", messages=HELLO)
        answer = await other.chat.completions.create(model="chat", messages=HELLO)
        faults.clear()
        again = await client.chat.completions.create(model="chat", messages=HELLO)

    assert refused.value.status_code == 500
    assert answer.choices[0].message.content == "contoso/chat heard: hello there"
    assert again.choices[0].message.content == "fabrikam/chat heard: hello there"


async def test_a_stream_outlives_its_deployment_and_the_next_call_is_told_that_it_is_gone(
    desk: Desk,
) -> None:
    stage = desk.stage
    stage.azure.models.faults.add({"deployment": "goes"}, {"chunk": 0.01})
    async with desk.azure() as azure, desk.v1() as v1, desk.foundry() as foundry:
        async with a_gate(_Server):
            stream = await v1.chat.completions.create(model="goes", messages=HELLO, stream=True)
            said = (await anext(stream)).choices[0].delta.content or ""
            for name in ("goes", "claude-goes"):
                await stage.delete(f"{account_id('contoso')}/deployments/{name}")
            await stage.quiet()
        said += "".join([it.choices[0].delta.content or "" async for it in stream if it.choices])
        stage.azure.models.journal.clear()

        for client in (azure, v1):
            with pytest.raises(openai.APIStatusError, match="goes was deleted") as gone:
                await client.chat.completions.create(model="goes", messages=HELLO)
            assert gone.value.status_code == 410
            assert gone.value.response.headers["Sunset"].endswith("GMT")
        with pytest.raises(anthropic.APIStatusError, match="claude-goes was deleted") as over:
            await foundry.messages.create(model="claude-goes", max_tokens=9, messages=HELLO)

    assert said == "contoso/goes heard: hello there"
    assert over.value.status_code == 410
    assert stage.azure.models.journal.log == []
