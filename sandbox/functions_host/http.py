"""HTTP triggers: route, key, request and response.

From Azure/azure-functions-host: WebScriptHostHttpRoutesManager.cs (routes),
FunctionInvocationMiddleware.cs (401, 500), GrpcMessageConversionExtensions.cs (request),
HttpBinding.cs and RawScriptResult.cs (response).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.cookies import SimpleCookie
from typing import Any

from aiohttp import web

from sandbox.functions_host.errors import StartupError
from sandbox.functions_host.expressions import json_members
from sandbox.functions_host.functions import HTTP_TRIGGER, Function
from sandbox.functions_host.invocations import Invoker, Trigger
from sandbox.functions_host.keys import Keys, Level
from sandbox.functions_host.newtonsoft import indented, is_json, parsed
from sandbox.functions_host.routes import Route, compile_route
from sandbox.functions_host.runtime import Datum, Outcome

# What aiohttp sets itself; a second value would corrupt the message.
_HOP_HEADERS = frozenset(("content-length", "transfer-encoding", "connection"))


@dataclass(frozen=True, slots=True)
class HttpFunction:
    """A function with its compiled route; no methods means all of them."""

    function: Function
    route: Route
    methods: frozenset[str]
    level: Level


def http_functions(functions: Sequence[Function], prefix: str) -> list[HttpFunction]:
    """The HTTP functions in matching order: by name, the first match wins.

    FunctionMetadataManager.cs sorts functions by name; the routes keep that order.
    """
    chosen = [function for function in functions if function.trigger.type == HTTP_TRIGGER]
    return [
        _http_function(function, prefix)
        for function in sorted(chosen, key=lambda function: function.name.casefold())
    ]


def _http_function(function: Function, prefix: str) -> HttpFunction:
    route = (function.trigger.text("route").strip() or function.name).strip("/")
    # ScriptHost.ValidateHttpFunction; it looks at the route without the prefix.
    if route.casefold().startswith(("admin", "runtime")):
        raise StartupError(
            f"function '{function.name}': The specified route conflicts with one or more built in "
            f"routes: '{route}'"
        )
    try:
        compiled = compile_route(f"{prefix}/{route}" if prefix else route)
        level = Level(function.trigger.text("authLevel", "function").casefold())
    except ValueError as exc:
        raise StartupError(f"function '{function.name}': {exc}") from exc
    methods = frozenset(str(m).upper() for m in function.trigger.options.get("methods") or ())
    return HttpFunction(function, compiled, methods, level)


class HttpTrigger:
    """Answers requests that are for functions."""

    def __init__(self, functions: Sequence[HttpFunction], keys: Keys, invoker: Invoker) -> None:
        self._functions = functions
        self._keys = keys
        self._invoker = invoker

    async def handle(self, request: web.Request) -> web.StreamResponse | None:
        """The answer of the function that the request is for, or None when there is none.

        A method that no matching route allows is "no route": 404, not 405, because the host adds
        methods as a route constraint (HttpMethodRouteConstraint).
        """
        # ASP.NET decodes a path except for %2F; yarl's path_safe leaves %25 as well.
        path = request.rel_url.path_safe.replace("%25", "%")
        for candidate in self._functions:
            parameters = candidate.route.match(path)
            allowed = not candidate.methods or request.method in candidate.methods
            if parameters is None or not allowed:
                continue
            level = self._keys.level(presented_key(request), candidate.function.name)
            if not proves(level, candidate.level):
                return web.Response(status=401)
            if candidate.function.disabled and level is not Level.ADMIN:
                return web.Response(status=404)
            return await self._invoke(candidate.function, request, parameters)
        return None

    async def _invoke(
        self, function: Function, request: web.Request, parameters: Mapping[str, str]
    ) -> web.StreamResponse:
        body = await request.read()
        trigger = Trigger(
            value=_request_datum(request, body, parameters),
            reason="This function was programmatically called via the host APIs.",
            data={
                **json_members(body.decode(errors="replace")),
                **request.query,
                **parameters,
                "Headers": dict(request.headers),
                "Query": dict(request.query),
            },
        )
        outcome = await self._invoker.invoke(function, trigger)
        if outcome.error is not None:
            return web.Response(status=500)
        return _response(function, outcome)


def proves(presented: Level, required: Level) -> bool:
    """AuthUtility.PrincipalHasAuthLevelClaim: the same level, or admin; a system key is neither."""
    return required is Level.ANONYMOUS or presented in {required, Level.ADMIN}


def presented_key(request: web.Request) -> str | None:
    """The header wins over the query (AuthenticationLevelHandler.cs)."""
    header = request.headers.get("x-functions-key")
    return request.query.get("code") if header is None else header


def _request_datum(request: web.Request, body: bytes, parameters: Mapping[str, str]) -> Datum:
    # The Python worker does not ask for nullable dictionaries, so the host leaves empty query
    # values out and joins repeated ones.
    query = {name: ",".join(request.query.getall(name)) for name in request.query}
    headers = {
        name.lower(): ",".join(request.headers.getall(name)) for name in dict(request.headers)
    }
    url = f"{request.scheme}://{request.host}{request.rel_url}"
    return Datum(
        {
            "method": Datum(request.method, "string"),
            "url": Datum(url, "string"),
            "headers": _strings(headers),
            "query": _strings({name: value for name, value in query.items() if value}),
            "params": _strings(parameters),
            "body": Datum(body, "bytes"),
        },
        "http",
    )


def manual_http_trigger(text: str) -> Trigger:
    """``POST /admin/functions/{name}`` on an HTTP function; that it is a POST is UNVERIFIED."""
    value = {
        "method": Datum("POST", "string"),
        "url": Datum("", "string"),
        **{name: {} for name in ("headers", "query", "params")},
        "body": Datum(text.encode(), "bytes"),
    }
    reason = "This function was programmatically called via the host APIs."
    return Trigger(value=Datum(value, "http"), reason=reason, data=json_members(text))


def _strings(values: Mapping[str, str]) -> dict[str, Datum]:
    return {name: Datum(value, "string") for name, value in values.items()}


def _response(function: Function, outcome: Outcome) -> web.Response:
    named = dict(outcome.outputs)
    if outcome.returned is not None:
        named["$return"] = outcome.returned
    results = [
        named[binding.name]
        for binding in function.outputs
        if binding.type == "http" and binding.name in named
    ]
    if not results:
        return web.Response(status=200)
    result = results[0]
    return _http_response(result.value) if result.type == "http" else text_response(result.value)


def _http_response(value: Mapping[str, Any]) -> web.Response:
    headers = {name: datum.value for name, datum in value["headers"].items()}
    response = web.Response(
        status=int(value["status_code"].value),
        body=value["body"].value,
        headers={name: text for name, text in headers.items() if name.lower() not in _HOP_HEADERS},
    )
    for cookie in value.get("cookies") or ():
        _add_cookies(response, cookie)
    return response


def _add_cookies(response: web.Response, cookie: SimpleCookie) -> None:
    for morsel in cookie.values():
        response.headers.add("Set-Cookie", morsel.OutputString())


def text_response(text: str) -> web.Response:
    """The answer to a function that returned a string.

    HttpBinding.CreateResult: text that is a JSON object with a ``body`` describes a whole response;
    any other JSON is written back by Json.NET. UNVERIFIED beyond reading that source.
    """
    content = _parsed(text)
    status, headers = 200, {"Content-Type": "text/plain; charset=utf-8"}
    if isinstance(content, dict):
        described = {name.casefold(): value for name, value in content.items()}
        if "body" in described:
            content = described["body"]
            status = int(described.get("statuscode", described.get("status", 200)))
            headers |= {name.title(): str(v) for name, v in described.get("headers", {}).items()}
    return web.Response(status=status, body=indented(content).encode(), headers=headers)


def _parsed(text: str) -> Any:
    try:
        return parsed(text) if is_json(text) else text
    except ValueError:
        return text
