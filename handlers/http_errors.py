"""Errors over HTTP: always JSON with a code, a message and what to do."""

import json
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import wraps
from http import HTTPStatus
from typing import Any

import azure.functions as func
from pydantic import BaseModel, ValidationError

from handlers.requests import Nothing
from shared import logs
from shared.core.records import ErrorAnswer, ErrorBody, Record
from shared.errors import InvalidId, OrderPending, RetryableError, TerminalError, TooManyRuns

logger = logging.getLogger(__name__)

type Handler = Callable[[func.HttpRequest], Awaitable[func.HttpResponse]]

# How a key may come instead of in its header (learn.microsoft.com/azure/azure-functions/
# functions-bindings-http-webhook-trigger); no parameters of ours.
_KEYS = frozenset({"code", "clientid"})
_PROBLEMS, _NAME = 5, 100  # as many are told, and as much of a field's name


class HttpError(Exception):
    """An answer other than the one asked for."""

    def __init__(self, status: HTTPStatus, code: str, message: str, action: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.action = status, code, message, action


def json_response(body: Any, *, status: int = 200, location: str = "") -> func.HttpResponse:
    headers = {"Location": location} if location else {}
    return func.HttpResponse(
        json.dumps(body), status_code=status, mimetype="application/json", headers=headers
    )


def answer_with(answer: Record, *, status: int = 200, location: str = "") -> func.HttpResponse:
    headers = {"Cache-Control": "no-store", **({"Location": location} if location else {})}
    return func.HttpResponse(
        answer.model_dump_json(by_alias=True),
        status_code=status,
        mimetype="application/json",
        headers=headers,
    )


def read_query[M: BaseModel](model: type[M], req: func.HttpRequest) -> M:
    """The query as *model*, of a call without a body.

    What a call does not know is an error, not a wish ignored: somebody may have meant a dry run.
    """
    _body(Nothing, req)
    return _query(model, req)


def read_body[M: BaseModel](model: type[M], req: func.HttpRequest) -> M:
    """The body as *model*, of a call without parameters."""
    _query(Nothing, req)
    return _body(model, req)


def read_nothing(req: func.HttpRequest) -> None:
    """Of a call that has neither."""
    _query(Nothing, req)
    _body(Nothing, req)


def _query[M: BaseModel](model: type[M], req: func.HttpRequest) -> M:
    given = {key: value for key, value in req.params.items() if key.lower() not in _KEYS}
    try:
        return model.model_validate(given)
    except ValidationError as exc:
        to_do = "Correct the query; GET /api/openapi.json lists its parameters."
        raise HttpError(HTTPStatus.BAD_REQUEST, "InvalidQuery", _problems(exc), to_do) from exc


def _body[M: BaseModel](model: type[M], req: func.HttpRequest) -> M:
    text = req.get_body() or b"{}"
    to_do = "Correct the body; GET /api/openapi.json describes it."
    try:
        found = model.model_validate_json(text)
    except ValidationError as exc:
        raise HttpError(HTTPStatus.BAD_REQUEST, "InvalidBody", _problems(exc), to_do) from exc
    if twice := _said_twice(text):
        problem = f"{twice}: Field is there twice"
        raise HttpError(HTTPStatus.BAD_REQUEST, "InvalidBody", problem, to_do)
    return found


def _said_twice(valid: bytes) -> str:
    """A name that an object of plain values has twice; of the values, pydantic takes the last.

    What software makes of that is unpredictable (RFC 8259, section 4).
    """
    members: list[tuple[str, Any]] = json.loads(valid, object_pairs_hook=list)
    count = Counter(name for name, _value in members)
    return next((name for name, number in count.items() if number > 1), "")


def not_found(what: str, action: str) -> HttpError:
    """*what*, in one word, is not there."""
    message = f"there is no {what.lower()} with this id"
    return HttpError(HTTPStatus.NOT_FOUND, f"{what}NotFound", message, action)


def with_json_errors(handler: Handler) -> Handler:
    """Turn whatever *handler* raises into a JSON answer."""

    @wraps(handler)
    async def answer(req: func.HttpRequest) -> func.HttpResponse:
        try:
            return await handler(req)
        except Exception as exc:  # noqa: BLE001 - the edge: everything becomes an answer
            error = _http_error(exc)
            if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                logs.error(logger, "request failed", exc)
            body = ErrorBody(code=error.code, message=error.message, action=error.action)
            return answer_with(ErrorAnswer(error=body), status=error.status)

    return answer


def _http_error(exc: Exception) -> HttpError:
    match exc:
        case HttpError():
            return exc
        case InvalidId():
            return HttpError(HTTPStatus.BAD_REQUEST, "InvalidId", str(exc), "Correct the id.")
        case RetryableError():
            return HttpError(
                HTTPStatus.SERVICE_UNAVAILABLE, "Unavailable", str(exc), "Try again in a minute."
            )
        case OrderPending():
            to_do = "Wait for its run, or call it off: DELETE /api/units/{id}/order."
            return HttpError(HTTPStatus.CONFLICT, "OrderPending", str(exc), to_do)
        case TooManyRuns():
            to_do = "Wait for them: GET /api/units says what keeps the account."
            return HttpError(HTTPStatus.CONFLICT, "TooManyRuns", str(exc), to_do)
        case TerminalError():
            return HttpError(
                HTTPStatus.CONFLICT, "Refused", str(exc), "Change what the message says."
            )
        case _:
            return HttpError(
                HTTPStatus.INTERNAL_SERVER_ERROR,
                "InternalError",
                "something unexpected went wrong",
                "Look for 'request failed' in the app's log.",
            )


def _problems(exc: ValidationError) -> str:
    """The first few, with no more of a name than tells which it is: whoever asks chose it."""
    said = []
    for error in exc.errors(include_url=False, include_context=False, include_input=False):
        field = ".".join(map(str, error["loc"]))
        message = error["msg"].removeprefix("Value error, ")
        said.append(f"{_cut(field)}: {message}" if field else message)
    more = [f"and {len(said) - _PROBLEMS} more"] if len(said) > _PROBLEMS else []
    return "; ".join((*said[:_PROBLEMS], *more))


def _cut(name: str) -> str:
    return name if len(name) <= _NAME else f"{name[:_NAME]}…"
