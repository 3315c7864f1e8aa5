"""What the form accepts, and what of it never does."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from shared.core import choice_types, choices
from shared.core.choices import PER_DEPLOYMENT, Choices, TokenLimit
from shared.core.rules import RULE_SAYS, RuleBook

OWN = ("@(", "@{", "{{", '"', "'", "<", ">", "&", "\\", "\n", "`", "$")
A_SECRET = "https://kv-ai.vault.azure.net/secrets/contoso-key"


def models() -> list[type[BaseModel]]:
    found = [it for it in vars(choices).values() if isinstance(it, type)]
    return [it for it in found if issubclass(it, BaseModel) and it is not choice_types.Strict]


def patterns(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if isinstance(schema.get("pattern"), str):
            yield schema["pattern"]
        for value in schema.values():
            yield from patterns(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from patterns(value)


@pytest.mark.parametrize("model", models(), ids=lambda it: it.__name__)
def test_every_field_says_what_it_is_for(model: type[BaseModel]) -> None:
    assert [name for name, field in model.model_fields.items() if not field.description] == []


def test_every_pattern_has_words_for_people() -> None:
    assert set(patterns(RuleBook.model_json_schema())) <= RULE_SAYS.keys()


def test_what_may_differ_between_deployments_are_choices() -> None:
    assert Choices.model_fields.keys() > PER_DEPLOYMENT


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        (True, TokenLimit()),
        ("on", TokenLimit()),
        ({}, TokenLimit()),
        (False, False),
        ("off", False),
        ({"tokens_per_minute": "off"}, False),  # and no quota: limits nothing
        ({"tokens_per_minute": False, "quota": None}, False),
        ({"tokens_per_minute": 500}, TokenLimit(tokens_per_minute=500)),
    ],
)
def test_a_block_is_off_on_or_spelled_out(given_: object, expected: object) -> None:
    assert Choices.model_validate({"token_limit": given_}).token_limit == expected


@pytest.mark.parametrize(
    "form",
    [
        {"token_limit": {"tokens_per_minute": True}},
        {"token_limit": {"tokens_per_minute": 0}},
        {"token_limit": {"tokens_per_minute": "0%"}},
        {"token_limit": {"tokens_per_minute": "101%"}},
        {"token_limit": {"tokens_per_minute": "1\u0663%"}},  # a digit of another script
        {"token_limit": {"quota": {"tokens": True}}},
        {"token_limit": {"quota": {"period": "Daily"}}},
        {"token_limit": {"counter_key": "@(context.Subscription.Id)"}},
        {"token_limit": {"remaining_tokens_header": "x\r\nset-cookie"}},
        {"content_safety": True},
        {"content_safety": {"backend": "a/b"}},
        {"content_safety": {"backend": "cs", "categories": {"Hate": 8}}},
        {"semantic_cache": {"vary_by": []}},
        {"semantic_cache": {"score_threshold": 1.1}},
        {"token_metric": {"namespace": "{{secret}}"}},
        {"token_metric": {"dimensions": ["API ID", "API ID"]}},
        {"surfaces": []},
        {"surfaces": ["gemini"]},
        {"surfaces": ["azure-ai", "azure-ai"]},
        {"products": ["a", {"id": "a"}]},
        {"products": ["../policies"]},
        {"path": "/ai"},
        {"path": "ai/"},
        {"path": "ai//x"},
        {"path": "ai/.."},
        {"path": "{tag.a.b}"},
        {"path": "{tag}"},
        {"path": "a" * 201},
        {"display_name": ""},
        {"display_name": " x"},
        {"description": "{{named-value}}"},
        {"identity": "user"},
        {"role": False},
        {"role": {"definition": "Cognitive Services User"}},
        {"access_key": True},
        {"access_key": {"secret": f"{A_SECRET}/0123456789abcdef"}},
        {"access_key": {"secret": "https://kv-ai.vault.azure.net.evil.example/secrets/a"}},
        {"access_key": {"secret": "http://kv-ai.vault.azure.net/secrets/a"}},
        {"unknown": 1},
    ],
)
def test_what_the_form_refuses(form: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Choices.model_validate(form)


def test_a_product_is_named_or_spelled_out() -> None:
    chosen = Choices.model_validate({"products": ["starter", {"id": "gold", "create": True}]})

    assert [(it.id, it.create) for it in chosen.products] == [("starter", False), ("gold", True)]


@pytest.mark.parametrize(
    "secret",
    [A_SECRET, A_SECRET.replace("net", "cn"), A_SECRET.replace("azure.net", "usgovcloudapi.net")],
)
def test_secrets_of_every_cloud_are_taken(secret: str) -> None:
    chosen = Choices.model_validate({"access_key": {"secret": secret}})

    assert chosen.access_key
    assert chosen.access_key.secret == secret


@given(
    field=st.sampled_from(
        [
            ("path",),
            ("display_name",),
            ("description",),
            ("identity",),
            ("products", 0),
            ("role", "definition"),
            ("access_key", "secret"),
            ("access_key", "header"),
            ("token_metric", "namespace"),
            ("token_metric", "logger"),
            ("semantic_cache", "embeddings"),
            ("content_safety", "backend"),
            ("content_safety", "blocklists", 0),
            ("token_limit", "tokens_per_minute"),
            ("token_limit", "remaining_tokens_header"),
        ]
    ),
    before=st.from_regex(r"[a-z0-9]{0,5}", fullmatch=True),
    own=st.sampled_from(OWN),
    after=st.from_regex(r"[a-z0-9]{0,5}", fullmatch=True),
)
def test_no_text_brings_syntax_of_its_own(
    field: tuple[str | int, ...], before: str, own: str, after: str
) -> None:
    form: Any = f"{before}{own}{after}"
    for part in reversed(field):
        form = [form] if isinstance(part, int) else {part: form}

    with pytest.raises(ValidationError) as refused:
        Choices.model_validate(form)

    assert any(set(field) <= {*error["loc"]} for error in refused.value.errors())
