from dataclasses import replace
from datetime import timedelta

import pytest

from shared.core.model import Account, Model
from shared.core.modes import Mode
from shared.core.states import DeploymentState
from tests.builders import (
    API,
    API_V1,
    BACKEND,
    BACKEND_V1,
    NOW,
    RULES,
    a_deployment,
    an_account,
    an_embedding,
    desired_of,
    policies,
    serving,
)


def test_a_deployment_that_is_gone_answers_410_for_the_grace_period() -> None:
    before = serving("gpt-4o", "old")

    first = desired_of(an_account(a_deployment()), standing=before)
    assert {it.name: it.state for it in first.verdicts} == {
        "gpt-4o": DeploymentState.APPLIED,
        "old": DeploymentState.RETIRING,
    }
    for rules in policies(first).values():
        assert (set(rules.served), dict(rules.retired)) == ({"gpt-4o"}, {"old": NOW})

    after = serving("gpt-4o", retired={"old": NOW})
    for hours, retired in ((23, {"old"}), (25, set())):
        later = NOW + timedelta(hours=hours)
        found = desired_of(an_account(a_deployment()), standing=after, now=later)
        for rules in policies(found).values():
            assert set(rules.retired) == retired


def test_a_deployment_that_comes_back_within_the_grace_period_is_served_again() -> None:
    before = serving(retired={"gpt-4o": NOW - timedelta(hours=1)})

    found = desired_of(an_account(a_deployment()), standing=before)

    for rules in policies(found).values():
        assert (set(rules.served), dict(rules.retired)) == ({"gpt-4o"}, {})


@pytest.mark.parametrize("account", [None, an_account()], ids=["account gone", "last one gone"])
def test_where_only_410_is_left_the_api_stays_as_it_is(account: Account | None) -> None:
    found = desired_of(account, standing=serving("gpt-4o"))

    assert {resource.path for resource in found.resources} == {
        f"{API}/policies/policy",
        f"{API_V1}/policies/policy",
    }
    assert found.retained >= {API, API_V1, BACKEND, BACKEND_V1}

    forgotten = desired_of(account, standing=serving(retired={"gpt-4o": NOW - timedelta(hours=25)}))
    assert (forgotten.resources, forgotten.retained) == ((), frozenset())


def test_what_is_gone_still_reaches_its_answer_though_nothing_else_needs_the_operation() -> None:
    chat_is_gone = desired_of(an_account(an_embedding()), standing=serving("gpt-4o"))

    (api,) = (resource for resource in chat_is_gone.resources if resource.path == API)
    assert {name for name, _, _ in api.operations} >= {
        "chat-completions-create",
        "embeddings-create",
    }


def test_without_a_grace_period_what_is_gone_goes_at_once() -> None:
    rules = replace(RULES, grace=timedelta())

    found = desired_of(None, standing=serving("gpt-4o"), rules=rules)

    assert (found.resources, found.retained) == ((), frozenset())
    assert found.lost == {"gpt-4o"}


def test_upsert_only_takes_nothing_off() -> None:
    rules = replace(RULES, mode=Mode.UPSERT_ONLY)

    found = desired_of(an_account(a_deployment()), standing=serving("gone"), rules=rules)

    for said in policies(found).values():
        assert set(said.served) == {"gpt-4o", "gone"}
        assert 'tokens-per-minute="10000"' in said.served["gpt-4o"]
        assert 'tokens-per-minute="1000"' in said.served["gone"]
    assert found.lost == frozenset()
    assert [it.state.value for it in found.verdicts] == ["applied", "retiring"]


def test_a_deployment_that_arm_has_but_nobody_can_serve_is_lost_and_not_retired() -> None:
    odd = a_deployment(model=Model("OpenAI", "sora-2", "1"))

    found = desired_of(an_account(odd), standing=serving("gpt-4o"))

    assert found.lost == {"gpt-4o"}
    assert [it.state for it in found.verdicts] == [DeploymentState.QUARANTINED]
