"""docs/settings.md, the JSON Schema and the example are what the models say."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from pydantic import ValidationError

from sandbox.settings_doc import documents
from shared.core.choices import Choices
from shared.core.rules import Match, RuleBook
from shared.rules_file import read_rules_file

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/settings.md").read_text()
SCHEMA = json.loads((ROOT / "docs/onramp.schema.json").read_text())
EXAMPLES = [
    (ROOT / "onramp.example.yaml").read_text(),
    *re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL),
]


def schema_problems(document: Any) -> list[str]:
    return [error.message for error in Draft202012Validator(SCHEMA).iter_errors(document)]


@pytest.mark.parametrize("name", documents())
def test_the_generated_files_are_those_in_the_repository(name: str) -> None:
    assert (ROOT / name).read_text() == documents()[name], "run: make docs"


def test_the_schema_is_one_and_without_an_id() -> None:
    Draft202012Validator.check_schema(SCHEMA)

    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert "$id" not in json.dumps(SCHEMA)


def test_everything_that_can_be_set_or_matched_has_its_row() -> None:
    rows = set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE))

    assert {*RuleBook.model_fields, *Choices.model_fields, *Match.model_fields} <= rows


def test_every_link_leads_to_a_heading() -> None:
    headings = re.findall(r"^#+ (.*)$", PAGE, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", it).lower().replace(" ", "-") for it in headings}

    assert set(re.findall(r"\]\(#([^)]+)\)", PAGE)) <= anchors


def test_there_are_examples_and_editors_know_the_first() -> None:
    assert len(EXAMPLES) == 3
    assert EXAMPLES[0].startswith("# yaml-language-server: $schema=docs/onramp.schema.json\n")


@pytest.mark.parametrize("text", EXAMPLES)
def test_an_example_is_right_for_the_model_and_for_the_schema(text: str, tmp_path: Path) -> None:
    file = tmp_path / "onramp.yaml"
    file.write_text(text)

    book = read_rules_file(file)

    assert book != RuleBook()
    assert schema_problems(yaml.safe_load(text)) == []


@pytest.mark.parametrize(
    "document",
    [
        {"defaults": {"token_limit": "on", "semantic_cache": True, "content_safety": "off"}},
        {"profiles": {"a": {"token_limit": {"quota": {"tokens": 5}}, "role": {"mode": "off"}}}},
        {"rules": [{"match": {"version": 1, "kind": ["chat"]}, "set": {"content_safety": False}}]},
        {"rules": [{"match": {"tags": {"a": "b*"}, "model": ["x", 1]}, "set": {"onboard": True}}]},
        {"defaults": {"products": ["a", {"id": "b", "create": True}], "surfaces": ["cohere"]}},
        {"defaults": {"surfaces": "auto", "token_limit": {"tokens_per_minute": "off"}}},
    ],
)
def test_what_the_model_takes_the_schema_takes(document: dict[str, Any]) -> None:
    RuleBook.model_validate(document)

    assert schema_problems(document) == []


@pytest.mark.parametrize(
    "document",
    [
        {"default": {}},
        {"defaults": None},
        {"rules": {}},
        {"rules": [{"set": {}}]},
        {"rules": [{"match": {"model": None}, "set": {}}]},
        {"rules": [{"match": {"model": []}, "set": {}}]},
        {"rules": [{"match": {"model": "[ab]"}, "set": {}}]},
        {"rules": [{"match": {"kind": "chats"}, "set": {}}]},
        {"rules": [{"match": {"tags": {}}, "set": {}}]},
        {"rules": [{"match": {}, "set": {"token_limit": {"quota": {"period": "Fortnightly"}}}}]},
        {"rules": [{"match": {}, "set": {"unknown": 1}}]},
        {"profiles": {"Gold": {}}},
        {"tags": {"team": []}},
        {"tags": {"team": ["Retail"]}},
        {"defaults": {"path": "/ai"}},
        {"defaults": {"display_name": ""}},
        {"defaults": {"content_safety": True}},
        {"defaults": {"content_safety": {"backend": "cs", "categories": {"Love": 1}}}},
        {"defaults": {"surfaces": []}},
        {"defaults": {"surfaces": ["azure-ai", "azure-ai"]}},
        {"defaults": {"token_limit": {"tokens_per_minute": 0}}},
        {"defaults": {"token_limit": {"tokens_per_minute": True}}},
        {"defaults": {"token_limit": {"quota": {}}}},
        {"defaults": {"role": False}},
        {"defaults": {"identity": "me"}},
        {"defaults": {"semantic_cache": {"duration_s": 86401}}},
    ],
)
def test_what_the_model_refuses_the_schema_refuses(document: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        RuleBook.model_validate(document)

    assert schema_problems(document)
