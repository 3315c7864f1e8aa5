"""Responses, kept for later calls: learn.microsoft.com/azure/ai-foundry/openai/how-to/responses."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sandbox.contracts import Json
from sandbox.models import words
from sandbox.models.call import Answer, Call
from sandbox.models.errors import Refusal, invalid
from sandbox.models.members import below
from sandbox.models.replies import events
from sandbox.models.replies.openai import missing

_LEAST = 16  # tokens of an answer, as users quote the refusal; UNVERIFIED for Azure


@dataclass(frozen=True, slots=True)
class _Stored:
    response: Json
    items: list[Json]


@dataclass(slots=True)
class Responses:
    """What accounts remember; a response belongs to its account, whichever deployment made it."""

    _kept: dict[tuple[str, str], _Stored] = field(default_factory=dict)

    def create(self, call: Call) -> Answer:
        given = call.body.get("input")
        if not given:
            raise missing("input")
        self._check(call)
        items = _items(call, given)
        said = call.says(words.last_user(items))
        kept, is_cut = words.cut(said, words.limit_of(call.body))
        response = _response(call, "".join(kept), is_cut=is_cut)
        if call.body.get("store") is not False:
            self._kept[_key(call, response["id"])] = _Stored(response, items)
        if call.is_streamed:
            return Answer(events=events.typed(_events(response, kept)))
        return Answer(response)

    def get(self, call: Call) -> Answer:
        """What goes on in the background is done by the time that somebody asks."""
        response = self._stored(call).response
        if response["status"] == "queued":
            response["status"] = "completed"
        return Answer(response)

    def delete(self, call: Call) -> Answer:
        found = self._stored(call).response["id"]
        del self._kept[_key(call, found)]
        return Answer({"id": found, "object": "response", "deleted": True})

    def cancel(self, call: Call) -> Answer:
        stored = self._stored(call)
        if not stored.response["background"]:
            raise invalid("Cannot cancel a synchronous response.")
        stored.response["status"] = "cancelled"
        return Answer(stored.response)

    def input_items(self, call: Call) -> Answer:
        items = self._stored(call).items
        ends = {"first_id": items[0]["id"], "last_id": items[-1]["id"]} if items else {}
        return Answer({"object": "list", "data": items, "has_more": False, **ends})

    def _stored(self, call: Call) -> _Stored:
        wanted = call.params["response"]
        found = self._kept.get(_key(call, wanted))
        if found is None:
            raise Refusal(404, None, f"Response with id '{wanted}' not found.", platform=False)
        return found

    def _check(self, call: Call) -> None:
        limit = call.body.get("max_output_tokens")
        if isinstance(limit, int) and limit < _LEAST:
            raise below("max_output_tokens", limit, _LEAST)
        before = call.body.get("previous_response_id")
        if before and _key(call, before) not in self._kept:
            raise invalid(
                f"Previous response with id '{before}' not found.",
                "previous_response_id",
                "previous_response_not_found",
            )


def compact(call: Call) -> Answer:
    item = {"id": call.id("cmp_"), "type": "compaction", "encrypted_content": call.who}
    return Answer(
        {
            "id": call.id("resp_"),
            "object": "response.compaction",
            "created_at": call.now,
            "output": [item],
            "usage": _usage(call, 1),
        }
    )


def count_tokens(call: Call) -> Answer:
    tokens = words.prompt_words(call.body)
    return Answer({"object": "response.input_tokens", "input_tokens": tokens})


def _key(call: Call, response_id: str) -> tuple[str, str]:
    return call.account.id.lower(), response_id


def _items(call: Call, given: Any) -> list[Json]:
    messages = [{"role": "user", "content": given}] if isinstance(given, str) else given
    return [
        {
            "id": call.id(f"msg_in{index}_"),
            "type": "message",
            "role": it.get("role", "user"),
            "status": "completed",
            "content": [{"type": "input_text", "text": words.text_of(it.get("content"))}],
        }
        for index, it in enumerate(messages)
        if isinstance(it, dict)
    ]


def _usage(call: Call, answered: int) -> Json:
    asked = words.prompt_words(call.body)
    return {
        "input_tokens": asked,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": answered,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": asked + answered,
    }


def _response(call: Call, said: str, *, is_cut: bool) -> Json:
    """``model`` is the deployment, as the call named it (UNVERIFIED)."""
    background = call.body.get("background") is True
    text = {"type": "output_text", "text": said, "annotations": [], "logprobs": []}
    message = {
        "id": call.id("msg_"),
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [text],
    }
    given = ("instructions", "max_output_tokens", "previous_response_id", "user")
    return {
        "id": call.id("resp_"),
        "object": "response",
        "created_at": call.now,
        "status": _status(background=background, is_cut=is_cut),
        "background": background,
        "error": None,
        "incomplete_details": {"reason": "max_output_tokens"} if is_cut else None,
        **{name: call.body.get(name) for name in given},
        "metadata": call.body.get("metadata") or {},
        "model": call.deployment.name,
        "output": [message],
        "parallel_tool_calls": True,
        "reasoning": {"effort": None, "summary": None},
        "store": call.body.get("store") is not False,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": _usage(call, words.count(said)),
    }


def _status(*, background: bool, is_cut: bool) -> str:
    if background:
        return "queued"
    return "incomplete" if is_cut else "completed"


def _events(response: Json, kept: list[str]) -> Iterator[Json]:
    numbered = enumerate(_unnumbered(response, kept))
    return ({**event, "sequence_number": number} for number, event in numbered)


def _unnumbered(response: Json, kept: list[str]) -> Iterator[Json]:
    """platform.openai.com/docs/api-reference/responses-streaming."""
    [message] = response["output"]
    [part] = message["content"]
    at: Json = {"item_id": message["id"], "output_index": 0, "content_index": 0}
    begun = {**response, "status": "in_progress", "output": [], "usage": None}
    started = {**message, "status": "in_progress", "content": []}
    yield {"type": "response.created", "response": begun}
    yield {"type": "response.in_progress", "response": begun}
    yield {"type": "response.output_item.added", "output_index": 0, "item": started}
    yield {"type": "response.content_part.added", **at, "part": {**part, "text": ""}}
    for word in kept:
        yield {"type": "response.output_text.delta", **at, "delta": word, "logprobs": []}
    yield {"type": "response.output_text.done", **at, "text": part["text"], "logprobs": []}
    yield {"type": "response.content_part.done", **at, "part": part}
    yield {"type": "response.output_item.done", "output_index": 0, "item": message}
    end = "incomplete" if response["status"] == "incomplete" else "completed"
    yield {"type": f"response.{end}", "response": response}
