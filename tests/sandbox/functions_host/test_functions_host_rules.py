"""The pure rules: schedules, routes, bindings, expressions, output values."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from sandbox.functions_host.errors import BindingError, StartupError
from sandbox.functions_host.expressions import resolve
from sandbox.functions_host.functions import make_function
from sandbox.functions_host.http import http_functions
from sandbox.functions_host.keys import Keys, Level
from sandbox.functions_host.logs import threshold
from sandbox.functions_host.ncrontab import parse_crontab
from sandbox.functions_host.newtonsoft import indented
from sandbox.functions_host.outputs import entities, messages
from sandbox.functions_host.queues import decoded
from sandbox.functions_host.retries import RetryPolicy
from sandbox.functions_host.routes import compile_route
from sandbox.functions_host.runtime import Datum, IndexedFunction
from sandbox.functions_host.timers import parse_schedule
from sandbox.functions_host.timespan import parse_timespan

HTTP = {"type": "httpTrigger", "name": "req", "direction": "IN"}
QUEUE = {"type": "QueueTrigger", "name": "m", "direction": "IN", "queueName": "%Q%"}
MONDAY = datetime(2026, 11, 23, 6, 20, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("*/5 * * * * *", "2026-11-23T06:20:35"),
        ("30 20 6 * * *", "2026-11-24T06:20:30"),
        ("0 */5 * * * *", "2026-11-23T06:25:00"),
        ("*/5 * * * *", "2026-11-23T06:25:00"),
        ("0 0 9-17/4 * * *", "2026-11-23T09:00:00"),
        ("0 0 0 1 JAN *", "2027-01-01T00:00:00"),
        ("0 0 12 * * sunday", "2026-11-29T12:00:00"),
        ("0 0 12 * * FRI-TUE", "2026-11-24T12:00:00"),  # swapped: TUE-FRI
        ("0 50/5 * * * *", "2026-11-23T06:50:00"),
        ("0 0 0 13 * 5", "2027-08-13T00:00:00"),  # the 13th AND a Friday
        ("0 0 0 29 2 *", "2028-02-29T00:00:00"),
        ("10,20,40 * * * * *", "2026-11-23T06:20:40"),
    ],
)
def test_a_schedule_is_next_due(schedule: str, expected: str) -> None:
    found = parse_crontab(schedule).next_after(MONDAY)

    assert found is not None
    assert found.isoformat() == f"{expected}+00:00"


@pytest.mark.parametrize(
    "schedule",
    [
        *("* * * *", "60 * * * * *", "* * * * * 7", "* * * * * fred", "0 0 0 L * *", "a"),
        *("0 0 0 30 2 *", "00:00:00", "-01:00:00", "", "* * * * * * *"),
    ],
)
def test_a_schedule_is_refused(schedule: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_schedule(schedule)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("00:05:00", timedelta(minutes=5)),
        ("-1", timedelta(days=-1)),
        ("1.02:03:04.5", timedelta(days=1, hours=2, minutes=3, seconds=4.5)),
        ("02:30", timedelta(hours=2, minutes=30)),
    ],
)
def test_a_timespan_reads_as_dotnet_does(text: str, expected: timedelta) -> None:
    assert parse_timespan(text) == expected


@pytest.mark.parametrize("text", ["24:00:00", "00:60:00", "5m", "", "1:2:3:4"])
def test_a_timespan_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"TimeSpan|range"):
        parse_timespan(text)


@pytest.mark.parametrize(
    ("template", "path", "expected"),
    [
        ("api/items/{id:int?}", "/api/items/7", {"id": "7"}),
        ("api/items/{id:int?}", "/api/items", {}),
        ("api/items/{id:int?}", "/api/items/", {}),
        ("api/items/{id:int?}", "/API/Items/7", {"id": "7"}),
        ("api/items/{id:int?}", "/api/items/x", None),
        ("api/items/{id:int?}", "/api/items/7/8", None),
        ("files/{*rest}", "/files/a/b/c", {"rest": "a/b/c"}),
        ("files/{*rest}", "/files", {}),
        ("{area=home}/{page=index}", "/", {"area": "home", "page": "index"}),
        ("{area=home}/{page=index}", "/x", {"area": "x", "page": "index"}),
        ("{name}.{ext}", "/a.b.c", {"name": "a", "ext": "b.c"}),
        ("v{version:int}/x", "/v12/x", {"version": "12"}),
        ("v{version:int}/x", "/vx/x", None),
        ("{id:guid}", "/6f9619ff-8b86-d011-b42d-00cf4fc964ff", "same"),
        ("{id:guid}", "/6f9619ff", None),
        ("{id:length(2,3)}", "/abc", {"id": "abc"}),
        ("{id:length(2,3)}", "/abcd", None),
        ("{id:range(1,5)}", "/5", {"id": "5"}),
        ("{id:range(1,5)}", "/6", None),
        ("{id:alpha:minlength(2)}", "/a", None),
        (r"{id:regex(^\d{{2}}$)}", "/12", {"id": "12"}),
        (r"{id:regex(^\d{{2}}$)}", "/123", None),
        ("{id:int}", "/2147483648", None),
        ("{id:long}", "/2147483648", {"id": "2147483648"}),
        ("{flag:bool}", "/True", {"flag": "True"}),
        ("{n:double}", "/1.5", {"n": "1.5"}),
        ("{n:datetime}", "/2026-11-23", {"n": "2026-11-23"}),
        ("a+b/{x}", "/a+b/1", {"x": "1"}),
    ],
)
def test_a_route_matches(template: str, path: str, expected: object) -> None:
    found = compile_route(template).match(path)

    assert found == ({"id": path[1:]} if expected == "same" else expected)


@pytest.mark.parametrize(
    "template", ["{id:nonsense}", "{id}/{ID}", "a{b", "{}", "{id:length(x)}", "{id:regex(()}"]
)
def test_a_route_is_refused(template: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        compile_route(template)


def indexed(*bindings: Mapping[str, object]) -> IndexedFunction:
    return IndexedFunction("f", "id", tuple(json.dumps(item) for item in bindings), None)


@pytest.mark.parametrize(
    ("bindings", "message"),
    [
        ([{**HTTP, "type": "blobTrigger"}], r"'req' \(blobTrigger, in\) is not supported"),
        ([HTTP, {**HTTP, "type": "table"}], r"'req' \(table, in\) is not supported"),
        ([HTTP, {**HTTP, "type": "blob", "direction": "OUT"}], r"\(blob, out\) is not supported"),
        ([HTTP, QUEUE], "has 2 triggers"),
        ([QUEUE], "function 'f', binding 'm': '%Q%' does not resolve"),
    ],
)
def test_bindings_are_refused(bindings: list[dict[str, object]], message: str) -> None:
    with pytest.raises(StartupError, match=message):
        make_function(indexed(*bindings), {})


def test_binding_types_ignore_case_and_settings_fill_options() -> None:
    function = make_function(indexed(QUEUE), {"Q": "inbox", "AzureWebJobs.f.Disabled": "true"})

    assert (function.trigger.type, function.trigger.text("queueName")) == ("queueTrigger", "inbox")
    assert function.disabled


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"route": "administered"}, "conflicts with one or more built in routes"),
        ({"route": "runtime/x"}, "conflicts with one or more built in routes"),
        ({"route": "{x:nope}"}, "unknown route constraint 'nope'"),
        ({"authLevel": "root"}, "'root' is not a valid Level"),
    ],
)
def test_http_functions_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(StartupError, match=message):
        http_functions([make_function(indexed(HTTP | options), {})], "api")


def test_expressions_reach_into_json_in_any_case() -> None:
    assert resolve("{Name}/{data.ID}", {"name": "n", "data": {"id": 5}}, MONDAY) == "n/5"


def test_an_unknown_expression_fails() -> None:
    with pytest.raises(BindingError, match="No value for named parameter 'x'"):
        resolve("{x}", {}, MONDAY)


@pytest.mark.parametrize(
    ("datum", "expected"),
    [
        (Datum("plain", "string"), [b"plain"]),
        (Datum('{"a":1}', "string"), [b'{\n  "a": 1\n}']),
        (Datum('["a", {"b": []}]', "json"), [b"a", b'{\n  "b": []\n}']),
        (Datum(b"\x00\xff", "bytes"), [b"\x00\xff"]),
        (Datum("{not json", "string"), [b"{not json"]),
    ],
)
def test_queue_messages_of_a_value(datum: Datum, expected: list[bytes]) -> None:
    assert messages(datum) == expected


def test_keys_of_an_entity_win_over_those_of_the_binding() -> None:
    found = entities(
        Datum('{"partitionkey": "own", "A": 1, "B": null}', "string"),
        {"partitionKey": "p", "rowKey": "r"},
    )

    assert found == [{"PartitionKey": "own", "RowKey": "r", "A": 1}]


@pytest.mark.parametrize(
    "text", ['{"A": 1}', '["x"]', '{"rowKey": "r", "partitionKey": "p", "A": {}}']
)
def test_an_entity_is_refused(text: str) -> None:
    with pytest.raises(BindingError):
        entities(Datum(text, "string"), {})


@pytest.mark.parametrize(
    ("content", "expected"), [("aGk=", "hi"), ("hi there", None), ("/w==", None)]
)
def test_a_base64_message_is_decoded(content: str, expected: str | None) -> None:
    assert decoded(content, expect_base64=True) == expected


@pytest.mark.parametrize(
    ("category", "expected"),
    [("Function.a.User", 30), ("Function.b", 40), ("Functions", 20), ("Host.Startup", 20)],
)
def test_the_longest_category_sets_the_level(category: str, expected: int) -> None:
    levels = {"Function": "Error", "Function.a": "Warning", "default": "Information"}

    assert threshold(category, levels) == expected


def test_keys_prove_their_level_and_survive_a_restart() -> None:
    keys = Keys("master")

    assert keys.level(keys.function("Fn"), "fn") is Level.FUNCTION
    assert keys.level(keys.function("Fn"), "other") is Level.ANONYMOUS
    assert keys.level(keys.host, "other") is Level.FUNCTION
    assert keys.level(keys.event_grid) is Level.SYSTEM
    assert keys.level("master") is Level.ADMIN
    assert Keys("master").host == keys.host != Keys("other").host


def test_retry_delays_double_up_to_the_longest() -> None:
    policy = RetryPolicy(4, timedelta(seconds=1), timedelta(seconds=3))

    delays = list(policy.delays())

    assert len(delays) == 4
    assert delays[-1] == timedelta(seconds=3)
    assert timedelta(seconds=0.8) <= delays[0] <= timedelta(seconds=1.2)


def test_json_is_written_as_the_host_writes_it() -> None:
    assert indented({"ä": [1, {}]}) == '{\n  "ä": [\n    1,\n    {}\n  ]\n}'
