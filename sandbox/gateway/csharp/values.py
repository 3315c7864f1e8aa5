"""What values are while an expression runs.

``str``, ``int``, ``bool`` and ``None`` are themselves, arrays are tuples. The rest is here.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.gateway.csharp.errors import CSharpError, ExpressionRefused


@dataclass(frozen=True, slots=True)
class Char:
    value: str


@dataclass(frozen=True, slots=True)
class Boxed:
    """A value of static type ``object``.

    C# compares two of them by reference: ``context.Variables["x"] == "y"`` is hardly ever what
    somebody meant. So nothing can be done with one here before it is cast.
    """

    value: Any


@dataclass(frozen=True, slots=True)
class JToken:
    """JSON, as Newtonsoft has it: ``value`` is what ``json.loads`` yields."""

    value: Any


@dataclass(frozen=True, slots=True)
class Method:
    """What can be called: the types of its arguments, of which the last ones may be left out.

    ``generic`` ones get the name of their type argument first.
    """

    run: Callable[..., Any]
    takes: tuple[type | tuple[type, ...], ...] = ()
    optional: int = 0
    named: tuple[str, ...] = ()
    generic: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """An object with properties, each made when it is asked for, and methods."""

    kind: str
    properties: Mapping[str, Callable[[], Any]] = field(default_factory=dict)
    methods: Mapping[str, Method] = field(default_factory=dict)
    index: Callable[[Any], Any] | None = None


def text_of(value: Any) -> str:
    """``ToString()``, and of null the empty string, as in a concatenation."""
    match value:
        case None:
            return ""
        case bool():
            return "True" if value else "False"
        case str() | int():
            return str(value)
        case Char():
            return value.value
        case Boxed():
            return text_of(value.value)
        case JToken(value=None):
            return ""
        case JToken(value=str() | int() | bool() | float()):
            return text_of(value.value) if not isinstance(value.value, float) else repr(value.value)
        case JToken():
            return json.dumps(value.value, indent=2, ensure_ascii=False)
    raise ExpressionRefused(f"{name_of(value)} can't be made a string.")


def cast(value: Any, to: str) -> Any:
    """``(string)x`` and the like: of an ``object`` unboxing, of JSON a conversion.

    JSON: newtonsoft.com/json/help/html/M_Newtonsoft_Json_Linq_JToken_op_Explicit.htm; numbers in
    strings and the like, which it converts too, are refused.
    """
    if isinstance(value, JToken) and to in _PLAIN:
        return _of_token(value, to)
    inside = value.value if isinstance(value, Boxed) else value
    if inside is None and to not in ("int", "bool"):
        return None
    if inside is None:
        raise CSharpError("NullReferenceException", f"null can't be unboxed to {to}.")
    if not _is(inside, to):
        raise CSharpError("InvalidCastException", f"{name_of(inside)} is no {to}.")
    return inside


def _is(value: Any, to: str) -> bool:
    if isinstance(value, JToken):
        shape = {"JObject": dict, "JArray": list, "JToken": object}.get(to)
        return shape is not None and isinstance(value.value, shape)
    return to in _PLAIN and type(value) is _PLAIN[to]


def _of_token(token: JToken, to: str) -> Any:
    value = token.value
    if value is None and to == "string":
        return None
    if isinstance(value, dict | list | None.__class__):
        raise CSharpError("ArgumentException", f"Can not convert {name_of(token)} to {to}.")
    if to == "string":
        # JSON's true is "True" to Newtonsoft, as in Convert.ToString.
        return text_of(token)
    if type(value) is not _PLAIN[to]:
        raise ExpressionRefused(f"A conversion of {name_of(token)} to {to} is not in this C#.")
    return value


def name_of(value: Any) -> str:
    """The C# name of a value's type, for messages."""
    match value:
        case Record():
            return value.kind
        case JToken():
            shapes: dict[type, str] = {dict: "JObject", list: "JArray"}
            return shapes.get(type(value.value), "JValue")
        case Boxed():
            return "object"
    return _NAMES.get(type(value), type(value).__name__)


_PLAIN = {"string": str, "int": int, "bool": bool}
_NAMES = {str: "string", int: "int", bool: "bool", type(None): "null", tuple: "string[]",
          Char: "char"}  # fmt: skip
