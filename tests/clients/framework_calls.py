"""LangChain and LiteLLM, by their names for Azure's surfaces."""

from typing import Any

from tests.clients.calls import BASE, DEPLOYMENT, HELLO, KEY, Call, Make, sdk
from tests.clients.openai_calls import API_VERSION

_DATED, _V1, _AI = "azure-openai", "azure-openai-v1", "azure-ai"
_CHAT, _EMBEDDINGS, _RESPONSES = "chat-completions-create", "embeddings-create", "responses-create"


def _langchain(client: str, gateway: str, **options: Any) -> Any:
    """A client, of an Azure kind or not."""
    if client.startswith("Azure"):
        place = {
            "azure_endpoint": f"{gateway}/{BASE}",
            "azure_deployment": DEPLOYMENT,
            "api_version": API_VERSION,
        }
    else:
        place = {"base_url": f"{gateway}/{BASE}/openai/v1/", "model": DEPLOYMENT}
    made = getattr(sdk("langchain_openai"), client)
    return made(api_key=KEY, max_retries=0, **place, **options)


def _invoke(client: str, **options: Any) -> Make:
    return lambda gateway: _langchain(client, gateway, **options).invoke("hello")


def _stream(client: str) -> Make:
    return lambda gateway: [*_langchain(client, gateway).stream("hello")]


def _embed(client: str) -> Make:
    # Else it downloads a vocabulary to count tokens with.
    plain = {"check_embedding_ctx_length": False}
    return lambda gateway: _langchain(client, gateway, **plain).embed_query("hello")


LANGCHAIN = [
    Call("AzureChatOpenAI()", _invoke("AzureChatOpenAI"), _DATED, _CHAT),
    Call("AzureChatOpenAI(stream)", _stream("AzureChatOpenAI"), _DATED, _CHAT),
    Call("AzureOpenAIEmbeddings()", _embed("AzureOpenAIEmbeddings"), _DATED, _EMBEDDINGS),
    Call("ChatOpenAI()", _invoke("ChatOpenAI"), _V1, _CHAT),
    Call("ChatOpenAI(stream)", _stream("ChatOpenAI"), _V1, _CHAT),
    Call("ChatOpenAI()", _invoke("ChatOpenAI", use_responses_api=True), _V1, _RESPONSES),
    Call("OpenAIEmbeddings()", _embed("OpenAIEmbeddings"), _V1, _EMBEDDINGS),
]


def _lite(function: str, model: str, path: str, **options: Any) -> Make:
    def make(gateway: str) -> object:
        answer = getattr(sdk("litellm"), function)(
            model=model, api_base=f"{gateway}/{BASE}{path}", api_key=KEY, max_retries=0, **options
        )
        return [*answer] if options.get("stream") else answer

    return make


def _azure(function: str, **options: Any) -> Make:
    return _lite(function, f"azure/{DEPLOYMENT}", "", api_version=API_VERSION, **options)


def _openai(function: str, **options: Any) -> Make:
    return _lite(function, f"openai/{DEPLOYMENT}", "/openai/v1", **options)


def _azure_ai(function: str, path: str, **options: Any) -> Make:
    return _lite(function, f"azure_ai/{DEPLOYMENT}", path, **options)


_HELLO: dict[str, Any] = {"messages": HELLO}
_TEXTS: dict[str, Any] = {"input": ["hello"]}
_RANK: dict[str, Any] = {"query": "q", "documents": ["d"]}
_SOUND = ("a.wav", b"RIFF", "audio/wav")
_CLAUDE = "claude-my-deployment"  # the name tells LiteLLM

# Not its function `responses`, which needs a package that it does not install (mcp).
LITELLM = [
    Call("azure/()", _azure("completion", **_HELLO), _DATED, _CHAT),
    Call("azure/(stream)", _azure("completion", stream=True, **_HELLO), _DATED, _CHAT),
    Call("azure/()", _azure("embedding", **_TEXTS), _DATED, _EMBEDDINGS),
    Call(
        "azure/()",
        _azure("image_generation", prompt="a fox"),
        _DATED,
        "images-generations-create",
    ),
    Call("azure/()", _azure("transcription", file=_SOUND), _DATED, "audio-transcriptions-create"),
    Call("azure/()", _azure("speech", input="hi", voice="alloy"), _DATED, "audio-speech-create"),
    Call(
        "azure/(v1)",
        _lite("completion", f"azure/{DEPLOYMENT}", "", api_version="v1", **_HELLO),
        _V1,
        _CHAT,
    ),
    Call("openai/()", _openai("completion", **_HELLO), _V1, _CHAT),
    Call("openai/(stream)", _openai("completion", stream=True, **_HELLO), _V1, _CHAT),
    Call("openai/()", _openai("embedding", **_TEXTS), _V1, _EMBEDDINGS),
    Call("azure_ai/()", _azure_ai("completion", "/models", **_HELLO), _AI, _CHAT),
    Call("azure_ai/()", _azure_ai("embedding", "/models", **_TEXTS), _AI, _EMBEDDINGS),
    Call(
        "azure_ai/()",
        _azure_ai("rerank", "/providers/cohere/v2", **_RANK),
        "cohere",
        "rerank-create",
    ),
    Call(
        "azure_ai/claude()",
        _lite("completion", f"azure_ai/{_CLAUDE}", "/anthropic", **_HELLO),
        "anthropic",
        "messages-create",
        _CLAUDE,
    ),
    # To these addresses it adds paths that no surface has: they want `/providers/cohere/v2`, and
    # no path at all.
    Call("azure_ai/ rerank without a version", _azure_ai("rerank", "", **_RANK)),
    # Models with an API of their own, which are parked.
    Call(
        "azure_ai/ FLUX.2",
        _lite("image_generation", "azure_ai/FLUX.2-pro", "", prompt="a fox"),
    ),
    Call(
        "azure_ai/ MAI-Image",
        _lite("image_generation", "azure_ai/MAI-Image-2", "", prompt="a fox"),
    ),
    Call(
        "azure/ with v1 said twice",
        _lite("completion", f"azure/{DEPLOYMENT}", "/openai/v1/", api_version="v1", **_HELLO),
    ),
]
