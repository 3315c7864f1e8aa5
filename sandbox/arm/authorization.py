"""Microsoft.Authorization: role assignments at any scope, and the built-in roles we need.

learn.microsoft.com/rest/api/authorization (api-version 2022-04-01). Grants are kept and shown, but
not enforced: every valid token may do everything here.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sandbox.arm.errors import ArmError
from sandbox.arm.ids import ResourcePath
from sandbox.arm.provider import Context, Reply, Request, paged
from sandbox.arm.store import Entry
from sandbox.arm.system_data import timestamp
from sandbox.contracts import Json

ASSIGNMENT = "Microsoft.Authorization/roleAssignments"
DEFINITION = "Microsoft.Authorization/roleDefinitions"
VERSIONS = (
    *("2015-07-01", "2017-10-01-preview", "2018-01-01-preview", "2018-07-01"),
    *("2018-09-01-preview", "2020-03-01-preview", "2020-04-01-preview", "2020-08-01-preview"),
    *("2020-10-01", "2020-10-01-preview", "2021-04-01-preview", "2022-04-01"),
    *("2022-05-01-preview", "2023-04-01-preview"),
)
# learn.microsoft.com/azure/role-based-access-control/built-in-roles
BUILT_IN: Mapping[str, str] = {
    "8e3af657-a8ff-443c-a75c-2fe8c4bcb635": "Owner",
    "b24988ac-6180-42a0-ab88-20f7382dd24c": "Contributor",
    "acdd72a7-3385-48ef-bd42-f606fba81ae7": "Reader",
    "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9": "User Access Administrator",
    "f58310d9-a9f6-439a-9e8d-f62e7b41a168": "Role Based Access Control Administrator",
    "5e0bd9bd-7b93-4f28-af87-19fc36ad61bd": "Cognitive Services OpenAI User",
    "a97b65f3-24c7-4388-baec-2e87135dc908": "Cognitive Services User",
    "53ca6127-db72-4b80-b1b0-d745d6d5456d": "Azure AI User",
    "312a565d-c81f-4fd8-895a-4e21e48d571c": "API Management Service Contributor",
    "71522526-b88f-4d52-b57f-d31fc3546d0d": "API Management Service Reader Role",
    "e022efe7-f5ba-4159-bbe4-b44f577e9b61": "API Management Service Operator Role",
    "ba92f5b4-2d11-453d-a403-e96b0029c9fe": "Storage Blob Data Contributor",
    "974c5e8b-45b9-4653-ba55-5f855dd0fb88": "Storage Queue Data Contributor",
    "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3": "Storage Table Data Contributor",
    "c6a89b2d-59bc-44d0-9896-0f6e12d7b80a": "Storage Queue Data Message Sender",
}
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_EQUALS = re.compile(r"(principalId|assignedTo\(\)|roleName|type)\s+eq\s+'((?:[^']|'')*)'")


@dataclass(slots=True)
class Authorization:
    """``principals`` = None accepts every principal id, as the sandbox has no directory."""

    context: Context
    principals: frozenset[str] | None = None
    namespace: str = "Microsoft.Authorization"
    resource_types: Mapping[str, Sequence[str]] = field(
        default_factory=lambda: dict.fromkeys(("roleAssignments", "roleDefinitions"), VERSIONS)
    )

    def handle(self, request: Request) -> Reply:
        path = request.path
        kind = path.types[0] if path.types else (path.trailing or "").lower()
        handler = _ROUTES.get((request.method, kind, bool(path.pairs)))
        if handler is None:
            raise ArmError(
                405, "MethodNotAllowed", f"The http method '{request.method}' is not supported."
            )
        return handler(self, request)

    def put(self, request: Request) -> Reply:
        path, wanted = request.path, request.json().get("properties") or {}
        if not _GUID.fullmatch(path.name):
            raise ArmError(
                400,
                "InvalidRoleAssignmentId",
                f"The role assignment ID '{path.name}' is not valid. "
                "The role assignment ID must be a GUID.",
            )
        role, principal = self._role_of(request, wanted), str(wanted.get("principalId") or "")
        if not _GUID.fullmatch(principal):
            raise ArmError(400, "InvalidPrincipalId", "A valid principal ID must be provided.")
        if self.principals is not None and principal.lower() not in self.principals:
            raise _principal_not_found(principal, request.principal.tenant_id)
        self._check_scope(path)
        have = self.context.store.get(path.id)
        if have is not None:
            self._check_unchanged(have, role, principal)
        self._check_duplicate(path, role, principal)
        now = timestamp(self.context.clock())
        old = have.body["properties"] if have else {}
        stored: Json = {
            "id": have.id if have else path.id,
            "name": have.name if have else path.name,
            "type": ASSIGNMENT,
            "properties": {
                "roleDefinitionId": role,
                "principalId": principal,
                "principalType": wanted.get("principalType") or "ServicePrincipal",
                "scope": path.scope or "/",
                "condition": wanted.get("condition"),
                "conditionVersion": wanted.get("conditionVersion"),
                "description": wanted.get("description"),
                "delegatedManagedIdentityResourceId": wanted.get(
                    "delegatedManagedIdentityResourceId"
                ),
                "createdOn": old.get("createdOn", now),
                "updatedOn": now,
                "createdBy": old.get("createdBy", request.principal.object_id),
                "updatedBy": request.principal.object_id,
            },
        }
        self.context.store.put(path, stored, now=self.context.clock())
        # Answered 201 also when it was there already: examples in azure-rest-api-specs, UNVERIFIED
        return Reply(201, stored, is_create=have is None)

    def get(self, request: Request) -> Reply:
        entry = self.context.store.get(request.path.id)
        if entry is None:
            raise ArmError(
                404,
                "RoleAssignmentNotFound",
                f"The role assignment '{request.path.name}' is not found.",
            )
        return Reply(body=entry.body)

    def delete(self, request: Request) -> Reply:
        gone = self.context.store.delete(request.path.id)
        return Reply(200, gone[0].body) if gone else Reply(204)

    def list_assignments(self, request: Request) -> Reply:
        """At, above and below the scope; ``atScope()`` leaves out what is below."""
        scope, text = request.path.scope, request.query.get("$filter", "")
        wanted = dict(_EQUALS.findall(text))
        who = wanted.get("principalId") or wanted.get("assignedTo()")
        at_scope = "atscope()" in text.lower()
        if text and not at_scope and not who:
            raise ArmError(400, "BadRequestFormat", f"The filter '{text}' is not supported.")
        found = [
            entry.body
            for entry in self.context.store.of_type(ASSIGNMENT)
            if _covers(entry, scope, at_scope=at_scope)
            and (not who or entry.body["properties"]["principalId"].lower() == who.lower())
        ]
        return paged(request, found)

    def get_definition(self, request: Request) -> Reply:
        name = request.path.name.lower()
        if name not in BUILT_IN:
            raise ArmError(
                404,
                "RoleDefinitionDoesNotExist",
                f"The specified role definition with ID '{name.replace('-', '')}' does not exist.",
            )
        return Reply(body=_definition(request.path, name))

    def list_definitions(self, request: Request) -> Reply:
        wanted = dict(_EQUALS.findall(request.query.get("$filter", "")))
        role, kind = wanted.get("roleName"), wanted.get("type", "BuiltInRole")
        names = [
            guid
            for guid, name in BUILT_IN.items()
            if kind == "BuiltInRole" and role in (None, name)
        ]
        return paged(request, [_definition(request.path, name) for name in names])

    def _role_of(self, request: Request, wanted: Mapping[str, Any]) -> str:
        """The role's id in ARM's own form: of the subscription, whatever the caller sent."""
        guid = str(wanted.get("roleDefinitionId") or "").rstrip("/").rpartition("/")[2].lower()
        if guid not in BUILT_IN:
            raise ArmError(
                400,
                "RoleDefinitionDoesNotExist",
                f"The specified role definition with ID '{guid.replace('-', '')}' does not exist.",
            )
        subscription = request.path.subscription
        prefix = f"/subscriptions/{subscription}" if subscription else ""
        return f"{prefix}/providers/{DEFINITION}/{guid}"

    def _check_scope(self, path: ResourcePath) -> None:
        if path.is_extension and self.context.store.get(path.scope) is None:
            target = ResourcePath.parse(path.scope)
            raise ArmError(
                404,
                "ResourceNotFound",
                f"The Resource '{target.type}/{target.name}' under resource group "
                f"'{target.resource_group}' was not found.",
            )

    def _check_unchanged(self, have: Entry, role: str, principal: str) -> None:
        """github.com/Azure-Samples/graphrag-accelerator/issues/168; roles as well (docs)."""
        old = have.body["properties"]
        if (old["principalId"].lower(), old["roleDefinitionId"]) != (principal.lower(), role):
            raise ArmError(
                400,
                "RoleAssignmentUpdateNotPermitted",
                "Tenant ID, application ID, principal ID, and scope are not allowed to be updated.",
            )

    def _check_duplicate(self, path: ResourcePath, role: str, principal: str) -> None:
        """learn.microsoft.com/azure/role-based-access-control/troubleshooting."""
        for entry in self.context.store.members(
            replace(path, pairs=(), trailing=None).id + "/roleAssignments"
        ):
            properties = entry.body["properties"]
            same = (properties["principalId"].lower(), properties["roleDefinitionId"]) == (
                principal.lower(),
                role,
            )
            if same and entry.id.lower() != path.key:
                raise ArmError(409, "RoleAssignmentExists", "The role assignment already exists.")


def _covers(entry: Entry, scope: str, *, at_scope: bool) -> bool:
    own = f"{entry.body['properties']['scope'].lower().rstrip('/')}/"
    asked = f"{scope.lower()}/"
    return asked.startswith(own) or (not at_scope and own.startswith(asked))


def _definition(path: ResourcePath, guid: str) -> Json:
    scope = f"/subscriptions/{path.subscription}" if path.subscription else ""
    return {
        "id": f"{scope}/providers/{DEFINITION}/{guid}",
        "name": guid,
        "type": DEFINITION,
        "properties": {
            "roleName": BUILT_IN[guid],
            "type": "BuiltInRole",
            "description": BUILT_IN[guid],
            "assignableScopes": ["/"],
            "permissions": [],
        },
    }


def _principal_not_found(principal: str, tenant: str) -> ArmError:
    # learn.microsoft.com/azure/role-based-access-control/troubleshooting (replication delay)
    return ArmError(
        400,
        "PrincipalNotFound",
        f"Principal {principal.replace('-', '')} does not exist in the directory {tenant}. "
        "Check that you have the correct principal ID. If you are creating this principal and "
        "then immediately assigning a role, this error might be related to a replication delay. "
        "In this case, set the role assignment principalType property to a value, such as "
        "ServicePrincipal, User, or Group.  See https://aka.ms/docs-principaltype",
    )


type _Handler = Callable[[Authorization, Request], Reply]
_ROUTES: dict[tuple[str, str, bool], _Handler] = {
    ("PUT", "roleassignments", True): Authorization.put,
    ("GET", "roleassignments", True): Authorization.get,
    ("DELETE", "roleassignments", True): Authorization.delete,
    ("GET", "roleassignments", False): Authorization.list_assignments,
    ("GET", "roledefinitions", True): Authorization.get_definition,
    ("GET", "roledefinitions", False): Authorization.list_definitions,
}
