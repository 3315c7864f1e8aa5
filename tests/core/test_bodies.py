import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from shared.core.desired import Desired
from shared.core.model import Account, GatewayFacts, Json, Model, Resource, RoleGrant
from shared.core.naming import api_id, embeddings_backend_id, key_name, unit_hash
from shared.core.ownership import mark_of, marked_unit
from shared.core.policy_rules import read_rules
from shared.core.resource_kinds import ResourceKind, kind_of
from tests.builders import (
    API,
    API_V1,
    BACKEND,
    ENDPOINTS,
    FACTS,
    GRANT,
    PRINCIPAL,
    SERVICE,
    SUBSCRIPTION,
    UNIT,
    a_deployment,
    an_account,
    an_embedding,
    choosing,
    desired_of,
)

CLIENT = "AAAAAAAA-0000-0000-0000-000000000001"
USER = "99999999-0000-0000-0000-000000000002"
SECRET = "https://contoso.vault.azure.net/secrets/foundry"
KEY_NAME = key_name(UNIT)
REALTIME = f"apis/{api_id(UNIT, 'realtime')}"
CLAUDE = a_deployment("opus", model=Model("Anthropic", "claude-opus-4-5", "1"), capabilities={})
SPEECH = a_deployment("talk", model=Model("OpenAI", "gpt-realtime", "1"), capabilities={})
NO_ROLES = replace(FACTS, roles=())
WITH_USER = replace(SERVICE, identities={"": PRINCIPAL, CLIENT.lower(): USER})


def found(
    account: Account | None = None,
    facts: GatewayFacts = FACTS,
    service: Any = SERVICE,
    **chosen: Any,
) -> Desired:
    account = account or an_account(a_deployment())
    return desired_of(account, rules=choosing(**chosen), facts=facts, service=service)


def bodies(desired: Desired) -> Mapping[str, Json]:
    return {it.path: it.body.get("properties", {}) for it in desired.resources}


def of_kind(desired: Desired, kind: ResourceKind) -> list[Resource]:
    return [it for it in desired.resources if kind_of(it.path) is kind]


def test_a_backend_is_the_endpoint_called_with_the_gateways_identity() -> None:
    backend = bodies(found())[BACKEND]

    assert marked_unit(backend["description"], "default") == UNIT
    assert {**backend, "description": ""} == {
        "title": "contoso (Azure OpenAI)",
        "description": "",
        "url": "https://contoso.openai.azure.com/openai",
        "protocol": "http",
        "credentials": {"managedIdentity": {"resource": "https://cognitiveservices.azure.com/"}},
    }


@pytest.mark.parametrize(
    ("cloud", "audience"),
    [
        ("com", "https://cognitiveservices.azure.com/"),
        ("us", "https://cognitiveservices.azure.us/"),
        ("cn", "https://cognitiveservices.azure.cn/"),
    ],
)
def test_a_token_is_for_the_cloud_of_the_endpoint(cloud: str, audience: str) -> None:
    endpoints = dict.fromkeys(ENDPOINTS, f"https://contoso.openai.azure.{cloud}/")

    backend = bodies(found(an_account(a_deployment(), endpoints=endpoints)))[BACKEND]

    assert backend["credentials"]["managedIdentity"]["resource"] == audience


def test_a_surface_has_its_own_audience_and_key_header() -> None:
    by_path = bodies(found(an_account(CLAUDE)))

    (backend,) = (it for path, it in by_path.items() if path.startswith("backends/"))
    assert backend["credentials"] == {"managedIdentity": {"resource": "https://ai.azure.com"}}
    api = by_path[f"apis/{api_id(UNIT, 'anthropic')}"]
    assert api["subscriptionKeyParameterNames"]["header"] == "x-api-key"


def test_a_user_assigned_identity_is_named_on_the_backend() -> None:
    backend = bodies(found(identity=CLIENT, service=WITH_USER))[BACKEND]

    assert backend["credentials"]["managedIdentity"]["clientId"] == CLIENT.lower()


def test_an_http_api_leads_nowhere_by_itself() -> None:
    api = bodies(found())[API]

    mark = mark_of({"properties": api})
    document = json.loads(api["value"])
    assert mark is not None
    assert mark.is_of("default", unit_hash(UNIT))
    assert document["info"]["description"] == api["description"]
    assert {name: api[name] for name in api if name not in ("value", "description")} == {
        "displayName": "contoso (Azure OpenAI)",
        "path": "contoso/openai",
        "subscriptionRequired": True,
        "subscriptionKeyParameterNames": {
            "header": "api-key",
            "query": "subscription-key",
            "bearer": "enabled",
        },
        "protocols": ["https"],
        "serviceUrl": "https://not-onboarded.invalid",
        "format": "openapi+json",
    }


def test_bearer_keys_can_be_switched_off_and_that_shows_in_the_mark() -> None:
    on, off = (bodies(found(bearer_keys=it))[API] for it in (True, False))

    assert "bearer" not in off["subscriptionKeyParameterNames"]
    marks = [mark_of({"properties": it}) for it in (on, off)]
    assert marks[0] != marks[1]


def test_names_come_from_the_templates() -> None:
    api = bodies(found(path="ai/{account}", display_name="{surface} in {region}", description="Hi"))

    assert api[API]["path"] == "ai/contoso/openai"
    assert api[API]["displayName"] == "Azure OpenAI in swedencentral"
    assert api[API]["description"].startswith("Hi Made by model-onramp")


def test_a_websocket_api_leads_to_the_account_and_is_let_through_by_its_handshake() -> None:
    by_path = bodies(found(an_account(SPEECH)))
    api = by_path[REALTIME]

    assert marked_unit(api["description"], "default") == UNIT
    assert {name: api[name] for name in ("type", "protocols", "serviceUrl", "path")} == {
        "type": "websocket",
        "protocols": ["wss"],
        "serviceUrl": "wss://contoso.openai.azure.com/openai/realtime",
        "path": "contoso/openai/realtime",
    }
    assert not {"format", "value"} & api.keys()
    assert f"{REALTIME}/operations/onHandshake/policies/policy" in by_path
    assert f"{REALTIME}/policies/policy" not in by_path
    assert not [path for path in by_path if path.startswith("backends/")]


def test_an_accounts_key_is_read_from_the_vault_and_stands_on_no_backend() -> None:
    desired = found(access_key={"secret": SECRET, "header": "Ocp-Key"})
    by_path = bodies(desired)

    named = by_path[f"namedValues/{KEY_NAME}"]
    assert named == {
        "displayName": KEY_NAME,
        "secret": True,
        "keyVault": {"secretIdentifier": SECRET},
        "tags": ["model-onramp", "owner=default", f"unit={unit_hash(UNIT)}"],
    }
    mark = mark_of({"properties": named})
    assert mark is not None
    assert mark.is_of("default", unit_hash(UNIT))
    assert "credentials" not in by_path[BACKEND]
    for policy in of_kind(desired, ResourceKind.API_POLICY):
        assert f"namedValues/{KEY_NAME}" in policy.needs
        assert read_rules(policy.body["properties"]["value"]).key == ("Ocp-Key", KEY_NAME)
    named_elsewhere = [path for path, it in by_path.items() if f"{{{{{KEY_NAME}}}}}" in str(it)]
    assert all(path.endswith("/policies/policy") for path in named_elsewhere)


def test_the_key_is_read_with_the_identity_that_was_chosen() -> None:
    by_path = bodies(found(access_key={"secret": SECRET}, identity=CLIENT, service=WITH_USER))

    assert by_path[f"namedValues/{KEY_NAME}"]["keyVault"]["identityClientId"] == CLIENT.lower()


def test_where_nothing_is_served_there_is_no_key() -> None:
    account = an_account(a_deployment(provisioning_state="Creating"))

    assert found(account, access_key={"secret": SECRET}).resources == ()


def test_a_product_is_made_once_and_linked_by_every_api() -> None:
    products = [{"id": "Open", "create": True}, {"id": "New", "create": True, "display_name": "N"}]
    desired = found(products=products, facts=replace(FACTS, products=frozenset({"open"})))

    (product,) = of_kind(desired, ResourceKind.PRODUCT)
    assert product.path == "products/new"
    assert product.body["properties"] == {
        "displayName": "N",
        "description": "Made by model-onramp, which never changes or deletes it.",
        "subscriptionRequired": True,
        "approvalRequired": False,
        "state": "published",
    }
    links = {it.path: it.needs for it in of_kind(desired, ResourceKind.PRODUCT_LINK)}
    assert links == {
        f"products/{it}/{api}": (api, f"products/{it}")
        for it in ("open", "new")
        for api in (API, API_V1)
    }


def test_a_product_that_nobody_has_is_not_linked_and_said() -> None:
    desired = found(products=["gone"])

    assert not of_kind(desired, ResourceKind.PRODUCT_LINK)
    assert desired.notes == ("not in product gone: there is none",)


def test_a_metric_needs_the_apis_diagnostics() -> None:
    desired = found(token_metric=True, facts=replace(FACTS, loggers=("insights",)))

    assert {it.path: (it.body, it.needs) for it in of_kind(desired, ResourceKind.DIAGNOSTICS)} == {
        f"{api}/diagnostics/applicationinsights": (
            {"properties": {"loggerId": "/loggers/insights", "metrics": True}},
            (api,),
        )
        for api in (API, API_V1)
    }


def test_where_nothing_is_counted_there_are_no_diagnostics() -> None:
    image = a_deployment(model=Model("OpenAI", "gpt-image-1", "1"), capabilities={})
    facts = replace(FACTS, loggers=("insights",))

    desired = found(an_account(image, SPEECH), token_metric=True, facts=facts)

    assert not of_kind(desired, ResourceKind.DIAGNOSTICS)
    assert "llm-emit-token-metric" not in str(desired.resources)


def test_vectors_come_from_one_deployment_by_the_gateways_own_identity() -> None:
    account = an_account(a_deployment(), an_embedding("vectors"))

    desired = found(account, semantic_cache=True, facts=replace(FACTS, has_cache=True))

    path = f"backends/{embeddings_backend_id(UNIT)}"
    backend = bodies(desired)[path]
    assert backend["url"] == (
        "https://contoso.openai.azure.com/openai/deployments/vectors/embeddings"
    )
    assert "credentials" not in backend
    assert marked_unit(backend["description"], "default") == UNIT
    assert all(path in it.needs for it in of_kind(desired, ResourceKind.API_POLICY))


ROLE = GRANT.definition
OTHER_ROLE = "5e0bd9bd-7b93-4f28-af87-19fc36ad61bd"
(OURS,) = of_kind(found(facts=NO_ROLES), ResourceKind.ROLE_ASSIGNMENT)
HELD_BY_US = RoleGrant(OURS.path.upper(), PRINCIPAL, ROLE, UNIT.arm_id)
COMMAND = (
    f"the gateway may not call the account: az role assignment create --assignee-object-id"
    f" {PRINCIPAL} --assignee-principal-type ServicePrincipal --role {ROLE} --scope {UNIT.arm_id}"
)


@pytest.mark.parametrize(
    ("mode", "roles", "made", "said"),
    [
        ("ensure", (), True, ()),
        ("ensure", (GRANT,), False, ()),
        ("ensure", (replace(GRANT, definition=OTHER_ROLE),), True, ()),
        ("ensure", (replace(GRANT, principal=USER),), True, ()),
        ("ensure", (HELD_BY_US,), True, ()),
        ("ensure", (GRANT, HELD_BY_US), True, ()),
        ("check", (), False, (COMMAND,)),
        ("check", (GRANT,), False, ()),
        ("check", (HELD_BY_US,), True, ()),
        ("off", (), False, ()),
        ("ensure", None, False, ("the gateway's roles on the account can't be read",)),
        ("off", None, False, ()),
    ],
)
def test_the_right_to_call_the_account(
    mode: str, roles: tuple[RoleGrant, ...] | None, *, made: bool, said: tuple[str, ...]
) -> None:
    """What we assigned stays desired, whoever else assigns it too; else it would be taken off."""
    desired = found(role={"mode": mode}, facts=replace(FACTS, roles=roles))

    assert [it.path for it in of_kind(desired, ResourceKind.ROLE_ASSIGNMENT)] == [OURS.path] * made
    assert desired.notes == said


def test_a_role_is_assigned_to_the_identity_on_the_account_and_marked_as_ours() -> None:
    assert OURS.path.startswith(f"{UNIT.arm_id}/providers/Microsoft.Authorization/roleAssignments/")
    mark = mark_of(OURS.body)
    assert mark is not None
    assert mark.is_of("default", unit_hash(UNIT))
    properties = {**OURS.body["properties"], "description": ""}
    assert properties == {
        "roleDefinitionId": f"/subscriptions/{SUBSCRIPTION}/providers"
        f"/Microsoft.Authorization/roleDefinitions/{ROLE}",
        "principalId": PRINCIPAL,
        "principalType": "ServicePrincipal",
        "description": "",
    }


def test_another_identity_or_role_is_another_assignment() -> None:
    by_user = found(facts=NO_ROLES, identity=CLIENT, service=WITH_USER)
    by_role = found(facts=NO_ROLES, role={"definition": OTHER_ROLE.upper()})

    (user,), (role,) = (of_kind(it, ResourceKind.ROLE_ASSIGNMENT) for it in (by_user, by_role))

    assert user.body["properties"]["principalId"] == USER
    assert role.body["properties"]["roleDefinitionId"].endswith(OTHER_ROLE)
    assert len({OURS.path, user.path, role.path}) == 3


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        ({}, "the gateway has no system-assigned identity"),
        ({"identity": CLIENT}, f"the gateway has no user-assigned identity {CLIENT.lower()}"),
    ],
)
def test_an_identity_that_the_gateway_lacks_is_said(chosen: dict[str, Any], words: str) -> None:
    desired = found(facts=NO_ROLES, service=replace(SERVICE, identities={}), **chosen)

    assert not of_kind(desired, ResourceKind.ROLE_ASSIGNMENT)
    assert desired.notes == (f"{words}, so the account will refuse its calls",)


def test_an_account_that_is_called_with_its_key_needs_no_role() -> None:
    desired = found(facts=NO_ROLES, access_key={"secret": SECRET})

    assert not of_kind(desired, ResourceKind.ROLE_ASSIGNMENT)
    assert desired.notes == ()
