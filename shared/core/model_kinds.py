"""What a deployment does, from its model and capabilities.

Capabilities are strings and no stable contract: an explicit "false" occurs, whisper and tts
carry identical flags, Cohere embeddings carry none and Cohere rerank claims chatCompletion
(read off `az cognitiveservices model list`, all regions, April 2025). So the name decides where
flags are known to mislead, and the first row that fits wins. What fits no row is UNKNOWN and
parked with a reason, never guessed.
"""

import re
from collections.abc import Mapping
from enum import Enum

from shared.core.model import Model


class ModelKind(Enum):
    MESSAGES = "messages"
    REALTIME = "realtime"
    VIDEO = "video"
    TRANSCRIPTION = "transcription"
    SPEECH = "speech"
    RERANK = "rerank"
    IMAGE = "image"
    EMBEDDINGS = "embeddings"
    CHAT = "chat"
    COMPLETION = "completion"
    RESPONSES = "responses"
    UNKNOWN = "unknown"


# (kind, capability that says so, model name that says so), first match wins
_RULES: tuple[tuple[ModelKind, str | None, str | None], ...] = (
    (ModelKind.MESSAGES, None, r"claude"),
    (ModelKind.REALTIME, None, r"realtime"),
    (ModelKind.TRANSCRIPTION, None, r"whisper|transcribe"),
    (ModelKind.REALTIME, "realtime", None),
    (ModelKind.VIDEO, None, r"^sora"),
    (ModelKind.SPEECH, None, r"^tts|-tts"),
    (ModelKind.RERANK, None, r"rerank"),
    # Called below /providers/mistral, whatever its flags say (UNVERIFIED).
    (ModelKind.UNKNOWN, None, r"mistral-ocr|mistral-document-ai"),
    (ModelKind.IMAGE, "imageGenerations", r"dall-e|gpt-image|flux|mai-image"),
    (ModelKind.EMBEDDINGS, "embeddings", r"embed"),
    (ModelKind.CHAT, "chatCompletion", None),
    (ModelKind.COMPLETION, "completion", None),
    (ModelKind.RESPONSES, "responses", None),
)


def model_kind(model: Model, capabilities: Mapping[str, str]) -> ModelKind:
    if model.format.lower() == "anthropic":
        return ModelKind.MESSAGES
    on = {name.lower() for name, value in capabilities.items() if str(value).lower() == "true"}
    name = model.name.lower()
    for kind, capability, pattern in _RULES:
        if capability is not None and capability.lower() in on:
            return kind
        if pattern is not None and re.search(pattern, name):
            return kind
    return ModelKind.UNKNOWN


def abilities(model: Model, capabilities: Mapping[str, str]) -> frozenset[ModelKind]:
    """Its kind, and responses where a chat model says that it has them too."""
    kind = model_kind(model, capabilities)
    said = {name.lower(): str(value).lower() for name, value in capabilities.items()}
    both = kind is ModelKind.CHAT and said.get("responses") == "true"
    return frozenset({kind, ModelKind.RESPONSES} if both else {kind})
