"""Which operations a deployed model can do.

By its capabilities, and by its name where those are known to mislead: whisper and tts have the same
ones, Cohere's embeddings and Claude none, Cohere's rerankers claim chatCompletion
(``az cognitiveservices model list``, see sandbox/arm/cognitive/catalogue.py). Judged here anew and
not by the app's own classification, so that one can find the other wrong.
"""

import re
from enum import Enum

from sandbox.models.errors import Refusal
from sandbox.models.estate import Deployment


class Ability(Enum):
    """The value is what OperationNotSupported calls it; seen are the first three."""

    CHAT = "chatCompletion"
    COMPLETION = "completion"
    EMBEDDINGS = "embeddings"
    RESPONSES = "responses"
    IMAGES = "imageGenerations"
    IMAGE_EDITS = "imageEdits"
    TRANSCRIPTION = "audioTranscription"
    SPEECH = "audioSpeech"
    REALTIME = "realtime"
    MESSAGES = "messages"
    RERANK = "rerank"


# ability: (capability that is enough, name that is enough, name that rules it out)
_RULES: dict[Ability, tuple[str | None, str | None, str | None]] = {
    Ability.CHAT: ("chatCompletion", None, r"rerank|claude"),
    Ability.COMPLETION: ("completion", None, None),
    Ability.EMBEDDINGS: ("embeddings", r"embed", None),
    Ability.RESPONSES: ("responses", None, r"realtime|claude"),
    Ability.IMAGES: ("imageGenerations", r"dall-e|gpt-image", None),
    Ability.IMAGE_EDITS: (None, r"gpt-image", None),
    Ability.TRANSCRIPTION: (None, r"whisper|transcribe", None),
    Ability.SPEECH: (None, r"^tts|-tts", None),
    Ability.REALTIME: ("realtime", r"realtime", r"transcribe"),
    Ability.MESSAGES: (None, r"claude", None),
    Ability.RERANK: (None, r"rerank", None),
}


def can(deployment: Deployment, ability: Ability) -> bool:
    flag, named, ruled_out = _RULES[ability]
    name = deployment.model.lower()
    if ruled_out and re.search(ruled_out, name):
        return False
    said = {key.lower(): str(value).lower() for key, value in deployment.capabilities.items()}
    has_flag = flag is not None and said.get(flag.lower()) == "true"
    return has_flag or (named is not None and re.search(named, name) is not None)


def check(deployment: Deployment, ability: Ability, formats: frozenset[str] | None) -> None:
    """Refuse an operation that the model does not have, or not on this surface.

    github.com/microsoft/graphrag/issues/1557, langchain-ai/langchainjs/issues/2633. That a format
    which a surface does not serve is refused in the same words is UNVERIFIED.
    """
    served = formats is None or deployment.format.lower() in formats
    if served and can(deployment, ability):
        return
    raise Refusal(
        400,
        "OperationNotSupported",
        f"The {ability.value} operation does not work with the specified model, "
        f"{deployment.model}. Please choose different model and try again. You can learn more "
        "about which models can be used with each operation here: "
        "https://go.microsoft.com/fwlink/?linkid=2197993.",
    )
