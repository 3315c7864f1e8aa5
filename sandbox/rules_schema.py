"""The JSON Schema of ``onramp.yaml``, for editors: docs/onramp.schema.json."""

from collections.abc import Mapping
from typing import Any

from sandbox.contracts import Json
from shared.core.rules import RuleBook

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def rules_schema() -> Json:
    """Draft 2020-12; only what has members of its own is a definition, the rest is in place."""
    raw = RuleBook.model_json_schema()
    definitions = raw.pop("$defs")
    blocks = {
        name: _in_place(schema, definitions)
        for name, schema in definitions.items()
        if "properties" in schema
    }
    return {
        "$schema": _DIALECT,
        "title": "onramp.yaml: what model-onramp is to do for accounts and deployments",
        **_in_place(raw, definitions),
        "$defs": blocks,
    }


def _in_place(node: Any, definitions: Mapping[str, Json]) -> Any:
    if isinstance(node, list):
        return [_in_place(item, definitions) for item in node]
    if not isinstance(node, dict):
        return node
    name = str(node.get("$ref", "")).rpartition("/")[2]
    if name and "properties" not in definitions[name]:
        rest = {key: value for key, value in node.items() if key != "$ref"}
        return _in_place({**definitions[name], **rest}, definitions)
    made = {key: _in_place(value, definitions) for key, value in node.items()}
    if isinstance(made.get("title"), str):  # pydantic's: the member's name, or the model's
        del made["title"]
    return made
