"""Errors over HTTP: always JSON with a code, a message and what to do."""

import json
import logging
from collections.abc import Awaitable, Callable
from functools import wraps
from http import HTTPStatus
from typing import Any

import azure.functions as func
from pydantic import ValidationError

from shared import logs
from shared.errors import InvalidId, RetryableError

logger = logging.getLogger(__name__)

type Handler = Callable[[func.HttpRequest], Awaitable[func.HttpResponse]]


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
            body = {"code": error.code, "message": error.message, "action": error.action}
            return json_response({"error": body}, status=error.status)

    return answer


def _http_error(exc: Exception) -> HttpError:
    match exc:
        case HttpError():
            return exc
        case ValidationError():
            return _invalid_body(exc)
        case InvalidId():
            return HttpError(HTTPStatus.BAD_REQUEST, "InvalidId", str(exc), "Correct the id.")
        case RetryableError():
            return HttpError(
                HTTPStatus.SERVICE_UNAVAILABLE, "Unavailable", str(exc), "Try again in a minute."
            )
        case _:
            return HttpError(
                HTTPStatus.INTERNAL_SERVER_ERROR,
                "InternalError",
                "something unexpected went wrong",
                "Look for 'request failed' in the app's log.",
            )


def _invalid_body(exc: ValidationError) -> HttpError:
    problems = []
    for error in exc.errors():
        field = ".".join(map(str, error["loc"]))
        message = error["msg"].removeprefix("Value error, ")
        problems.append(f"{field}: {message}" if field else message)
    return HttpError(
        HTTPStatus.BAD_REQUEST,
        "InvalidBody",
        "; ".join(problems),
        'Send one of {"deployment": "<resource id>"}, {"account": "<resource id>"}, {"all": true}; '
        '"allow_removals": true may go with it.',
    )
