"""Reading JSON that may be anything."""

from collections.abc import Mapping
from typing import Any


def mapping(node: Any) -> Mapping[str, Any]:
    """The node if it is an object, else an empty one."""
    return node if isinstance(node, dict) else {}


def objects(node: Any) -> list[Any]:
    """The node if it is an array, else an empty one."""
    return node if isinstance(node, list) else []
