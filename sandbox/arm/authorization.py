"""Microsoft.Authorization: role assignments at any scope.

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
from sandbox.arm.role_definitions import ASSIGNMENT, RoleDefinitions
from sandbox.arm.store import Entry
from sandbox.arm.system_data import identity_principals, timestamp
from sandbox.contracts import Json

VERSIONS = (
    *("2015-07-01", "2017-10-01-preview", "2018-01-01-preview", "2018-07-01"),
    *("2018-09-01-preview", "2020-03-01-preview", "2020-04-01-preview", "2020-08-01-preview"),
    *("2020-10-01", "2020-10-01-preview", "2021-04-01-preview", "2022-04-01"),
    *("2022-05-01-preview", "2023-04-01-preview"),
)
_APPLICATION = "ServicePrincipal"
_PRINCIPAL_TYPES = ("User", "Group", _APPLICATION, "ForeignGroup", "Device")
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_EQUALS = re.compile(r"(principalId|assignedTo\(\))\s+eq\s+'((?:[^']|'')*)'")


@dataclass(slots=True)
class Authorization:
    """Who exists: the identities of all resources, the caller, and ``principals``."""

    context: Context
    principals: frozenset[str] = frozenset()
    namespace: str = "Microsoft.Authorization"
    resource_types: Mapping[str, Sequence[str]] = field(
        default_factory=lambda: dict.fromkeys(("roleAssignments", "roleDefinitions"), VERSIONS)
    )

    @property
    def definitions(self) -> RoleDefinitions:
        return RoleDefinitions(self.context)

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
        role = self.definitions.assignable(request, str(wanted.get("roleDefinitionId") or ""))
        principal = str(wanted.get("principalId") or "")
        if not _GUID.fullmatch(principal):
            raise ArmError(400, "InvalidPrincipalId", "A valid principal ID must be provided.")
        kind = self._principal_type(request, principal, wanted.get("principalType"))
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
                "principalType": kind,
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

    def _principal_type(self, request: Request, principal: str, given: Any) -> str:
        """A type that is given spares the look into the directory, else the principal must exist.

        learn.microsoft.com/azure/role-based-access-control/troubleshooting; github.com/Azure/
        AgentBaker/pull/8251. How a wrong type is refused is UNVERIFIED.
        """
        known = self._is_known(request, principal)
        if given is None:
            if not known:
                raise _principal_not_found(principal, request.principal.tenant_id)
            return _APPLICATION
        official = {it.lower(): it for it in _PRINCIPAL_TYPES}.get(str(given).lower())
        if official is None or (known and official != _APPLICATION):
            raise ArmError(
                400,
                "UnmatchedPrincipalType",
                f"The PrincipalId '{principal.replace('-', '')}' has type '{_APPLICATION}' , which "
                f"is different from specified PrinciaplType '{given}'.",
            )
        return official

    def _is_known(self, request: Request, principal: str) -> bool:
        who = principal.lower()
        if who in self.principals or who == request.principal.object_id.lower():
            return True
        return any(who in identity_principals(it.body) for it in self.context.store.subtree(""))

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
    ("PUT", "roledefinitions", True): lambda it, request: it.definitions.put(request),
    ("GET", "roledefinitions", True): lambda it, request: it.definitions.get(request),
    ("DELETE", "roledefinitions", True): lambda it, request: it.definitions.delete(request),
    ("GET", "roledefinitions", False): lambda it, request: it.definitions.list_all(request),
}
