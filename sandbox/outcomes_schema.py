"""``make docs``: docs/outcome-events.schema.json, made from the models of the events' data."""

from pydantic.json_schema import models_json_schema

from sandbox.contracts import Json
from shared.core.outcomes import DATA, PREFIX, OutcomeType

_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_SUBJECTS = {
    OutcomeType.DRIFTED: "Resource id of the account",
    OutcomeType.RUN_BLOCKED: "Resource id of the account",
}
_OF_A_DEPLOYMENT = "Resource id of the deployment"


def outcomes_schema() -> Json:
    """The schema of any one outcome event, a CloudEvent in JSON."""
    models = dict.fromkeys(DATA.values())
    refs, definitions = models_json_schema(
        [(model, "serialization") for model in models],
        by_alias=True,
        ref_template="#/$defs/{model}",
    )
    return {
        "$schema": _DRAFT,
        "title": "An outcome event of model-onramp",
        "description": "CloudEvents 1.0 in JSON, as Event Grid delivers it",
        "type": "object",
        "oneOf": [_event(type_, refs[(model, "serialization")]) for type_, model in DATA.items()],
        "$defs": definitions["$defs"],
    }


def _event(type_: OutcomeType, data: Json) -> Json:
    members: Json = {
        "specversion": {"const": "1.0"},
        "id": {"type": "string", "description": "Of an event that is sent again, the same"},
        "source": {"type": "string", "description": "Resource id of the API Management service"},
        "type": {"const": f"{PREFIX}{type_.value}"},
        "subject": {"type": "string", "description": _SUBJECTS.get(type_, _OF_A_DEPLOYMENT)},
        "time": {
            "type": "string",
            "format": "date-time",
            "description": "When the run ended that it tells of; UTC",
        },
        "data": data,
    }
    return {"title": type_.value, "properties": members, "required": list(members)}
