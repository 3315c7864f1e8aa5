"""The host's HTTP server: which room answers which request.

any path, app stopped            403, as App Service answers for a stopped app
PUT /sandbox/state               "stopped" or "running" (master key); ours, not Azure's
GET /sandbox/busy                whether the app is at work on anything but requests; ours as well
/admin/...                       the host's own endpoints
/runtime/webhooks/{extension}    the Event Grid webhook
a function's route               that function
/                                the landing page
"""

from datetime import timedelta

from aiohttp import web

from sandbox.functions_host.admin import handle_admin, refused
from sandbox.functions_host.host import FunctionApp, State
from sandbox.functions_host.keys import Level
from sandbox.functions_host.newtonsoft import parsed

# ScriptConstants.DefaultMaxRequestBodySize. Event Grid's own limit of 1 MB is the sender's.
_MAX_BODY_BYTES = 104_857_600
_WEBHOOK_METHODS = frozenset(("GET", "PUT", "POST", "DELETE", "OPTIONS"))  # HostController.cs

# The body is HTML with this sentence (Azure/azure-functions-eventgrid-extension#113).
_STOPPED = "<html><title>403</title><h1>Error 403 - This web app is stopped.</h1></html>"
_LANDING = "<html><title>Functions</title><h1>Your Functions 4.0 app is up and running</h1></html>"


def make_server(app: FunctionApp, drain: timedelta) -> web.Application:
    """The aiohttp application for one function app."""

    async def dispatch(request: web.Request) -> web.StreamResponse:
        path = request.path.casefold()
        if path == "/sandbox/state":
            return await _set_state(app, request, drain)
        if path == "/sandbox/busy":
            return refused(app, request, Level.ADMIN) or web.json_response(app.is_busy())
        if app.state is State.ENDING:
            return web.Response(status=503)
        if app.state is State.STOPPED:
            return web.Response(status=403, text=_STOPPED, content_type="text/html")
        if path.startswith("/admin/"):
            return await handle_admin(app, request)
        if path.startswith("/runtime/webhooks/"):
            return await _webhook(app, request)
        answer = await app.http.handle(request)
        if answer is not None:
            return answer
        if path == "/":
            return web.Response(text=_LANDING, content_type="text/html")
        return web.Response(status=404)

    server = web.Application(client_max_size=_MAX_BODY_BYTES)
    server.router.add_route("*", "/{path:(?s:.*)}", dispatch)  # %0A is a character like any
    return server


async def _webhook(app: FunctionApp, request: web.Request) -> web.Response:
    if request.method not in _WEBHOOK_METHODS:
        return web.Response(status=405)
    refusal = refused(app, request, Level.SYSTEM)
    if refusal is not None:
        return refusal
    # The extension's name, whatever its case (DefaultScriptWebHookProvider.cs).
    extension = request.path.casefold().split("/")[3]
    if extension != "eventgrid" or not app.event_grid.registered:
        return web.Response(status=404)
    return await app.event_grid.handle(request)


async def _set_state(app: FunctionApp, request: web.Request, drain: timedelta) -> web.Response:
    refusal = refused(app, request, Level.ADMIN)
    if refusal is not None:
        return refusal
    try:
        wanted = parsed(await request.read()) if request.method == "PUT" else None
    except ValueError:
        return web.Response(status=400)
    if request.method not in {"GET", "PUT"} or wanted not in {None, "stopped", "running"}:
        return web.Response(status=400)
    if wanted == "stopped" and app.state is State.RUNNING:
        await app.stop(drain)
    if wanted == "running" and app.state is State.STOPPED:
        app.start()
    return web.json_response(app.state.value)
