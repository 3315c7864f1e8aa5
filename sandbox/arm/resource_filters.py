"""``$filter`` of ARM's own lists: resources by type, name, location or tag, groups by tag."""

import re
from collections.abc import Callable
from typing import Any

from sandbox.arm.errors import ArmError
from sandbox.arm.store import Entry

_FILTER = re.compile(r"\s*(resourceType|location|name)\s+eq\s+'((?:[^']|'')*)'\s*", re.IGNORECASE)
_TAG_FILTER = re.compile(
    r"\s*tagName eq '([^']*)'(?:\s+and tagValue eq '([^']*)')?\s*", re.IGNORECASE
)


def resource_filter(text: str | None) -> Callable[[Entry], bool]:
    """``resourceType eq 'x' [or/and ...]`` and ``tagName eq 'a' and tagValue eq 'b'``.

    Mixing them is refused by ARM as well (learn.microsoft.com/rest/api/resources/resources/list).
    """
    if not text:
        return lambda _entry: True
    name, value = tag_filter(text, strict=False)
    if name is not None:
        return lambda entry: has_tag(entry, name, value)
    groups = [
        [_condition(term) for term in re.split(r"\s+and\s+", alternative)]
        for alternative in re.split(r"\s+or\s+", text)
    ]
    return lambda entry: any(all(holds(entry) for holds in group) for group in groups)


def _condition(term: str) -> Callable[[Entry], bool]:
    found = _FILTER.fullmatch(term)
    if found is None:
        raise _bad_filter(term)
    member, wanted = found[1].lower(), found[2].replace("''", "'").lower()

    def holds(entry: Entry) -> bool:
        values: dict[str, Any] = {
            "resourcetype": entry.type,
            "name": entry.name,
            "location": entry.body.get("location", ""),
        }
        return str(values[member]).lower() == wanted

    return holds


def tag_filter(text: str | None, *, strict: bool = True) -> tuple[str | None, str | None]:
    found = _TAG_FILTER.fullmatch(text or "")
    if text and strict and found is None:
        raise _bad_filter(text)
    return (found[1], found[2]) if found else (None, None)


def has_tag(entry: Entry, name: str | None, value: str | None) -> bool:
    if name is None:
        return True
    have = {key.lower(): it for key, it in (entry.body.get("tags") or {}).items()}
    return name.lower() in have and value in (None, have[name.lower()])


def _bad_filter(text: str) -> ArmError:
    return ArmError(
        400,
        "InvalidFilterInQueryString",
        f"Invalid $filter '{text}' specified in the query string.",
    )
