"""Role definitions: the built-in ones that we need, and custom ones.

learn.microsoft.com/rest/api/authorization/role-definitions (api-version 2022-04-01). That a role is
unknown outside of its assignable scopes, and all refusals of custom roles (status, code and text),
are UNVERIFIED.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from sandbox.arm.errors import ArmError
from sandbox.arm.ids import ResourcePath
from sandbox.arm.provider import Context, Reply, Request, object_of, paged
from sandbox.arm.store import Entry
from sandbox.contracts import Json

ASSIGNMENT = "Microsoft.Authorization/roleAssignments"
DEFINITION = "Microsoft.Authorization/roleDefinitions"
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
_GUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_ID = re.compile(rf"(.*)/providers/{re.escape(DEFINITION)}/({_GUID})/?", re.IGNORECASE)
_EQUALS = re.compile(r"(roleName|type)\s+eq\s+'((?:[^']|'')*)'", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class RoleDefinitions:
    context: Context

    def put(self, request: Request) -> Reply:
        path, wanted = request.path, object_of(request.json(), "properties")
        if not re.fullmatch(_GUID, path.name, re.IGNORECASE):
            raise ArmError(
                400, "InvalidRoleDefinitionId", f"The role definition ID '{path.name}' is no GUID."
            )
        if path.name.lower() in BUILT_IN:
            raise ArmError(403, "RoleDefinitionReadOnly", "A built-in role can't be changed.")
        self._check(request, wanted)
        have = self.context.store.get(path.id)
        stored: Json = {
            "id": path.id,
            "name": path.name,
            "type": DEFINITION,
            "properties": {
                "description": None,
                "permissions": [],
                **wanted,
                "type": "CustomRole",
            },
        }
        self.context.store.put(path, stored, now=self.context.clock())
        return Reply(201, stored, is_create=have is None)

    def get(self, request: Request) -> Reply:
        found = self._find(request.path, request.path.name)
        if found is None:
            raise _does_not_exist(request.path.name, 404)
        return Reply(body=found)

    def list_all(self, request: Request) -> Reply:
        """Built-in ones, and the custom ones that can be assigned at the scope."""
        wanted = {k.lower(): v for k, v in _EQUALS.findall(request.query.get("$filter", ""))}
        role, kind = wanted.get("rolename"), wanted.get("type")
        everything = [_built_in(request.path, guid) for guid in BUILT_IN]
        everything += [it.body for it in self._custom() if _is_visible(it, request.path.scope)]
        found = [
            it
            for it in everything
            if role in (None, it["properties"]["roleName"])
            and kind in (None, it["properties"]["type"])
        ]
        return paged(request, found)

    def delete(self, request: Request) -> Reply:
        entry = self.context.store.get(request.path.id)
        if entry is None:
            return Reply(204)
        used = self.context.store.of_type(ASSIGNMENT)
        tail = f"/{entry.name.lower()}"
        if any(it.body["properties"]["roleDefinitionId"].lower().endswith(tail) for it in used):
            raise ArmError(
                400,
                "RoleDefinitionHasAssignments",
                "There are existing role assignments referencing role "
                "(code: RoleDefinitionHasAssignments).",
            )
        self.context.store.delete(entry.id)
        return Reply(200, entry.body)

    def assignable(self, request: Request, definition_id: str) -> str:
        """The role's id in ARM's own form: of the subscription, if the caller left that out.

        Raises:
            ArmError: the id is no full one, of another subscription, or of no role.
        """
        match = _ID.fullmatch(definition_id)
        if match is None:
            # A bare GUID, for example; code and text UNVERIFIED.
            raise ArmError(400, "BadRequestFormat", "The request was incorrectly formatted.")
        subscription = request.path.subscription
        owner = match[1].lower()
        mine = not owner or owner.startswith(f"/subscriptions/{subscription}".lower())
        found = self._find(request.path, match[2]) if mine else None  # UNVERIFIED
        if found is None:
            raise _does_not_exist(match[2], 400)
        return str(found["id"])

    def _find(self, path: ResourcePath, guid: str) -> Json | None:
        if guid.lower() in BUILT_IN:
            return _built_in(path, guid.lower())
        mine = (it for it in self._custom() if it.name.lower() == guid.lower())
        return next((it.body for it in mine if _is_visible(it, path.scope)), None)

    def _custom(self) -> list[Entry]:
        return self.context.store.of_type(DEFINITION)

    def _check(self, request: Request, wanted: Json) -> None:
        if not wanted.get("roleName") or not wanted.get("assignableScopes"):
            raise ArmError(
                400,
                "InvalidRoleDefinitionProperties",
                "'roleName' and 'assignableScopes' are required.",
            )
        name = str(wanted["roleName"]).lower()
        others = [it for it in self._custom() if it.id.lower() != request.path.key]
        taken = {str(it.body["properties"]["roleName"]).lower() for it in others}
        if name in taken or name in {it.lower() for it in BUILT_IN.values()}:
            raise ArmError(
                409,
                "RoleDefinitionWithSameNameExists",
                f"A custom role with the same name already exists in this directory. Use a "
                f"different name: {wanted['roleName']}",
            )


def _is_visible(entry: Entry, scope: str) -> bool:
    """Whether the role can be assigned there: at one of its scopes or below."""
    asked = f"{scope.lower()}/"
    scopes = entry.body["properties"]["assignableScopes"]
    return any(asked.startswith(f"{str(it).lower().rstrip('/')}/") for it in scopes)


def _built_in(path: ResourcePath, guid: str) -> Json:
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


def _does_not_exist(guid: str, status: int) -> ArmError:
    return ArmError(
        status,
        "RoleDefinitionDoesNotExist",
        f"The specified role definition with ID '{guid.replace('-', '')}' does not exist.",
    )
