"""Errors over HTTP: always JSON with a code, a message and what to do."""

import json
import logging
from collections.abc import Awaitable, Callable
from functools import wraps
from http import HTTPStatus
from typing import Any

import azure.functions as func
from pydantic import BaseModel, ValidationError

from shared import logs
from shared.core.records import ErrorAnswer, ErrorBody, Record
from shared.errors import InvalidId, RetryableError, TerminalError

logger = logging.getLogger(__name__)

type Handler = Callable[[func.HttpRequest], Awaitable[func.HttpResponse]]

# How a key may come instead of in its header (learn.microsoft.com/azure/azure-functions/
# functions-bindings-http-webhook-trigger); no parameters of ours.
_KEYS = frozenset({"code", "clientid"})


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
    """The query as *model*; a parameter that it does not know is an error, not a wish ignored."""
    given = {key: value for key, value in req.params.items() if key.lower() not in _KEYS}
    try:
        return model.model_validate(given)
    except ValidationError as exc:
        raise HttpError(
            HTTPStatus.BAD_REQUEST,
            "InvalidQuery",
            _problems(exc),
            "Correct the query; GET /api/openapi.json lists its parameters.",
        ) from exc


def read_body[M: BaseModel](model: type[M], req: func.HttpRequest) -> M:
    try:
        return model.model_validate_json(req.get_body() or b"{}")
    except ValidationError as exc:
        raise HttpError(
            HTTPStatus.BAD_REQUEST,
            "InvalidBody",
            _problems(exc),
            "Correct the body; GET /api/openapi.json describes it.",
        ) from exc


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
    said = []
    for error in exc.errors():
        field = ".".join(map(str, error["loc"]))
        message = error["msg"].removeprefix("Value error, ")
        said.append(f"{field}: {message}" if field else message)
    return "; ".join(said)
