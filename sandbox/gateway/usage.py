"""Tokens that a request used, as the model's answer says.

Shapes: OpenAI chat completions, embeddings and Responses, Anthropic messages. The policies' page
says that the tokens of a stream are estimated (learn.microsoft.com/azure/api-management/
llm-token-limit-policy); here a stream that tells its usage at its end is believed, and only
one that does not is estimated. Four characters to a token, as estimates go here, is UNVERIFIED.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

_CHARACTERS_PER_TOKEN = 4


@dataclass(frozen=True, slots=True)
class Usage:
    prompt: int
    completion: int

    @property
    def total(self) -> int:
        return self.prompt + self.completion


def estimate(text: str) -> int:
    return -(-len(text) // _CHARACTERS_PER_TOKEN)


def prompt_text(body: bytes | None) -> str:
    """What of a request is for the model to read; empty where it is no JSON object."""
    request = _json(body or b"")
    parts = (request.get(it) for it in ("system", "instructions", "messages", "input", "prompt"))
    return "".join(_texts(parts))


def wants_stream(body: bytes | None) -> bool:
    return _json(body or b"").get("stream") is True


def usage_of(body: bytes) -> Usage | None:
    """Of a whole JSON answer."""
    return _usage(_json(body))


@dataclass(slots=True)
class StreamUsage:
    """Reads server-sent events as they pass by."""

    prompt_estimate: int
    _rest: bytes = b""
    _text: list[str] = field(default_factory=list)
    _prompt: int | None = None
    _completion: int | None = None

    def feed(self, chunk: bytes) -> None:
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            if line.startswith(b"data:"):
                self._event(_json(line.removeprefix(b"data:")))

    def result(self) -> Usage:
        completion = self._completion
        if completion is None:
            completion = estimate("".join(self._text))
        return Usage(self.prompt_estimate if self._prompt is None else self._prompt, completion)

    def _event(self, event: Mapping[str, Any]) -> None:
        """Anthropic tells the prompt first and the completion last, the others both at the end."""
        for holder in (event, event.get("response"), event.get("message")):
            given = holder.get("usage") if isinstance(holder, dict) else None
            if isinstance(given, dict):
                self._prompt = _number(given, "prompt_tokens", "input_tokens", self._prompt)
                self._completion = _number(
                    given, "completion_tokens", "output_tokens", self._completion
                )
        self._text += _texts((event.get("choices"), event.get("delta")))


def _usage(answer: Mapping[str, Any]) -> Usage | None:
    given = answer.get("usage")
    if not isinstance(given, dict):
        return None
    prompt = _number(given, "prompt_tokens", "input_tokens", 0)
    return Usage(prompt or 0, _number(given, "completion_tokens", "output_tokens", 0) or 0)


def _number(given: Mapping[str, Any], one: str, other: str, default: int | None) -> int | None:
    value = given.get(one, given.get(other))
    return value if isinstance(value, int) else default


def _texts(value: Any) -> Iterator[str]:
    """Every text in it that a model reads or writes."""
    match value:
        case str():
            yield value
        case dict():
            for name in ("content", "text", "delta", "message", "input", "partial_json"):
                yield from _texts(value.get(name))
        case list() | tuple():
            for item in value:
                yield from _texts(item)
        case _ if hasattr(value, "__next__"):
            for item in value:
                yield from _texts(item)


def _json(text: bytes) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
