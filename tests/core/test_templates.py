"""What the APIs of an account are called."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.choices import Choices
from shared.core.model import Account
from shared.core.resource_ids import AccountId
from shared.core.rulebook import (
    BadTag,
    RuleBook,
    account_choices,
    deployment_choices,
    names,
)
from shared.core.surfaces import SURFACES
from tests.builders import SUBSCRIPTION, a_deployment, an_account
from tests.core.rulebooks import a_book

V1 = SURFACES["azure-openai-v1"]
TEAM = {"tags": {"Team": ["retail", "bank"]}, "defaults": {"path": "ai/{tag.team}/{account}"}}
SKIP = "onramp:skip"


@pytest.mark.parametrize("value", ["bank", "Bank", " BANK "])
def test_a_tag_chooses_among_the_values_of_the_file(value: str) -> None:
    book, account = a_book(**TEAM), an_account(tags={"TEAM": value})

    chosen = account_choices(book, account)

    assert chosen.problem is None
    assert names(book, chosen.choices, account, V1).path == "ai/bank/contoso/openai/v1"


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        ({}, "the account has no tag team: set it to one of retail, bank"),
        ({"team": "ops"}, "tag team of the account is 'ops', which is none of retail, bank"),
        ({"team": "bank/../x"}, "tag team of the account is 'bank…', which is none of"),
    ],
)
def test_a_tag_that_a_name_needs_and_lacks_is_a_problem(tags: Any, reason: str) -> None:
    book, account = a_book(**TEAM), an_account(tags=tags)

    chosen = deployment_choices(book, account, a_deployment())

    assert reason in str(chosen.problem)
    with pytest.raises(BadTag, match=re.escape(reason)):
        names(book, chosen.choices, account, V1)


def test_what_is_not_onboarded_needs_no_names() -> None:
    book = a_book(**TEAM)

    assert account_choices(book, an_account(tags={SKIP: "true"})).problem is None


def test_texts_show_the_surfaces_title_and_paths_its_name() -> None:
    book = a_book(
        defaults={
            "path": "{region}/{resource_group}-{surface}",
            "display_name": "{account}: {surface} ({region})",
            "description": "In {resource_group}.",
        }
    )
    unit = AccountId(SUBSCRIPTION, "rg_(ai).x", "con_to.so")
    account = an_account(id=unit, location="Sweden Central")

    made = names(book, book.defaults, account, V1)

    assert made.path == "swedencentral/rg-ai-x-azure-openai-v1/openai/v1"
    assert made.display_name == "con_to.so: Azure OpenAI v1 (swedencentral)"
    assert made.description == "In rg-ai-x."


def test_the_path_is_the_account_and_the_surfaces_own_by_default_or_the_latter_alone() -> None:
    account, book = an_account(), RuleBook()

    assert names(book, Choices(), account, V1).path == "contoso/openai/v1"
    assert names(book, Choices(path=""), account, V1).path == "openai/v1"


def test_a_path_longer_than_the_gateway_takes_is_refused() -> None:
    unit = AccountId(SUBSCRIPTION, "r" * 90, "contoso")
    choices = Choices(path="/".join(["{resource_group}"] * 5), display_name="{resource_group}" * 9)

    with pytest.raises(BadTag, match="longer than 400"):
        names(RuleBook(), choices, an_account(id=unit), V1)
    shorter = choices.model_copy(update={"path": "x"})
    assert len(names(RuleBook(), shorter, an_account(id=unit), V1).display_name) == 300


FIELDS = ["{account}", "{resource_group}", "{region}", "{surface}", "{tag.team}"]
TEXT = st.text(min_size=1, max_size=30) | st.sampled_from(
    ["..", ".", "/", "@(1)", "@{return 1;}", "{{secret}}", '"', "<x>", "a/../b", "{account}"]
)


@given(
    prefix=st.from_regex(r"([a-z0-9-]{1,5}/){0,2}", fullmatch=True),
    fields=st.lists(st.sampled_from(FIELDS), min_size=1, max_size=3),
    joint=st.sampled_from(["/", "-", ""]),
    surface=st.sampled_from(sorted(SURFACES)),
    account=st.builds(
        lambda name, group, region, tag: an_account(
            id=AccountId(SUBSCRIPTION, group, name), location=region, tags={"team": tag}
        ),
        *[TEXT] * 3,
        TEXT | st.sampled_from(["retail", "-"]),
    ),
)
def test_no_name_or_tag_brings_syntax_of_its_own_or_leaves_its_place(
    prefix: str, fields: list[str], joint: str, surface: str, account: Account
) -> None:
    template = prefix + joint.join(fields)
    texts = {"display_name": "".join(fields), "description": " ".join(fields)}
    book = a_book(tags={"team": ["retail", "-"]}, defaults={"path": template, **texts})
    problem = account_choices(book, account).problem
    if problem is not None:
        with pytest.raises(BadTag, match=re.escape(problem)):
            names(book, book.defaults, account, SURFACES[surface])
        problem = problem.replace("…", "")
        assert re.fullmatch(r"[\w .',:-]+", problem)
        return

    made = names(book, book.defaults, account, SURFACES[surface])

    suffix = SURFACES[surface].path_suffix
    assert made.path.startswith(prefix)
    assert made.path == suffix or made.path.endswith(f"/{suffix}")
    assert len(made.path.split("/")) == len(f"{template}/{suffix}".strip("/").split("/"))
    for segment in made.path.split("/"):
        assert re.fullmatch(r"[a-z0-9_.-]+", segment)
        assert segment.strip(".")
    for text in (made.display_name, made.description):
        assert re.fullmatch(r"[A-Za-z0-9 _.-]+", text)
