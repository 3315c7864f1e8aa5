"""What the gateway says by itself, in the shape that each surface's clients read.

Bodies are JSON with checked names in them and nothing else; so that clients raise their usual
error for a missing model, each has its own provider's members.
"""

from collections.abc import Sequence
from string import Template

from shared.core.surfaces import ErrorShape, Surface

_NOT_ONBOARDED = "No deployment of this name is onboarded on this API. Onboarded: $names."
_DELETED = "The deployment $name was deleted."

# (code of a missing model, code of a deleted one, body)
_ERRORS: dict[ErrorShape, tuple[str, str, str]] = {
    ErrorShape.AZURE: (
        "DeploymentNotFound",
        "DeploymentGone",
        '{"error": {"code": "$code", "message": "$message"} }',
    ),
    ErrorShape.OPENAI: (
        "model_not_found",
        "model_gone",
        '{"error": {"code": "$code", "type": "invalid_request_error", "message": "$message"} }',
    ),
    # docs.anthropic.com/en/api/errors
    ErrorShape.ANTHROPIC: (
        "not_found_error",
        "not_found_error",
        '{"type": "error", "error": {"type": "$code", "message": "$message"} }',
    ),
    # docs.cohere.com/reference/errors
    ErrorShape.COHERE: ("", "", '{"message": "$message"}'),
}


def refusal(surface: Surface, names: Sequence[str]) -> str:
    """For a deployment that is not onboarded; *names* are those that are."""
    code, _gone, body = _ERRORS[surface.errors]
    message = Template(_NOT_ONBOARDED).substitute(names=", ".join(names) or "none")
    return Template(body).substitute(code=code, message=message)


def gone(surface: Surface, name: str) -> str:
    """For a deployment that was deleted."""
    _missing, code, body = _ERRORS[surface.errors]
    return Template(body).substitute(code=code, message=Template(_DELETED).substitute(name=name))


def model_list(names: Sequence[str]) -> str:
    """What OpenAI's clients take for a list of models: the onboarded deployments."""
    models = ", ".join(_MODEL.replace("$id", name) for name in names)
    return f'{{"object": "list", "data": [{models}] }}'


def one_model() -> str:
    """The expression that yields the model which the request names."""
    before, after = _MODEL.split("$id")
    quoted = [part.replace('"', '\\"') for part in (before, after)]
    return f'@("{quoted[0]}" + (string)context.Variables["deployment"] + "{quoted[1]}")'


_MODEL = '{"id": "$id", "object": "model", "created": 0, "owned_by": "model-onramp"}'
