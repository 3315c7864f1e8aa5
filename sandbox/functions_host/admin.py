"""The host's own endpoints under ``/admin``, for the master key only.

HostController.cs, FunctionsController.cs and KeysController.cs of Azure/azure-functions-host. Core
Tools leave keys unchecked; this host behaves as the deployed one.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any

from aiohttp import web

from sandbox.functions_host.event_grid import event_trigger
from sandbox.functions_host.functions import (
    EVENT_GRID_TRIGGER,
    QUEUE_TRIGGER,
    TIMER_TRIGGER,
    Function,
)
from sandbox.functions_host.host import FunctionApp
from sandbox.functions_host.http import manual_http_trigger, presented_key
from sandbox.functions_host.invocations import Trigger
from sandbox.functions_host.keys import EVENT_GRID_KEY_NAME, Level
from sandbox.functions_host.newtonsoft import parsed
from sandbox.functions_host.queues import manual_queue_trigger
from sandbox.functions_host.timers import timer_trigger

_STARTED = time.monotonic()


async def handle_admin(app: FunctionApp, request: web.Request) -> web.Response:
    """Answer a request below ``/admin``."""
    parts = tuple(request.path.strip("/").split("/")[1:])
    if _folded(parts) == ("host", "ping"):  # AllowAnonymous
        return web.Response()
    refusal = refused(app, request, Level.ADMIN)
    if refusal is not None:
        return refusal
    if request.method == "POST" and len(parts) == 2 and parts[0].casefold() == "functions":
        return await _invoked(app, request, parts[1])
    resource = None
    if request.method == "GET":
        described = [_described(app, request, item) for item in app.functions]
        resource = _resources(app, described).get(_folded(parts))
    return web.Response(status=404) if resource is None else web.json_response(resource)


def _resources(
    app: FunctionApp, described: Sequence[Mapping[str, Any]]
) -> Mapping[tuple[str, ...], Any]:
    """Everything that can be read, by its path in lower case."""
    event_grid = {"name": EVENT_GRID_KEY_NAME, "value": app.keys.event_grid}
    resources: dict[tuple[str, ...], Any] = {
        ("host", "status"): _status(),
        ("host", "keys"): _keys(app.keys.host),
        ("host", "functionkeys"): _keys(app.keys.host),
        ("host", "systemkeys"): {"keys": [event_grid]},
        ("host", "systemkeys", EVENT_GRID_KEY_NAME): event_grid,
        ("host", "systemkeys", "_master"): {"name": "_master", "value": app.keys.master},
        ("functions",): described,
    }
    for item in described:
        path = ("functions", item["name"].casefold())
        resources[path] = item
        resources[*path, "status"] = {}
        resources[*path, "keys"] = _keys(app.keys.function(item["name"]))
    return resources


def _folded(parts: Sequence[str]) -> tuple[str, ...]:
    return tuple(part.casefold() for part in parts)


def refused(app: FunctionApp, request: web.Request, required: Level) -> web.Response | None:
    """401 without a valid key, 403 with one that proves too little.

    ASP.NET challenges (401) an unknown caller and forbids (403) a known one; that it does so for a
    key of another level is read from AuthorizationOptionsExtensions.cs, UNVERIFIED by a run.
    """
    level = app.keys.level(presented_key(request))
    if level in {required, Level.ADMIN}:
        return None
    return web.Response(status=401 if level is Level.ANONYMOUS else 403)


async def _invoked(app: FunctionApp, request: web.Request, name: str) -> web.Response:
    """``{"input": text}`` runs a function in the background: 202 before it has run."""
    if request.content_type != "application/json":
        return web.Response(status=415)
    try:
        body = parsed(await request.read())
    except ValueError:
        return web.Response(status=400)
    text = body.get("input") if isinstance(body, dict) else body
    if not isinstance(body, dict) or isinstance(text, dict | list):
        return web.Response(status=400)  # FunctionInvocation.Input is a string
    function = app.find(name)
    if function is None:
        return web.Response(status=404)
    try:
        trigger = _manual_trigger(function, "" if text is None else str(text))
    except ValueError:
        trigger = None
    if trigger is not None:  # else the invocation would fail in the real host, after the 202
        app.in_background(asyncio.create_task(app.invoker.invoke(function, trigger)))
    return web.Response(status=202)


def _manual_trigger(function: Function, text: str) -> Trigger:
    match function.trigger.type:
        case kind if kind == TIMER_TRIGGER:
            return timer_trigger(None)
        case kind if kind == QUEUE_TRIGGER:
            return manual_queue_trigger(text, function.trigger.text("queueName"))
        case kind if kind == EVENT_GRID_TRIGGER:
            return event_trigger(parsed(text))
    return manual_http_trigger(text)


def _status() -> Mapping[str, Any]:
    return {
        "id": "sandbox",
        "state": "Running",
        "version": "4.0.0.0",
        "versionDetails": "local host for Python apps",
        "processUptime": int((time.monotonic() - _STARTED) * 1000),
        "functionAppContentEditingState": "NotAllowed",
    }


def _described(app: FunctionApp, request: web.Request, function: Function) -> Mapping[str, Any]:
    """FunctionMetadataResponse.cs, without the file links of the Kudu site."""
    base = f"{request.scheme}://{request.host}"
    routes = {item.function.name: item.route.template for item in app.http_functions}
    route = routes.get(function.name)
    return {
        "name": function.name,
        "href": f"{base}/admin/functions/{function.name}",
        "invoke_url_template": None if route is None else f"{base}/{route}",
        "language": "python",
        "config": {"name": function.name, "bindings": list(function.config)},
        "isDisabled": function.disabled,
        "isDirect": True,
        "isProxy": False,
    }


def _keys(default: str) -> Mapping[str, Any]:
    return {"keys": [{"name": "default", "value": default}]}
