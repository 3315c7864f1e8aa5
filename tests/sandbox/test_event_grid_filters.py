from typing import Any

import pytest

from sandbox.event_grid.events import Schema
from sandbox.event_grid.filters import InvalidFilterError, matches, parse_filter

_EVENT = {
    "id": "1",
    "topic": "/subscriptions/s",
    "subject": "/subscriptions/s/resourceGroups/rg/providers/P/accounts/a",
    "eventType": "Microsoft.Resources.ResourceWriteSuccess",
    "dataVersion": "2",
    "data": {
        "operationName": "Microsoft.CognitiveServices/accounts/write",
        "count": 5,
        "ratio": 3.5,
        "enabled": True,
        "nothing": None,
        "nested": {"Name": "Contoso"},
        "tags": ["red", "Blue"],
        "numbers": [1, 20],
        "http://schemas/x.y": "z",
    },
}
_CLOUD_EVENT = {
    "id": "1",
    "source": "/subscriptions/s",
    "type": "T",
    "specversion": "1.0",
    "comexample": "value",
    "data": {"operationName": "Microsoft.CognitiveServices/accounts/write"},
}


def _filter(operator: str, key: str, *values: Any, **more: Any) -> dict[str, Any]:
    single = operator.startswith(("NumberLess", "NumberGreater", "Bool"))
    given = {"value": values[0]} if single else {"values": list(values)}
    return {"advancedFilters": [{"operatorType": operator, "key": key, **given}], **more}


@pytest.mark.parametrize(
    ("operator", "key", "values", "expected"),
    [
        ("StringIn", "data.operationName", ["x", "microsoft.cognitiveservices/ACCOUNTS/write"], 1),
        ("StringIn", "data.operationName", ["Microsoft.CognitiveServices/account"], 0),
        ("StringIn", "Data.OperationName", ["Microsoft.CognitiveServices/accounts/write"], 1),
        ("StringIn", "data.nested.name", ["contoso"], 1),
        ("StringIn", "data.missing", ["x"], 0),
        ("StringIn", "data.count", ["5"], 0),
        ("StringIn", "data.http://schemas/x.y", ["z"], 0),
        ("StringNotIn", "data.operationName", ["x"], 1),
        ("StringNotIn", "data.operationName", ["MICROSOFT.COGNITIVESERVICES/ACCOUNTS/WRITE"], 0),
        ("StringNotIn", "data.missing", ["x"], 1),
        ("StringBeginsWith", "Subject", ["/SUBSCRIPTIONS/s/"], 1),
        ("StringBeginsWith", "subject", ["/other"], 0),
        ("StringNotBeginsWith", "subject", ["/other"], 1),
        ("StringNotBeginsWith", "data.missing", ["/other"], 0),
        ("StringEndsWith", "EventType", ["success", "failure"], 1),
        ("StringNotEndsWith", "EventType", ["success"], 0),
        ("StringContains", "subject", ["/providers/p/"], 1),
        ("StringContains", "subject", ["/deployments/"], 0),
        ("StringNotContains", "subject", ["/deployments/"], 1),
        ("StringNotContains", "subject", ["/deployments/", "/accounts/"], 0),
        ("StringNotContains", "data.missing", ["x"], 0),
        ("NumberIn", "data.count", [5, 1], 1),
        ("NumberIn", "data.enabled", [1], 0),
        ("NumberNotIn", "data.count", [5], 0),
        ("NumberNotIn", "data.missing", [5], 1),
        ("NumberLessThan", "data.count", [5], 0),
        ("NumberLessThanOrEquals", "data.count", [5], 1),
        ("NumberGreaterThan", "data.ratio", [3], 1),
        ("NumberGreaterThanOrEquals", "data.count", [6], 0),
        ("NumberInRange", "data.ratio", [[0, 1], [3.14, 4]], 1),
        ("NumberInRange", "data.ratio", [[0, 1]], 0),
        ("NumberNotInRange", "data.ratio", [[0, 1]], 1),
        ("BoolEquals", "data.enabled", [True], 1),
        ("BoolEquals", "data.enabled", [False], 0),
        ("BoolEquals", "data.count", [True], 0),
        ("IsNullOrUndefined", "data.nothing", [], 1),
        ("IsNullOrUndefined", "data.missing", [], 1),
        ("IsNullOrUndefined", "data.count", [], 0),
        ("IsNotNull", "data.count", [], 1),
        ("IsNotNull", "data.nothing", [], 0),
    ],
)
def test_an_operator_decides(operator: str, key: str, values: list[Any], expected: int) -> None:
    wanted = parse_filter(_filter(operator, key, *values), Schema.EVENT_GRID)

    assert matches(wanted, _EVENT) is bool(expected)


@pytest.mark.parametrize(
    ("operator", "key", "values", "on_arrays", "expected"),
    [
        ("StringIn", "data.tags", ["blue"], True, True),
        ("StringIn", "data.tags", ["blue"], False, False),
        ("StringNotIn", "data.tags", ["blue"], True, False),
        ("StringNotIn", "data.tags", ["green"], True, True),
        ("NumberGreaterThan", "data.numbers", [10], True, True),
        ("NumberGreaterThan", "data.tags", [10], True, False),
    ],
)
def test_arrays_need_to_be_enabled(
    operator: str, key: str, values: list[Any], *, on_arrays: bool, expected: bool
) -> None:
    body = _filter(operator, key, *values, enableAdvancedFilteringOnArrays=on_arrays)

    assert matches(parse_filter(body, Schema.EVENT_GRID), _EVENT) is expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (None, True),
        ({}, True),
        ({"includedEventTypes": None}, True),
        ({"includedEventTypes": ["All"]}, True),
        ({"includedEventTypes": ["Microsoft.Resources.ResourceWriteSuccess"]}, True),
        ({"includedEventTypes": ["Microsoft.Resources.ResourceDeleteSuccess"]}, False),
        ({"subjectBeginsWith": "/SUBSCRIPTIONS/S"}, True),
        ({"subjectBeginsWith": "/SUBSCRIPTIONS/S", "isSubjectCaseSensitive": True}, False),
        ({"subjectEndsWith": "/a"}, True),
        ({"subjectEndsWith": "/b"}, False),
        (
            {
                "subjectEndsWith": "/a",
                **_filter("StringIn", "data.operationName", "other"),
            },
            False,
        ),
    ],
)
def test_types_and_subject_are_and_ed(body: dict[str, Any] | None, *, expected: bool) -> None:
    assert matches(parse_filter(body, Schema.EVENT_GRID), _EVENT) is expected


def test_filters_are_and_ed() -> None:
    one = _filter("StringContains", "Subject", "/accounts/")["advancedFilters"]
    other = _filter("StringContains", "Subject", "/virtualMachines/")["advancedFilters"]

    assert not matches(parse_filter({"advancedFilters": one + other}, Schema.EVENT_GRID), _EVENT)


@pytest.mark.parametrize(
    ("key", "expected"), [("source", 1), ("comexample", 1), ("data.operationName", 1), ("topic", 0)]
)
def test_cloud_events_have_other_keys(key: str, expected: int) -> None:
    wanted = parse_filter(_filter("StringContains", key, "s", "v"), Schema.CLOUD_EVENTS)

    assert matches(wanted, _CLOUD_EVENT) is bool(expected)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"advancedFilters": [{"operatorType": "StringLike", "key": "id"}]}, "not an operator"),
        (_filter("StringIn", "source", "x"), "not a key"),
        (_filter("StringIn", "data", "x"), "not a key"),
        (_filter("StringIn", "data..x", "x"), "not a key"),
        (_filter("StringIn", "", "x"), "not a key"),
        (_filter("StringIn", "id"), "no values"),
        (_filter("StringIn", "id", 5), "cannot compare"),
        (_filter("NumberIn", "data.x", True), "cannot compare"),
        (_filter("NumberInRange", "data.x", 5), "cannot compare"),
        (_filter("BoolEquals", "data.x", "true"), "cannot compare"),
        (_filter("StringIn", "id", "x" * 513), "512"),
        (_filter("StringIn", "id", *map(str, range(26))), "25"),
        ({"advancedFilters": [{"operatorType": "IsNotNull", "key": "id"}] * 26}, "25"),
    ],
)
def test_what_the_service_refuses_is_refused(body: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidFilterError, match=message):
        parse_filter(body, Schema.EVENT_GRID)


def test_the_limit_of_values_counts_across_filters() -> None:
    full = [
        {"operatorType": "StringIn", "key": "id", "values": [str(n) for n in range(13)]},
        {"operatorType": "StringIn", "key": "id", "values": [str(n) for n in range(12)]},
    ]

    parse_filter({"advancedFilters": full}, Schema.EVENT_GRID)
    with pytest.raises(InvalidFilterError):
        parse_filter({"advancedFilters": [*full, full[1]]}, Schema.EVENT_GRID)
