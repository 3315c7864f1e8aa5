"""Server-sent events (html.spec.whatwg.org), as each provider writes them."""

import json
from collections.abc import Iterable

from sandbox.contracts import Json


def plain(chunks: Iterable[Json]) -> tuple[str, ...]:
    """Chat completions: unnamed, and a last one that is no JSON."""
    return (*(f"data: {_json(it)}\n\n" for it in chunks), "data: [DONE]\n\n")


def typed(events: Iterable[Json]) -> tuple[str, ...]:
    """Responses and Messages: the name is the event's own type, and there is no last one."""
    return tuple(f"event: {it['type']}\ndata: {_json(it)}\n\n" for it in events)


def _json(value: Json) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
