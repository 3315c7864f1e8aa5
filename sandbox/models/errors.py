"""How model endpoints say no.

The platform in front of all models (keys, tokens, roles, unknown deployments) has one shape, the
models behind it have that of their provider:

    AZURE      {"error": {"code", "message"}}
    OPENAI     {"error": {"message", "type", "param", "code"}}      platform.openai.com/docs/guides
    ANTHROPIC  {"type": "error", "error": {"type", "message"}}      platform.claude.com/docs errors
    COHERE     {"id", "message"}                                    docs.cohere.com/reference/errors

That the platform answers the same on Anthropic's and Cohere's routes is UNVERIFIED, except for its
401 PermissionDenied there, which users quote.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from sandbox.contracts import Json


class Shape(Enum):
    AZURE = "azure"
    OPENAI = "openai"
    ANTHROPIC = "anthropic"
    COHERE = "cohere"


# platform.claude.com/docs/en/api/errors
_ANTHROPIC_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}


@dataclass(slots=True, eq=False)
class Refusal(Exception):
    """Raised wherever a call is judged, answered by the server.

    ``platform``: said before any model was asked. ``flat``: the shape of the oldest gate,
    ``{"statusCode", "message"}``.
    """

    status: int
    code: str | None
    message: str
    platform: bool = True
    flat: bool = False
    param: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def render(self, shape: Shape) -> Json:
        if self.flat:
            return {"statusCode": self.status, "message": self.message}
        if self.platform and shape is not Shape.OPENAI:
            return {"error": {"code": self.code, "message": self.message}}
        return _RENDER[shape](self)


def invalid(message: str, param: str | None = None, code: str | None = None) -> Refusal:
    """A model's own complaint about what it was asked."""
    return Refusal(400, code, message, platform=False, param=param)


def not_found() -> Refusal:
    """No such route, or none in that version: as users quote it."""
    return Refusal(404, "404", "Resource not found")


def _azure(it: Refusal) -> Json:
    return {"error": {"code": it.code, "message": it.message}}


def _openai(it: Refusal) -> Json:
    """With a type on v1: github.com/NousResearch/hermes-agent/issues/47812."""
    kind = "invalid_request_error" if it.status < 500 else "server_error"
    error = {"message": it.message, "type": kind, "param": it.param, "code": it.code}
    return {"error": error}


def _anthropic(it: Refusal) -> Json:
    kind = _ANTHROPIC_TYPES.get(it.status, "api_error")
    return {"type": "error", "error": {"type": kind, "message": it.message}}


def _cohere(it: Refusal) -> Json:
    return {"id": "sandbox", "message": it.message}


_RENDER = {
    Shape.AZURE: _azure,
    Shape.OPENAI: _openai,
    Shape.ANTHROPIC: _anthropic,
    Shape.COHERE: _cohere,
}
