"""What the rules mean for accounts and deployments."""

from typing import Any

import pytest

from shared.core.choices import Choices, ContentSafety, Quota, TokenLimit
from shared.core.model import Model
from shared.core.rulebook import RuleBook, account_choices, deployment_choices
from shared.core.surfaces import SURFACES
from tests.builders import SUBSCRIPTION, a_deployment, an_account, an_embedding
from tests.core.rulebooks import OUT, QUOTA, a_book, a_rule

V1 = SURFACES["azure-openai-v1"]


def of_account(book: RuleBook, **account: Any) -> Choices:
    return account_choices(book, an_account(**account)).choices


def of_deployment(book: RuleBook, *, tags: Any = None, **deployment: Any) -> Choices:
    account = an_account(tags=tags or {})
    return deployment_choices(book, account, a_deployment(**deployment)).choices


def test_an_empty_file_means_the_defaults() -> None:
    chosen = deployment_choices(RuleBook(), an_account(), a_deployment())

    assert (chosen.choices, chosen.problem, chosen.because) == (Choices(), None, ())


@pytest.mark.parametrize(
    ("match", "holds"),
    [
        ({"account": "contoso"}, True),
        ({"account": "CONT*"}, True),
        ({"account": "cont"}, False),
        ({"account": ["fabrikam", "conto?o"]}, True),
        ({"subscription": SUBSCRIPTION.upper()}, True),
        ({"resource_group": "RG-*"}, True),
        ({"region": "Sweden Central"}, True),
        ({"region": ["westeurope", "swedencentral"]}, True),
        ({"account_tags": {"TEAM": "retail"}}, True),
        ({"account_tags": {"team": "retail", "stage": "*"}}, False),
        ({"account_tags": {"team": ["bank", "retail"]}}, True),
        ({"account": "contoso", "region": "westeurope"}, False),
        ({"deployment": "GPT-*"}, True),
        ({"model": "gpt-4o"}, True),
        ({"model": "gpt-4"}, False),
        ({"version": "2024-11-20"}, True),
        ({"version": ["2024-*", 1]}, True),
        ({"format": "openai"}, True),
        ({"kind": "chat"}, True),
        ({"kind": ["embeddings", "image"]}, False),
        ({"sku": "Global*"}, True),
        ({"sku": "DataZone*"}, False),
        ({"subscription": "0*"}, False),
        ({"resource_group": "rg-b"}, False),
        ({"format": "Cohere"}, False),
        ({"tags": {"owner": "a*"}}, True),
        ({"tags": {"team": "retail"}}, False),
        ({"account": "contoso", "model": "o1"}, False),
        ({}, True),
    ],
)
def test_a_rule_holds_when_all_that_is_given_does(match: dict[str, Any], holds: bool) -> None:
    book = a_book(rules=[a_rule(OUT, **match)])
    account = an_account(tags={"Team": "Retail"})
    deployment = a_deployment(tags={"owner": "Ann"})

    assert deployment_choices(book, account, deployment).choices.onboard is not holds


@pytest.mark.parametrize("number", [613, "0613"])
def test_a_version_is_text(number: object) -> None:
    book = a_book(rules=[a_rule(OUT, version=number)])

    assert of_deployment(book, model=Model("OpenAI", "gpt-4", "0613")).onboard is (number == 613)


def test_a_rule_that_looks_at_deployments_says_nothing_of_the_account() -> None:
    book = a_book(rules=[a_rule(OUT, account="*", model="gpt-4o")])

    assert of_account(book).onboard
    assert not of_deployment(book).onboard


def test_later_rules_win_field_by_field_in_blocks_too() -> None:
    book = a_book(
        defaults={"token_limit": {"counter_key": "ip"}},
        rules=[
            a_rule({"token_limit": {"tokens_per_minute": 5, "quota": {"tokens": 7}}}, kind="chat"),
            a_rule({"token_limit": {"tokens_per_minute": "50%"}}, model="gpt-*"),
            a_rule({"token_limit": {"tokens_per_minute": 1}}, model="o1"),
        ],
    )

    limit = of_deployment(book).token_limit

    quota = Quota(tokens=7)
    assert limit == TokenLimit(tokens_per_minute="50%", quota=quota, counter_key="ip")


@pytest.mark.parametrize(
    ("switches", "expected"),
    [
        ([False], False),
        ([False, True], ContentSafety(backend="cs", shield_prompt=False)),
        ([False, {"enforce_on_completions": True}], "enforced"),
        ([{"blocklists": ["a"]}, False, True], ContentSafety(backend="cs", shield_prompt=False)),
        ([{"backend": "other"}], ContentSafety(backend="other", shield_prompt=False)),
        ([{"categories": {"Hate": 1}}], "hate alone"),
    ],
)
def test_a_block_that_is_on_again_starts_from_the_defaults_of_the_file(
    switches: list[Any], expected: object
) -> None:
    base = ContentSafety(backend="cs", shield_prompt=False)
    named = {
        "enforced": base.model_copy(update={"enforce_on_completions": True}),
        "hate alone": base.model_copy(update={"categories": {"Hate": 1}}),
    }
    book = a_book(
        defaults={"content_safety": {"backend": "cs", "shield_prompt": False}},
        rules=[a_rule({"content_safety": switch}, model="*") for switch in switches],
    )

    actual = of_deployment(book).content_safety

    assert actual == (named[expected] if isinstance(expected, str) else expected)


def test_nothing_that_is_set_is_taken_back_by_what_is_not() -> None:
    book = a_book(
        defaults={"bearer_keys": False, "products": ["a"]},
        rules=[a_rule({"operations": "all"}, account="*")],
    )

    chosen = of_account(book)

    assert (chosen.bearer_keys, len(chosen.products), chosen.operations) == (False, 1, "all")


def test_profiles_go_before_rules_and_the_deployments_before_the_accounts() -> None:
    book = a_book(
        rules=[
            a_rule({"token_limit": {"tokens_per_minute": 1, "quota": {"tokens": 1}}}, model="*")
        ],
        profiles={
            "team-a": {"token_limit": {"tokens_per_minute": 2, "counter_key": "ip"}},
            "big": {"token_limit": {"tokens_per_minute": 3}},
        },
    )
    account = an_account(tags={"ONRAMP:Profile": "Team-A"})
    deployment = a_deployment(tags={"onramp:profile": "big"})

    chosen = deployment_choices(book, account, deployment)

    expected = TokenLimit(tokens_per_minute=3, quota=Quota(tokens=1), counter_key="ip")
    assert chosen.choices.token_limit == expected
    assert chosen.because == ("rule 1", "profile team-a", "profile big")
    assert chosen.problem is None


def test_a_rule_is_called_by_its_name_or_its_number() -> None:
    rules = [a_rule(OUT, model="o1"), a_rule(QUOTA, model="*"), a_rule(QUOTA, account="*")]
    book = a_book(rules=[*rules, {"name": "no trials", **a_rule(OUT, deployment="trial*")}])
    account = an_account()

    chosen = deployment_choices(book, account, a_deployment("trial-1"))

    assert chosen.because == ("rule 2", "rule 3", "no trials")
    assert account_choices(book, account).because == ("rule 3",)


@pytest.mark.parametrize(
    ("account", "deployment", "onboard"),
    [
        ({}, {}, True),
        ({"onramp:skip": "false"}, {"onramp:skip": "False"}, True),
        ({"Onramp:Skip": "true"}, {}, False),
        ({"onramp:skip": "true"}, {"onramp:skip": "false"}, False),
        ({"onramp:skip": "true"}, {"onramp:profile": "in"}, False),
        ({}, {"onramp:skip": " TRUE "}, False),
    ],
)
def test_the_skip_tag_keeps_out(account: Any, deployment: Any, onboard: bool) -> None:
    book = a_book(profiles={"in": {"onboard": True}})

    chosen = deployment_choices(book, an_account(tags=account), a_deployment(tags=deployment))

    assert (chosen.choices.onboard, chosen.problem) == (onboard, None)


PROFILE, SKIP = "onramp:profile", "onramp:skip"


@pytest.mark.parametrize(
    ("book", "tags", "who"),
    [
        ({}, {}, ""),
        ({"defaults": OUT}, {}, "defaults"),
        ({"rules": [a_rule(QUOTA), a_rule(OUT), a_rule(QUOTA)]}, {}, "rule 2"),
        ({"rules": [a_rule(OUT), a_rule({"onboard": True})]}, {}, ""),
        ({"rules": [a_rule(OUT)], "profiles": {"a": OUT}}, {PROFILE: "a"}, "profile a"),
        ({"rules": [a_rule(OUT)]}, {SKIP: "true"}, f"tag {SKIP} of the account"),
    ],
)
def test_it_is_known_who_keeps_a_deployment_out(book: Any, tags: Any, who: str) -> None:
    account = an_account(tags=tags)

    assert deployment_choices(a_book(**book), account, a_deployment()).kept_out_by == who


@pytest.mark.parametrize(
    ("whose", "tags", "problem"),
    [
        ("account", {PROFILE: "x"}, f"tag {PROFILE} of the account is 'x', which is none of a, b"),
        ("deployment", {PROFILE: ""}, f"tag {PROFILE} of the deployment is '', which is none of"),
        ("account", {SKIP: "yes"}, f"tag {SKIP} of the account is 'yes', which is none of true"),
        ("deployment", {SKIP: "@(x)"}, f"tag {SKIP} of the deployment is '…', which is none of"),
        ("account", {PROFILE: "a" * 99}, f"is '{'a' * 20}…', which"),
        ("account", {PROFILE: "a<b>"}, "is 'a…', which"),
        (
            "deployment",
            {PROFILE: "b"},
            "is 'b', which sets products of the account's APIs: use it on the account",
        ),
    ],
)
def test_a_tag_that_means_nothing_is_a_problem_and_changes_nothing(
    whose: str, tags: dict[str, str], problem: str
) -> None:
    book = a_book(profiles={"a": OUT, "b": {"products": ["p"], **OUT}})
    account = an_account(tags=tags if whose == "account" else {})
    deployment = a_deployment(tags=tags if whose == "deployment" else {})

    chosen = deployment_choices(book, account, deployment)

    assert problem in str(chosen.problem)
    assert (chosen.choices, chosen.because) == (Choices(), ())
    assert (account_choices(book, account).problem is None) is (whose == "deployment")


def test_a_profile_tag_without_profiles_says_so() -> None:
    problem = account_choices(RuleBook(), an_account(tags={PROFILE: "gold"})).problem

    assert problem is not None
    assert problem.endswith("is 'gold', and the rules file has none to choose from")


def test_whatever_rules_and_profiles_switch_in_turn_is_whole() -> None:
    """Each is checked over the defaults alone, and that must be enough."""
    switches = [False, True, {"shield_prompt": False}, {"backend": "other"}]
    rules = [a_rule({"content_safety": it}, deployment=f"*{n}*") for n, it in enumerate(switches)]
    book = a_book(
        defaults={"content_safety": {"backend": "cs"}}, rules=rules + rules[::-1] + rules[1:]
    )

    for bits in range(16):
        name = "d" + "".join(str(n) for n in range(4) if bits >> n & 1)
        chosen = of_deployment(book, name=name).content_safety
        assert not chosen or chosen.backend in ("cs", "other")


def test_an_embeddings_deployment_is_not_chat() -> None:
    book = a_book(rules=[a_rule(OUT, kind="embeddings")])
    account = an_account()

    assert not deployment_choices(book, account, an_embedding()).choices.onboard
    assert deployment_choices(book, account, a_deployment()).choices.onboard
