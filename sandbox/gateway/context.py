"""``context``, as policy expressions see it.

learn.microsoft.com/azure/api-management/api-management-policy-expressions, "Context variable"; a
part of its members. A member that is not here is refused.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from sandbox.arm.store import Entry
from sandbox.gateway.configuration import properties
from sandbox.gateway.csharp.errors import CSharpError, ExpressionRefused
from sandbox.gateway.csharp.members import json_object
from sandbox.gateway.csharp.values import Boxed, Method, Record, cast
from sandbox.gateway.exchange import Exchange
from sandbox.gateway.message import Request, Response

_MAYBE = (str, type(None))


def context_of(exchange: Exchange) -> Record:
    """Everything is read when it is asked for."""
    return Record(
        "context",
        {
            "Request": lambda: _request(exchange),
            "Response": lambda: _response(exchange.response),
            "Variables": lambda: _variables(exchange.variables),
            "Subscription": lambda: _entity(exchange.caller.subscription, exchange.caller.key),
            "Product": lambda: _entity(exchange.caller.product),
            "User": lambda: _user(exchange.caller.user),
            "Api": lambda: _api(exchange.api),
            "Operation": lambda: _operation(exchange.operation),
            "Deployment": lambda: _deployment(exchange),
            "RequestId": lambda: exchange.id,
            "LastError": lambda: _error(exchange),
        },
    )


def _plain(kind: str, **values: Any) -> Record:
    return Record(kind, {name: partial(_same, value) for name, value in values.items()})


def _same(value: Any) -> Any:
    return value


def _request(exchange: Exchange) -> Record:
    request = exchange.request
    body: dict[str, Callable[[], Any]] = {"Body": lambda: _body(request)}
    url = partial(_url, exchange)
    return Record(
        "context.Request",
        {
            "Headers": lambda: _multi([*request.headers.items()]),
            "MatchedParameters": lambda: _single(exchange.matched),
            "Method": lambda: request.method,
            "IpAddress": lambda: request.remote,
            "Url": url,
            "OriginalUrl": url,
            **body,
        },
    )


def _url(exchange: Exchange) -> Record:
    request = exchange.request
    query = "&".join(f"{name}={value}" for name, value in request.query)
    return Record(
        "IUrl",
        {
            "Path": lambda: request.path,
            "Query": lambda: _multi(request.query),
            "QueryString": lambda: f"?{query}" if query else "",
            "Host": lambda: urlsplit(f"//{request.headers.get('Host', '')}").hostname or "",
            "Scheme": lambda: "https",  # TLS would end here
        },
    )


def _response(response: Response | None) -> Record | None:
    if response is None:
        return None
    return Record(
        "context.Response",
        {
            "StatusCode": lambda: response.status,
            "StatusReason": lambda: response.reason,
            "Headers": lambda: _multi([*response.headers.items()]),
            "Body": lambda: _body(response),
        },
    )


def _body(message: Request | Response) -> Record | None:
    """None where a request has none (UNVERIFIED); a response's was read before."""
    if message.body is None:
        return None
    read = Method(partial(_as, message), (bool,), 1, ("preserveContent",), generic=True)
    return Record("IMessageBody", methods={"As": read})


def _as(message: Request | Response, kind: str, preserve: bool = False) -> Any:
    """``As<T>``: "renders it unavailable after it returns" unless told to preserve it."""
    if message.is_gone:
        raise CSharpError("InvalidOperationException", "The body was read before, and not kept.")
    text = (message.body or b"").decode("utf-8", errors="replace")
    if not preserve:
        message.is_gone, message.body = True, b""
    elif isinstance(message, Request):
        message.is_buffered = True
    match kind:
        case "string":
            return text
        case "JObject":
            return json_object(text)
    raise ExpressionRefused(f"As<{kind}>() is not in the C# of this gateway.")


def _multi(values: Sequence[tuple[str, str]]) -> Record:
    """Headers, or a query: names without regard to case (of a query UNVERIFIED)."""

    def all_of(name: Any) -> tuple[str, ...]:
        wanted = str(name).lower()
        return tuple(value for key, value in values if key.lower() == wanted)

    def one(name: str, default: str | None) -> str | None:
        return ",".join(all_of(name)) if all_of(name) else default

    def item(name: Any) -> tuple[str, ...]:
        return all_of(name) or _missing(name)

    return Record(
        "IReadOnlyDictionary<string, string[]>",
        methods={
            "GetValueOrDefault": Method(one, (str, _MAYBE)),
            "ContainsKey": Method(lambda name: bool(all_of(name)), (str,)),
        },
        index=item,
    )


def _single(values: Mapping[str, str]) -> Record:
    def one(name: str, default: str | None = None) -> str | None:
        return values.get(name, default)

    def item(name: Any) -> str:
        found: str = values[name] if name in values else _missing(name)
        return found

    return Record(
        "IReadOnlyDictionary<string, string>",
        methods={
            "GetValueOrDefault": Method(one, (str, _MAYBE), optional=1),
            "ContainsKey": Method(lambda name: name in values, (str,)),
        },
        index=item,
    )


def _variables(values: Mapping[str, Any]) -> Record:
    def one(kind: str, name: str, default: Any = None) -> Any:
        return cast(Boxed(values[name]), kind) if name in values else default

    def item(name: Any) -> Boxed:
        return Boxed(values[name] if name in values else _missing(name))

    return Record(
        "IReadOnlyDictionary<string, object>",
        methods={
            "GetValueOrDefault": Method(one, (str, object), optional=1, generic=True),
            "ContainsKey": Method(lambda name: name in values, (str,)),
        },
        index=item,
    )


def _missing(name: Any) -> Any:
    raise CSharpError("KeyNotFoundException", f"The key '{name}' was not present.")


def _entity(entry: Entry | None, key: str = "") -> Record | None:
    if entry is None:
        return None
    name = str(properties(entry).get("displayName") or "")
    return _plain("entity", Id=entry.name, Name=name, Key=key)


def _user(entry: Entry | None) -> Record | None:
    if entry is None:
        return None
    return _plain("context.User", Id=entry.name, Email=properties(entry).get("email"))


def _api(entry: Entry) -> Record:
    settings = properties(entry)
    return _plain(
        "context.Api",
        Id=entry.name,
        Name=settings["displayName"],
        Path=settings["path"],
        Revision=settings.get("apiRevision", "1"),
    )


def _operation(entry: Entry | None) -> Record | None:
    if entry is None:
        return None
    settings = properties(entry)
    return _plain(
        "context.Operation",
        Id=entry.name,
        Name=settings["displayName"],
        Method=settings["method"],
        UrlTemplate=settings["urlTemplate"],
    )


def _deployment(exchange: Exchange) -> Record:
    configuration = exchange.configuration
    region = str(configuration.service.get("location", ""))
    return _plain(
        "context.Deployment", ServiceName=configuration.name, Region=region, GatewayId="managed"
    )


def _error(exchange: Exchange) -> Record | None:
    error = exchange.error
    if error is None:
        return None
    return _plain(
        "context.LastError",
        Source=error.source,
        Reason=error.reason,
        Message=error.message,
        Section=exchange.failed_section,
    )
