"""docs/outcome-events.md says of each event what the app sends."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from shared.core.outcomes import PREFIX, OutcomeType

DOCS = Path(__file__).parents[1] / "docs"
PAGE = (DOCS / "outcome-events.md").read_text()
SCHEMA = json.loads((DOCS / "outcome-events.schema.json").read_text())
EXAMPLES = {
    it["type"]: it for it in json.loads((DOCS / "outcome-events.examples.json").read_text())
}
SHOWN = [json.loads(it) for it in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)]
TYPES = [f"{PREFIX}{it.value}" for it in OutcomeType]


def is_part(part: Any, whole: Any) -> bool:
    """Whether *whole* has all that *part* has; of a list, some items."""
    if isinstance(part, dict):
        return all(key in whole and is_part(value, whole[key]) for key, value in part.items())
    if isinstance(part, list):
        return all(any(is_part(it, other) for other in whole) for it in part)
    return bool(part == whole)


def problems(event: Any) -> list[str]:
    return [it.message for it in Draft202012Validator(SCHEMA).iter_errors(event)]


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)


def test_there_is_a_row_and_an_example_of_each_type() -> None:
    assert re.findall(r"^\| `(ModelOnramp\.\w+)` \|", PAGE, re.MULTILINE) == TYPES
    assert list(EXAMPLES) == TYPES


@pytest.mark.parametrize("type_", TYPES)
def test_an_example_is_as_the_schema_says(type_: str) -> None:
    assert problems(EXAMPLES[type_]) == []


@pytest.mark.parametrize(
    "change", [{"type": "ModelOnramp.RunEnded"}, {"data": {}}, {"id": 1}, {"specversion": "0.3"}]
)
def test_what_is_no_outcome_event_is_refused_by_the_schema(change: dict[str, Any]) -> None:
    assert problems({**EXAMPLES[TYPES[0]], **change})


def test_an_event_with_another_types_data_is_refused_by_the_schema() -> None:
    drifted = EXAMPLES[f"{PREFIX}Drifted"]

    assert problems({**drifted, "type": f"{PREFIX}RunBlocked"})


@pytest.mark.parametrize("shown", SHOWN, ids=lambda it: it["type"])
def test_what_the_page_shows_is_from_the_examples(shown: dict[str, Any]) -> None:
    assert is_part(shown, EXAMPLES[shown["type"]])
