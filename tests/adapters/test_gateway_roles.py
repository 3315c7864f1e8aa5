"""The role of the gateway's identity on an account: seen, assigned, or said how to assign."""

from collections.abc import AsyncIterator

import pytest

from sandbox.world import SUBSCRIPTION
from shared.core.model import RoleGrant, Wants
from shared.core.plan import Action
from shared.errors import Rejected, Unavailable
from tests.adapters.conftest import Bench
from tests.adapters.resources import (
    MARK,
    OPENAI_USER,
    UNIT,
    USER,
    a_role,
    apply,
    clear,
    create,
    delete,
    look,
    make,
)

DENIED = {"status": 403, "code": "AuthorizationFailed", "message": "may not perform action"}
WANTS = Wants(roles=True)
ASSIGNMENTS = "/providers/Microsoft.Authorization/roleAssignments"
SOMEBODY = "99999999-0000-0000-0000-000000000000"
NEW = "12121212-0000-0000-0000-000000000000"


@pytest.fixture
async def clean(bench: Bench) -> AsyncIterator[Bench]:
    yield bench
    await clear(bench)


async def principal(bench: Bench) -> str:
    return (await look(bench, WANTS)).service.identities[""]


async def assign(bench: Bench, scope: str, who: str, definition: str = USER) -> str:
    """As a person."""
    path = f"{scope}{ASSIGNMENTS}/{NEW}"
    body = a_role(who, definition=definition, description="by hand").body
    await bench.client.put(path, body, version="2022-04-01")
    return path


async def test_a_role_is_assigned_seen_and_taken_back(clean: Bench) -> None:
    role = a_role(await principal(clean))

    (assigned,) = await make(clean, role, wants=WANTS)
    found = await look(clean, WANTS)

    assert assigned.action is Action.CREATE
    assert found.facts.roles == (
        RoleGrant(role.path, await principal(clean), USER, UNIT.arm_id, MARK),
    )
    assert await make(clean, role, wants=WANTS) == []
    (gone,) = await make(clean, wants=WANTS)
    assert gone.action is Action.DELETE
    assert (await look(clean, WANTS)).facts.roles == ()


async def test_a_role_that_was_given_further_up_holds_and_is_nobodys_to_take_back(
    clean: Bench,
) -> None:
    group = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-ai"
    path = await assign(clean, group, await principal(clean))

    found = await look(clean, WANTS)

    assert found.facts.roles is not None
    assert [(it.definition, it.scope.lower()) for it in found.facts.roles] == [
        (USER, group.lower())
    ]
    assert found.resources == {}
    await clean.client.delete(path, version="2022-04-01")


async def test_a_role_on_a_part_of_the_account_does_not_hold_on_it(clean: Bench) -> None:
    path = await assign(clean, f"{UNIT.arm_id}/deployments/gpt-4o", await principal(clean))

    assert (await look(clean, WANTS)).facts.roles == ()
    await clean.client.delete(path, version="2022-04-01")


async def test_the_roles_of_others_are_not_seen(clean: Bench) -> None:
    await assign(clean, UNIT.arm_id, SOMEBODY)

    found = await look(clean, WANTS)

    assert (found.facts.roles, found.resources) == ((), {})


async def test_roles_are_read_only_where_somebody_wants_them(clean: Bench) -> None:
    await look(clean, Wants())

    assert clean.sent("GET", ASSIGNMENTS) == 0


async def test_roles_that_may_not_be_read_are_unknown_and_not_none(clean: Bench) -> None:
    clean.fail({"method": "GET", "path": f"{ASSIGNMENTS}$"}, DENIED)

    found = await look(clean, WANTS)

    assert found.facts.roles is None


async def test_an_account_that_is_gone_has_no_roles(clean: Bench) -> None:
    gone = {"status": 404, "code": "ResourceNotFound", "message": "The Resource was not found."}
    clean.fail({"method": "GET", "path": f"{ASSIGNMENTS}$"}, gone)

    assert (await look(clean, WANTS)).facts.roles == ()


async def test_a_role_that_somebody_gave_meanwhile_is_what_was_asked_for(clean: Bench) -> None:
    who = await principal(clean)
    await assign(clean, UNIT.arm_id, who)

    await apply(clean, create(a_role(who)))

    (only,) = (await look(clean, WANTS)).facts.roles or ()
    assert only.description == "by hand"


async def test_another_role_of_the_same_identity_is_another_assignment(clean: Bench) -> None:
    who = await principal(clean)
    await assign(clean, UNIT.arm_id, who, OPENAI_USER)

    await apply(clean, create(a_role(who)))

    grants = (await look(clean, WANTS)).facts.roles or ()
    assert {it.definition for it in grants} == {USER, OPENAI_USER}


async def test_who_may_not_assign_roles_says_what_somebody_else_must_run(clean: Bench) -> None:
    clean.fail({"method": "PUT", "path": ASSIGNMENTS}, DENIED)
    who = await principal(clean)

    with pytest.raises(Rejected) as refused:
        await apply(clean, create(a_role(who)))

    assert refused.value.code == "AuthorizationFailed"
    assert "Microsoft.Authorization/roleAssignments/write" in str(refused.value)
    assert str(refused.value).endswith(
        f"az role assignment create --assignee-object-id {who} "
        f"--assignee-principal-type ServicePrincipal --role {USER} --scope {UNIT.arm_id}"
    )
    assert clean.sent("PUT", a_role(who).path) == 1


async def test_who_may_not_take_roles_back_says_what_somebody_else_must_run(clean: Bench) -> None:
    await make(clean, a_role(await principal(clean)), wants=WANTS)
    (role,) = (await look(clean, WANTS)).resources.values()
    clean.fail({"method": "DELETE", "path": ASSIGNMENTS}, DENIED)

    with pytest.raises(Rejected, match=f"az role assignment delete --ids {role.path}"):
        await apply(clean, delete(role))


async def test_an_identity_that_is_not_known_everywhere_yet_is_tried_again_later(
    clean: Bench,
) -> None:
    unknown = {"status": 400, "code": "PrincipalNotFound", "message": "does not exist"}
    clean.fail({"method": "PUT", "path": ASSIGNMENTS}, unknown)

    with pytest.raises(Unavailable) as refused:
        await apply(clean, create(a_role(await principal(clean))))

    assert refused.value.retry_after is not None


async def test_every_identity_of_the_gateway_is_looked_at(clean: Bench) -> None:
    service = {
        "sku": {"name": "StandardV2"},
        "identity": {
            "type": "SystemAssigned, UserAssigned",
            "principalId": NEW.upper(),
            "userAssignedIdentities": {
                "/subscriptions/x/y": {"clientId": "ABC", "principalId": SOMEBODY}
            },
        },
        "properties": {"provisioningState": "Succeeded"},
    }
    clean.fail({"method": "GET", "path": "/service/apim-onramp$"}, {"status": 200, "body": service})
    await assign(clean, UNIT.arm_id, SOMEBODY)

    found = await look(clean, WANTS)

    assert found.service.identities == {"": NEW, "abc": SOMEBODY}
    assert [it.principal for it in found.facts.roles or ()] == [SOMEBODY]
    assert clean.sent("GET", ASSIGNMENTS) == 2


async def test_a_gateway_without_an_identity_has_no_roles(clean: Bench) -> None:
    service = {"sku": {"name": "Developer"}, "identity": None, "properties": {}}
    clean.fail({"method": "GET", "path": "/service/apim-onramp$"}, {"status": 200, "body": service})

    found = await look(clean, WANTS)

    assert (found.service.identities, found.facts.roles) == ({}, ())
