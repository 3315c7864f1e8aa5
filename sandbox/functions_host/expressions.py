"""Binding expressions: ``{name}`` in an output binding, filled in from the trigger.

learn.microsoft.com/azure/azure-functions/functions-bindings-expressions-patterns
"""

import json
import re
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sandbox.functions_host.errors import BindingError
from sandbox.functions_host.newtonsoft import parsed

_EXPRESSION = re.compile(r"\{([^{}]+)\}")


def resolve(template: str, data: Mapping[str, Any], now: datetime) -> str:
    """Fill a template; names ignore case and may reach into JSON (``{data.id}``)."""

    def value(match: re.Match[str]) -> str:
        name = match[1].strip()
        match name.casefold():
            case "rand-guid" | "sys.randguid":
                return str(uuid.uuid4())
            case "datetime" | "sys.utcnow":
                return now.strftime("%Y-%m-%dT%H-%M-%SZ")
        return _text(_find(name, data))

    return _EXPRESSION.sub(value, template)


def _find(name: str, data: Mapping[str, Any]) -> Any:
    current: Any = data
    for part in name.split("."):
        key = _key(current, part)
        if key is None:
            # The message of BindingTemplate in Azure/azure-webjobs-sdk.
            raise BindingError(f"No value for named parameter '{name}'.")
        current = current[key]
    return current


def _key(current: Any, part: str) -> str | None:
    if not isinstance(current, Mapping):
        return None
    return next((key for key in current if key.casefold() == part.casefold()), None)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def json_members(text: str) -> dict[str, Any]:
    """The members of a JSON object, which a trigger adds to its binding data; {} for other text."""
    try:
        value = parsed(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
