"""What `python -m sandbox rules` says of a file, and how it ends."""

import json
from pathlib import Path
from typing import Any

import pytest

from sandbox.__main__ import main
from sandbox.rules_preview import mixed_world, preview, read_accounts
from shared.core.model_kinds import ModelKind, model_kind
from shared.core.rules import RuleBook

ROOT = Path(__file__).parents[2]


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    return tmp_path / "onramp.yaml"


def shown(rules: Path, text: str, capsys: pytest.CaptureFixture[str], *more: str) -> Any:
    rules.write_text(text)
    code = main(["rules", "--file", str(rules), "--json", *more])
    return code, {it["name"]: it for it in json.loads(capsys.readouterr().out)}


def deployments(account: Any) -> dict[str, Any]:
    return {it["name"]: it for it in account["deployments"]}


def test_the_built_in_world_has_something_of_each_kind_that_the_file_may_tell_apart() -> None:
    found = {
        model_kind(it.model, it.capabilities)
        for account in read_accounts(mixed_world())
        for it in account.deployments
    }

    assert found >= {
        ModelKind.CHAT,
        ModelKind.EMBEDDINGS,
        ModelKind.MESSAGES,
        ModelKind.IMAGE,
        ModelKind.UNKNOWN,
    }


def test_it_says_what_becomes_of_each_deployment(
    rules: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (
        "defaults: {path: 'ai/{account}', products: [starter], role: {mode: check},"
        " content_safety: {backend: cs}}\n"
        "rules:\n- name: half\n  match: {model: gpt-4o}\n"
        "  set: {token_limit: {tokens_per_minute: 50%}}\n"
        "profiles: {small: {token_limit: {tokens_per_minute: 100, counter_key: ip}}}\n"
    )

    code, accounts = shown(rules, text, capsys)

    foundry, lab = accounts["contoso-foundry"], accounts["contoso-lab"]
    assert code == 0
    assert foundry["paths"]["azure-openai-v1"] == "ai/contoso-foundry/openai/v1"
    assert (foundry["products"], foundry["role"]) == (["starter"], "check")
    chat = deployments(foundry)["gpt-4o"]
    assert (chat["state"], chat["because"]) == ("applied", ["half"])
    assert chat["token_limit"] == "50,000 a minute per subscription"
    assert chat["content_safety"] == "by cs"
    assert deployments(foundry)["novelty"]["state"] == "quarantined"
    assert deployments(lab)["gpt-4o-mini"]["token_limit"] == "100 a minute per ip"
    assert deployments(lab)["old"]["state"] == "excluded"


def test_a_deployment_with_a_bad_tag_ends_it_with_3(
    rules: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, accounts = shown(rules, "profiles: {large: {token_limit: off}}", capsys)

    mini = deployments(accounts["contoso-lab"])["gpt-4o-mini"]
    assert code == 3
    assert "is 'small', which is none of large" in mini["problem"]
    assert mini["state"] == "quarantined"


def test_a_world_of_ones_own_is_looked_at(
    rules: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world = tmp_path / "world.json"
    world.write_text(json.dumps({"accounts": [{"name": "mine", "tags": {"team": "ops"}}]}))
    text = "tags: {team: [bank]}\ndefaults: {path: '{tag.team}/{account}'}"

    code, accounts = shown(rules, text, capsys, "--world", str(world))

    assert code == 3
    assert accounts.keys() == {"mine"}
    assert "tag team of the account is 'ops'" in accounts["mine"]["problem"]


@pytest.mark.parametrize("text", ["defaults: {token_limit: 5}", "defaults: ["])
def test_a_file_that_can_not_be_used_ends_it_with_1(
    rules: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    rules.write_text(text)

    assert main(["rules", "--file", str(rules)]) == 1

    said = capsys.readouterr()
    assert "onramp.yaml can't be used:\n  - " in said.err
    assert said.out == ""


def test_a_world_that_can_not_be_read_ends_it_with_1(
    rules: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rules.touch()

    assert main(["rules", "--file", str(rules), "--world", str(rules.with_name("no"))]) == 1

    assert "sandbox: " in capsys.readouterr().err


def test_people_get_tables(capsys: pytest.CaptureFixture[str]) -> None:
    example = ROOT / "onramp.example.yaml"

    assert main(["rules", "--file", str(example)]) == 0

    said = capsys.readouterr().out
    for words in ("/ai/retail/contoso-foundry/anthropic", "role: check", "no trials", "80,000"):
        assert words in said


def test_the_tier_of_the_worlds_gateway_counts() -> None:
    world = mixed_world()
    consumption = world.gateways[0].model_copy(update={"sku": "Consumption"})

    accounts = preview(RuleBook(), world.model_copy(update={"gateways": [consumption]}))

    chat = next(it for it in accounts[0].deployments if it.name == "gpt-4o")
    assert "no token limit: tier Consumption has none" in chat.reason
    assert chat.token_limit == ""
