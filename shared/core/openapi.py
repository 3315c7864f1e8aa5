"""Our own small OpenAPI documents, one per surface.

Microsoft's documents cover neither what clients really call nor what API Management can import,
and every operation counts against the tier's quota. OpenAPI 3.0.1, because 3.1 is import-only and
partly supported (learn.microsoft.com/azure/api-management/api-management-api-import-restrictions).

Schemas say no more than the media type does: the gateway checks no body against them, and models
gain parameters every month. A streamed answer (text/event-stream) is not declared, for the same
operation answers either way as the request asks, and what is declared only documents.
"""

import json
import re
from collections.abc import Iterable
from hashlib import sha256

from shared.core.model import Json
from shared.core.model_kinds import ModelKind
from shared.core.surfaces import DeploymentIn, Operation, Protocol, Surface

_TEXT: Json = {"type": "string"}
_BINARY: Json = {"type": "string", "format": "binary"}
_OBJECT: Json = {"type": "object"}


def all_kinds(surface: Surface) -> frozenset[ModelKind]:
    """Every kind that one of the surface's operations is for: what a document of all needs."""
    return frozenset(kind for it in surface.operations if (kind := it.kind) is not None)


def operations_of(
    surface: Surface, kinds: frozenset[ModelKind]
) -> tuple[tuple[str, str, str], ...]:
    """What an API for *kinds* has: (operation name, method, url template), sorted."""
    return tuple(sorted((it.id, it.method, it.template) for it in surface.needed(kinds)))


def openapi_document(
    surface: Surface, kinds: frozenset[ModelKind], *, title: str, server: str
) -> Json:
    """The document that gives an API just the operations that *kinds* need.

    Raises:
        ValueError: A WebSocket API has no document; the service makes its operation itself.
    """
    if surface.protocol is Protocol.WEBSOCKET:
        raise ValueError(f"{surface.name} is a WebSocket API, which is made without a document")
    paths: Json = {}
    for operation in surface.needed(kinds):
        paths.setdefault(operation.template, {})[operation.method.lower()] = {
            "operationId": operation.id,
            "summary": operation.summary,
            "parameters": [*_parameters(operation, surface)],
            **_body(operation),
            "responses": {
                "200": {"description": "The model's answer", "content": _content(operation.answer)}
            },
        }
    return {
        "openapi": "3.0.1",
        "info": {"title": title, "version": "1"},
        "servers": [{"url": server}],
        "paths": paths,
    }


def imported_operations(document: Json) -> tuple[tuple[str, str, str], ...]:
    """What API Management makes of *document*: (operation name, method, url template), sorted.

    Our operationIds already are in the form that the import normalises to, so the name is the id.
    """
    return tuple(
        sorted(
            (operation["operationId"], method.upper(), template)
            for template, methods in document["paths"].items()
            for method, operation in methods.items()
        )
    )


def fingerprint(document: Json) -> str:
    return sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:16]


def _parameters(operation: Operation, surface: Surface) -> Iterable[Json]:
    """The query's are optional on purpose.

    The import turns a required query parameter into a part of the URL template, and calls without
    it would match no operation.
    """
    for name in re.findall(r"{([^}]+)}", operation.template):
        yield {"name": name, "in": "path", "required": True, "schema": _TEXT}
    yield {"name": "api-version", "in": "query", "required": False, "schema": _TEXT}
    if operation.deployment_in is DeploymentIn.QUERY:
        yield {"name": surface.query, "in": "query", "required": False, "schema": _TEXT}


def _body(operation: Operation) -> Json:
    if operation.request is None:
        return {}
    return {
        "requestBody": {"content": _content(operation.request, operation.files), "required": True}
    }


def _content(media: str, files: tuple[str, ...] = ()) -> Json:
    schema = _BINARY if media == "application/octet-stream" else _OBJECT
    if files:
        schema = {**_OBJECT, "properties": dict.fromkeys(files, _BINARY)}
    return {media: {"schema": schema}}
