"""``==``, ``<``, ``+`` and what is written in literals."""

import ast
import re
from collections.abc import Callable, Mapping
from typing import Any

from sandbox.gateway.csharp.errors import ExpressionRefused
from sandbox.gateway.csharp.members import is_int32
from sandbox.gateway.csharp.values import Char, name_of, text_of

_ESCAPES = re.compile(r"\\(?:['\"\\0abfnrtv]|u[0-9a-fA-F]{4})")
_ESCAPED = {'\\"': '"', "\\'": "'", "\\0": "\0"}
_RELATIONS: Mapping[str, Callable[[int, int], bool]] = {
    "<": lambda left, right: left < right,
    ">": lambda left, right: left > right,
    "<=": lambda left, right: left <= right,
    ">=": lambda left, right: left >= right,
}


def same(left: Any, right: Any, where: str) -> bool:
    """``left == right``."""
    if left is None or right is None:
        return left is None and right is None
    if type(left) is not type(right) or not isinstance(left, str | int | bool | Char):
        raise ExpressionRefused(
            f"A comparison of {name_of(left)} with {name_of(right)} {where}: cast them first."
        )
    equals: bool = left == right
    return equals


def related(left: Any, sign: str, right: Any, where: str) -> bool:
    if type(left) is not int or type(right) is not int:
        raise ExpressionRefused(
            f"'{sign}' {where} is for numbers, not {name_of(left)} and {name_of(right)}."
        )
    return _RELATIONS[sign](left, right)


def int32(number: int) -> int:
    """Arithmetic that would wrap around is refused: nobody means it."""
    if not is_int32(number):
        raise ExpressionRefused(f"{number} is no Int32.")
    return number


def summed(left: Any, sign: str, right: Any, where: str) -> Any:
    """Of numbers a sum or a difference, of strings one after the other."""
    if type(left) is int and type(right) is int:
        return int32(left + right if sign == "+" else left - right)
    if sign == "+" and (isinstance(left, str) or isinstance(right, str)):
        return text_of(left) + text_of(right)
    raise ExpressionRefused(
        f"{name_of(left)} {sign} {name_of(right)} {where} is not in the C# of this gateway."
    )


def unescaped(text: str) -> str:
    """A literal's characters (learn.microsoft.com/dotnet/csharp/programming-guide/strings)."""
    if "\\" in _ESCAPES.sub("", text):
        raise ExpressionRefused(f'An escape in "{text}" is not in the C# of this gateway.')
    return _ESCAPES.sub(lambda it: _ESCAPED.get(it[0]) or ast.literal_eval(f'"{it[0]}"'), text)
