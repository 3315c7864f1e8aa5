"""Operations of an API, written one by one."""

from collections.abc import Iterator
from typing import Any

from sandbox.arm.apim.call import Call
from sandbox.arm.apim.entities import Draft, Kind
from sandbox.arm.apim.links import forget
from sandbox.arm.apim.openapi_document import template_names
from sandbox.arm.apim.validation import Field, validation_error
from sandbox.arm.apim.websocket import refuse_operations
from sandbox.arm.errors import Detail
from sandbox.arm.store import Entry
from sandbox.contracts import Json


def _prepare(draft: Draft) -> Draft:
    refuse_operations(draft.call)
    problems = [*_parameter_problems(draft.properties), *_route_problems(draft)]
    if problems:
        raise validation_error(*problems)
    properties = {
        "description": None,
        **draft.properties,
        "method": draft.properties["method"].upper(),
        "policies": None,
    }
    return Draft(draft.call, draft.existing, properties)


def _parameter_problems(properties: Json) -> Iterator[Detail]:
    """Template and templateParameters must name the same parameters.

    azure-rest-api-specs describes templateParameters as "Collection of URL template parameters";
    both texts are UNVERIFIED.
    """
    used = {name.removeprefix("*") for name in template_names(properties["urlTemplate"])}
    given = {_name(parameter) for parameter in properties["templateParameters"]}
    if used - given:
        message = (
            "All template parameters used in the UriTemplate must be defined in the Operation: "
            f"{', '.join(sorted(used - given))}."
        )
        yield Detail("ValidationError", message, "templateParameters")
    if given - used:
        message = f"Template parameters are not used: {', '.join(sorted(given - used))}."
        yield Detail("ValidationError", message, "templateParameters")


def _name(parameter: Any) -> str:
    return str(parameter.get("name")) if isinstance(parameter, dict) else ""


def _route_problems(draft: Draft) -> Iterator[Detail]:
    """One operation per method and template; the text is UNVERIFIED."""
    call, mine = draft.call, _route(draft.properties)
    collection = call.relative(f"{call.path.parent.id}/operations").strip("/")
    for other in call.members(collection):
        same = _route(other.body["properties"]) == mine
        if same and other.name.lower() != call.path.name.lower():
            message = "Operation with the same method and URL template already exists"
            yield Detail("ValidationError", message, "urlTemplate")


def _route(properties: Json) -> tuple[str, str]:
    return str(properties["method"]).upper(), str(properties["urlTemplate"]).lower()


def _check_delete(call: Call, _: Entry) -> None:
    refuse_operations(call)


def _deleted(call: Call, entry: Entry) -> None:
    forget(call, entry)


OPERATIONS = Kind(
    path="service/apis/operations",
    label="Operation",
    id_name="operationId",
    fields=(
        Field("displayName", required=True, least=1, most=300),
        Field("method", required=True, least=1),
        Field("urlTemplate", required=True, least=1, most=1000),
        Field("templateParameters", list),
        Field("description", most=1000),
        Field("request", dict),
        Field("responses", list),
        Field("policies", read_only=True),
    ),
    defaults={"templateParameters": [], "responses": []},
    prepare=_prepare,
    check_delete=_check_delete,
    deleted=_deleted,
)
