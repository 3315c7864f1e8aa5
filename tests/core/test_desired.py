import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openapi_spec_validator import validate

from shared.core.desired import desired
from shared.core.model import Deployment, Json, Model
from shared.core.modes import Mode, tagged_mode
from shared.core.observed import Observed
from shared.core.openapi import imported_operations
from shared.core.ownership import marked_unit, read_mark
from shared.core.states import DeploymentState
from tests.builders import (
    API,
    API_V1,
    BACKEND,
    BACKEND_V1,
    ENDPOINTS,
    NOW,
    RULES,
    SERVICE,
    UNIT,
    a_deployment,
    an_account,
    an_embedding,
    choosing,
    desired_of,
    policies,
    serving,
)


def bodies(*deployments: Deployment) -> dict[str, Json]:
    found = desired_of(an_account(*deployments)).resources
    return {resource.path: resource.body["properties"] for resource in found}


def test_an_account_gets_backend_api_and_policy_per_surface() -> None:
    paths = {API, BACKEND, f"{API}/policies/policy"}
    v1_paths = {API_V1, BACKEND_V1, f"{API_V1}/policies/policy"}
    assert set(bodies(a_deployment(), an_embedding())) == paths | v1_paths


def test_an_account_without_deployments_gets_nothing() -> None:
    assert desired_of(an_account()).resources == ()


def test_an_account_that_is_gone_needs_nothing() -> None:
    assert desired_of(None).resources == ()


def test_the_backend_is_the_accounts_endpoint_with_the_gateways_identity() -> None:
    found = bodies(a_deployment())

    assert found[BACKEND]["url"] == "https://contoso.openai.azure.com/openai"
    assert found[BACKEND_V1]["url"] == "https://contoso.services.ai.azure.com/openai/v1"
    assert found[BACKEND]["credentials"] == {
        "managedIdentity": {"resource": "https://cognitiveservices.azure.com/"}
    }


@pytest.mark.parametrize(
    ("deployments", "operations"),
    [
        ((a_deployment(),), {"chat-completions-create"}),
        ((an_embedding(),), {"embeddings-create"}),
        ((a_deployment(), an_embedding()), {"chat-completions-create", "embeddings-create"}),
    ],
)
def test_an_api_has_just_the_operations_that_its_model_kinds_need(
    deployments: tuple[Deployment, ...], operations: set[str]
) -> None:
    for resource in desired_of(an_account(*deployments)).resources:
        if resource.path in (API, API_V1):
            found = {name for name, _, _ in resource.operations if not name.startswith("models-")}
            assert found == operations


def test_the_documents_are_valid_openapi_and_named_as_they_will_be_imported() -> None:
    for path, body in bodies(a_deployment(), an_embedding()).items():
        if path in (API, API_V1):
            document = json.loads(body["value"])
            validate(document)
            for name, _method, _template in imported_operations(document):
                assert name == name.lower()


def test_the_mark_says_whose_it_is_and_changes_with_the_document() -> None:
    chat, both = bodies(a_deployment()), bodies(a_deployment(), an_embedding())
    marks = [read_mark(found[API]["description"]) for found in (chat, both)]

    assert marks[0] != marks[1]
    assert all(mark and mark.owner == "default" for mark in marks)
    assert marked_unit(chat[BACKEND]["description"], "default") == UNIT
    assert marked_unit(chat[BACKEND]["description"], "another") is None


def test_a_second_deployment_of_a_known_kind_changes_only_the_policies() -> None:
    one, two = bodies(a_deployment()), bodies(a_deployment(), a_deployment("gpt-4o-eu"))

    changed = {path for path in one if one[path] != two[path]}
    assert changed == {f"{API}/policies/policy", f"{API_V1}/policies/policy"}


def test_a_resize_changes_only_the_policies() -> None:
    one, two = bodies(a_deployment()), bodies(a_deployment(tokens_per_minute=50_000))

    changed = {path for path in one if one[path] != two[path]}
    assert changed == {f"{API}/policies/policy", f"{API_V1}/policies/policy"}


def test_the_order_in_which_arm_lists_deployments_does_not_matter() -> None:
    first, second = a_deployment("b"), a_deployment("a")

    assert desired_of(an_account(first, second)) == desired_of(an_account(second, first))


@pytest.mark.parametrize(
    ("deployment", "state", "words"),
    [
        (a_deployment(), DeploymentState.APPLIED, "onboarded"),
        (a_deployment(provisioning_state="Creating"), DeploymentState.SEEN, "Creating"),
        (a_deployment(provisioning_state="SomethingNew"), DeploymentState.SEEN, "SomethingNew"),
        (a_deployment(provisioning_state="Failed"), DeploymentState.QUARANTINED, "Failed"),
        (a_deployment(sku="GlobalBatch"), DeploymentState.QUARANTINED, "GlobalBatch"),
        (a_deployment(capabilities={}), DeploymentState.QUARANTINED, "kind unknown"),
        (a_deployment("a b"), DeploymentState.QUARANTINED, "allowlist"),
        (
            a_deployment("film", model=Model("OpenAI", "sora-2", "1")),
            DeploymentState.QUARANTINED,
            "kind video",
        ),
    ],
)
def test_every_deployment_has_a_state_and_a_reason(
    deployment: Deployment, state: DeploymentState, words: str
) -> None:
    (verdict,) = desired_of(an_account(deployment)).verdicts

    assert verdict.state is state
    assert words in verdict.reason


def test_a_deployment_that_is_served_stays_while_arm_has_it_whatever_its_state() -> None:
    failed = a_deployment(provisioning_state="Failed")

    kept = desired_of(an_account(failed), standing=serving("gpt-4o"))

    assert [verdict.state for verdict in kept.verdicts] == [DeploymentState.APPLIED]


@pytest.mark.parametrize(
    ("deployment", "account"),
    [
        (a_deployment(capabilities={}), {}),
        (a_deployment(capabilities={}, provisioning_state="Updating"), {}),
        (a_deployment(), {"endpoints": {}}),
        (a_deployment(), {"endpoints": {}, "custom_subdomain": None}),
        (a_deployment(), {"endpoints": {"Token Service API": "https://x.openai.azure.com"}}),
    ],
    ids=["no capabilities", "updating", "no endpoints", "no answer", "not the endpoint"],
)
def test_what_is_served_is_not_given_up_for_the_lack_of_a_fact(
    deployment: Deployment, account: Json
) -> None:
    found = desired_of(an_account(deployment, **account), standing=serving("gpt-4o"))

    assert found.lost == frozenset()
    for rules in policies(found).values():
        assert "gpt-4o" in rules.served
    (verdict,) = found.verdicts
    assert verdict.state is DeploymentState.APPLIED


def test_an_account_that_was_made_anew_without_a_subdomain_is_given_up() -> None:
    """Its endpoints are there, and they are others: that is a fact."""
    regional = "https://swedencentral.api.cognitive.microsoft.com/"
    anew = an_account(
        a_deployment(),
        custom_subdomain=None,
        endpoints=dict.fromkeys(ENDPOINTS, regional),
    )

    found = desired_of(anew, standing=serving("gpt-4o"))

    assert found.resources == ()
    assert found.lost == {"gpt-4o"}


def test_a_surface_that_is_lost_counts_for_the_brake() -> None:
    rules = choosing(surfaces=["azure-openai-v1"])

    found = desired_of(an_account(a_deployment()), standing=serving("gpt-4o"), rules=rules)

    assert found.lost == {"gpt-4o"}


def test_an_account_that_is_gone_is_treated_as_its_tags_last_said() -> None:
    observed = Observed(UNIT, None, serving("gpt-4o"), SERVICE, NOW, Mode.OBSERVE)

    assert desired(observed, RULES).mode is Mode.OBSERVE


def test_a_partner_chat_model_is_served_on_v1_only() -> None:
    found = bodies(a_deployment("mistral", model=Model("Mistral AI", "mistral-large", "1")))

    assert set(found) == {API_V1, f"{API_V1}/policies/policy", BACKEND_V1}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"kind": "SpeechServices"}, "SpeechServices"),
        ({"custom_subdomain": None}, "custom subdomain"),
    ],
)
def test_an_account_that_can_not_be_served_says_why(changes: Json, words: str) -> None:
    found = desired_of(an_account(a_deployment(), **changes))

    assert found.resources == ()
    assert words in found.verdicts[0].reason


@pytest.mark.parametrize(
    "url",
    [
        "http://contoso.openai.azure.com/",
        "https://evil.example/",
        "https://openai.azure.com.evil.example/",
        "https://user@contoso.openai.azure.com/",
        "https://contoso.openai.azure.com:8443/",
        "https://contoso.openai.azure.com/path",
    ],
)
def test_the_gateways_token_never_goes_to_a_host_that_is_not_microsofts(url: str) -> None:
    account = an_account(a_deployment(), endpoints={"OpenAI Language Model Instance API": url})

    assert desired_of(account).resources == ()


def test_a_tier_without_token_limits_leaves_them_out_and_says_so() -> None:
    found = desired_of(an_account(a_deployment()), service=replace(SERVICE, sku="Consumption"))

    assert found.verdicts[0].reason == "onboarded; no token limit: tier Consumption has none"
    assert not any("llm-token-limit" in str(resource.body) for resource in found.resources)


def test_token_limits_can_be_switched_off() -> None:
    found = desired_of(an_account(a_deployment()), rules=choosing(token_limit=False))

    assert not any("llm-token-limit" in str(resource.body) for resource in found.resources)


@given(st.text(min_size=1, max_size=80))
def test_no_name_can_put_an_expression_into_a_policy(name: str) -> None:
    plain = desired_of(an_account(a_deployment("plain")))
    found = desired_of(an_account(a_deployment(name)))

    for resource in found.resources:
        if resource.path.endswith("policy"):
            (reference,) = (r for r in plain.resources if r.path == resource.path)
            text, expected = (str(r.body["properties"]["value"]) for r in (resource, reference))
            for mark in ("@(", "@{", "{{", "<", "&quot;"):
                assert text.count(mark) == expected.count(mark)


@pytest.mark.parametrize(
    ("tags", "mode", "says"),
    [
        ({}, Mode.SYNC, False),
        ({"onramp:mode": "observe"}, Mode.OBSERVE, False),
        ({"Onramp:Mode": " Upsert-Only "}, Mode.UPSERT_ONLY, False),
        ({"onramp:mode": "@(drop)"}, Mode.OBSERVE, True),
    ],
)
def test_a_tag_chooses_the_mode_of_its_account(
    tags: dict[str, str], mode: Mode, *, says: bool
) -> None:
    found = desired_of(an_account(a_deployment(), tags=tags))

    assert found.mode is mode
    assert any("onramp:mode" in note for note in found.notes) is says
    assert not any("@(drop)" in note for note in found.notes)
    assert tagged_mode(tags) == (mode.value if tags else ""), "a setting is not the account's"
