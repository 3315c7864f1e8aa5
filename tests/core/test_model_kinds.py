import pytest

from shared.core.model import Model
from shared.core.model_kinds import ModelKind, abilities, model_kind

# Rows of `az cognitiveservices model list`, all regions, 2025-04-10, published in
# ayuina/ainaba-csa-blog, check-azure-aimodel-details: of all its models those that differ in what
# they say, without the flags that say nothing of what they do.
CATALOGUE = [
    ("OpenAI", "gpt-4o-mini", "chatCompletion=true responses=true", "chat responses"),
    ("OpenAI", "gpt-35-turbo-0125", "chatCompletion=true assistants=true fineTune=true", "chat"),
    ("OpenAI", "gpt-35-turbo-0301", "chatCompletion=true completion=true", "chat"),
    ("OpenAI", "o3-mini", "chatCompletion=true FineTuneTokensMaxValue=2000000000", "chat"),
    (
        "OpenAI",
        "gpt-4o-audio-preview",
        "chatCompletion=true completion=false realtime=false",
        "chat",
    ),
    (
        "OpenAI",
        "gpt-4o-realtime-preview",
        "chatCompletion=false completion=false realtime=true",
        "realtime",
    ),
    ("OpenAI", "gpt-35-turbo-instruct", "completion=true maxTotalToken=4097", "completion"),
    ("OpenAI", "davinci-002", "completion=true fineTune=true", "completion"),
    ("OpenAI", "ada", "completion=true inference=false search=true", "completion"),
    ("OpenAI", "text-embedding-ada-002", "embeddings=true embeddingsMaxInputs=2048", "embeddings"),
    ("OpenAI", "code-search-ada-code-001", "embeddings=true inference=false", "embeddings"),
    ("OpenAI", "text-similarity-ada-001", "embeddings=true inference=false", "embeddings"),
    ("OpenAI", "dall-e-3", "imageGenerations=true inference=true", "image"),
    ("OpenAI", "whisper", "audio=true scaleType=Standard", "transcription"),
    ("OpenAI", "tts", "audio=true scaleType=Standard", "speech"),
    ("OpenAI", "tts-hd", "audio=true scaleType=Standard", "speech"),
    ("Cohere", "Cohere-command-r-plus", "chatCompletion=true assistants=true", "chat"),
    ("Cohere", "Cohere-embed-v3-english", "", "embeddings"),
    ("Core42", "jais-30b-chat", "chatCompletion=true", "chat"),
    ("DeepSeek", "DeepSeek-V3", "chatCompletion=true", "chat"),
    ("Meta", "Meta-Llama-3.1-8B-Instruct", "chatCompletion=true", "chat"),
    ("Microsoft", "Phi-4-multimodal-instruct", "chatCompletion=true", "chat"),
]

# Of later models, as people printed their deployments, 2025-10 to 2026-08.
PRINTED = [
    (
        "OpenAI",
        "gpt-4.1-mini",
        "agentsV2=true chatCompletion=true responses=true",
        "chat responses",
    ),
    ("OpenAI-OSS", "gpt-oss-120b", "chatCompletion=true agentsV2=true", "chat"),
    (
        "OpenAI",
        "gpt-4o-mini-realtime-preview",
        "realtime=true responses=true chatCompletion=false",
        "realtime",
    ),
    (
        "OpenAI",
        "gpt-realtime-mini",
        "assistants=false chatCompletion=false realtime=true",
        "realtime",
    ),
    ("OpenAI", "gpt-4o-transcribe", "realtime=true", "transcription"),
    ("Cohere", "Cohere-rerank-v4.0-pro", "chatCompletion=true", "rerank"),
    ("Mistral AI", "Mistral-Large-3", "chatCompletion=true", "chat"),
]

# Models whose flags nobody published: these are supposed, UNVERIFIED, or left out where the name or
# the format must do.
SUPPOSED = [
    ("OpenAI", "gpt-4o", "chatCompletion=false", "unknown"),
    ("OpenAI", "gpt-5.4-pro", "responses=true", "responses"),
    ("OpenAI", "codex-mini", "chatCompletion=false responses=true", "responses"),
    ("OpenAI", "model-router", "chatCompletion=true", "chat"),
    ("OpenAI", "gpt-realtime", "", "realtime"),
    ("OpenAI", "gpt-4o-transcribe-diarize", "audio=true", "transcription"),
    ("OpenAI", "gpt-4o-mini-tts", "audio=true", "speech"),
    ("OpenAI", "gpt-audio", "chatCompletion=true", "chat"),
    ("OpenAI", "gpt-image-1", "", "image"),
    ("OpenAI", "sora-2", "", "video"),
    ("OpenAI", "text-embedding-3-small", "embeddings=TRUE", "embeddings"),
    ("Anthropic", "claude-sonnet-4-6", "", "messages"),
    ("anthropic", "anything-new", "chatCompletion=true", "messages"),
    ("Cohere", "embed-v-4-0", "", "embeddings"),
    ("Cohere", "Cohere-command-a", "chatCompletion=true", "chat"),
    ("Black Forest Labs", "FLUX.2-pro", "", "image"),
    ("Black Forest Labs", "FLUX.1-Kontext-pro", "", "image"),
    ("Microsoft", "MAI-DS-R1", "chatCompletion=true", "chat"),
    ("Microsoft", "MAI-Image-2", "", "image"),
    ("Mistral AI", "mistral-document-ai-2505", "chatCompletion=true", "unknown"),
    ("xAI", "grok-4", "chatCompletion=true", "chat"),
    ("xAI", "grok-4-fast", "chatCompletion=true responses=true", "chat responses"),
    ("Fireworks", "FW-GLM-5", "chatCompletion=true", "chat"),
    ("Contoso", "brand-new", "", "unknown"),
    ("Contoso", "brand-new", "chatCompletion=yes", "unknown"),
]


@pytest.mark.parametrize(("format_", "name", "flags", "kinds"), [*CATALOGUE, *PRINTED, *SUPPOSED])
def test_the_kind_follows_name_and_flags(format_: str, name: str, flags: str, kinds: str) -> None:
    model = Model(format_, name, "1")
    capabilities = dict(flag.split("=") for flag in flags.split())
    first, *_more = kinds.split()

    assert model_kind(model, capabilities) is ModelKind(first)
    assert abilities(model, capabilities) == {ModelKind(kind) for kind in kinds.split()}


@pytest.mark.parametrize("value", ["true", "True", "TRUE"])
def test_a_flag_is_on_however_true_is_written(value: str) -> None:
    model = Model("Contoso", "chatty", "1")

    assert model_kind(model, {"ChatCompletion": value}) is ModelKind.CHAT


@pytest.mark.parametrize("value", ["false", "False", "", "1", "yes", "null"])
def test_a_flag_that_is_not_true_is_no_flag(value: str) -> None:
    model = Model("Contoso", "chatty", "1")

    assert model_kind(model, {"chatCompletion": value}) is ModelKind.UNKNOWN
    assert abilities(model, {"chatCompletion": "true", "responses": value}) == {ModelKind.CHAT}


def test_only_a_chat_model_has_responses_besides() -> None:
    flags = {"realtime": "true", "responses": "true"}

    assert abilities(Model("OpenAI", "gpt-realtime", "1"), flags) == {ModelKind.REALTIME}
