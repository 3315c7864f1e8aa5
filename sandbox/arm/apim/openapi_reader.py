"""Reads OpenAPI and Swagger documents, JSON and YAML, within the importer's limits.

The texts of parsing errors were seen in Azure/azure-cli#29405 and
hashicorp/terraform-provider-azurerm#24559.
"""

import json
from typing import Any

import yaml

from sandbox.arm.apim.openapi_document import ImportRefusedError, OpenApiDocument
from sandbox.arm.apim.openapi_rules import problems

MAX_INLINE_BYTES = 4 * 1024 * 1024

_INLINE_FORMATS = {"openapi": "3", "openapi+json": "3", "swagger-json": "2"}
_SPEC = "https://github.com/OAI/OpenAPI-Specification/blob/master"
_SPEC_PAGES = {
    "2": f"{_SPEC}/versions/2.0.md (schema {_SPEC}/schemas/v2.0/schema.json)",
    "3.0": f"{_SPEC}/versions/3.0.1.md (schema {_SPEC}/schemas/v3.0/schema.yaml)",
    "3.1": f"{_SPEC}/versions/3.1.1.md (schema {_SPEC}/schemas/v3.1/schema.yaml)",
}
_MAX_DEPTH, _MAX_NODES = 200, 2_000_000
_TOO_DEEP = "Parsing error(s): The document is nested too deeply."


def read_document(text: str, content_format: str, *, refuse_recursion: bool) -> OpenApiDocument:
    """Parse and check a document.

    Raises:
        ImportRefusedError: with every problem found.
    """
    family = _INLINE_FORMATS.get(content_format)
    if family is None:
        raise ImportRefusedError(_unsupported(content_format))
    if len(text.encode()) > MAX_INLINE_BYTES:
        # The limit is documented, its text is UNVERIFIED.
        raise ImportRefusedError("The inline OpenAPI document exceeds the limit of 4 MB.")
    document = _classify(_parse(text, content_format), family)
    found = list(problems(document, refuse_recursion=refuse_recursion))
    if found:
        raise ImportRefusedError(*(f"Parsing error(s): {p}" for p in found), _invalid(document))
    return document


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """YAML without dates: ``default: 2024-10-21`` is an api-version, not a day."""


_Loader.yaml_implicit_resolvers = {
    first: [pair for pair in pairs if pair[0] != "tag:yaml.org,2002:timestamp"]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _parse(text: str, content_format: str) -> Any:
    try:
        return _bounded(json.loads(text))
    except RecursionError as exc:
        raise ImportRefusedError(_TOO_DEEP) from exc
    except json.JSONDecodeError as exc:
        # OpenAPI 2 is JSON only (import restrictions); so is openapi+json by its name (UNVERIFIED).
        if content_format != "openapi":
            raise ImportRefusedError(f"Parsing error(s): {_position(exc)}: {exc.msg}.") from exc
    try:
        return _bounded(yaml.load(text, _Loader))  # noqa: S506  # a SafeLoader
    except (yaml.YAMLError, RecursionError) as exc:
        message = " ".join(str(exc).split())
        raise ImportRefusedError(f"Parsing error(s): {message}") from exc


def _bounded(root: Any) -> Any:
    """Protects this process: what aliases repeat or nest without end cannot be written as JSON."""
    weights: dict[int, int | None] = {}

    def weight(node: Any, depth: int) -> int:
        if not isinstance(node, dict | list):
            return 1
        known = weights.setdefault(id(node), None)
        if known is not None:
            return known
        if depth > _MAX_DEPTH:
            raise ImportRefusedError(_TOO_DEEP)
        children = node.values() if isinstance(node, dict) else node
        total = 1 + sum(weight(child, depth + 1) for child in children)
        weights[id(node)] = total
        if total > _MAX_NODES:
            raise ImportRefusedError("Parsing error(s): The document has too many nodes.")
        return total

    weight(root, 0)
    return root


def _position(exc: json.JSONDecodeError) -> str:
    spot = f"(Lin: {exc.lineno}, Col: {exc.colno}, Chr: {exc.pos})"
    return f"{spot} - {spot}"


def _classify(root: Any, family: str) -> OpenApiDocument:
    if not isinstance(root, dict):
        raise ImportRefusedError(
            "Parsing error(s): The input OpenAPI file is not valid for the OpenAPI specification "
            f"{_SPEC_PAGES['3.0' if family == '3' else '2']}."
        )
    declared = str(root.get("swagger") or root.get("openapi") or "")
    known = {"2.0": "2", "3.0": "3.0", "3.1": "3.1"}
    version = known.get(".".join(declared.split(".")[:2]))
    if version is None or not version.startswith(family):
        # Supported: 2.0 (JSON), 3.0.x, 3.1 import-only. 3.2 is on no list.
        raise ImportRefusedError(
            f"Parsing error(s): OpenAPI specification version '{declared}' is not supported."
        )
    return OpenApiDocument(root, version)


def _unsupported(content_format: str) -> str:
    if "link" in content_format:
        return (
            f"Format '{content_format}' needs the document to be reachable from the service, and "
            "this local service reaches this machine alone. Send the document inline."
        )
    return f"Format '{content_format}' is not supported by this local service."


def _invalid(document: OpenApiDocument) -> str:
    return (
        "Parsing error(s): The input OpenAPI file is not valid for the OpenAPI specification "
        f"{_SPEC_PAGES[document.version]}."
    )
