"""The openai SDK, as AzureOpenAI and as OpenAI."""

from collections.abc import Callable
from typing import Any

from tests.clients.calls import BASE, DEPLOYMENT, HELLO, KEY, Call, Make, Use, sdk

API_VERSION = "2025-04-01-preview"
_PICTURE = ("a.png", b"\x89PNG", "image/png")
_SOUND = ("a.wav", b"RIFF", "audio/wav")

# What both can do, by operation; what follows a colon tells uses of one operation apart.
USES: dict[str, Use] = {
    "chat-completions-create": lambda it: it.chat.completions.create(
        model=DEPLOYMENT, messages=HELLO
    ),
    "chat-completions-create:stream": lambda it: [
        *it.chat.completions.create(model=DEPLOYMENT, messages=HELLO, stream=True)
    ],
    "completions-create": lambda it: it.completions.create(model=DEPLOYMENT, prompt="hello"),
    "embeddings-create": lambda it: it.embeddings.create(model=DEPLOYMENT, input="hello"),
    "images-generations-create": lambda it: it.images.generate(model=DEPLOYMENT, prompt="a fox"),
    "images-edits-create": lambda it: it.images.edit(
        model=DEPLOYMENT, prompt="a fox", image=_PICTURE
    ),
    "images-edits-create:many": lambda it: it.images.edit(
        model=DEPLOYMENT, prompt="a fox", image=[_PICTURE, _PICTURE], mask=_PICTURE
    ),
    "audio-transcriptions-create": lambda it: it.audio.transcriptions.create(
        model=DEPLOYMENT, file=_SOUND
    ),
    "audio-translations-create": lambda it: it.audio.translations.create(
        model=DEPLOYMENT, file=_SOUND
    ),
    "audio-speech-create": lambda it: (
        it.audio.speech.create(model=DEPLOYMENT, voice="alloy", input="hello").content
    ),
    "responses-create": lambda it: it.responses.create(model=DEPLOYMENT, input="hello"),
    "responses-create:stream": lambda it: [
        *it.responses.create(model=DEPLOYMENT, input="hello", stream=True)
    ],
    "stored-response-get": lambda it: it.responses.retrieve("resp_1"),
    "stored-response-delete": lambda it: it.responses.delete("resp_1"),
    "stored-response-cancel": lambda it: it.responses.cancel("resp_1"),
    "stored-response-input-items": lambda it: [*it.responses.input_items.list("resp_1")],
    "models-list": lambda it: [*it.models.list()],
    "models-retrieve": lambda it: it.models.retrieve(DEPLOYMENT),
}
_V1_USES: dict[str, Use] = {
    **USES,
    "responses-compact": lambda it: it.responses.compact(model=DEPLOYMENT, input="hello"),
    "responses-input-tokens": lambda it: it.responses.input_tokens.count(
        model=DEPLOYMENT, input="hello"
    ),
}
# No call of a deployed model, retired, or a preview that no page of Azure's has.
_NOT_COVERED: dict[str, Use] = {
    "files": lambda it: it.files.list(),
    "file upload": lambda it: it.files.create(file=("a.jsonl", b"{}"), purpose="batch"),
    "uploads": lambda it: it.uploads.create(
        bytes=1, filename="a", mime_type="text/plain", purpose="batch"
    ),
    "batches": lambda it: it.batches.list(),
    "videos": lambda it: it.videos.create(model=DEPLOYMENT, prompt="a fox"),
    "fine-tuning": lambda it: it.fine_tuning.jobs.list(),
    "vector stores": lambda it: it.vector_stores.list(),
    "containers": lambda it: it.containers.list(),
    "conversations": lambda it: it.conversations.create(),
    "evals": lambda it: it.evals.list(),
    "assistants": lambda it: it.beta.assistants.list(),
    "threads": lambda it: it.beta.threads.create(),
    "moderations": lambda it: it.moderations.create(model=DEPLOYMENT, input="hello"),
    "image variations": lambda it: it.images.create_variation(image=_PICTURE),
    "stored chat completions": lambda it: it.chat.completions.list(),
    "model deletion": lambda it: it.models.delete(DEPLOYMENT),
    "realtime client secrets": lambda it: it.realtime.client_secrets.create(),
}


def _azure(gateway: str, use: Use, **options: Any) -> object:
    given = {"azure_endpoint": f"{gateway}/{BASE}", "api_key": KEY, **options}
    with sdk("openai").AzureOpenAI(api_version=API_VERSION, max_retries=0, **given) as client:
        return use(client)


def _azure_by_base_url(gateway: str, use: Use) -> object:
    base_url = f"{gateway}/{BASE}/openai"
    with sdk("openai").AzureOpenAI(
        base_url=base_url, api_key=KEY, api_version=API_VERSION, max_retries=0
    ) as client:
        return use(client)


def _openai(gateway: str, use: Use, **options: Any) -> object:
    base_url = f"{gateway}/{BASE}/openai/v1"
    with sdk("openai").OpenAI(base_url=base_url, api_key=KEY, max_retries=0, **options) as client:
        return use(client)


def _converse(client: Any) -> object:
    with client.realtime.connect(model=DEPLOYMENT) as session:
        return session.recv()


def _sockets(gateway: str) -> str:
    return f"{gateway.replace('http:', 'ws:')}/{BASE}/openai"


def _of(make: Callable[[str, Use], object], use: Use) -> Make:
    return lambda gateway: make(gateway, use)


def _each(
    client: str, surface: str, uses: dict[str, Use], make: Callable[[str, Use], object]
) -> list[Call]:
    found = []
    for name, use in uses.items():
        operation, _, note = name.partition(":")
        nameless = operation.startswith("stored-response-") or operation == "models-list"
        found.append(
            Call(
                f"{client}({note})",
                _of(make, use),
                surface,
                operation,
                None if nameless else DEPLOYMENT,
            )
        )
    return found


def _uncovered(client: str, make: Callable[[str, Use], object]) -> list[Call]:
    return [Call(f"{client} {name}", _of(make, use)) for name, use in _NOT_COVERED.items()]


_CHAT, _SPEECH = USES["chat-completions-create"], USES["audio-speech-create"]
_DATED, _V1 = "azure-openai", "azure-openai-v1"

OPENAI = [
    *_each("AzureOpenAI", _DATED, USES, _azure),
    *_each("OpenAI", _V1, _V1_USES, _openai),
    Call(
        "AzureOpenAI(azure_deployment)",
        lambda it: _azure(it, _CHAT, azure_deployment=DEPLOYMENT),
        _DATED,
        "chat-completions-create",
    ),
    Call(
        "AzureOpenAI(azure_deployment)",
        lambda it: _azure(it, USES["responses-create"], azure_deployment="another"),
        _DATED,
        "responses-create",
    ),
    Call(
        "AzureOpenAI(base_url)",
        lambda it: _azure_by_base_url(it, _SPEECH),
        _DATED,
        "audio-speech-create",
    ),
    Call(
        "AzureOpenAI(azure_ad_token)",
        lambda it: _azure(it, _CHAT, api_key=None, azure_ad_token=KEY),
        _DATED,
        "chat-completions-create",
    ),
    Call(
        "OpenAI(default_query)",
        lambda it: _openai(it, _CHAT, default_query={"api-version": "preview"}),
        _V1,
        "chat-completions-create",
    ),
    Call(
        "OpenAI(default_headers)",
        lambda it: _openai(it, _CHAT, default_headers={"api-key": KEY}),
        _V1,
        "chat-completions-create",
    ),
    Call(
        "AzureOpenAI()",
        lambda it: _azure(it, _converse, websocket_base_url=_sockets(it)),
        "realtime",
        "onHandshake",
    ),
    Call("OpenAI()", lambda it: _openai(it, _converse), "realtime-v1", "onHandshake"),
    *_uncovered("AzureOpenAI", _azure),
    *_uncovered("OpenAI", _openai),
]
