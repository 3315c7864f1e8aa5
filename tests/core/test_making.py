"""The resources of an account's surfaces, and what is left as it stands."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from shared.core.desired import Desired
from shared.core.model import (
    Account,
    Actual,
    ActualResource,
    Deployment,
    GatewayFacts,
    Model,
    RoleGrant,
)
from shared.core.modes import Mode
from shared.core.naming import api_id, backend_id, unit_hash
from shared.core.observed import Rules
from shared.core.ownership import mark_of
from shared.core.plan import Action, make_plan
from shared.core.resource_kinds import ResourceKind, kind_of
from shared.core.standing import Standing, read_standing
from tests.builders import (
    API,
    FACTS,
    GRANT,
    PRINCIPAL,
    RULES,
    SERVICE,
    UNIT,
    a_deployment,
    an_account,
    an_embedding,
    as_actual,
    choosing,
    desired_of,
    policies,
    ruled,
)

SAFETY = {"content_safety": {"backend": "safety", "blocklists": ["slurs"]}}
KEY = {"access_key": {"secret": "https://contoso.vault.azure.net/secrets/foundry"}}
NO_ROLES = replace(FACTS, roles=(), backends=frozenset({"safety"}))
SPEECH = a_deployment("talk", model=Model("OpenAI", "gpt-realtime", "1"), capabilities={})
SOCKETS = ("realtime", "realtime-v1")


def a_gateway(found: Desired) -> dict[str, ActualResource]:
    return {
        it.path: as_actual(it) if it.body else ActualResource(it.path, {}, "")
        for it in found.resources
    }


def standing_in(actual: Mapping[str, ActualResource]) -> Standing:
    return read_standing(UNIT, Actual(SERVICE, actual), owner="default")


def facts_of(actual: Mapping[str, ActualResource], facts: GatewayFacts) -> GatewayFacts:
    """With the roles that were assigned, as ARM lists them."""
    paths = [path for path in actual if kind_of(path) is ResourceKind.ROLE_ASSIGNMENT]
    return replace(
        facts,
        roles=tuple(RoleGrant(it, PRINCIPAL, GRANT.definition, UNIT.arm_id) for it in paths),
    )


def look_again(
    before: Account,
    after: Account | None,
    rules: Rules,
    then: Rules | None = None,
    facts: GatewayFacts = NO_ROLES,
) -> tuple[Desired, dict[Action, set[str]]]:
    """*after* is found in a gateway that holds what *before* needs: what is to be done, by action.

    *then* are other rules to look by.
    """
    actual = a_gateway(desired_of(before, rules=rules, facts=facts))
    found = desired_of(
        after,
        standing=standing_in(actual),
        rules=then or rules,
        facts=facts_of(actual, facts),
    )
    plan = make_plan(found, actual, owner="default", unit=unit_hash(UNIT))
    by_action: dict[Action, set[str]] = {action: set() for action in Action}
    for change in plan:
        by_action[change.action].add(change.path)
    return found, by_action


CHOICES: dict[str, dict[str, Any]] = {
    "plain": {},
    "safety": SAFETY,
    "key": KEY,
    "products": {"products": [{"id": "new", "create": True}]},
    "all operations": {"operations": "all"},
}


@pytest.mark.parametrize("chosen", CHOICES.values(), ids=CHOICES)
def test_nothing_is_written_twice(chosen: dict[str, Any]) -> None:
    account = an_account(a_deployment(), an_embedding(), SPEECH)

    _found, plan = look_again(account, account, choosing(**chosen))

    assert not plan[Action.CREATE] | plan[Action.UPDATE] | plan[Action.DELETE]


def a_bad_tag(*deployments: Deployment) -> Account:
    return an_account(*deployments, tags={"onramp:profile": "oops"})


@pytest.mark.parametrize("chosen", CHOICES.values(), ids=CHOICES)
def test_a_bad_tag_on_an_account_changes_nothing_that_stands(chosen: dict[str, Any]) -> None:
    """Not the role either: without it every call that is still let through would be refused."""
    both = (a_deployment(), SPEECH)

    found, plan = look_again(an_account(*both), a_bad_tag(*both), choosing(**chosen))

    assert plan.keys() - {Action.KEEP} == {action for action in plan if not plan[action]}
    assert any("roleAssignments" in it for it in plan[Action.KEEP]) is (chosen is not KEY)
    assert found.lost == frozenset()
    assert {it.state.value for it in found.verdicts} == {"applied"}
    assert all(it.reason.startswith("kept as it was: tag onramp:profile") for it in found.verdicts)


def test_a_bad_tag_keeps_a_deployment_with_the_limits_it_had() -> None:
    book = {"profiles": {"small": {"token_limit": {"tokens_per_minute": 7}}}}
    before, after = (
        an_account(a_deployment(tags={"onramp:profile": it}), a_deployment("other"))
        for it in ("small", "smal")
    )

    found, plan = look_again(before, after, ruled(book))

    assert not plan[Action.UPDATE]
    for said in policies(found).values():
        assert 'tokens-per-minute="7"' in said.served["gpt-4o"]


@pytest.mark.parametrize("chosen", CHOICES.values(), ids=CHOICES)
@pytest.mark.parametrize(
    "lacking",
    [{"capabilities": {}}, {"capabilities": {}, "provisioning_state": "Updating"}],
    ids=["no capabilities", "updating"],
)
def test_what_is_kept_for_the_lack_of_a_fact_keeps_all_that_it_needs(
    chosen: dict[str, Any], lacking: dict[str, Any]
) -> None:
    rules = choosing(**chosen)

    _found, plan = look_again(
        an_account(a_deployment()), an_account(a_deployment(**lacking)), rules
    )

    assert not plan[Action.DELETE]
    assert not {it for it in plan[Action.UPDATE] if not it.endswith("/policies/policy")}


@pytest.mark.parametrize("chosen", [{}, SAFETY, KEY], ids=["plain", "safety", "key"])
@pytest.mark.parametrize("kept", [SPEECH, a_deployment()], ids=["session", "chat"])
def test_limits_checks_and_keys_are_kept_word_for_word(
    kept: Deployment, chosen: dict[str, Any]
) -> None:
    """Where a neighbour went, so that the policy has to be written anew."""
    rules, both = choosing(**chosen), (kept, replace(kept, name="other"))
    before = policies(desired_of(an_account(*both), rules=rules, facts=NO_ROLES))
    after = an_account(replace(kept, provisioning_state="Updating"))

    found, plan = look_again(an_account(*both), after, rules)

    now = policies(found)
    assert now.keys() == before.keys()
    for api, said in now.items():
        assert said.served == {kept.name: before[api].served[kept.name]}
        assert said.key == before[api].key
        assert (said.key is None) is (chosen is not KEY)
        assert said.retired.keys() == {"other"}
        if kept is not SPEECH:
            assert "llm-token-limit" in said.served[kept.name]
            assert ("llm-content-safety" in said.served[kept.name]) is (chosen is SAFETY)
    assert not plan[Action.DELETE]


@pytest.mark.parametrize("chosen", [{}, SAFETY, KEY], ids=["plain", "safety", "key"])
@pytest.mark.parametrize("gone", [SPEECH, a_deployment()], ids=["session", "chat"])
@pytest.mark.parametrize("after", [an_account(), None], ids=["no deployment", "no account"])
def test_upsert_only_leaves_what_is_gone_as_it_stands(
    after: Account | None, gone: Deployment, chosen: dict[str, Any]
) -> None:
    rules = replace(choosing(**chosen), mode=Mode.UPSERT_ONLY)

    found, plan = look_again(an_account(gone), after, rules)

    assert {action for action, paths in plan.items() if paths} == {Action.KEEP}
    assert found.lost == frozenset()
    assert [it.state.value for it in found.verdicts] == ["retiring"]


@pytest.mark.parametrize("chosen", [{}, SAFETY, KEY], ids=["plain", "safety", "key"])
def test_upsert_only_keeps_the_gone_beside_the_living(chosen: dict[str, Any]) -> None:
    rules = replace(choosing(**chosen), mode=Mode.UPSERT_ONLY)
    both = (a_deployment("stays"), a_deployment("goes"), SPEECH, replace(SPEECH, name="talked"))

    found, plan = look_again(an_account(*both), an_account(both[0], SPEECH), rules)

    assert not plan[Action.UPDATE] | plan[Action.CREATE] | plan[Action.DELETE]
    served = {name for said in policies(found).values() for name in said.served}
    assert served == {"stays", "goes", "talk", "talked"}


def test_upsert_only_loses_nothing_with_a_surface_that_is_no_longer_chosen() -> None:
    rules, fewer = (
        replace(choosing(surfaces=it), mode=Mode.UPSERT_ONLY) for it in ("auto", ["azure-openai"])
    )
    account = an_account(a_deployment())

    found, plan = look_again(account, account, rules, fewer)

    assert not plan[Action.DELETE]
    assert found.lost == frozenset()
    synced, plan = look_again(account, account, RULES, replace(fewer, mode=Mode.SYNC))
    assert len(plan[Action.DELETE]) == 2
    assert synced.lost == {"gpt-4o"}


def test_a_session_has_its_own_policy_path_and_no_backend() -> None:
    found = desired_of(an_account(SPEECH))

    paths = {it.path for it in found.resources}
    apis = {name: api_id(UNIT, name) for name in SOCKETS}
    assert paths == {
        *(f"apis/{it}" for it in apis.values()),
        *(f"apis/{it}/operations/onHandshake/policies/policy" for it in apis.values()),
    }
    for resource in found.resources:
        if kind_of(resource.path) is ResourceKind.OPERATION_POLICY:
            assert resource.needs == ("/".join(resource.path.split("/")[:2]),)


def test_a_session_that_is_gone_answers_410_with_its_api_left_as_it_is() -> None:
    found, plan = look_again(an_account(SPEECH), an_account(), RULES)

    assert {path.split("/")[1] for path in plan[Action.UPDATE]} == {
        api_id(UNIT, name) for name in SOCKETS
    }
    assert all(path.endswith("/onHandshake/policies/policy") for path in plan[Action.UPDATE])
    assert not plan[Action.DELETE]
    assert {name for said in policies(found).values() for name in said.retired} == {"talk"}


@pytest.mark.parametrize(
    ("chosen", "operations"),
    [
        ("needed", {"embeddings-create", "models-list", "models-retrieve"}),
        (
            "all",
            {
                *(
                    "audio-speech-create",
                    "audio-transcriptions-create",
                    "audio-translations-create",
                ),
                *("chat-completions-create", "completions-create", "embeddings-create"),
                *("images-edits-create", "images-generations-create", "models-list"),
                *("models-retrieve", "responses-create", "stored-response-cancel"),
                *("stored-response-delete", "stored-response-get", "stored-response-input-items"),
            },
        ),
    ],
)
def test_an_api_has_the_operations_that_were_chosen(chosen: str, operations: set[str]) -> None:
    found = desired_of(an_account(an_embedding()), rules=choosing(operations=chosen))

    (api,) = (it for it in found.resources if it.path == API)
    assert {name for name, _method, _template in api.operations} == operations


def test_all_that_a_policy_names_stands_before_it() -> None:
    chosen = {**KEY, **SAFETY, "products": [{"id": "new", "create": True}], "token_metric": True}
    facts = replace(NO_ROLES, loggers=("insights",))
    account = an_account(a_deployment(), SPEECH)

    for choices in (chosen, {**chosen, "access_key": False}):
        found = desired_of(account, rules=choosing(**choices), facts=facts)
        paths = {it.path for it in found.resources}
        for resource in found.resources:
            assert set(resource.needs) <= paths
            for backend in (it for it in paths if it.startswith("backends/")):
                named = f'backend-id="{backend.removeprefix("backends/")}"'
                assert named not in str(resource.body) or backend in resource.needs


def test_everything_of_ours_says_so() -> None:
    chosen = {**SAFETY, "products": ["open"]}
    found = desired_of(
        an_account(a_deployment(), SPEECH),
        rules=choosing(**chosen),
        facts=replace(NO_ROLES, products=frozenset({"open"})),
    )

    for resource in found.resources:
        if kind_of(resource.path) in (
            ResourceKind.API,
            ResourceKind.BACKEND,
            ResourceKind.ROLE_ASSIGNMENT,
        ):
            mark = mark_of(resource.body)
            assert mark is not None
            assert mark.is_of("default", unit_hash(UNIT))


def test_a_key_that_is_chosen_later_goes_to_every_surface_and_the_role_goes() -> None:
    account = an_account(a_deployment())

    _found, plan = look_again(account, account, RULES, choosing(**KEY))

    assert {kind_of(it) for it in plan[Action.CREATE]} == {ResourceKind.NAMED_VALUE}
    assert {kind_of(it) for it in plan[Action.DELETE]} == {ResourceKind.ROLE_ASSIGNMENT}
    assert {kind_of(it) for it in plan[Action.UPDATE]} == {ResourceKind.API_POLICY}


def test_an_account_that_is_gone_leaves_nothing_after_the_grace_period() -> None:
    rules = replace(choosing(**KEY), grace=RULES.grace * 0)

    found, plan = look_again(an_account(a_deployment(), SPEECH), None, rules)

    assert found.resources == ()
    assert {kind_of(it) for it in plan[Action.DELETE]} == {
        ResourceKind.API,
        ResourceKind.BACKEND,
        ResourceKind.NAMED_VALUE,
    }
    assert f"backends/{backend_id(UNIT, 'azure-openai')}" in plan[Action.DELETE]
