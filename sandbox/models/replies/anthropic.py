"""Messages, as Claude answers them.

platform.claude.com/docs/en/api/messages and .../build-with-claude/streaming; on Foundry:
platform.claude.com/docs/en/build-with-claude/claude-in-microsoft-foundry.
"""

from collections.abc import Iterator

from sandbox.contracts import Json
from sandbox.models import words
from sandbox.models.call import Answer, Call
from sandbox.models.errors import invalid
from sandbox.models.replies import events


def messages(call: Call) -> Answer:
    _check(call, "max_tokens", "messages")
    said = call.says(words.last_user(call.body["messages"]))
    kept, is_cut = words.cut(said, words.limit_of(call.body))
    reason = "max_tokens" if is_cut else "end_turn"
    if call.is_streamed:
        return Answer(events=events.typed(_events(call, kept, reason)))
    content = [{"type": "text", "text": "".join(kept)}]
    return Answer(_message(call, len(kept)) | {"content": content, "stop_reason": reason})


def count_tokens(call: Call) -> Answer:
    _check(call, "messages")
    return Answer({"input_tokens": words.prompt_words(call.body)})


def _check(call: Call, *required: str) -> None:
    if not call.headers.get("anthropic-version"):
        # platform.claude.com/docs/en/api/versioning
        raise invalid("anthropic-version: header is required")
    for name in required:
        if not call.body.get(name):
            raise invalid(f"{name}: Field required")


def _message(call: Call, answered: int) -> Json:
    return {
        "id": call.id("msg_"),
        "type": "message",
        "role": "assistant",
        "model": call.deployment.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": words.prompt_words(call.body), "output_tokens": answered},
    }


def _events(call: Call, kept: list[str], reason: str) -> Iterator[Json]:
    yield {"type": "message_start", "message": _message(call, 1)}
    block = {"type": "text", "text": ""}
    yield {"type": "content_block_start", "index": 0, "content_block": block}
    yield {"type": "ping"}
    for word in kept:
        delta = {"type": "text_delta", "text": word}
        yield {"type": "content_block_delta", "index": 0, "delta": delta}
    yield {"type": "content_block_stop", "index": 0}
    yield {
        "type": "message_delta",
        "delta": {"stop_reason": reason, "stop_sequence": None},
        "usage": {"output_tokens": len(kept)},
    }
    yield {"type": "message_stop"}
