"""What importing a document writes: operations, their policies, tags and the shared schemas."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.arm.apim.call import Call, display_name
from sandbox.arm.apim.importing import (
    ImportedApi,
    ImportedOperation,
    import_document,
    merge,
    normalise,
)
from sandbox.arm.apim.limits import check_room
from sandbox.arm.apim.links import TAG_OPERATIONS, link
from sandbox.arm.apim.openapi_document import ImportRefusedError
from sandbox.arm.apim.validation import invalid, validation_error
from sandbox.arm.errors import Detail
from sandbox.contracts import Json

_SCHEMAS_TYPE = "application/vnd.oai.openapi.components+json"


@dataclass(frozen=True, slots=True)
class Import:
    """A document that was accepted and waits to be written."""

    api: ImportedApi
    given: Json  # the properties of the request

    def completed(self, properties: Json) -> Json:
        """What the request leaves out comes from the document."""
        found = {
            "displayName": self.api.display_name,
            "description": self.api.description,
            "serviceUrl": self.api.service_url,
        }
        missing = {k: v for k, v in found.items() if v and not self.given.get(k)}
        return {**properties, **missing}

    def write(self, call: Call) -> None:
        """Matched operations in place, new ones with the policies of their route, the rest gone."""
        collection = call.relative(f"{call.path.id}/operations").strip("/")
        have = {e.name: e.body["properties"] for e in call.members(collection)}
        plan = merge(have, self.api.operations)
        policies = {
            new: call.context.store.get(f"{call.path.id}/operations/{old}/policies/policy")
            for new, old in plan.policy_sources.items()
        }
        for name in plan.deleted:
            call.context.store.delete(f"{call.path.id}/operations/{name}")
        for operation in (*plan.updated, *plan.created):
            self._write_operation(call, operation)
        for name, policy in policies.items():
            if policy is not None:
                place = call.path.child("operations", name).child("policies", "policy")
                call.put(place, policy.copy_body()["properties"])
        if self.api.schemas:
            # One entity for all schemas of the document; its name is made up by the service.
            document = {"components": {"schemas": dict(self.api.schemas)}}
            path = call.path.child("schemas", "imported")
            call.put(path, {"contentType": _SCHEMAS_TYPE, "document": document})

    def _write_operation(self, call: Call, operation: ImportedOperation) -> None:
        path = call.path.child("operations", operation.name)
        entry = call.put(path, {**operation.properties, "policies": None})
        for tag in operation.tags:
            link(call, TAG_OPERATIONS, _tag(call, tag), entry)


def has_document(properties: Mapping[str, Any]) -> bool:
    return properties.get("value") is not None or properties.get("format") is not None


def apply_import(call: Call, properties: Json) -> Import:
    """Read the request's document.

    Raises:
        ArmError: 400 with one detail per problem, target ``representation``.
    """
    value, content_format = properties.get("value"), properties.get("format")
    if not isinstance(value, str) or not isinstance(content_format, str):
        raise invalid("value", "'format' and 'value' must be specified together.")
    conduct = properties.get("translateRequiredQueryParameters", "template")
    if conduct not in ("template", "query"):
        raise invalid("translateRequiredQueryParameters", f"Invalid value '{conduct}'.")
    try:
        api = import_document(
            value,
            content_format,
            required_query=conduct,
            refuse_recursion=call.options.refuse_recursion,
        )
    except ImportRefusedError as exc:
        details = (Detail("ValidationError", text, "representation") for text in exc.problems)
        raise validation_error(*details) from exc
    _check_routes(api)
    mine = call.members(call.relative(f"{call.path.id}/operations").strip("/"))
    check_room(call, "apis/operations", adding=len(api.operations), replacing=len(mine))
    return Import(api, properties)


def _check_routes(api: ImportedApi) -> None:
    seen: set[tuple[str, str]] = set()
    for operation in api.operations:
        if operation.route in seen:
            raise invalid(
                "urlTemplate", "Operation with the same method and URL template already exists"
            )
        seen.add(operation.route)


def _tag(call: Call, name: str) -> str:
    """Tags of a document become tags of the service, found again by their display name.

    That parallel imports clash over them ("Tag with the same name already exists.") was seen in
    Azure/apiops#770; how the service names them is UNVERIFIED.
    """
    for entry in call.members("tags"):
        if display_name(entry) == name.lower():
            return entry.name
    made = normalise(name)[:80] or "tag"
    call.put(call.at(f"tags/{made}"), {"displayName": name[:160]})
    return made
