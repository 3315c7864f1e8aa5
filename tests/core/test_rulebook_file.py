"""A rules file as a whole: what it may say, what it needs of the gateway, when it is the same."""

from typing import Any

import pytest
from pydantic import ValidationError

from shared.core.model import Wants
from shared.core.rulebook import RuleBook, fingerprint, wants
from tests.core.rulebooks import OUT, QUOTA, a_book, a_rule

GUID = "5e0bd9bd-7b93-4f28-af87-19fc36ad61bd"


@pytest.mark.parametrize(
    ("members", "place"),
    [
        ({"rules": [a_rule({"products": ["a"]}, model="*")]}, ("rules", 0, "set", "products")),
        (
            {"rules": [a_rule({"role": {}}, account="a", tags={"a": "b"})]},
            ("rules", 0, "set", "role"),
        ),
        ({"rules": [a_rule({"path": "{tag.team}"}, account="a")]}, ("rules", 0, "set", "path")),
        ({"defaults": {"description": "{tag.team}"}}, ("defaults", "description")),
        ({"profiles": {"a": {"display_name": "{tag.team}"}}}, ("profiles", "a", "display_name")),
        (
            {"profiles": {"a": {"content_safety": True}}},
            ("profiles", "a", "content_safety", "on", "backend"),
        ),
        (
            {"rules": [a_rule({"token_limit": {"quota": {"period": "Daily"}}})]},
            ("rules", 0, "set", "token_limit", "on", "quota", "tokens"),
        ),
        ({"profiles": {"A": {}}}, ("profiles", "A", "[key]")),
        ({"tags": {"a": ["x"], "A": ["y"]}}, ("tags",)),
        ({"tags": {"a": ["X"]}}, ("tags", "a", 0)),
        ({"tags": {"a": []}}, ("tags", "a")),
        ({"rules": [{"match": {}, "set": {"unknown": 1}}]}, ("rules", 0, "set", "unknown")),
        ({"rules": [{"set": OUT}]}, ("rules", 0, "match")),
        ({"rules": [a_rule(OUT, model=None)]}, ("rules", 0, "match", "model", 0)),
        ({"rules": [a_rule(OUT, model="[ab]*")]}, ("rules", 0, "match", "model", 0)),
        ({"rules": [a_rule(OUT, kind="chats")]}, ("rules", 0, "match", "kind", 0)),
        ({"rules": [a_rule(OUT, tags={})]}, ("rules", 0, "match", "tags")),
    ],
)
def test_a_file_that_can_not_hold_is_refused_at_its_place(
    members: dict[str, Any], place: tuple[str | int, ...]
) -> None:
    with pytest.raises(ValidationError) as refused:
        a_book(**members)

    assert place in [error["loc"] for error in refused.value.errors()]


def test_the_gateway_is_asked_for_what_any_part_of_the_file_wants() -> None:
    book = a_book(
        defaults={"role": {"mode": "off"}, "products": ["a"], "content_safety": {"backend": "cs"}},
        rules=[
            a_rule({"products": ["b"], "token_metric": True}, account="x"),
            a_rule({"content_safety": {"backend": "other"}}, model="x"),
        ],
        profiles={"p": {"semantic_cache": True, "role": {"mode": "check"}}},
    )

    assert wants(book) == Wants(
        loggers=True,
        caches=True,
        keys=False,
        roles=True,
        products=frozenset({"a", "b"}),
        backends=frozenset({"cs", "other"}),
    )
    assert wants(RuleBook()) == Wants(roles=True)
    roles = a_book(
        defaults={"role": {"mode": "off"}}, profiles={"p": {"role": {"definition": GUID}}}
    )
    assert wants(roles) == Wants()
    assert wants(a_book(defaults={"role": {"mode": "off"}})) == Wants()
    secret = "https://kv-ai.vault.azure.net/secrets/key"
    assert wants(a_book(profiles={"p": {"access_key": {"secret": secret}}})).keys


def test_the_fingerprint_is_of_the_meaning() -> None:
    one = a_book(defaults={"bearer_keys": False}, profiles={"a": OUT, "b": QUOTA})
    same = a_book(
        profiles={"b": QUOTA, "a": OUT}, defaults={"bearer_keys": False, "path": "{account}"}
    )
    others = [
        RuleBook(),
        a_book(defaults={"bearer_keys": False}, profiles={"a": OUT}),
        a_book(rules=[a_rule({"token_limit": {"quota": None}}, model="*")]),
        a_book(rules=[a_rule({"token_limit": {}}, model="*")]),
        a_book(rules=[a_rule(OUT, model="a"), a_rule(QUOTA, model="b")]),
        a_book(rules=[a_rule(QUOTA, model="b"), a_rule(OUT, model="a")]),
    ]

    assert fingerprint(one) == fingerprint(same)
    assert len({fingerprint(book) for book in (one, *others)}) == 1 + len(others)
