"""The API Management service itself."""

import re
from collections.abc import Iterator
from typing import Any

from sandbox.arm.apim.call import Call
from sandbox.arm.apim.policy_entities import DEFAULT_POLICY
from sandbox.arm.apim.subscriptions import new_key
from sandbox.arm.apim.validation import validation_error
from sandbox.arm.errors import ArmError, Detail, not_found
from sandbox.arm.provider import (
    LongRunning,
    Reply,
    Request,
    check_if_match,
    merge_patch,
    object_of,
    paged,
)
from sandbox.arm.store import Entry, Store
from sandbox.arm.system_data import identity, system_data
from sandbox.contracts import Json

SKUS = (
    "Developer",
    "Basic",
    "Standard",
    "Premium",
    "Consumption",
    "BasicV2",
    "StandardV2",
    "PremiumV2",
)
# learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules
_NAME = re.compile(r"^[a-zA-Z](?:[a-zA-Z0-9-]{0,48}[a-zA-Z0-9])?$")
_IDENTITY = re.compile(
    r"/subscriptions/[^/]+/resourceGroups/[^/]+"
    r"/providers/Microsoft\.ManagedIdentity/userAssignedIdentities/[^/]+",
    re.IGNORECASE,
)
_MAX_IDENTITIES = 10
_OPERATION = "Microsoft.ApiManagement/service/write"


def read_service(call: Call) -> Reply:
    entry = call.entry
    if entry is None:
        raise not_found(f"{call.path.type}/{call.path.name}", call.path.resource_group)
    return Reply(200, _contract(entry), {"ETag": entry.etag})


def put_service(call: Call) -> Reply:
    """Long-running, 30-40 minutes in reality; entities can be written when it has Succeeded."""
    body = call.request.json()
    check_if_match(call.request, call.entry)
    problems = list(_problems(call.path.name, body))
    if problems:
        raise validation_error(*problems)
    return _save(call, body, 200)


def patch_service(call: Call) -> Reply:
    if call.entry is None:
        raise not_found(f"{call.path.type}/{call.path.name}", call.path.resource_group)
    check_if_match(call.request, call.entry)
    given = call.request.json()
    merged = merge_patch(call.entry.copy_body(), given)
    if "userassigned" not in str(object_of(given, "identity").get("type", "userassigned")).lower():
        merged["identity"].pop("userAssignedIdentities", None)  # the new type leaves them behind
    if problems := list(_problems(call.path.name, merged)):
        raise validation_error(*problems)
    return _save(call, merged, 202)


def delete_service(call: Call) -> Reply:
    if call.entry is None:
        return Reply(204)

    def finish() -> Reply:
        call.context.store.delete(call.path.id)
        return Reply(200)

    operation = "Microsoft.ApiManagement/service/delete"
    return Reply(202, long_running=LongRunning(operation, finish, poll="location"))


def list_services(request: Request, store: Store) -> Reply:
    """Of a resource group or of a subscription."""
    found = store.of_type("Microsoft.ApiManagement/service", request.path.scope)
    return paged(request, [_contract(entry) for entry in found])


def check_name(request: Request, store: Store) -> Reply:
    """POST checkNameAvailability: names are DNS names, one per world."""
    name = str(request.json().get("name", ""))
    taken = {e.name.lower() for e in store.of_type("Microsoft.ApiManagement/service")}
    if not _NAME.match(name):
        return Reply(200, _availability("Invalid", f"'{name}' is not a valid service name."))
    if name.lower() in taken:
        return Reply(200, _availability("AlreadyExists", f"{name} is already in use."))
    return Reply(200, {"nameAvailable": True, "message": "", "reason": "Valid"})


def check_ready(call: Call) -> None:
    """Writes fail while the service is being created or changed; code and text UNVERIFIED."""
    service = call.context.store.get(call.root.id)
    state = service.body["properties"].get("provisioningState") if service else None
    if state not in (None, "Succeeded"):
        raise ArmError(
            409,
            "ServiceTransitioning",
            f"The API Service {call.root.name} is transitioning at this time. "
            "Please try the request again later.",
            null_details=True,
        )


def seed(call: Call) -> None:
    """What every service is born with: system groups, the first user, a policy, a master key."""
    if call.find("groups", "administrators"):
        return
    for name in ("administrators", "developers", "guests"):
        properties = {
            "displayName": name.capitalize(),
            "description": f"{name.capitalize()} is a built-in group.",
            "builtIn": True,
            "type": "system",
            "externalId": None,
        }
        call.put(call.at(f"groups/{name}"), properties, {"builtIn": True})
    user = {
        "firstName": "Administrator",
        "lastName": "",
        "email": "apimadmin@example.com",
        "state": "active",
        "registrationDate": call.context.clock().isoformat(),
        "note": None,
        "groups": [],
        "identities": [{"provider": "Azure", "id": "apimadmin@example.com"}],
    }
    call.put(call.at("users/1"), user, {"builtIn": True})
    call.put(call.at("policies/policy"), {"value": DEFAULT_POLICY, "format": "xml"})
    master = {
        "scope": f"{call.root.id}/",
        "displayName": "Built-in all-access subscription",
        "state": "active",
        "createdDate": call.context.clock().isoformat(),
        "allowTracing": False,
    }
    keys = {"primaryKey": new_key(), "secondaryKey": new_key()}
    call.put(call.at("subscriptions/master"), master, keys)


def completed(call: Call, body: Json) -> Json:
    """A service as the provider keeps it: gateway address, state and principal filled in."""
    name = call.path.name
    given = body.get("properties") or {}
    host = f"{name.lower()}.azure-api.net"
    properties = {
        "publisherEmail": "",
        "publisherName": "",
        **given,
        "gatewayUrl": call.options.gateway_url(name),
        "gatewayRegionalUrl": None,
        "portalUrl": f"https://{name.lower()}.portal.azure-api.net",
        "developerPortalUrl": f"https://{name.lower()}.developer.azure-api.net",
        "managementApiUrl": f"https://{name.lower()}.management.azure-api.net",
        "scmUrl": f"https://{name.lower()}.scm.azure-api.net",
        "hostnameConfigurations": [
            {
                "type": "Proxy",
                "hostName": host,
                "negotiateClientCertificate": False,
                "defaultSslBinding": True,
                "certificateSource": "BuiltIn",
            }
        ],
        "virtualNetworkType": given.get("virtualNetworkType", "None"),
        "publicNetworkAccess": given.get("publicNetworkAccess", "Enabled"),
        "platformVersion": "stv2.1",
        "targetProvisioningState": "",
        "provisioningState": "Succeeded",
    }
    kept = {k: v for k, v in body.items() if k in ("location", "tags", "zones")}
    sku = {"capacity": 1, **body["sku"]}
    now = call.context.clock()
    return {
        "tags": {},
        **kept,
        "sku": sku,
        **identity(call.path.id, body.get("identity"), call.request.principal.tenant_id),
        "systemData": system_data(call.request, call.entry, now),
        "properties": {"createdAtUtc": now.isoformat(), **properties},
    }


def _save(call: Call, body: Json, update_status: int) -> Reply:
    """A create answers 201, a PUT over it 200 and a PATCH 202 (azure-rest-api-specs)."""
    done = completed(call, body)
    created = call.entry is None
    state = "Created" if created else "Updating"
    pending = {**done, "properties": {**done["properties"], "provisioningState": state}}
    store, path = call.context.store, call.path
    entry = store.put(path, pending, now=call.context.clock())

    def finish() -> Reply:
        if store.get(path.id) is None:
            raise not_found(f"{path.type}/{path.name}", path.resource_group)
        final = store.put(path, done, now=call.context.clock())
        return Reply(200, _contract(final), {"ETag": final.etag})

    work = LongRunning(_OPERATION, finish, poll="location")
    status = 201 if created else update_status
    return Reply(status, _contract(entry), long_running=work, is_create=created)


def _problems(name: str, body: Json) -> list[Detail]:
    """Required by azure-rest-api-specs, ApiManagementServiceResource; texts UNVERIFIED."""
    properties = body.get("properties") or {}
    found = []
    if not _NAME.match(name):
        found.append(("name", f"'{name}' is not a valid service name."))
    if not body.get("location"):
        found.append(("location", "'location' should not be empty."))
    if (body.get("sku") or {}).get("name") not in SKUS:
        found.append(("sku", f"SKU name must be one of {', '.join(SKUS)}."))
    found += [
        (field, f"'{field}' should not be empty.")
        for field in ("publisherEmail", "publisherName")
        if not properties.get(field)
    ]
    found += [("identity", text) for text in _identity_problems(body.get("identity"))]
    return [Detail("ValidationError", text, target) for target, text in found]


def _identity_problems(given: Any) -> Iterator[str]:
    """Types: ApimIdentityType in azure-rest-api-specs; texts UNVERIFIED.

    At most ten user-assigned identities: azure-docs, articles/api-management/service-limits.md.
    """
    identity = given if isinstance(given, dict) else {}
    words = {word.strip().lower() for word in str(identity.get("type") or "None").split(",")}
    assigned = identity.get("userAssignedIdentities") or {}
    if words != {"none"} and not words <= {"systemassigned", "userassigned"}:
        yield f"Identity type '{identity['type']}' is invalid."
    elif not isinstance(assigned, dict) or not all(_IDENTITY.fullmatch(it) for it in assigned):
        yield "'userAssignedIdentities' must be an object whose members are resource ids."
    elif bool(assigned) != ("userassigned" in words):
        yield "'userAssignedIdentities' belongs to the identity type UserAssigned, and is needed."
    elif len(assigned) > _MAX_IDENTITIES:
        yield f"A service can have at most {_MAX_IDENTITIES} user-assigned identities."


def _contract(entry: Entry) -> Json:
    return {
        "id": entry.id,
        "name": entry.name,
        "type": entry.type,
        **entry.copy_body(),
        "etag": entry.etag.strip('"'),
    }


def _availability(reason: str, message: str) -> Json:
    return {"nameAvailable": False, "message": message, "reason": reason}
