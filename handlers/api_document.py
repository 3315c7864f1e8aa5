"""GET /api/openapi.json: the HTTP API as a document, made of the types that it answers with."""

import json
from dataclasses import dataclass
from functools import cache
from typing import Any

import azure.functions as func
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from handlers import requests as asked
from shared.core import records as told
from shared.core.run_summaries import RunsAnswer

bp = func.Blueprint()

type Json = dict[str, Any]
type Model = type[BaseModel]

_ABOUT = """\
What model-onramp knows and does. Each call but for this document and the board needs a function
key, as the header `x-functions-key` or the parameter `code`; with Entra in front of the app, a
bearer token as well. A field or a parameter that a call does not have is refused. Errors have a
code, a message and what to do."""


@dataclass(frozen=True, slots=True)
class _Call:
    """One method of one path.

    Attributes:
        answers: By status, besides the errors that every call has.
        errors: Further statuses that it may answer with.
    """

    function: str
    method: str
    path: str
    summary: str
    answers: tuple[tuple[int, Model | None], ...]
    query: Model | None = None
    body: Model | None = None
    errors: tuple[int, ...] = ()


_RUN = "Id of a run: 32 hex digits"
_PARAMETERS = {
    "runs": _RUN,
    "deployments": "Id of a deployment, of GET /api/deployments",
    "units": "Id of an account, of GET /api/units: 12 hex digits",
    "dead-letters": "Id of a dead letter, of GET /api/dead-letters",
}
_CALLS = (
    _Call(
        "reimport",
        "post",
        "/reimport",
        "Look at a deployment, an account or everything again, or say what that would do",
        ((200, told.PlansAnswer), (202, told.AcceptedAnswer)),
        body=asked.ReimportBody,
        errors=(404, 409),
    ),
    _Call(
        "runs",
        "get",
        "/runs",
        "What the app did, the newest first",
        ((200, RunsAnswer),),
        query=asked.RunsQuery,
    ),
    _Call(
        "run",
        "get",
        "/runs/{id}",
        "One run, as far as it has come, change by change",
        ((200, told.RunAnswer),),
        errors=(404,),
    ),
    _Call(
        "deployments",
        "get",
        "/deployments",
        "Every deployment ever seen, with its state and the reason",
        ((200, told.DeploymentsAnswer),),
        query=asked.DeploymentsQuery,
    ),
    _Call(
        "why",
        "get",
        "/deployments/{id}/why",
        "The story of a deployment: heard, read, decided, written, found",
        ((200, told.WhyAnswer),),
        errors=(404,),
    ),
    _Call(
        "units",
        "get",
        "/units",
        "Every account, and what holds it up",
        ((200, told.UnitsAnswer),),
    ),
    _Call(
        "release",
        "post",
        "/units/{id}/release",
        "Let a held account go on",
        ((202, told.AcceptedAnswer),),
        body=asked.ReleaseBody,
        errors=(404, 409),
    ),
    _Call(
        "call_off",
        "delete",
        "/units/{id}/order",
        "Call off what was ordered and is not done",
        ((202, told.AcceptedAnswer),),
        errors=(404, 409),
    ),
    _Call(
        "states",
        "get",
        "/units/{id}/states",
        "What an account can be taken back to, the newest first",
        ((200, told.StatesAnswer),),
        errors=(404,),
    ),
    _Call(
        "rollback",
        "post",
        "/units/{id}/rollback",
        "Take an account back to an earlier state, and hold it there",
        ((200, told.PlansAnswer), (202, told.AcceptedAnswer)),
        body=asked.RollbackBody,
        errors=(404, 409),
    ),
    _Call(
        "ungoverned",
        "get",
        "/ungoverned",
        "What reaches models past us",
        ((200, told.UngovernedAnswer),),
        query=asked.UngovernedQuery,
        errors=(409,),
    ),
    _Call(
        "health",
        "get",
        "/health",
        "For monitors: 503 when the app does not do its work",
        ((200, told.HealthAnswer), (503, told.HealthAnswer)),
    ),
    _Call(
        "dead_letters",
        "get",
        "/dead-letters",
        "Events and messages that were given up, the newest first",
        ((200, told.DeadLettersAnswer),),
        query=asked.DeadLettersQuery,
    ),
    _Call(
        "replay_dead_letters",
        "post",
        "/dead-letters/replay",
        "Replay all that can be and has not been",
        ((202, told.ReplayAnswer),),
        errors=(409,),
    ),
    _Call(
        "replay_dead_letter",
        "post",
        "/dead-letters/{id}/replay",
        "Look at the account of one again",
        ((202, told.ReplayAnswer),),
        errors=(404, 409),
    ),
    _Call(
        "forget_dead_letter",
        "delete",
        "/dead-letters/{id}",
        "Let go of one that nobody will replay",
        ((204, None),),
        errors=(404,),
    ),
)
_ERRORS = {
    400: "The request is not understood",
    404: "There is no such thing",
    409: "Not as things stand",
    500: "A bug: the log has more",
    503: "Storage or ARM is busy or down: try again",
}


@bp.function_name("openapi")
@bp.route(route="openapi.json", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def openapi(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001 - the trigger's name
    return func.HttpResponse(_text(), mimetype="application/json")


@cache
def _text() -> str:
    return json.dumps(document())


def document() -> Json:
    """The document, in OpenAPI 3.1."""
    answers = {model for call in _CALLS for _status, model in call.answers if model}
    bodies = {call.body for call in _CALLS if call.body}
    models: list[Any] = [(model, "serialization") for model in {*answers, told.ErrorAnswer}]
    models += [(model, "validation") for model in bodies]
    models.sort(key=lambda item: item[0].__name__)
    refs, schemas = models_json_schema(models, ref_template="#/components/schemas/{model}")
    paths: dict[str, Json] = {}
    for call in _CALLS:
        paths.setdefault(call.path, {})[call.method] = _operation(call, refs)
    return {
        "openapi": "3.1.0",
        "info": {"title": "model-onramp", "version": "1", "description": _ABOUT},
        "servers": [{"url": "/api"}],
        "security": [{"key": []}, {"code": []}],
        "paths": paths,
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {
                "key": {"type": "apiKey", "in": "header", "name": "x-functions-key"},
                "code": {"type": "apiKey", "in": "query", "name": "code"},
            },
        },
    }


def _operation(call: _Call, refs: Any) -> Json:
    errors = {
        str(status): _content(_ERRORS[status], refs[told.ErrorAnswer, "serialization"])
        for status in (400, *call.errors, 500, 503)
    }
    errors["401"] = {"description": "No key, or not one that may; the host answers, without a body"}
    answers = {
        str(status): _content("As asked", refs[model, "serialization"])
        if model
        else {"description": "Done"}
        for status, model in call.answers
    }
    operation: Json = {
        "operationId": call.function,
        "summary": call.summary,
        "parameters": _parameters(call),
        "responses": dict(sorted({**errors, **answers}.items())),
    }
    if "503" in answers:  # an answer of its own, or the error that storage is down
        operation["responses"]["503"] = _content(
            "Not doing its work", {"anyOf": [_schema(answers["503"]), _schema(errors["503"])]}
        )
    if call.body:
        content = {"application/json": {"schema": refs[call.body, "validation"]}}
        operation["requestBody"] = {"content": content, "required": call.function != "release"}
    return operation


def _schema(content: Json) -> Any:
    return content["content"]["application/json"]["schema"]


def _content(description: str, schema: Json) -> Json:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _parameters(call: _Call) -> list[Json]:
    in_path = [
        {
            "name": "id",
            "in": "path",
            "required": True,
            "description": _PARAMETERS[call.path.split("/")[1]],
            "schema": {"type": "string"},
        }
        for _ in range(call.path.count("{id}"))
    ]
    schema = call.query.model_json_schema(by_alias=True) if call.query else {"properties": {}}
    defs = schema.get("$defs", {})
    return in_path + [
        _query_parameter(name, field, defs) for name, field in schema["properties"].items()
    ]


def _query_parameter(name: str, field: Json, defs: Json) -> Json:
    """A query has no null, and one of several words is written with commas."""
    field = {key: value for key, value in field.items() if key not in ("title", "default")}
    choices = [it for it in field.pop("anyOf", []) if it.get("type") != "null"]
    field = {**field, **(choices[0] if choices else {})}
    description = field.pop("description", "")
    found = {
        "name": name,
        "in": "query",
        "description": description,
        "allowEmptyValue": True,  # the host drops it (RpcHttp.query: no nullable values)
        "schema": _inlined(field, defs),
    }
    return {**found, "style": "form", "explode": False} if field.get("type") == "array" else found


def _inlined(schema: Json, defs: Json) -> Json:
    if "$ref" in schema:
        return _inlined(defs[schema["$ref"].rpartition("/")[2]], defs)
    if "items" in schema:
        return {**schema, "items": _inlined(schema["items"], defs)}
    return schema
