"""What is wrong with the members of a request, before any model hears it.

The words are OpenAI's, on every route; those of other providers differ (UNVERIFIED). Bounds:
learn.microsoft.com/azure/ai-foundry/openai/reference (``n``), platform.openai.com/docs/
api-reference/embeddings (dimensions of text-embedding-3-large).
"""

from collections.abc import Mapping
from typing import Any

from sandbox.models.errors import invalid

_TYPES: Mapping[str, tuple[type, ...]] = {
    "messages": (list,),
    "documents": (list,),
    "texts": (list,),
    "input": (str, list),
    "prompt": (str, list),
    "query": (str,),
    "stream_options": (dict,),
    "metadata": (dict,),
    "response_format": (str, dict),
    "previous_response_id": (str,),
    **dict.fromkeys(("n", "top_n", "dimensions", "output_dimension"), (int,)),
    **dict.fromkeys(("max_tokens", "max_completion_tokens", "max_output_tokens"), (int,)),
}
_LARGEST = {"n": 10, "dimensions": 3072, "output_dimension": 3072}
_WORDS = {
    list: "an array",
    str: "a string",
    dict: "an object",
    int: "an integer",
    bool: "a boolean",
    float: "a decimal",
}


def check(body: Mapping[str, Any]) -> None:
    """Refuse a member of a wrong type or beyond its bounds; null is as good as absent."""
    for name, types in _TYPES.items():
        value = body.get(name)
        if value is None:
            continue
        if not isinstance(value, types) or isinstance(value, bool):
            wanted = " or ".join(_WORDS[it] for it in types)
            raise invalid(
                f"Invalid type for '{name}': expected {wanted}, but got {_WORDS[type(value)]} "
                "instead.",
                name,
                "invalid_type",
            )
        if isinstance(value, int):
            _check_bounds(name, value)


def _check_bounds(name: str, value: int) -> None:
    if value < 1:
        raise below(name, value, 1)
    if value > _LARGEST.get(name, value):
        raise invalid(
            f"Invalid '{name}': integer above maximum value. Expected a value <= "
            f"{_LARGEST[name]}, but got {value} instead.",
            name,
            "integer_above_max_value",
        )


def below(name: str, value: int, least: int) -> Exception:
    return invalid(
        f"Invalid '{name}': integer below minimum value. Expected a value >= {least}, but got "
        f"{value} instead.",
        name,
        "integer_below_min_value",
    )
