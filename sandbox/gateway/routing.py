"""Which API and which operation a request is for."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, unquote

from sandbox.arm.apim.revisions import split
from sandbox.arm.store import Entry
from sandbox.gateway.configuration import Configuration, properties
from sandbox.gateway.errors import GatewayError
from sandbox.gateway.message import Request

_PARAMETER = re.compile(r"\{(\*?)([^}]+)\}")


@dataclass(frozen=True, slots=True)
class Route:
    """``suffix`` is what follows the API's path, as the client sent it."""

    api: Entry
    suffix: str
    operation: Entry | None = None
    matched: Mapping[str, str] | None = None


def find_api(configuration: Configuration, request: Request, *, websocket: bool) -> Route:
    """The API with the longest path that the request's path begins with.

    That paths are compared without regard to case is UNVERIFIED.

    Raises:
        GatewayError: no API has it; 404 in the words of the gateway.
    """
    found = [
        Route(api, rest)
        for api in configuration.members("apis")
        if (properties(api).get("type") == "websocket") == websocket
        for path in _paths(configuration, api, request)
        if (rest := _rest(request.path, path)) is not None
    ]
    if not found:
        raise not_found()
    return min(found, key=lambda it: len(it.suffix))


def find_operation(configuration: Configuration, route: Route, request: Request) -> Route:
    """The operation by method and template; the one with most literal text wins.

    Raises:
        GatewayError: none fits. learn.microsoft.com/azure/api-management/
            api-management-error-handling-policies, OperationNotFound.
    """
    names = {name.lower(): value for name, value in request.query}
    found = [
        (rank, operation, matched)
        for operation in configuration.members(f"apis/{route.api.name}/operations")
        if properties(operation)["method"].upper() in (request.method.upper(), "*")
        and (fit := _fit(str(properties(operation)["urlTemplate"]), route.suffix, names))
        for rank, matched in (fit,)
    ]
    if not found:
        raise not_found()
    _rank, operation, matched = max(found, key=lambda it: it[0])
    return Route(route.api, route.suffix, operation, matched)


def not_found() -> GatewayError:
    """The words: learn.microsoft.com/answers, questions on 404 of API Management."""
    return GatewayError(
        404, "Resource not found", reason="OperationNotFound", source="configuration"
    )


def _paths(configuration: Configuration, api: Entry, request: Request) -> Iterator[str]:
    """Where an API is: learn.microsoft.com/azure/api-management/api-management-versions.

    A revision that is not the current one is at ``path;rev=n``.
    """
    settings = properties(api)
    path = str(settings["path"])
    number = split(api.name)[1]
    if number is not None:
        yield f"{path};rev={number}"
        return
    version, of = settings.get("apiVersion") or "", settings.get("apiVersionSetId")
    if not of:
        yield path
        yield f"{path};rev={settings.get('apiRevision', '1')}"
        return
    scheme = configuration.find(f"apiVersionSets/{str(of).rpartition('/')[2]}")
    versioning: dict[str, Any] = properties(scheme) if scheme else {}
    if _has_version(versioning, version, request):
        segment = versioning.get("versioningScheme") == "Segment" and version
        yield f"{path}/{version}" if segment else path


def _has_version(versioning: Mapping[str, Any], version: str, request: Request) -> bool:
    """By header or query; the original API of a set is the one without a version."""
    match versioning.get("versioningScheme"):
        case "Header":
            return request.headers.get(versioning.get("versionHeaderName") or "", "") == version
        case "Query":
            name = versioning.get("versionQueryName")
            return dict(request.query).get(str(name), "") == version
    return True


def _rest(path: str, base: str) -> str | None:
    """What of *path* follows *base*, from its slash on; None if it does not begin with it."""
    prefix = f"/{base}".rstrip("/")
    if not path.lower().startswith(prefix.lower()):
        return None
    rest = path[len(prefix) :]
    return rest if rest[:1] in ("", "/") else None


def _fit(
    template: str, suffix: str, query: Mapping[str, str]
) -> tuple[tuple[bool, int, int], dict[str, str]] | None:
    """How well a template fits, and what its parameters are."""
    pattern, literal, is_open, wanted = _compiled(template)
    match = pattern.fullmatch(suffix or "/") or pattern.fullmatch(suffix)
    if match is None:
        return None
    matched = {name: unquote(value or "") for name, value in match.groupdict().items()}
    renamed = {_name_of(template, name): value for name, value in matched.items()}
    for name, value in wanted:
        if name.lower() not in query:
            return None
        given = query[name.lower()]
        parameter = _PARAMETER.fullmatch(value)
        if parameter is None and given != value:
            return None
        if parameter is not None:
            renamed[parameter[2]] = given
    return (not is_open, literal, len(wanted)), renamed


@lru_cache(maxsize=4096)
def _compiled(template: str) -> tuple[re.Pattern[str], int, bool, tuple[tuple[str, str], ...]]:
    """Pattern, literal characters, whether it ends in a wildcard, query parameters.

    Required query parameters become a part of the template when a document is imported
    (learn.microsoft.com/azure/api-management/api-management-api-import-restrictions).
    """
    path, _, query = template.partition("?")
    text, literal, at = "", 0, 0
    for number, found in enumerate(_PARAMETER.finditer(path)):
        literal += found.start() - at
        text += re.escape(path[at : found.start()])
        text += f"(?P<p{number}>.*)" if found[1] else f"(?P<p{number}>[^/]+)"
        at = found.end()
    rest = path[at:]
    is_open = "{*" in path or rest.endswith("/*")
    text += re.escape(rest.removesuffix("*")) + (".*" if rest.endswith("/*") else "")
    wanted = tuple(parse_qsl(query, keep_blank_values=True))
    return re.compile(text, re.IGNORECASE), literal + len(rest), is_open, wanted


def _name_of(template: str, group: str) -> str:
    found = _PARAMETER.findall(template.partition("?")[0])
    name: str = found[int(group.removeprefix("p"))][1]
    return name
