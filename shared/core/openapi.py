"""Our own small OpenAPI documents, one per surface.

Microsoft's documents cover neither what clients really call nor what API Management can import,
and every operation counts against the tier's quota. OpenAPI 3.0.1, because 3.1 is import-only and
partly supported (learn.microsoft.com/azure/api-management/api-management-api-import-restrictions).
"""

import json
import re
from hashlib import sha256

from shared.core.model import Json
from shared.core.model_kinds import ModelKind
from shared.core.surfaces import Surface

_BODY = {"content": {"application/json": {"schema": {"type": "object"}}}}
# Optional on purpose: the import turns a required query parameter into a part of the URL
# template, and calls without it would match no operation.
_API_VERSION = {
    "name": "api-version",
    "in": "query",
    "required": False,
    "schema": {"type": "string"},
}


def openapi_document(
    surface: Surface, kinds: frozenset[ModelKind], *, title: str, server: str
) -> Json:
    """The document that gives an API just the operations that *kinds* need."""
    paths: Json = {}
    for operation in surface.operations:
        if operation.kind not in kinds:
            continue
        template_parameters = [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
            for name in re.findall(r"{([^}]+)}", operation.template)
        ]
        paths.setdefault(operation.template, {})[operation.method.lower()] = {
            "operationId": operation.id,
            "summary": operation.summary,
            "parameters": [*template_parameters, _API_VERSION],
            "requestBody": {**_BODY, "required": True},
            "responses": {"200": {"description": "The model's answer", **_BODY}},
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
