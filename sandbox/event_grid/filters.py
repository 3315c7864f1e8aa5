"""Which events a subscription wants (learn.microsoft.com/azure/event-grid/event-filtering).

==========================  ===========================================================
values of one filter        OR for the positive operators, none may match for the others
filters, types, subject     AND
strings                     without case; the subject by ``isSubjectCaseSensitive``
a key that is missing       no match, except StringNotIn, NumberNotIn and the null tests
an array                    any element, only with ``enableAdvancedFilteringOnArrays``
values of another type      ignored
==========================  ===========================================================
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sandbox.contracts import Json
from sandbox.event_grid.events import Schema

# "25 advanced filters and 25 filter values across all the filters per event grid subscription",
# "512 characters per string value".
MAX_FILTERS = 25
MAX_VALUES = 25
MAX_CHARACTERS = 512

type _Test = Callable[[Any, Any], bool]


class InvalidFilterError(ValueError):
    """Event Grid would not accept this filter. The wording of its messages is UNVERIFIED."""


@dataclass(frozen=True, slots=True)
class AdvancedFilter:
    operator: str
    key: str
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Filter:
    included_event_types: tuple[str, ...] = ()  # empty: all
    subject_begins_with: str = ""
    subject_ends_with: str = ""
    subject_case_sensitive: bool = False
    on_arrays: bool = False
    advanced: tuple[AdvancedFilter, ...] = ()


@dataclass(frozen=True, slots=True)
class _Operator:
    test: _Test
    type: type | tuple[type, ...]
    negative: bool = False  # matches when no value does
    when_missing: bool = False
    single: bool = False  # ``value`` instead of ``values``


def _contains(have: str, want: str) -> bool:
    return want in have


def _in_range(have: float, want: Sequence[float]) -> bool:
    return want[0] <= have <= want[1]


_NUMBER = (int, float)
_OPERATORS: Mapping[str, _Operator] = {
    "StringIn": _Operator(operator.eq, str),
    "StringNotIn": _Operator(operator.eq, str, negative=True, when_missing=True),
    "StringContains": _Operator(_contains, str),
    "StringNotContains": _Operator(_contains, str, negative=True),
    "StringBeginsWith": _Operator(str.startswith, str),
    "StringNotBeginsWith": _Operator(str.startswith, str, negative=True),
    "StringEndsWith": _Operator(str.endswith, str),
    "StringNotEndsWith": _Operator(str.endswith, str, negative=True),
    "NumberIn": _Operator(operator.eq, _NUMBER),
    "NumberNotIn": _Operator(operator.eq, _NUMBER, negative=True, when_missing=True),
    "NumberLessThan": _Operator(operator.lt, _NUMBER, single=True),
    "NumberGreaterThan": _Operator(operator.gt, _NUMBER, single=True),
    "NumberLessThanOrEquals": _Operator(operator.le, _NUMBER, single=True),
    "NumberGreaterThanOrEquals": _Operator(operator.ge, _NUMBER, single=True),
    "NumberInRange": _Operator(_in_range, _NUMBER),
    # A missing key is documented for neither range operator: no match is UNVERIFIED.
    "NumberNotInRange": _Operator(_in_range, _NUMBER, negative=True),
    "BoolEquals": _Operator(operator.eq, bool, single=True),
}
_NULL_TESTS = {"IsNullOrUndefined": True, "IsNotNull": False}
_RANGES = {"NumberInRange", "NumberNotInRange"}

# "For events in the Event Grid schema, use ...: ID, Topic, Subject, EventType, DataVersion, or
# event data"; "in Cloud Events schema ...: id, source, type, specversion" and extension attributes,
# so any attribute of the envelope there.
_EVENT_GRID_KEYS = {"id", "topic", "subject", "eventtype", "dataversion"}


def parse_filter(body: Mapping[str, Any] | None, schema: Schema) -> Filter:
    """``properties.filter`` of an event subscription; raises ``InvalidFilterError``."""
    body = body or {}
    types = body.get("includedEventTypes") or []
    advanced = tuple(_advanced(item, schema) for item in body.get("advancedFilters") or [])
    if len(advanced) > MAX_FILTERS:
        raise InvalidFilterError(f"{len(advanced)} advanced filters, {MAX_FILTERS} are allowed.")
    if (values := sum(len(each.values) for each in advanced)) > MAX_VALUES:
        raise InvalidFilterError(
            f"{values} values in the advanced filters, {MAX_VALUES} are allowed across all of them."
        )
    return Filter(
        () if [each.lower() for each in types] == ["all"] else tuple(types),
        body.get("subjectBeginsWith") or "",
        body.get("subjectEndsWith") or "",
        bool(body.get("isSubjectCaseSensitive", False)),
        bool(body.get("enableAdvancedFilteringOnArrays", False)),
        advanced,
    )


def matches(wanted: Filter, event: Mapping[str, Any]) -> bool:
    """Whether an event, in either schema, passes. That event types are exact is UNVERIFIED."""
    event_type = event.get("eventType", event.get("type"))
    if wanted.included_event_types and event_type not in wanted.included_event_types:
        return False
    return _subject_matches(wanted, str(event.get("subject") or "")) and all(
        _advanced_matches(each, event, on_arrays=wanted.on_arrays) for each in wanted.advanced
    )


def lookup(event: Any, key: str) -> Any:
    """The value at a dotted path, None when missing.

    Names are compared without case at every level: Microsoft's samples write ``Data.Key1`` for
    ``data.key1``, and github.com/cloud-custodian filters ``Data.OperationName`` in production.
    """
    for name in key.split("."):
        if not isinstance(event, Mapping):
            return None
        event = next((value for have, value in event.items() if have.lower() == name.lower()), None)
    return event


def _subject_matches(wanted: Filter, subject: str) -> bool:
    begin, end = wanted.subject_begins_with, wanted.subject_ends_with
    if not wanted.subject_case_sensitive:
        subject, begin, end = subject.lower(), begin.lower(), end.lower()
    return subject.startswith(begin) and subject.endswith(end)


def _advanced_matches(wanted: AdvancedFilter, event: Mapping[str, Any], *, on_arrays: bool) -> bool:
    have = lookup(event, wanted.key)
    if wanted.operator in _NULL_TESTS:
        return (have is None) is _NULL_TESTS[wanted.operator]
    rule = _OPERATORS[wanted.operator]
    if have is None:
        return rule.when_missing
    if isinstance(have, list):
        if not on_arrays:  # that this is "no match" is UNVERIFIED
            return False
        candidates = have
    else:
        candidates = [have]
    comparable = [_folded(each) for each in candidates if _is(each, rule.type)]
    hit = any(rule.test(each, _folded(value)) for each in comparable for value in wanted.values)
    return hit is not rule.negative


def _advanced(item: Json, schema: Schema) -> AdvancedFilter:
    name, key = str(item.get("operatorType")), item.get("key")
    if name not in _OPERATORS and name not in _NULL_TESTS:
        raise InvalidFilterError(f"'{name}' is not an operator of advanced filters.")
    if not isinstance(key, str) or not _is_key(key, schema):
        raise InvalidFilterError(f"'{key}' is not a key of events in {schema}.")
    if name in _NULL_TESTS:
        return AdvancedFilter(name, key, ())
    rule = _OPERATORS[name]
    values = [item.get("value")] if rule.single else item.get("values") or []
    if not isinstance(values, list) or not values:
        raise InvalidFilterError(f"{name} on '{key}' has no values.")
    for value in values:
        _check_value(name, value, rule)
    return AdvancedFilter(name, key, tuple(values))


def _is_key(key: str, schema: Schema) -> bool:
    head, _, rest = key.lower().partition(".")
    if head == "data":
        return bool(rest) and all(rest.split("."))
    return not rest and bool(head) and (schema is Schema.CLOUD_EVENTS or head in _EVENT_GRID_KEYS)


def _check_value(name: str, value: Any, rule: _Operator) -> None:
    parts = value if name in _RANGES and isinstance(value, list) else [value]
    if len(parts) != (2 if name in _RANGES else 1) or not all(_is(e, rule.type) for e in parts):
        raise InvalidFilterError(f"{name} cannot compare with {value!r}.")
    if isinstance(value, str) and len(value) > MAX_CHARACTERS:
        raise InvalidFilterError(f"A value has more than {MAX_CHARACTERS} characters.")


def _is(value: Any, wanted: type | tuple[type, ...]) -> bool:
    if isinstance(value, bool):  # a bool is an int in Python only
        return wanted is bool
    return isinstance(value, wanted)


def _folded(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value
