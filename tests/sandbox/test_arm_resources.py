from collections.abc import AsyncIterator
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError
from azure.mgmt.authorization.aio import AuthorizationManagementClient
from azure.mgmt.resource.resources.aio import ResourceManagementClient

from sandbox.world import SUBSCRIPTION
from tests.sandbox.arm_client import (
    ACCOUNT,
    GROUP,
    RESOURCES,
    ROLES,
    SUB,
    Arm,
    AsyncCredential,
    a_world,
    local_arm,
    sdk_options,
)

READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
OPENAI_USER = "5e0bd9bd-7b93-4f28-af87-19fc36ad61bd"
WHO = "88888888-0000-0000-0000-000000000001"
NAMES = [f"aaaaaaaa-0000-0000-0000-00000000000{n}" for n in range(3)]


@pytest.fixture
async def resources(arm: Arm) -> AsyncIterator[ResourceManagementClient]:
    async with ResourceManagementClient(
        AsyncCredential(), SUBSCRIPTION, **sdk_options(arm.base_url)
    ) as client:
        yield client


def a_grant(role: str = READER, principal: str = WHO) -> dict[str, Any]:
    role_id = f"{SUB}/providers/Microsoft.Authorization/roleDefinitions/{role}"
    properties = {"roleDefinitionId": role_id, "principalId": principal}
    return {"properties": properties | {"principalType": "ServicePrincipal"}}


def assignment(scope: str, name: str) -> str:
    return f"{scope}/providers/Microsoft.Authorization/roleAssignments/{name}"


async def test_the_sdk_walks_a_resource_group(resources: ResourceManagementClient) -> None:
    groups = resources.resource_groups
    made = await groups.create_or_update("rg-new", {"location": "West Europe", "tags": {"a": "b"}})
    listed = [it.name async for it in groups.list(filter="tagName eq 'a'")]
    exists = await groups.check_existence("RG-NEW")
    await (await groups.begin_delete("rg-new")).result()

    assert (made.location, made.tags, exists) == ("westeurope", {"a": "b"}, True)
    assert listed == ["rg-new"]
    assert await groups.check_existence("rg-new") is False


async def test_a_resource_group_takes_its_resources_with_it(arm: Arm) -> None:
    arm.door.operations.hold("resourceGroups/delete")
    first = await arm.call("DELETE", GROUP, RESOURCES)
    during = await arm.call("GET", ACCOUNT)
    refused = await arm.call("PATCH", ACCOUNT, body={})
    arm.door.operations.release()
    polled = await arm.call("GET", first.headers["Location"])
    after = await arm.call("GET", ACCOUNT)

    assert (first.status, during.status, polled.status) == (202, 200, 200)
    graves = await arm.call(
        "GET", f"{SUB}/providers/Microsoft.CognitiveServices/deletedAccounts", "2025-09-01"
    )

    assert [it["name"] for it in graves.body["value"]] == ["contoso"]
    assert refused.code == "ResourceGroupBeingDeleted"
    assert after.code == "ResourceGroupNotFound"


async def test_the_sdk_lists_resources_by_type(resources: ResourceManagementClient) -> None:
    kind = "resourceType eq 'Microsoft.CognitiveServices/accounts'"
    everything = [it.name async for it in resources.resources.list()]
    accounts = [
        it.name async for it in resources.resources.list_by_resource_group("rg-ai", filter=kind)
    ]
    other = [it.name async for it in resources.resources.list(filter="resourceType eq 'x/y'")]

    assert (everything, accounts, other) == (["contoso"], ["contoso"], [])


async def test_an_unknown_filter_is_refused(arm: Arm) -> None:
    answer = await arm.call("GET", f"{SUB}/resources?$filter=colour%20eq%20'red'", RESOURCES)

    assert (answer.status, answer.code) == (400, "InvalidFilterInQueryString")


async def test_the_sdk_edits_tags_of_a_resource(resources: ResourceManagementClient) -> None:
    tags = resources.tags

    def merge(operation: str, given: dict[str, str]) -> dict[str, Any]:
        return {"operation": operation, "properties": {"tags": given}}

    await (
        await tags.begin_create_or_update_at_scope(ACCOUNT, {"properties": {"tags": {"a": "1"}}})
    ).result()
    await (await tags.begin_update_at_scope(ACCOUNT, merge("Merge", {"A": "2", "b": "3"}))).result()
    merged = await tags.get_at_scope(ACCOUNT)
    await (await tags.begin_update_at_scope(ACCOUNT, merge("Delete", {"b": ""}))).result()
    rest = await tags.get_at_scope(ACCOUNT)

    assert merged.properties.tags == {"a": "2", "b": "3"}
    assert rest.properties.tags == {"a": "2"}


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 400, "LocationRequired"),
        ({"location": "westus"}, 409, "InvalidResourceGroupLocation"),
        ({"location": "Sweden Central"}, 200, None),
    ],
)
async def test_a_resource_group_never_moves(
    arm: Arm, body: dict[str, str], status: int, code: str | None
) -> None:
    answer = await arm.call("PUT", GROUP, RESOURCES, body=body)

    assert answer.status == status
    assert code is None or answer.code == code


@pytest.mark.parametrize(
    ("path", "member"),
    [
        ("/subscriptions", "value"),
        ("/tenants", "value"),
        (f"{SUB}/locations", "value"),
        (f"{SUB}/providers/Microsoft.CognitiveServices", "resourceTypes"),
        (f"{SUB}/resourcegroups", "value"),
        ("/providers/microsoft.authorization", "resourceTypes"),
        (SUB, "subscriptionId"),
    ],
)
async def test_what_clients_read_first_is_there(arm: Arm, path: str, member: str) -> None:
    answer = await arm.call("GET", path, "2022-12-01")

    assert answer.status == 200
    assert answer.body[member]


async def test_an_unknown_provider_cannot_be_registered(arm: Arm) -> None:
    answer = await arm.call("POST", f"{SUB}/providers/Contoso.Nope/register", RESOURCES)

    assert (answer.status, answer.code) == (404, "InvalidResourceNamespace")


async def test_registering_a_provider_is_a_no_op(arm: Arm) -> None:
    path = f"{SUB}/providers/Microsoft.CognitiveServices/register"

    assert (await arm.call("POST", path, RESOURCES)).body["registrationState"] == "Registered"


async def test_lists_go_on_at_next_link(arm: Arm) -> None:
    for name in ("a", "b", "c"):
        await arm.call("PUT", f"{SUB}/resourceGroups/{name}", RESOURCES, body={"location": "x"})

    first = await arm.call("GET", f"{SUB}/resourceGroups?$top=3", RESOURCES)
    second = await arm.call("GET", first.body["nextLink"], None)

    assert [it["name"] for it in first.body["value"]] == ["rg-ai", "a", "b"]
    assert [it["name"] for it in second.body["value"]] == ["c"]
    assert "nextLink" not in second.body


async def test_the_sdk_walks_a_role_assignment(arm: Arm) -> None:
    async with AuthorizationManagementClient(
        AsyncCredential(), SUBSCRIPTION, **sdk_options(arm.base_url)
    ) as client:
        named = "roleName eq 'Cognitive Services OpenAI User'"
        [role] = [it async for it in client.role_definitions.list(ACCOUNT, named)]
        made = await client.role_assignments.create(ACCOUNT, NAMES[0], a_grant(OPENAI_USER))
        mine = client.role_assignments.list_for_scope(ACCOUNT, filter=f"principalId eq '{WHO}'")
        found = [it.name async for it in mine]
        await client.role_assignments.delete(ACCOUNT, NAMES[0])
        with pytest.raises(HttpResponseError) as gone:
            await client.role_assignments.get(ACCOUNT, NAMES[0])

    assert role.name == OPENAI_USER
    assert made.role_definition_id == role.id
    assert found == [NAMES[0]]
    assert gone.value.status_code == 404


@pytest.mark.parametrize(
    ("name", "grant", "status", "code"),
    [
        (NAMES[0], a_grant(), 201, None),
        (NAMES[1], a_grant(), 409, "RoleAssignmentExists"),
        (NAMES[1], a_grant(OPENAI_USER), 201, None),
        (NAMES[0], a_grant(principal=NAMES[2]), 400, "RoleAssignmentUpdateNotPermitted"),
        (NAMES[0], a_grant(OPENAI_USER), 400, "RoleAssignmentUpdateNotPermitted"),
        ("not-a-guid", a_grant(), 400, "InvalidRoleAssignmentId"),
        (NAMES[1], a_grant(NAMES[0]), 400, "RoleDefinitionDoesNotExist"),
        (NAMES[1], a_grant(principal="me"), 400, "InvalidPrincipalId"),
    ],
)
async def test_a_grant_follows_the_rules(
    arm: Arm, name: str, grant: dict[str, Any], status: int, code: str | None
) -> None:
    await arm.call("PUT", assignment(GROUP, NAMES[0]), ROLES, body=a_grant())

    answer = await arm.call("PUT", assignment(GROUP, name), ROLES, body=grant)

    assert answer.status == status
    assert code is None or answer.code == code


async def test_grants_are_seen_from_above_and_below(arm: Arm) -> None:
    await arm.call("PUT", assignment(SUB, NAMES[0]), ROLES, body=a_grant())
    await arm.call("PUT", assignment(ACCOUNT, NAMES[1]), ROLES, body=a_grant())
    listing = f"{GROUP}/providers/Microsoft.Authorization/roleAssignments"

    everything = await arm.call("GET", listing, ROLES)
    at_scope = await arm.call("GET", f"{listing}?$filter=atScope()", ROLES)

    assert [it["name"] for it in everything.body["value"]] == NAMES[:2]
    assert [it["name"] for it in at_scope.body["value"]] == NAMES[:1]


async def test_a_grant_needs_its_scope() -> None:
    async with local_arm(a_world(accounts=[])) as arm:
        answer = await arm.call("PUT", assignment(ACCOUNT, NAMES[0]), ROLES, body=a_grant())

    assert answer.status == 404
