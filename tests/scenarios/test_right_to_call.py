"""How the gateway may call an account: by a role, by an identity of one's choice, by a key."""

from uuid import UUID
from xml.etree import ElementTree as ET

from sandbox.arm.system_data import client_id_of, principal_id_of
from sandbox.client import GATEWAY_VERSION
from sandbox.contracts import Json
from sandbox.local_azure import APP
from shared.adapters.gateway_reads import ROLES_VERSION
from tests.scenarios.equipped import IDENTITY, SECRET, USER, backends, grants, onboarded, uncallable
from tests.stage import GROUP, Stage

NO_ROLE = "the gateway's identity may not call the account; a role assignment takes up to"


async def test_the_gateway_gets_the_right_to_call_the_account(equipped: Stage) -> None:
    account = await onboarded(equipped, "acct")

    (grant,) = await grants(equipped, account)

    assert grant["principalId"] == principal_id_of(equipped.azure.gateway_id)
    assert grant["roleDefinitionId"].endswith(USER)
    assert await equipped.states(account) == {"gpt-4o": "verified"}


async def test_a_role_that_is_only_checked_is_told_as_a_command(equipped: Stage) -> None:
    account, reason = await uncallable(equipped, "checked")
    run = await equipped.reimport({"account": account}, but=account)

    assert NO_ROLE in reason
    who = principal_id_of(equipped.azure.gateway_id)
    scope = run["units"][0]["account"]
    command = (
        f"az role assignment create --assignee-object-id {who} --assignee-principal-type "
        f"ServicePrincipal --role {USER} --scope {scope}"
    )
    assert run["units"][0]["notes"] == [f"the gateway may not call the account: {command}"]
    assert scope.lower() == account.lower()
    assert (run["status"], await grants(equipped, account)) == ("waiting", [])

    name = str(UUID(int=7))
    body = {
        "principalId": who,
        "principalType": "ServicePrincipal",
        "roleDefinitionId": f"{GROUP.partition('/resourceGroups')[0]}"
        f"/providers/Microsoft.Authorization/roleDefinitions/{USER}",
    }
    path = f"{account}/providers/Microsoft.Authorization/roleAssignments/{name}"
    await equipped.arm.put(path, {"properties": body}, version=ROLES_VERSION)
    run = await equipped.reimport({"account": account})

    assert (run["units"][0]["notes"], run["units"][0]["writes"]) == ([], 0)
    told = await equipped.deployment(account, "gpt-4o")
    assert (run["status"], told["state"], told["reason"]) == ("succeeded", "verified", "onboarded")


async def test_who_may_not_assign_roles_serves_all_the_same_and_says_why(equipped: Stage) -> None:
    equipped.azure.arm.faults.add(
        {"method": "PUT", "path": "/accounts/denied-.*/roleAssignments/"},
        {
            "status": 403,
            "code": "AuthorizationFailed",
            "message": "The client does not have authorization to perform action "
            "'Microsoft.Authorization/roleAssignments/write'.",
        },
    )
    account, reason = await uncallable(equipped, "denied")
    await equipped.quiet()

    assert NO_ROLE in reason
    assert set(await equipped.served(account)) == {"openai", "openai/v1"}
    assert len(_assignments(equipped)) == 1
    await equipped.deploy(account, capacity=3)
    await equipped.quiet()
    assert len(_assignments(equipped)) == 1  # the same answer is not asked for on every look

    run = await equipped.reimport({"account": account})  # a person asks again

    assert run["status"] == "incomplete"
    (refused,) = [it for it in run["units"][0]["changes"] if it["status"] == "rejected"]
    assert "/roleAssignments/" in refused["path"]
    assert "needs Microsoft.Authorization/roleAssignments/write on " in refused["detail"]
    assert "or somebody who has it runs: az role assignment create" in refused["detail"]
    assert len(_assignments(equipped)) == 2
    equipped.azure.arm.faults.clear()
    await equipped.reimport({"account": account})
    assert len(await grants(equipped, account)) == 1
    assert (await equipped.deployment(account, "gpt-4o"))["state"] == "verified"


async def test_a_key_from_key_vault_is_the_gateways_and_never_ours(equipped: Stage) -> None:
    account, reason = await uncallable(equipped, "keyed")
    run = await equipped.reimport({"account": account}, but=account)

    assert "the account does not take the key that access_key leads to" in reason
    (key,) = await _named_values(equipped, account)
    assert key["properties"]["keyVault"]["secretIdentifier"] == SECRET
    found = await backends(equipped, account)
    assert len(found) == 2
    assert not any(it.get("credentials") for it in found.values())
    assert await grants(equipped, account) == []
    header = ET.fromstring(await equipped.policy(account, "openai")).findall(".//set-header/value")
    assert header[0].text == f"{{{{{key['name']}}}}}"
    # What the vault holds is made up by the local gateway, and only its listValue tells it.
    told = [*equipped.azure.host.log, str(run), *await _everything_in_the_tables(equipped)]
    assert len(told) > 10
    assert not [it for it in told if "value of https" in it]
    asked = [it.path for it in equipped.azure.arm.journal.log if it.principal == APP.principal_id]
    assert not [it for it in asked if it.lower().endswith(("listvalue", "listkeys"))]
    await equipped.delete(f"{account}/deployments/gpt-4o")  # else the app comes back to it
    await equipped.quiet()


async def test_a_user_assigned_identity_calls_and_gets_the_right_to(equipped: Stage) -> None:
    account = await onboarded(equipped, "assigned")

    identities = [
        it["credentials"]["managedIdentity"] for it in (await backends(equipped, account)).values()
    ]
    assert {it["clientId"] for it in identities} == {client_id_of(IDENTITY)}
    (grant,) = await grants(equipped, account)
    assert grant["principalId"] == principal_id_of(IDENTITY)
    assert await equipped.states(account) == {"gpt-4o": "verified"}
    assert {it.principal for it in equipped.calls(account)} == {principal_id_of(IDENTITY)}


async def _named_values(stage: Stage, account: str) -> list[Json]:
    path = f"{stage.azure.gateway_id}/namedValues"
    found = await stage.arm.list(path, version=GATEWAY_VERSION)
    return [it for it in found if it["name"].startswith(account.rpartition("/")[2])]


def _assignments(stage: Stage) -> list[str]:
    """The app's attempts to assign a role to the gateway on an account called denied-…"""
    writes = stage.azure.arm.journal.writes(APP.principal_id)
    return [it.path for it in writes if "/denied-" in it.path and "/roleAssignments/" in it.path]


async def _everything_in_the_tables(stage: Stage) -> list[str]:
    return [
        str(entity)
        async for table in stage.tables.list_tables()
        async for entity in stage.tables.get_table_client(table.name).list_entities()
    ]
