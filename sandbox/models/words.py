"""Text in requests, and how long it is: a token is a word between spaces here."""

from collections.abc import Iterable
from typing import Any

_TEXTS = ("messages", "prompt", "input", "instructions", "system", "query", "documents", "texts")
_LIMITS = ("max_completion_tokens", "max_tokens", "max_output_tokens")


def count(text: str) -> int:
    return len(text.split())


def text_of(content: Any) -> str:
    """The text in a content of any provider: a string, parts with text in them, or messages."""
    match content:
        case str():
            return content
        case list():
            return " ".join(filter(None, map(text_of, content)))
        case {"text": str() as text}:
            return text
        case {"content": inner}:
            return text_of(inner)
        case _:
            return ""


def last_user(messages: Iterable[Any]) -> str:
    said = [it for it in messages if isinstance(it, dict) and it.get("role", "user") == "user"]
    return text_of(said[-1].get("content")) if said else ""


def prompt_words(body: dict[str, Any]) -> int:
    """Never zero: an empty prompt costs something too."""
    return max(1, sum(count(text_of(body.get(name))) for name in _TEXTS))


def limit_of(body: dict[str, Any]) -> int | None:
    """How long an answer may be, if the call says so."""
    found = (body.get(name) for name in _LIMITS)
    return next((it for it in found if isinstance(it, int) and not isinstance(it, bool)), None)


def cut(text: str, limit: int | None) -> tuple[list[str], bool]:
    """The words of an answer, each with the space after it, and whether some were left out."""
    words = text.split()
    kept = words if limit is None else words[:limit]
    spaced = [f"{word} " for word in kept[:-1]] + kept[-1:]
    return spaced, len(kept) < len(words)
