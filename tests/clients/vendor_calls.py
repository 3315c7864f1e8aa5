"""The SDKs of Anthropic, Microsoft (azure-ai-inference) and Cohere."""

from typing import Any

from tests.clients.calls import BASE, DEPLOYMENT, HELLO, KEY, Call, Make, Use, sdk

_USES: dict[str, Use] = {
    "messages-create": lambda it: it.messages.create(
        model=DEPLOYMENT, max_tokens=9, messages=HELLO
    ),
    "messages-create:stream": lambda it: [
        *it.messages.create(model=DEPLOYMENT, max_tokens=9, messages=HELLO, stream=True)
    ],
    "messages-count-tokens": lambda it: it.messages.count_tokens(model=DEPLOYMENT, messages=HELLO),
}


def _claude(client: str, use: Use, **keys: Any) -> Make:
    def make(gateway: str) -> object:
        given = {"base_url": f"{gateway}/{BASE}/anthropic", "max_retries": 0, **keys}
        with getattr(sdk("anthropic"), client)(**given) as it:
            return use(it)

    return make


def _claudes(name: str, client: str, **keys: Any) -> list[Call]:
    return [
        Call(
            f"{name}({id_.partition(':')[2]})",
            _claude(client, use, **keys),
            "anthropic",
            id_.partition(":")[0],
        )
        for id_, use in _USES.items()
    ]


ANTHROPIC = [
    *_claudes("Anthropic", "Anthropic", api_key=KEY),
    *_claudes("Anthropic auth_token", "Anthropic", auth_token=KEY),
    *_claudes("AnthropicFoundry", "AnthropicFoundry", api_key=KEY),
    *_claudes(
        "AnthropicFoundry token provider",
        "AnthropicFoundry",
        azure_ad_token_provider=lambda: KEY,
    ),
    # The service has none of these.
    Call("Anthropic models", _claude("Anthropic", lambda it: it.models.list(), api_key=KEY)),
    Call(
        "Anthropic batches",
        _claude("Anthropic", lambda it: it.messages.batches.list(), api_key=KEY),
    ),
    Call("Anthropic files", _claude("Anthropic", lambda it: it.beta.files.list(), api_key=KEY)),
]


def _inference(client: str, use: Use) -> Make:
    def make(gateway: str) -> object:
        key = sdk("azure.core.credentials").AzureKeyCredential(KEY)
        with getattr(sdk("azure.ai.inference"), client)(f"{gateway}/{BASE}/models", key) as it:
            return use(it)

    return make


def _azure_ai(
    client: str, operation: str, use: Use, *, note: str = "", deployment: str | None = DEPLOYMENT
) -> Call:
    return Call(f"{client}({note})", _inference(client, use), "azure-ai", operation, deployment)


AZURE_AI = [
    _azure_ai(
        "ChatCompletionsClient",
        "chat-completions-create",
        lambda it: it.complete(model=DEPLOYMENT, messages=HELLO),
    ),
    _azure_ai(
        "ChatCompletionsClient",
        "chat-completions-create",
        lambda it: [*it.complete(model=DEPLOYMENT, messages=HELLO, stream=True)],
        note="stream",
    ),
    _azure_ai(
        "ChatCompletionsClient",
        "chat-completions-create",
        lambda it: it.complete(model=DEPLOYMENT, messages=HELLO, model_extras={"safe": True}),
        note="model_extras",
    ),
    _azure_ai(
        "EmbeddingsClient",
        "embeddings-create",
        lambda it: it.embed(model=DEPLOYMENT, input=["hello"]),
    ),
    _azure_ai(
        "ImageEmbeddingsClient",
        "image-embeddings-create",
        lambda it: it.embed(model=DEPLOYMENT, input=[{"image": "data:,"}]),
    ),
    _azure_ai(
        "ChatCompletionsClient",
        "info-get",
        lambda it: it.get_model_info(params={"model": DEPLOYMENT}),
        note="params",
    ),
    # By itself it names no model, and the gateway can't know whose information is wanted.
    _azure_ai("ChatCompletionsClient", "info-get", lambda it: it.get_model_info(), deployment=None),
]


def _cohere(use: Use) -> Make:
    def make(gateway: str) -> object:
        base_url = f"{gateway}/{BASE}/providers/cohere"
        return use(sdk("cohere").ClientV2(api_key=KEY, base_url=base_url))

    return make


def _rerank(client: Any) -> object:
    return client.rerank(model=DEPLOYMENT, query="q", documents=["d"])


def _embed(client: Any) -> object:
    return client.embed(
        model=DEPLOYMENT, input_type="search_query", texts=["hi"], embedding_types=["float"]
    )


COHERE = [
    Call("ClientV2()", _cohere(_rerank), "cohere", "rerank-create"),
    Call("ClientV2()", _cohere(_embed), "cohere", "embed-create"),
    # Cohere's chat models are served as all chat models are; the rest is no call of a model.
    Call("ClientV2 chat", _cohere(lambda it: it.chat(model=DEPLOYMENT, messages=HELLO))),
    Call("ClientV2 models", _cohere(lambda it: it.models.list())),
    Call("ClientV2 datasets", _cohere(lambda it: it.datasets.list())),
]
