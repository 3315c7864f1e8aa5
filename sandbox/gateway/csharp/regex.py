r"""Regular expressions of .NET, as far as Python's mean the same; what differs is refused.

learn.microsoft.com/dotnet/standard/base-types/regular-expression-language-quick-reference. Refused
are ``\w \b \s`` and their negations (other sets of characters), ``\Z \z \G``, ``\p{..}``,
named groups (.NET numbers them after the others), inline options, lookbehind, possessive
quantifiers (.NET has none), class subtraction and quantifiers without a lower bound.

Case is ignored by .NET's table and by Python's: for ASCII letters they agree, save that both take
the Kelvin sign for a k.
"""

import re
from collections.abc import Mapping
from functools import lru_cache, partial
from typing import Any

from sandbox.gateway.csharp.errors import CSharpError, ExpressionRefused
from sandbox.gateway.csharp.values import Method, Record

_TOKEN = re.compile(
    r"\\[dDrntfva1-9]|\\x[0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\[^0-9A-Za-z]"
    r"|\(\?(?::|=|!)|\((?!\?)|\{\d+(?:,\d*)?\}\??(?!\+)|[*+?]\??(?![*+?])"
    r"|\[\^?\]?(?:\\[dDrntfva]|\\x[0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\[^0-9A-Za-z]"
    r"|-(?!\[)|[^\]\[\\-])*\]"
    r"|[^\\\[({*+?]"
)
_OPTIONS = {"None": 0, "IgnoreCase": int(re.IGNORECASE)}


class Option(str):
    """A member of RegexOptions."""

    __slots__ = ()


OPTIONS = Record("RegexOptions", {name: partial(Option, name) for name in _OPTIONS})


@lru_cache(maxsize=512)
def compiled(pattern: str, option: str = "None") -> re.Pattern[str]:
    """Raises ExpressionRefused where .NET might read the pattern in another way."""
    at = 0
    while at < len(pattern):
        token = _TOKEN.match(pattern, at)
        if token is None:
            raise ExpressionRefused(
                f"'{pattern[at : at + 8]}' in the regular expression '{pattern}' means something "
                "else, or nothing, to Python."
            )
        at = token.end()
    try:
        return re.compile(pattern, _OPTIONS[option])
    except re.error as exc:
        raise ExpressionRefused(f"The regular expression '{pattern}': {exc}.") from None


def _match(text: str | None, pattern: str, option: Option | None = None) -> Record:
    return _matched(compiled(pattern, option or "None").search(_given(text)))


def _is_match(text: str | None, pattern: str, option: Option | None = None) -> bool:
    return compiled(pattern, option or "None").search(_given(text)) is not None


def _split(text: str | None, pattern: str, option: Option | None = None) -> tuple[str, ...]:
    expression = compiled(pattern, option or "None")
    if expression.groups:
        raise ExpressionRefused("Regex.Split with groups is not in the C# of this gateway.")
    return tuple(expression.split(_given(text)))


def _replace(text: str | None, pattern: str, replacement: str, option: Option | None = None) -> str:
    if "$" in replacement:
        raise ExpressionRefused("Regex.Replace with '$' is not in the C# of this gateway.")
    return compiled(pattern, option or "None").sub(lambda _: replacement, _given(text))


def _given(text: str | None) -> str:
    if text is None:
        raise CSharpError("ArgumentNullException", "Value cannot be null. (Parameter 'input')")
    return text


def _matched(found: re.Match[str] | None) -> Record:
    return Record("Match", {**_group(found, 0), "Groups": lambda: _groups(found)})


def _groups(found: re.Match[str] | None) -> Record:
    """A group that is not there is one without success: GroupCollection's indexer."""

    def group(number: Any) -> Record:
        if type(number) is not int:
            raise ExpressionRefused("Groups are numbered in the C# of this gateway.")
        there = found if found and 0 <= number <= found.re.groups else None
        return Record("Group", _group(there, number))

    count = found.re.groups + 1 if found else 1
    return Record("GroupCollection", {"Count": lambda: count}, index=group)


def _group(found: re.Match[str] | None, number: int) -> Mapping[str, Any]:
    text = found.group(number) if found else None
    start = max(found.start(number), 0) if found else 0
    return {
        "Success": lambda: text is not None,
        "Value": lambda: text or "",
        "Length": lambda: len(text or ""),
        "Index": lambda: start,
    }


# Of "(Constructor), IsMatch, Match, Matches, Replace, Unescape, Split", which the list of allowed
# types has; so Escape is refused, and Matches too, as MatchCollection is not on the list
# (learn.microsoft.com/azure/api-management/api-management-policy-expressions).
_TEXT = (str, type(None))
REGEX = Record(
    "Regex",
    methods={
        "Match": Method(_match, (_TEXT, str, Option), optional=1),
        "IsMatch": Method(_is_match, (_TEXT, str, Option), optional=1),
        "Split": Method(_split, (_TEXT, str, Option), optional=1),
        "Replace": Method(_replace, (_TEXT, str, str, Option), optional=1),
    },
)
