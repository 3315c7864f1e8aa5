"""HTTP triggers, keys, the admin endpoints and the app's state."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.functions_host.hosts import APPS, Host, app_folder, hosted


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("GET", "/api/nothing", 404),
        ("GET", "/nothing", 404),
        ("GET", "/api/items/7", 201),
        ("POST", "/API/ITEMS", 201),
        ("GET", "/api/items/seven", 404),
        ("DELETE", "/api/items/7", 404),  # not 405: methods are a route constraint
        ("PATCH", "/api/files/a/b", 200),  # no methods: all of them
        ("GET", "/api/raises", 500),
        ("POST", "/api/full", 418),
        ("GET", "/api/guarded", 401),
        ("GET", "/api/guarded?code=wrong", 401),
        ("GET", "/api/managed", 401),
        ("GET", "/admin/host/ping", 200),
        ("GET", "/admin/host/status", 401),
        ("POST", "/admin/functions/items", 401),
        ("GET", "/runtime/webhooks/eventgrid?functionName=x", 401),
    ],
)
async def test_a_request_is_answered(http_host: Host, method: str, path: str, status: int) -> None:
    assert (await http_host.request(method, path))[0] == status


async def test_a_function_sees_the_whole_request(http_host: Host) -> None:
    seen = await http_host.json(
        "/api/items/7?a=1&a=2&empty=&b=%20x", headers={"X-Probe": "p"}, data=b"text"
    )

    assert seen == {
        "method": "GET",
        "url": f"{http_host.process.ready.base_url}/api/items/7?a=1&a=2&empty=&b=%20x",
        "params": {"id": "7"},
        "query": {"a": "1,2", "b": " x"},  # empty values do not reach the Python worker
        "header": "p",
        "body": "text",
    }


@pytest.mark.parametrize(
    "body", ["[" * 100_000, '{"a":' * 50_000 + "1" + "}" * 50_000], ids=["brackets", "objects"]
)
async def test_a_body_too_deep_for_the_host_is_the_function_s_to_judge(
    http_host: Host, body: str
) -> None:
    assert (await http_host.request("POST", "/api/items", data=body))[0] == 201


async def test_admin_refuses_a_body_that_is_too_deep(http_host: Host) -> None:
    headers = {**http_host.admin(), "Content-Type": "application/json"}
    path = "/admin/functions/items"

    assert (await http_host.request("POST", path, data="[" * 100_000, headers=headers))[0] == 400


async def test_a_response_keeps_status_headers_cookies_and_bytes(http_host: Host) -> None:
    status, text, response = await http_host.request("POST", "/api/full", data=b"bytes")

    assert (status, text) == (418, "bytes")
    assert response.headers["X-Out"] == "1"
    assert response.headers["Set-Cookie"] == "a=b; Path=/"
    assert response.headers["Content-Type"] == "image/png"


async def test_a_failed_function_answers_with_an_empty_body(http_host: Host) -> None:
    assert (await http_host.request("GET", "/api/raises"))[:2] == (500, "")


async def test_a_catch_all_parameter_keeps_slashes_and_encoded_ones(http_host: Host) -> None:
    assert (await http_host.request("GET", "/api/files/a/b%2Fc%20d"))[1] == "files:a/b%2Fc d"


async def test_a_returned_string_may_describe_a_response(http_host: Host) -> None:
    status, text, response = await http_host.request("GET", "/api/described")

    assert (status, text, response.headers["X-Made"]) == (202, "GET", "yes")


async def test_a_returned_json_string_is_rewritten_by_the_host(http_host: Host) -> None:
    _, text, response = await http_host.request("GET", "/api/as_json")

    assert text == '{\n  "method": "GET"\n}'
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"


def _function_key(host: Host, name: str) -> str:
    functions = host.process.ready.functions
    return str(next(item["key"] for item in functions if item["name"] == name))


@pytest.mark.parametrize(
    ("path", "key", "status"),
    [
        ("/api/guarded", "function", 200),
        ("/api/guarded", "host", 200),
        ("/api/guarded", "master", 200),
        ("/api/guarded", "other function", 401),
        ("/api/guarded", "system", 401),
        ("/api/managed", "host", 401),
        ("/api/managed", "function", 401),
        ("/api/managed", "master", 200),
        ("/admin/host/status", "host", 403),
        ("/admin/host/status", "master", 200),
        ("/runtime/webhooks/EventGrid?functionName=x", "host", 403),
        ("/runtime/webhooks/EventGrid?functionName=x", "system", 404),  # no such function
    ],
)
async def test_keys_open_what_they_should(
    http_host: Host, path: str, key: str, status: int
) -> None:
    ready = http_host.process.ready
    keys = {
        "function": _function_key(http_host, path.rpartition("/")[2])
        if path.startswith("/api")
        else "",
        "other function": _function_key(http_host, "items"),
        "host": ready.host_key,
        "system": ready.event_grid_key,
        "master": ready.master_key,
    }

    in_header = await http_host.request("GET", path, headers={"x-functions-key": keys[key]})
    in_query = await http_host.request("GET", path, params={"code": keys[key]})

    assert (in_header[0], in_query[0]) == (status, status)


@pytest.mark.parametrize("key", ["\u00e9", "\u0141\u00f3d\u017a"])
async def test_a_key_of_other_letters_opens_nothing(http_host: Host, key: str) -> None:
    in_header = await http_host.request("GET", "/api/guarded", headers={"x-functions-key": key})
    in_query = await http_host.request("GET", "/api/guarded", params={"code": key})

    assert (in_header[0], in_query[0]) == (401, 401)


async def test_the_key_in_the_header_wins(http_host: Host) -> None:
    path = f"/api/guarded?code={http_host.process.ready.host_key}"

    assert (await http_host.request("GET", path, headers={"x-functions-key": "no"}))[0] == 401


async def test_admin_lists_the_functions_with_their_routes(http_host: Host) -> None:
    functions = await http_host.json("/admin/functions", headers=http_host.admin())

    items = next(item for item in functions if item["name"] == "items")
    assert items["invoke_url_template"].endswith("/api/items/{id:int?}")
    assert {binding["type"] for binding in items["config"]["bindings"]} == {"httpTrigger", "http"}
    assert await http_host.json("/admin/functions/ITEMS", headers=http_host.admin()) == items


async def test_admin_hands_out_the_event_grid_key(http_host: Host) -> None:
    path = "/admin/host/systemkeys/eventgrid_extension"

    found = await http_host.json(path, headers=http_host.admin())

    assert found["value"] == http_host.process.ready.event_grid_key


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        ('{"input": "x"}', "application/json", 202),
        ("{}", "application/json", 202),
        ('{"input": {"a": 1}}', "application/json", 400),
        ("", "application/json", 400),
        ('{"input": "x"}', "text/plain", 415),
    ],
)
async def test_admin_invokes_a_function(http_host: Host, body: str, kind: str, status: int) -> None:
    headers = http_host.admin() | {"Content-Type": kind}

    answer = await http_host.request("POST", "/admin/functions/items", data=body, headers=headers)

    assert answer[0] == status


async def test_what_the_app_logs_carries_its_function_and_invocation() -> None:
    lines = asyncio.Queue[dict[str, Any]]()

    async def line_with(text: str) -> dict[str, Any]:
        while text not in (line := await lines.get())["message"]:
            pass
        return line

    async with hosted(
        APPS / "http", log_format="json", on_log=lambda text: _put_json(lines, text)
    ) as host:
        invocation_id = (await host.request("GET", "/api/speaks"))[1]
        spoken = await line_with("said in async GET")
        ended = await line_with("Executed 'Functions.speaks' (Succeeded")
        await host.request("GET", "/api/speaks_in_thread")
        threaded = await line_with("said in a thread GET")

    assert spoken["category"] == "Function.speaks.User"
    assert spoken["invocationId"] == ended["invocationId"] == invocation_id
    assert threaded["category"] == "Function.speaks_in_thread.User"
    assert not any("never shown" in text or "printed" in text for text in spoken.values() if text)


def _put_json(lines: "asyncio.Queue[dict[str, Any]]", text: str) -> None:
    if text.startswith("{"):
        lines.put_nowait(json.loads(text))


async def test_a_stopped_app_answers_403_until_it_is_started() -> None:
    async with hosted(APPS / "http") as host:
        await host.process.set_state("stopped")
        stopped = await host.request("GET", "/api/items")
        stopped_admin = await host.request("GET", "/admin/host/status", headers=host.admin())
        await host.process.set_state("running")
        running = await host.request("GET", "/api/items")

    assert (stopped[0], stopped_admin[0], running[0]) == (403, 403, 201)
    assert "This web app is stopped" in stopped[1]


async def test_the_state_is_only_for_the_master_key(http_host: Host) -> None:
    assert (await http_host.request("PUT", "/sandbox/state", json="stopped"))[0] == 401
    assert await http_host.json("/sandbox/state", headers=http_host.admin()) == "running"


async def test_the_function_timeout_ends_async_and_threaded_functions(tmp_path: Path) -> None:
    code = (APPS / "http" / "function_app.py").read_text()
    folder = app_folder(
        tmp_path,
        code,
        '{"version": "2.0", "functionTimeout": "00:00:03",'
        ' "extensions": {"http": {"routePrefix": ""}}}',
    )
    async with hosted(folder) as host:
        answers = await asyncio.gather(
            host.request("GET", "/slow?seconds=60"),
            host.request("GET", "/stuck?seconds=60"),
            host.request("GET", "/slow?seconds=0"),
        )

    assert [status for status, _, _ in answers] == [500, 500, 200]
    assert any("Timeout value of 0:00:03 exceeded" in line for line in host.process.log)


async def test_a_disabled_function_is_there_for_the_master_key_only() -> None:
    async with hosted(APPS / "http", {"AzureWebJobs.items.Disabled": "true"}) as host:
        hidden = await host.request("GET", "/api/items")
        opened = await host.request("GET", "/api/items", headers=host.admin())
        listed = await host.json("/admin/functions/items", headers=host.admin())

    assert (hidden[0], opened[0], listed["isDisabled"]) == (404, 201, True)


async def test_a_graceful_stop_answers_requests_that_are_running() -> None:
    begun = asyncio.Event()

    def watch(line: str) -> None:
        if "Executing 'Functions.slow'" in line:
            begun.set()

    async with hosted(APPS / "http", on_log=watch) as host:
        running = asyncio.create_task(host.request("GET", "/api/slow?seconds=0.5"))
        await begun.wait()
        code = await host.process.stop()

        assert ((await running)[:2], code) == ((200, "slept"), 0)


async def test_routes_are_tried_in_the_order_of_function_names(tmp_path: Path) -> None:
    code = """
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

@app.route(route="{name}")
def b(req): return "b"

@app.route(route="x")
def a(req): return "a"

@app.route(route="{name}", methods=["PUT"])
def A0(req): return "A0"
"""
    async with hosted(app_folder(tmp_path, code)) as host:
        answers = [
            await host.request(method, path)
            for method, path in (("GET", "/api/x"), ("GET", "/api/y"), ("PUT", "/api/x"))
        ]

    assert [text for _, text, _ in answers] == ["a", "b", "a"]
