"""A realtime session, as far as clients need it to hear an echo.

learn.microsoft.com/azure/ai-foundry/openai/realtime-audio-reference. Dated api-versions speak the
preview's names of events, v1 those of general availability
(platform.openai.com/docs/guides/realtime, "Beta to GA migration").
"""

import json
from collections.abc import Iterator
from typing import Any

from sandbox.contracts import Json
from sandbox.models import words
from sandbox.models.call import Call
from sandbox.models.routes import Versions


class Session:
    """What was said so far; ``hear`` gives the server's events for one of the client's."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._is_preview = call.route.family.versions is Versions.DATED
        self._heard = ""
        self._count = 0

    def opened(self) -> Json:
        return self._event("session.created", session=self._session({}))

    def hear(self, text: str) -> Iterator[Json]:
        try:
            event = json.loads(text)
        except ValueError:
            event = None
        match event:
            case {"type": "session.update"}:
                given = event.get("session") or {}
                yield self._event("session.updated", session=self._session(given))
            case {"type": "conversation.item.create", "item": dict() as item}:
                yield self._item(item)
            case {"type": "response.create"}:
                yield from self._response()
            case _:
                yield self._complaint(event)

    def _item(self, item: Json) -> Json:
        self._heard = words.text_of(item.get("content"))
        kind = "created" if self._is_preview else "added"
        stored = {"id": f"item_{self._count}", "object": "realtime.item", **item}
        return self._event(f"conversation.item.{kind}", previous_item_id=None, item=stored)

    def _response(self) -> Iterator[Json]:
        text = "text" if self._is_preview else "output_text"
        said = self._call.says(self._heard)
        answer: Json = {"id": self._call.id("resp_"), "object": "realtime.response", "output": []}
        item = {
            "id": "item_answer",
            "object": "realtime.item",
            "type": "message",
            "status": "completed",
            "role": "assistant",
            "content": [{"type": text, "text": said}],
        }
        at = {"response_id": answer["id"], "item_id": item["id"], "output_index": 0}
        yield self._event("response.created", response={**answer, "status": "in_progress"})
        for word in words.cut(said, None)[0]:
            yield self._event(f"response.{text}.delta", **at, content_index=0, delta=word)
        yield self._event(f"response.{text}.done", **at, content_index=0, text=said)
        asked, answered = words.count(self._heard), words.count(said)
        usage = {
            "input_tokens": asked,
            "output_tokens": answered,
            "total_tokens": asked + answered,
        }
        done = {**answer, "status": "completed", "output": [item], "usage": usage}
        yield self._event("response.done", response=done)

    def _complaint(self, event: Any) -> Json:
        kind = event.get("type") if isinstance(event, dict) else None
        error = {
            "type": "invalid_request_error",
            "code": "invalid_value",
            "message": f"Invalid value: '{kind}'.",
            "param": "type",
        }
        return self._event("error", error=error)

    def _session(self, given: Json) -> Json:
        own = {"id": self._call.id("sess_"), "object": "realtime.session"}
        return {**own, "type": "realtime", "model": self._call.who, **given}

    def _event(self, kind: str, **members: Any) -> Json:
        self._count += 1
        return {"type": kind, "event_id": f"event_{self._count}", **members}
