"""JSON as the host's Json.NET writes it.

The host parses JSON text of a function and writes it back with ``JToken.ToString()``, which is
indented (FunctionBinding.ReadAsEnumerable, RawScriptResult.cs in Azure/azure-functions-host).
"""

import json
from typing import Any


def is_json(text: str) -> bool:
    """Utility.IsJson of the host: only the brackets at both ends are looked at."""
    text = text.strip()
    return (text[:1], text[-1:]) in {("{", "}"), ("[", "]")}


def parsed(text: str | bytes) -> Any:
    """``JToken.Parse``; ValueError for what is no JSON, or too deep.

    Json.NET stops at 64 levels since 13.0.1 (dotnet/docs#40458), Python where its stack ends.
    """
    try:
        return json.loads(text)
    except RecursionError as exc:
        raise ValueError("too deep") from exc


def indented(value: Any) -> str:
    """``JToken.ToString()``: a string is itself, anything else JSON with two spaces."""
    if isinstance(value, str):
        return value
    return json.dumps(value, indent=2, ensure_ascii=False)
