"""Role assignments and custom roles, as tools that set up a gateway's identity see them."""

from typing import Any

import pytest

from sandbox.arm.system_data import principal_id_of
from tests.sandbox.arm_client import ACCOUNT, CALLER_ID, GROUP, ROLES, SUB, Arm

USER = "a97b65f3-24c7-4388-baec-2e87135dc908"
CUSTOM = "cccccccc-0000-0000-0000-000000000001"
STRANGER = "88888888-0000-0000-0000-000000000001"
NAMES = [f"aaaaaaaa-0000-0000-0000-00000000000{i}" for i in range(3)]
KNOWN = principal_id_of(ACCOUNT)
DEFINITIONS = "providers/Microsoft.Authorization/roleDefinitions"


def at(scope: str, name: str) -> str:
    return f"{scope}/providers/Microsoft.Authorization/roleAssignments/{name}"


def a_grant(principal: str = KNOWN, role: str = USER, **members: Any) -> dict[str, Any]:
    role_id = role if "/" in role or not role else f"{SUB}/{DEFINITIONS}/{role}"
    return {"properties": {"principalId": principal, "roleDefinitionId": role_id, **members}}


def a_role(name: str = "Model caller", scope: str = GROUP) -> dict[str, Any]:
    action = "Microsoft.CognitiveServices/accounts/MaaS/*"
    permissions = [{"actions": [], "dataActions": [action]}]
    return {
        "properties": {"roleName": name, "assignableScopes": [scope], "permissions": permissions}
    }


@pytest.mark.parametrize(
    ("principal", "kind", "status", "code"),
    [
        (KNOWN, None, 201, None),
        (KNOWN.upper(), "serviceprincipal", 201, None),
        (CALLER_ID, None, 201, None),
        (STRANGER, None, 400, "PrincipalNotFound"),
        (STRANGER, "ServicePrincipal", 201, None),
        (STRANGER, "User", 201, None),
        (KNOWN, "User", 400, "UnmatchedPrincipalType"),
        (STRANGER, "Robot", 400, "UnmatchedPrincipalType"),
    ],
)
async def test_a_principal_exists_or_has_its_type_given(
    arm: Arm, principal: str, kind: str | None, status: int, code: str | None
) -> None:
    grant = a_grant(principal, **({"principalType": kind} if kind else {}))

    answer = await arm.call("PUT", at(ACCOUNT, NAMES[0]), ROLES, body=grant)

    assert answer.status == status
    assert code is None or answer.code == code


@pytest.mark.parametrize(
    ("role", "status", "code"),
    [
        (f"{SUB}/{DEFINITIONS}/{USER}", 201, None),
        (f"/{DEFINITIONS}/{USER}", 201, None),
        (f"{ACCOUNT}/{DEFINITIONS}/{USER.upper()}/", 201, None),
        (USER, 201, None),
        ("", 400, "BadRequestFormat"),
        (f"/{USER}", 400, "BadRequestFormat"),
        (f"/subscriptions/{STRANGER}/{DEFINITIONS}/{USER}", 400, "RoleDefinitionDoesNotExist"),
        (CUSTOM, 400, "RoleDefinitionDoesNotExist"),
    ],
)
async def test_a_role_is_named_by_its_full_id(
    arm: Arm, role: str, status: int, code: str | None
) -> None:
    answer = await arm.call("PUT", at(ACCOUNT, NAMES[0]), ROLES, body=a_grant(role=role))

    assert answer.status == status
    assert code is None or answer.code == code
    if status == 201:
        shown = answer.body["properties"]
        assert shown["roleDefinitionId"] == f"{SUB}/{DEFINITIONS}/{USER}"


async def test_a_grant_shows_what_was_said_and_goes_once(arm: Arm) -> None:
    grant = a_grant(description="model-onramp: default")
    made = await arm.call("PUT", at(ACCOUNT, NAMES[0]), ROLES, body=grant)
    twin = await arm.call("PUT", at(ACCOUNT, NAMES[1]), ROLES, body=grant)
    listing = f"{ACCOUNT}/providers/Microsoft.Authorization/roleAssignments"
    mine = await arm.call("GET", f"{listing}?$filter=principalId eq '{KNOWN}'", ROLES)
    gone = await arm.call("DELETE", at(ACCOUNT, NAMES[0]), ROLES)
    again = await arm.call("DELETE", at(ACCOUNT, NAMES[0]), ROLES)

    assert made.body["properties"]["description"] == "model-onramp: default"
    assert made.body["properties"]["principalType"] == "ServicePrincipal"
    assert (twin.status, twin.code) == (409, "RoleAssignmentExists")
    assert [it["name"] for it in mine.body["value"]] == [NAMES[0]]
    assert (gone.status, again.status) == (200, 204)


async def test_an_account_inherits_from_its_group_and_subscription(arm: Arm) -> None:
    for scope, name in zip((SUB, GROUP, ACCOUNT), NAMES, strict=True):
        answer = await arm.call("PUT", at(scope, name), ROLES, body=a_grant())
        assert answer.status == 201
    listing = f"{ACCOUNT}/providers/Microsoft.Authorization/roleAssignments"

    found = await arm.call("GET", f"{listing}?$filter=atScope()", ROLES)

    assert [it["properties"]["scope"] for it in found.body["value"]] == [SUB, GROUP, ACCOUNT]


async def test_a_custom_role_is_assignable_where_it_says(arm: Arm) -> None:
    path = f"{SUB}/{DEFINITIONS}/{CUSTOM}"
    made = await arm.call("PUT", path, ROLES, body=a_role())
    below = await arm.call("PUT", at(ACCOUNT, NAMES[0]), ROLES, body=a_grant(role=CUSTOM))
    above = await arm.call("PUT", at(SUB, NAMES[1]), ROLES, body=a_grant(role=CUSTOM))
    in_use = await arm.call("DELETE", path, ROLES)
    await arm.call("DELETE", at(ACCOUNT, NAMES[0]), ROLES)
    gone = await arm.call("DELETE", path, ROLES)

    assert (made.status, made.body["properties"]["type"]) == (201, "CustomRole")
    assert below.body["properties"]["roleDefinitionId"] == path
    assert (above.status, above.code) == (400, "RoleDefinitionDoesNotExist")
    assert (in_use.status, in_use.code) == (400, "RoleDefinitionHasAssignments")
    assert gone.status == 200


async def test_custom_roles_are_listed_with_the_built_in_ones(arm: Arm) -> None:
    await arm.call("PUT", f"{SUB}/{DEFINITIONS}/{CUSTOM}", ROLES, body=a_role())
    listing = f"{ACCOUNT}/{DEFINITIONS}"

    everything = await arm.call("GET", listing, ROLES)
    mine = await arm.call("GET", f"{listing}?$filter=type eq 'CustomRole'", ROLES)
    one = await arm.call("GET", f"{listing}/{CUSTOM}", ROLES)

    assert {USER, CUSTOM} <= {it["name"] for it in everything.body["value"]}
    assert [it["name"] for it in mine.body["value"]] == [CUSTOM]
    assert one.body["properties"]["roleName"] == "Model caller"


@pytest.mark.parametrize(
    ("name", "role", "status", "code"),
    [
        ("caller", a_role(), 400, "InvalidRoleDefinitionId"),
        (USER, a_role(), 403, "RoleDefinitionReadOnly"),
        (CUSTOM, {"properties": {"roleName": "x"}}, 400, "InvalidRoleDefinitionProperties"),
        (CUSTOM, a_role("Reader"), 409, "RoleDefinitionWithSameNameExists"),
        (CUSTOM, a_role("taken"), 409, "RoleDefinitionWithSameNameExists"),
    ],
)
async def test_custom_roles_that_are_refused(
    arm: Arm, name: str, role: dict[str, Any], status: int, code: str
) -> None:
    await arm.call("PUT", f"{SUB}/{DEFINITIONS}/{NAMES[0]}", ROLES, body=a_role("Taken"))

    answer = await arm.call("PUT", f"{SUB}/{DEFINITIONS}/{name}", ROLES, body=role)

    assert (answer.status, answer.code) == (status, code)
