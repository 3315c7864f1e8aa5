"""``systemData`` and ``identity``: members that ARM adds to many resources."""

import uuid
from datetime import UTC, datetime
from typing import Any

from sandbox.arm.provider import Request
from sandbox.arm.store import Entry
from sandbox.contracts import Json


def timestamp(at: datetime) -> str:
    """A time as .NET services print it: seven digits and a Z."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}0Z"


def system_data(request: Request, have: Entry | None, now: datetime) -> Json:
    """Who and when (learn.microsoft.com/rest/api/resources, ``systemData``)."""
    principal = request.principal
    who = principal.name or principal.app_id or principal.object_id
    kind = "User" if principal.name else "Application"
    created = (have.body.get("systemData") if have else None) or {
        "createdBy": who,
        "createdByType": kind,
        "createdAt": timestamp(now),
    }
    return {
        **created,
        "lastModifiedBy": who,
        "lastModifiedByType": kind,
        "lastModifiedAt": timestamp(now),
    }


def principal_id_of(resource_id: str) -> str:
    """The object id of a resource's identity: made up, but the same in every run."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{resource_id.lower()}#principal"))


def client_id_of(resource_id: str) -> str:
    """The client id of a user-assigned identity: made up, but the same in every run."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{resource_id.lower()}#client"))


def identity_principals(body: Json) -> frozenset[str]:
    """Object ids of the identities that a resource has, lower-cased."""
    identity = body.get("identity")
    if not isinstance(identity, dict):
        return frozenset()
    assigned = (identity.get("userAssignedIdentities") or {}).values()
    found = (identity.get("principalId"), *(it.get("principalId") for it in assigned))
    return frozenset(str(it).lower() for it in found if it)


def identity(resource_id: str, given: Any, tenant_id: str) -> Json:
    """The ``identity`` member with the ids that the service fills in, or nothing."""
    if not isinstance(given, dict) or given.get("type") in (None, "None"):
        return {}
    out: Json = {"type": given["type"]}
    if "systemassigned" in str(given["type"]).lower():
        out |= {"principalId": principal_id_of(resource_id), "tenantId": tenant_id}
    assigned = given.get("userAssignedIdentities")
    if isinstance(assigned, dict):
        out["userAssignedIdentities"] = {
            name: {"principalId": principal_id_of(name), "clientId": client_id_of(name)}
            for name in assigned
        }
    return {"identity": out}
