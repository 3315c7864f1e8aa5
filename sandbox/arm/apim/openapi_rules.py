"""What the importer refuses in a document that can be read.

Rules: learn.microsoft.com/azure/api-management/api-management-api-import-restrictions. The texts
were seen in lvbag/BAG-API#8 and Azure/azure-openapi-validator#228, or are those of the validation
rules of github.com/microsoft/OpenAPI.NET; the others are UNVERIFIED.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from sandbox.arm.apim.openapi_document import (
    METHODS,
    OpenApiDocument,
    component_schemas,
    template_names,
)
from sandbox.arm.apim.shapes import mapping, objects
from sandbox.contracts import Json

_COMPONENT_KEY = re.compile(r"^[a-zA-Z0-9.\-_]+$")


def problems(document: OpenApiDocument, *, refuse_recursion: bool) -> Iterator[str]:
    yield from _info_problems(document)
    yield from _reference_problems(document)
    for path, item in document.path_items():
        if not path.startswith("/"):
            yield f"The path item name '{path}' MUST begin with a slash. [#/paths/{path}]"
        yield from _operation_problems(document, path, item)
    schemas = component_schemas(document)
    for name, schema in schemas.items():
        yield from _schema_problems(document, name, mapping(schema))
    if refuse_recursion:
        for name in _recursive(schemas):
            # Documented as unsupported; the text is UNVERIFIED, and Microsoft's own samples ship
            # recursive documents for import: hence a switch.
            yield f"Schema '{name}' is defined recursively. [#/components/schemas/{name}]"


def _info_problems(document: OpenApiDocument) -> Iterator[str]:
    info = mapping(document.root.get("info"))
    for field in ("title", "version"):
        if not info.get(field):
            yield f"The field '{field}' in 'info' object is REQUIRED. [#/info]"
    # paths became optional with OpenAPI 3.1 (spec.openapis.org/oas/v3.1.0).
    if document.version != "3.1" and not isinstance(document.root.get("paths"), dict):
        yield "The field 'paths' in 'document' object is REQUIRED. [#/]"


def _reference_problems(document: OpenApiDocument) -> Iterator[str]:
    for pointer in sorted(set(_references(document.root))):
        if not pointer.startswith("#"):
            yield f"External reference '{pointer}' is not supported."
        elif document.at(pointer) is None:
            yield f"Invalid Reference identifier '{pointer.rsplit('/', 1)[-1]}'."


def _references(root: Any) -> Iterator[str]:
    """Every $ref outside custom extensions, which import ignores (x-ms-examples is full of them).

    Each object is visited once, so YAML aliases cannot multiply the work.
    """
    stack, seen = [root], set[int]()
    while stack:
        node = stack.pop()
        if id(node) in seen or not isinstance(node, dict | list):
            continue
        seen.add(id(node))
        if isinstance(node, list):
            stack.extend(node)
            continue
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        stack.extend(v for k, v in node.items() if k == "x-ms-paths" or not _is_extension(k))


def _is_extension(key: Any) -> bool:
    return str(key).startswith("x-") or key in ("example", "examples")


def _operation_problems(document: OpenApiDocument, path: str, item: Json) -> Iterator[str]:
    for method in METHODS:
        if method not in item:
            continue
        operation = mapping(item[method])
        spot = f"[#/paths/{path.replace('/', '~1')}/{method}]"
        if document.version != "3.1" and not operation.get("responses"):
            yield f"The field 'responses' in 'operation' object is REQUIRED. {spot}"
        parameters = [
            document.resolve(p)
            for p in objects(item.get("parameters")) + objects(operation.get("parameters"))
        ]
        yield from _parameter_problems(path, parameters, spot)


def _parameter_problems(path: str, parameters: list[Json], spot: str) -> Iterator[str]:
    template = template_names(path)
    lowered = [name.lower() for name in template]
    declared = {str(p.get("name")) for p in parameters if p.get("in") == "path"}
    for name in sorted(declared - set(template)):
        # "Defined URL parameter must be part of the URL template."
        yield f"Parameter '{name}' is not part of the URL template '{path}'. {spot}"
    for name in sorted(set(template) - declared):
        # Undeclared ones are refused too (Azure/apiops-cli#112 injects them before import).
        yield f"URL template parameter '{name}' is not declared. {spot}"
    required = [
        str(p.get("name")).lower() for p in parameters if p.get("in") == "query" and _needed(p)
    ]
    for name in sorted(set(required)):
        if name in lowered:
            # Unique within the URL template, case-insensitively.
            yield f"Parameter name '{name}' is not unique within the URL template. {spot}"


def _needed(parameter: Json) -> bool:
    return parameter.get("required") is True


def _schema_problems(document: OpenApiDocument, name: str, schema: Mapping[str, Any]) -> Any:
    if not _COMPONENT_KEY.match(name):
        yield (
            f"The key '{name}' in 'schemas' of components MUST match the regular expression "
            "'^[a-zA-Z0-9\\.\\-_]+$'. [#/components]"
        )
    discriminator = str(mapping(schema.get("discriminator")).get("propertyName") or "")
    if discriminator and not _requires(document, schema, discriminator, 0):
        yield (
            f"Schema {name} must contain property specified in the discriminator {discriminator} "
            f"in the required field list. [#/components/schemas/{name}/discriminator]"
        )


def _requires(doc: OpenApiDocument, schema: Mapping[str, Any], field: str, depth: int) -> bool:
    """Required here, or known to the alternatives (microsoft/OpenAPI.NET, discriminator rule)."""
    if field in objects(schema.get("required")):
        return True
    children: Any = next((schema[k] for k in ("oneOf", "anyOf", "allOf") if schema.get(k)), [])
    for child in (doc.resolve(c) for c in objects(children)):
        if field in mapping(child.get("properties")) or depth > 16:
            return True
        return _requires(doc, child, field, depth + 1)
    return False


def _recursive(schemas: Mapping[str, Any]) -> list[str]:
    """Schemas that reach themselves through references."""
    edges = {
        name: {ref.rsplit("/", 1)[-1] for ref in _references(schema)} & schemas.keys()
        for name, schema in schemas.items()
    }
    return sorted(name for name in schemas if name in _reachable(edges, name))


def _reachable(edges: Mapping[str, set[str]], start: str) -> set[str]:
    found, stack = set[str](), list(edges[start])
    while stack:
        name = stack.pop()
        if name not in found:
            found.add(name)
            stack.extend(edges[name])
    return found
