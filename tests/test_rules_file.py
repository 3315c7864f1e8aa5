"""Reading onramp.yaml: what YAML means here, and how problems are told."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from shared.core.choices import TokenLimit
from shared.core.rules import RuleBook
from shared.errors import ConfigError
from shared.rules_file import read_rules_file


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "onramp.yaml"


def problems(file: Path, text: str) -> list[str]:
    file.write_text(text)
    with pytest.raises(ConfigError) as refused:
        read_rules_file(file)
    title, *lines = str(refused.value).splitlines()
    assert title == "onramp.yaml can't be used:"
    return [line.removeprefix("  - ") for line in lines]


@pytest.mark.parametrize("text", ["", "# nothing chosen yet\n", "{}", "---\n"])
def test_an_empty_file_and_no_file_mean_the_defaults(file: Path, text: str) -> None:
    file.write_text(text)

    assert read_rules_file(file) == read_rules_file(None) == RuleBook()


def test_words_are_read_as_editors_read_them(file: Path) -> None:
    file.write_text(
        "defaults: {role: {mode: off}, token_limit: on, token_metric: off}\n"
        "rules: [{match: {version: [2024-11-20, 0613, 1, '1.0']}, set: {onboard: false}}]\n"
    )

    book = read_rules_file(file)

    chosen = book.defaults
    assert (chosen.role.mode, chosen.token_metric) == ("off", False)
    assert chosen.token_limit == TokenLimit()
    assert book.rules[0].match.version == ("2024-11-20", "0613", "1", "1.0")


def test_parts_may_be_shared_by_anchors(file: Path) -> None:
    file.write_text(
        "profiles:\n"
        "  small: &small\n    token_limit: &limit {counter_key: ip, tokens_per_minute: 100}\n"
        "  large:\n    token_limit: {<<: *limit, tokens_per_minute: 900}\n"
        "  same: *small\n"
    )

    profiles = read_rules_file(file).model_dump(exclude_unset=True)["profiles"]

    small = {"token_limit": {"counter_key": "ip", "tokens_per_minute": 100}}
    large = {"token_limit": {"counter_key": "ip", "tokens_per_minute": 900}}
    assert profiles == {"small": small, "large": large, "same": small}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("- defaults", "must be a mapping"),
        ("defaults:", "defaults: is empty: fill it in or remove it"),
        ("token_limit: on", "token_limit: does not belong here: see docs/settings.md"),
        ("default: {}", "default: is no setting: did you mean defaults?"),
        ("zzz: {}", "zzz: is no setting: see docs/settings.md"),
        ("'a b<': {}", "'a b<': is no setting: see docs/settings.md"),
        (
            "defaults: {token-limit: on}",
            "defaults.token-limit: is no setting: did you mean token_limit?",
        ),
        (
            "defaults: {token_limit: 500}",
            "defaults.token_limit: must be `true`, `false` or a mapping",
        ),
        (
            "defaults: {token_limit: {tokens_per_minute: 0}}",
            "defaults.token_limit.tokens_per_minute: must be more than 0, or `false` for none",
        ),
        (
            "defaults: {token_limit: {tokens_per_minute: 120%}}",
            (
                "defaults.token_limit.tokens_per_minute: must be a whole number, or a share such as"
                " `50%`, or `false`"
            ),
        ),
        ("defaults: {surfaces: gemini}", "defaults.surfaces: must be `auto`, or a list"),
        (
            "defaults: {surfaces: [azure-ai, gemini]}",
            (
                "defaults.surfaces[1]: must be `azure-openai`, `azure-openai-v1`, `azure-ai`,"
                " `anthropic` or `cohere`"
            ),
        ),
        ("defaults: {identity: me}", "defaults.identity: must be `system`, or a GUID"),
        ("defaults: {products: [{}]}", "defaults.products[0].id: is missing"),
        ("defaults: {products: [a, a]}", "defaults.products: each once"),
        (
            "defaults: {semantic_cache: {score_threshold: 3}}",
            "defaults.semantic_cache.score_threshold: must be at most 1.0",
        ),
        (
            "defaults: {bearer_keys: maybe}",
            "defaults.bearer_keys: must be true or false",
        ),
        (
            (
                "rules: [{match: {}, set: {}}, {match: {}, set: {token_limit: {quota:"
                " {tokens: 5, period: Fortnightly}}}}]"
            ),
            (
                "rules[1].set.token_limit.quota.period: must be `Hourly`, `Daily`, `Weekly`,"
                " `Monthly` or `Yearly`"
            ),
        ),
        ("rules: [{set: {}}]", "rules[0].match: is missing"),
        (
            "rules: [{match: {model: }, set: {}}]",
            "rules[0].match.model: is empty: fill it in or remove it",
        ),
        (
            "rules: [{match: {version: 1.10}, set: {}}]",
            "rules[0].match.version: must be text, in quotes",
        ),
        (
            "rules: [{match: {model: '*'}, set: {products: [a]}}]",
            (
                "rules[0].set.products: belongs to the account's APIs, yet the rule looks at"
                " deployments (model): such a rule may set content_safety, onboard, token_limit"
            ),
        ),
        (
            "profiles: {gold: {content_safety: on}}",
            "profiles.gold.content_safety.backend: is missing, here and in `defaults`",
        ),
        ("profiles: {Gold: {}}", "profiles.Gold: must be a word of a-z 0-9 -, at most 40"),
        (
            "defaults: {path: 'ai/{tag.team}'}",
            "defaults.path: name the values that team may have under `tags`",
        ),
        ("1: {}", "[1]: must be text, in quotes"),
        ("defaults: {}\ndefaults: {}", "line 2, column 1: the key defaults is there twice"),
        (
            "defaults:\n  role: {mode: off, mode: check}",
            "line 2, column 21: the key mode is there twice",
        ),
        ("defaults: [", "line 1, column 12: expected the node content, but found '<stream end>'"),
        (
            "a: !!python/object/apply:os.system [x]",
            (
                "line 1, column 4: could not determine a constructor for the tag"
                " 'tag:yaml.org,2002:python/object/apply:os.system'"
            ),
        ),
        ("a: " + "[" * 1500, "is no YAML that can be read"),
        ("a: " + "9" * 5000, "is no YAML that can be read"),
        ("a: \x00", "is no YAML that can be read"),
    ],
)
def test_a_problem_is_told_with_its_place_and_cure(file: Path, text: str, problem: str) -> None:
    assert problems(file, text) == [problem]


def test_every_problem_is_told_and_no_value_is(file: Path) -> None:
    text = (
        "defaults: {path: /s3cret, identity: s3cret}\n"
        "rules:\n- match: {kind: s3cret}\n  set: {onboard: s3cret}\n"
        "profiles: {a: {access_key: {secret: s3cret}}}\n"
    )

    told = problems(file, text)

    places = [line.partition(": ")[0] for line in told]
    assert places == [
        "defaults.path",
        "defaults.identity",
        "rules[0].match.kind",
        "rules[0].set.onboard",
        "profiles.a.access_key.secret",
    ]
    assert "s3cret" not in str(told)


def test_a_file_that_is_no_text_or_not_there_is_refused(file: Path) -> None:
    with pytest.raises(ConfigError, match="can't be read: No such file"):
        read_rules_file(file)

    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="is no UTF-8 text"):
        read_rules_file(file)


@pytest.mark.parametrize("value", [None, 1, "x", True, [], {}, [1], {"x": None}, [[]], 1.5])
@pytest.mark.parametrize("member", ["defaults", "rules", "profiles", "tags"])
def test_no_shape_of_a_member_is_more_than_a_problem(file: Path, member: str, value: Any) -> None:
    file.write_text(json.dumps({member: value}))

    with suppress(ConfigError):
        read_rules_file(file)
