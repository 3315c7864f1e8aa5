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


def indented(value: Any) -> str:
    """``JToken.ToString()``: a string is itself, anything else JSON with two spaces."""
    if isinstance(value, str):
        return value
    return json.dumps(value, indent=2, ensure_ascii=False)
