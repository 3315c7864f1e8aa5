import pytest

from shared.core.model import Model
from shared.core.model_kinds import ModelKind, model_kind


@pytest.mark.parametrize(
    ("format_", "name", "capabilities", "kind"),
    [
        ("OpenAI", "gpt-4o", {"chatCompletion": "true", "assistants": "true"}, ModelKind.CHAT),
        ("OpenAI", "gpt-4.1-mini", {"agentsV2": "true", "chatCompletion": "true"}, ModelKind.CHAT),
        ("Mistral AI", "mistral-large", {"chatCompletion": "true"}, ModelKind.CHAT),
        ("OpenAI", "text-embedding-3-small", {"embeddings": "true"}, ModelKind.EMBEDDINGS),
        ("Cohere", "Cohere-embed-v3-english", {}, ModelKind.EMBEDDINGS),
        ("Cohere", "Cohere-rerank-v4", {"chatCompletion": "true"}, ModelKind.RERANK),
        ("Anthropic", "claude-opus", {"chatCompletion": "true"}, ModelKind.MESSAGES),
        ("OpenAI", "dall-e-3", {"imageGenerations": "true"}, ModelKind.IMAGE),
        ("Black Forest Labs", "FLUX.2-pro", {}, ModelKind.IMAGE),
        ("OpenAI", "whisper", {"audio": "true"}, ModelKind.TRANSCRIPTION),
        ("OpenAI", "tts-hd", {"audio": "true"}, ModelKind.SPEECH),
        ("OpenAI", "gpt-4o-transcribe", {"realtime": "true"}, ModelKind.TRANSCRIPTION),
        (
            "OpenAI",
            "gpt-realtime-mini",
            {"chatCompletion": "false", "realtime": "true"},
            ModelKind.REALTIME,
        ),
        ("OpenAI", "sora-2", {}, ModelKind.VIDEO),
        ("OpenAI", "gpt-35-turbo-instruct", {"completion": "true"}, ModelKind.COMPLETION),
        ("OpenAI", "gpt-5.4-pro", {"responses": "true"}, ModelKind.RESPONSES),
        ("OpenAI", "gpt-4o", {"chatCompletion": "false"}, ModelKind.UNKNOWN),
        ("Contoso", "brand-new", {}, ModelKind.UNKNOWN),
    ],
)
def test_the_kind_follows_name_and_flags(
    format_: str, name: str, capabilities: dict[str, str], kind: ModelKind
) -> None:
    assert model_kind(Model(format_, name, "1"), capabilities) is kind
