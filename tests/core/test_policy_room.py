"""A policy that is too large would be refused whole: what has no room is not written."""

from dataclasses import replace

from shared.core.desired import Desired
from shared.core.observed import Rules
from shared.core.states import DeploymentState
from tests.builders import (
    FACTS,
    RULES,
    SERVICE,
    a_deployment,
    an_account,
    choosing,
    desired_of,
    policies,
    serving,
)

CONSUMPTION = replace(SERVICE, sku="Consumption")  # 16 KiB


def sizes(found: Desired) -> list[int]:
    paths = [it for it in found.resources if it.path.endswith("/policies/policy")]
    return [len(it.body["properties"]["value"].encode()) for it in paths]


def test_new_deployments_are_left_out_before_those_that_are_served() -> None:
    names = [f"gpt-4o-{number:03}" for number in range(60)]
    served = names[50:]
    account = an_account(*(a_deployment(name) for name in names))

    found = desired_of(account, standing=serving(*served), service=CONSUMPTION)

    assert len(sizes(found)) == 2
    assert max(sizes(found)) <= 16 * 1024
    states = {it.name: it.state for it in found.verdicts}
    assert {states[name] for name in served} == {DeploymentState.APPLIED}
    assert found.lost == frozenset()
    (reason,) = {it.reason for it in found.verdicts if it.state is DeploymentState.QUARANTINED}
    assert "no room in the policy" in reason


def test_what_is_served_and_has_grown_too_large_goes_on_as_it_stands() -> None:
    names = [f"gpt-4o-{number:03}" for number in range(300)]
    account = an_account(*(a_deployment(name) for name in names))
    facts = replace(FACTS, backends=frozenset({"safety"}))

    def look(rules: Rules) -> Desired:
        return desired_of(account, standing=serving(*names), rules=rules, facts=facts)

    assert not any("no room" in it.reason for it in look(RULES).verdicts)
    found = look(choosing(content_safety={"backend": "safety"}))
    assert any("no room" in it.reason for it in found.verdicts)
    assert max(sizes(found)) <= 256 * 1024
    assert found.lost == frozenset()
    for rules in policies(found).values():
        assert set(rules.served) == set(names)
