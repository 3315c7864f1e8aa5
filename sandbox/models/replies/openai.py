"""Chat completions, completions and embeddings, on Azure OpenAI, v1 and ``/models`` alike.

learn.microsoft.com/azure/ai-foundry/openai/reference; platform.openai.com/docs/api-reference.
"""

import base64
import hashlib
import math
import re
import struct
from collections.abc import Iterator
from typing import Any

from sandbox.contracts import Json
from sandbox.models import words
from sandbox.models.call import Answer, Call
from sandbox.models.errors import invalid
from sandbox.models.replies import events
from sandbox.models.routes import Versions

_DIMENSIONS = 16  # short ones; a call may ask for others
_REASONING = re.compile(r"o\d|gpt-5(?!.*chat)")
_THOUGHTS = 32  # tokens that a reasoning model spends before its first word; made up


def chat(call: Call) -> Answer:
    messages = call.body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise missing("messages")
    if _REASONING.match(call.deployment.model.lower()):
        _check_reasoning(call)
    said = call.says(words.last_user(messages))
    kept, is_cut = words.cut(said, words.limit_of(call.body))
    finish = "length" if is_cut else "stop"
    if call.is_streamed:
        return Answer(events=events.plain(_chat_chunks(call, kept, finish)))
    choice: Json = {
        "index": 0,
        "message": {"role": "assistant", "content": "".join(kept), "refusal": None},
        "logprobs": None,
        "finish_reason": finish,
    }
    body = _head(call, "chat.completion") | {"choices": [choice], "usage": _usage(call, len(kept))}
    return Answer(body)


def completions(call: Call) -> Answer:
    if not call.body.get("prompt"):
        raise missing("prompt")
    said = call.says(words.text_of(call.body["prompt"]))
    # Its own default: platform.openai.com/docs/api-reference/completions
    kept, is_cut = words.cut(said, words.limit_of(call.body) or 16)
    finish = "length" if is_cut else "stop"
    if call.is_streamed:
        return Answer(events=events.plain(_completion_chunks(call, kept, finish)))
    choice: Json = {"index": 0, "text": "".join(kept), "logprobs": None, "finish_reason": finish}
    body = _head(call, "text_completion") | {"choices": [choice], "usage": _usage(call, len(kept))}
    return Answer(body)


def embeddings(call: Call) -> Answer:
    given = call.body.get("input")
    if not given:
        raise missing("input")
    is_one = isinstance(given, str) or (isinstance(given, list) and isinstance(given[0], int))
    texts = [given] if is_one else given
    encode = _base64 if call.body.get("encoding_format") == "base64" else list
    tokens = max(1, sum(_tokens(it) for it in texts))
    data = [
        {
            "object": "embedding",
            "index": index,
            "embedding": encode(vector(str(it), call.body.get("dimensions"))),
        }
        for index, it in enumerate(texts)
    ]
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return Answer({"object": "list", "data": data, "model": call.model, "usage": usage})


def vector(text: str, dimensions: object = None) -> list[float]:
    """A unit vector that is the same for the same text."""
    size = dimensions if isinstance(dimensions, int) and dimensions > 0 else _DIMENSIONS
    raw = b"".join(
        hashlib.sha256(f"{block}:{text}".encode()).digest() for block in range(size // 32 + 1)
    )
    values = [byte - 127.5 for byte in raw[:size]]
    length = math.sqrt(sum(it * it for it in values))
    return [it / length for it in values]


def missing(name: str) -> Exception:
    return invalid(f"Missing required parameter: '{name}'.", name, "missing_required_parameter")


def _check_reasoning(call: Call) -> None:
    """learn.microsoft.com/azure/ai-foundry/openai/how-to/reasoning, "Not supported".

    That a limit which the thoughts alone use up is an error, and no empty answer, is what users of
    gpt-5 quote for limits of 5 and 16.
    """
    if call.body.get("max_tokens") is not None:
        raise invalid(
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use "
            "'max_completion_tokens' instead.",
            "max_tokens",
            "unsupported_parameter",
        )
    for name in ("temperature", "top_p"):
        if call.body.get(name, 1) not in (None, 1):
            raise invalid(
                f"Unsupported value: '{name}' does not support {call.body[name]} with this model. "
                "Only the default (1) value is supported.",
                name,
                "unsupported_value",
            )
    limit = call.body.get("max_completion_tokens")
    if limit is not None and limit <= _THOUGHTS:
        raise invalid(
            "Could not finish the message because max_tokens or model output limit was reached. "
            "Please try again with higher max_tokens."
        )


def _tokens(item: Any) -> int:
    return len(item) if isinstance(item, list) else words.count(str(item))


def _base64(values: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode()


def _head(call: Call, kind: str) -> Json:
    return {
        "id": call.id("cmpl-" if kind == "text_completion" else "chatcmpl-"),
        "object": kind,
        "created": call.now,
        "model": call.model,
        "system_fingerprint": f"fp_{call.who}",
    }


def _usage(call: Call, answered: int) -> Json:
    asked = words.prompt_words(call.body)
    return {
        "prompt_tokens": asked,
        "completion_tokens": answered,
        "total_tokens": asked + answered,
    }


def _chat_chunks(call: Call, kept: list[str], finish: str) -> Iterator[Json]:
    if call.route.family.versions is Versions.DATED:
        # Azure starts with a chunk without choices, over which clients stumble:
        # learn.microsoft.com/azure/ai-foundry/openai/concepts/content-streaming
        filtered = [{"prompt_index": 0, "content_filter_results": {}}]
        empty: Json = {"id": "", "object": "", "created": 0, "model": "", "choices": []}
        yield empty | {"prompt_filter_results": filtered}
    yield from _chunks(
        call,
        "chat.completion.chunk",
        [
            {"delta": {"role": "assistant", "content": ""}, "finish_reason": None},
            *({"delta": {"content": it}, "finish_reason": None} for it in kept),
            {"delta": {}, "finish_reason": finish},
        ],
        len(kept),
    )


def _completion_chunks(call: Call, kept: list[str], finish: str) -> Iterator[Json]:
    yield from _chunks(
        call,
        "text_completion",
        [
            *({"text": it, "finish_reason": None} for it in kept),
            {"text": "", "finish_reason": finish},
        ],
        len(kept),
    )


def _chunks(call: Call, kind: str, choices: list[Json], answered: int) -> Iterator[Json]:
    """With ``include_usage`` each has a usage, null in all but a last one without choices."""
    wants_usage = (call.body.get("stream_options") or {}).get("include_usage") is True
    head = _head(call, kind) | ({"usage": None} if wants_usage else {})
    for choice in choices:
        yield head | {"choices": [{"index": 0, "logprobs": None, **choice}]}
    if wants_usage:
        yield head | {"choices": [], "usage": _usage(call, answered)}
