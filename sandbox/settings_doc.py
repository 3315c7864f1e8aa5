"""``make docs``: docs/settings.md and the JSON Schemas, made from the models.

The words of the page are in settings_page.md, with a <<name>> where a table goes.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any

from sandbox.contracts import Json
from sandbox.outcomes_schema import outcomes_schema
from sandbox.rules_schema import rules_schema
from shared.core.rules import RULE_SAYS
from shared.settings import PREFIX, Settings

_SECTIONS = {
    "Choices": "what-can-be-chosen",
    "Patch": "what-can-be-chosen",
    "Rule": "rules",
}


def write_docs(root: Path) -> None:
    for name, text in documents().items():
        (root / name).write_text(text, encoding="utf-8")


def documents() -> Mapping[str, str]:
    """Each file, below the repository, and what belongs into it."""
    schema = rules_schema()
    return {
        "docs/onramp.schema.json": _text(schema),
        "docs/outcome-events.schema.json": _text(outcomes_schema()),
        "docs/settings.md": _page(schema),
    }


def _text(schema: Json) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _page(schema: Json) -> str:
    blocks = schema["$defs"]
    tables = {
        "environment": _environment(),
        "members": _table(schema, has_defaults=False),
        "choices": _table(blocks["Choices"]),
        "blocks": "\n\n".join(_block(*it) for it in _blocks(blocks["Choices"], blocks)),
        "match": _match(blocks["Match"]),
    }
    page = Path(__file__).with_name("settings_page.md").read_text(encoding="utf-8")
    for name, table in tables.items():
        page = page.replace(f"<<{name}>>", table)
    return page


def _environment() -> str:
    rows = []
    for name, field in Settings.model_fields.items():
        setting = "AzureWebJobsStorage" if name == "storage" else f"{PREFIX}{name.upper()}"
        default = field.default.value if isinstance(field.default, Enum) else field.default
        shown = "required" if field.is_required() else _default(default)
        rows.append((f"`{setting}`", shown, field.description or ""))
    return _rows(("setting", "default", ""), rows)


def _match(schema: Json) -> str:
    """Nearly all of its members take the same: names with * and ?."""
    rows = []
    for name, member in schema["properties"].items():
        words = next((it["enum"] for it in member.get("anyOf", ()) if "enum" in it), None)
        what = member["description"] + (f": {_code(words)}" if words else "")
        rows.append((f"`{name}`", what))
    return _rows(("name", ""), rows)


def _blocks(schema: Json, blocks: Mapping[str, Json], path: str = "") -> Iterator[tuple[str, Json]]:
    """Every mapping below *schema*, with the members that lead there."""
    for name, member in schema["properties"].items():
        for model in _models(member):
            yield f"{path}{name}", blocks[model]
            yield from _blocks(blocks[model], blocks, f"{path}{name}.")


def _models(member: Json) -> Iterator[str]:
    if "$ref" in member:
        yield member["$ref"].rpartition("/")[2]
    for inner in (*member.get("anyOf", ()), *filter(None, [member.get("items")])):
        yield from _models(inner)


def _block(path: str, schema: Json) -> str:
    return f"### `{path}`\n\n{schema['description']}\n\n{_table(schema, f'{path}.')}"


def _table(schema: Json, path: str = "", *, has_defaults: bool = True) -> str:
    required = schema.get("required", ())
    rows = []
    for name, member in schema["properties"].items():
        default = "required" if name in required else _default_of(member)
        what = (f"`{name}`", _words(member, f"{path}{name}"))
        rows.append((*what, default, member.get("description", "")))
    if has_defaults:
        return _rows(("name", "value", "default", ""), rows)
    return _rows(("name", "value", ""), [(*row[:2], row[3]) for row in rows])


def _rows(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |".replace("|  |", "| |") for line in lines)


def _default_of(member: Json) -> str:
    default = member.get("default")
    if any(_models(member)) and isinstance(default, dict):
        return "`on`" if "anyOf" in member else ""
    if any(_models(member)) and default is False:
        return "`off`"
    return _default(default)


def _default(value: object) -> str:
    return "" if value in (None, "", [], ()) else _code(value)


def _code(value: object) -> str:
    match value:
        case bool():
            return f"`{str(value).lower()}`"
        case dict():
            return ", ".join(f"`{key}: {it}`" for key, it in value.items())
        case list() | tuple():
            return ", ".join(_code(it) for it in value)
    return f"`{value}`"


def _words(schema: Json, path: str) -> str:
    """What to write at *path*, from its JSON Schema."""
    match schema:
        case {"anyOf": parts}:
            some = (_words(it, path) for it in parts if it.get("type") != "null")
            return " or ".join(dict.fromkeys(some))
        case {"enum": words}:
            # A switch is also taken as a word; one spelling is enough to tell of.
            return _code([it for it in words if not isinstance(it, bool)])
        case {"const": word}:
            return _code(word)
        case {"$ref": ref}:
            section = _SECTIONS.get(ref.rpartition("/")[2], path.replace(".", ""))
            return f"[a mapping](#{section})"
        case {"pattern": pattern}:
            return RULE_SAYS[pattern]
        case {"type": "array", "items": items}:
            return f"a list: {_words(items, path)}"
        case {"type": "object", "propertyNames": names, "additionalProperties": values}:
            return f"{_words(names, path)}, each with {_words(values, path)}"
    return _plain(schema)


def _plain(schema: Json) -> str:
    low: Any = schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1)
    high = schema.get("maximum")
    bounds = f" from {low} on" if high is None else f", {low} to {high}"
    kinds = {
        "boolean": "`true`, `false`",
        "integer": f"a whole number{bounds}",
        "number": f"a number{bounds}",
    }
    return kinds[schema["type"]]
