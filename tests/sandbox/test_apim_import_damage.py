"""Documents that are damaged, endless or hostile: refused, never fatal."""

import json
from typing import Any

import pytest

from sandbox.arm.apim.importing import import_document
from sandbox.arm.apim.openapi_document import ImportRefusedError
from tests.sandbox.test_apim_import import a_document, a_parameter, problems


@pytest.mark.parametrize("text", ["[" * 100_000, "&a [*a]", f"{'[' * 900}{']' * 900}"])
def test_documents_without_end_are_refused(text: str) -> None:
    assert problems(text, "openapi") == ["The document is nested too deeply."]


def test_yaml_aliases_cannot_multiply_the_work() -> None:
    levels = "\n".join(
        f"x{i}: &x{i} [{', '.join([f'*x{i - 1}'] * 9)}]" if i else "x0: &x0 [a]" for i in range(12)
    )

    assert problems(levels, "openapi") == ["The document has too many nodes."]


def every_damage(node: Any) -> list[Any]:
    """The node with each of its parts in turn replaced by something odd."""
    odd: list[Any] = [None, 5, "x", True, [], [None], {}, {"$ref": 5}, {"$ref": "#/"}]
    if isinstance(node, dict):
        return odd + [node | {k: bad} for k, v in node.items() for bad in every_damage(v)]
    if isinstance(node, list):
        return odd + [
            [*node[:i], bad, *node[i + 1 :]] for i, v in enumerate(node) for bad in every_damage(v)
        ]
    return odd


def test_no_damaged_document_breaks_the_importer() -> None:
    operation = {
        "tags": ["a"],
        "summary": "s",
        "parameters": [a_parameter("q", required=True, schema={"enum": ["a"], "default": 1})],
        "requestBody": {"content": {"application/json": {}}},
        "responses": {"200": {"description": "ok", "content": {"text/plain": {}}}},
    }
    schemas = {
        "A": {
            "discriminator": {"propertyName": "k"},
            "oneOf": [{"$ref": "#/components/schemas/B"}],
            "required": ["k"],
        },
        "B": {"properties": {"k": {}}},
    }
    document = json.loads(
        a_document(
            operation,
            components={"schemas": schemas},
            servers=[{"url": "https://a.test"}],
        )
    )
    swagger = {
        "swagger": "2.0",
        "info": document["info"],
        "host": "a.test",
        "schemes": ["https"],
        "consumes": ["application/json"],
        "paths": document["paths"],
        "definitions": schemas,
    }

    for content_format, good in (("openapi+json", document), ("swagger-json", swagger)):
        for damaged in every_damage(good):
            try:
                api = import_document(json.dumps(damaged), content_format)
            except ImportRefusedError:
                continue
            json.dumps([o.properties for o in api.operations])
