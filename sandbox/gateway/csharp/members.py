"""What can be asked of strings, numbers, arrays and JSON, and the types that can be named.

Types and members: learn.microsoft.com/azure/api-management/api-management-policy-expressions, few
of those. Strings are compared ordinally; that .NET's own StartsWith, EndsWith and IndexOf go by a
culture matters for characters outside of ASCII, so those are refused there.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from sandbox.gateway.csharp.errors import CSharpError, ExpressionRefused
from sandbox.gateway.csharp.regex import OPTIONS, REGEX
from sandbox.gateway.csharp.values import Boxed, Char, JToken, Method, Record, cast, text_of

_MAX_INT = 2**31 - 1
_MAYBE = (str, type(None))


def _lower(text: str) -> str:
    """Character by character, as .NET maps: no final sigma, and what would become two stays."""
    return "".join(low if len(low := it.lower()) == 1 else it for it in text)


def _upper(text: str) -> str:
    return "".join(high if len(high := it.upper()) == 1 else it for it in text)


def _substring(text: str, start: int, length: int | None = None) -> str:
    end = len(text) if length is None else start + length
    if not 0 <= start <= end <= len(text):
        raise CSharpError("ArgumentOutOfRangeException", "Index and length must be in the string.")
    return text[start:end]


def _split(text: str, separator: Char) -> tuple[str, ...]:
    return tuple(text.split(separator.value))


def _by_culture(text: str, other: str, compare: Callable[[str, str], Any]) -> Any:
    if not (text + other).isascii():
        raise ExpressionRefused("A comparison by culture is not in the C# of this gateway.")
    return compare(text, other)


def _trim(text: str) -> str:
    return text.strip()


_STRING: Mapping[str, Method] = {
    "ToLowerInvariant": Method(_lower),
    "ToUpperInvariant": Method(_upper),
    "ToLower": Method(_lower),  # of the invariant culture, in which gateways run (UNVERIFIED)
    "ToUpper": Method(_upper),
    "ToString": Method(text_of),
    "Trim": Method(_trim),
    "Contains": Method(lambda text, part: part in text, (str,)),
    "StartsWith": Method(lambda text, it: _by_culture(text, it, str.startswith), (str,)),
    "EndsWith": Method(lambda text, it: _by_culture(text, it, str.endswith), (str,)),
    "IndexOf": Method(lambda text, it: _by_culture(text, it, str.find), (str,)),
    "Replace": Method(lambda text, old, new: text.replace(old, new or ""), (str, _MAYBE)),
    "Substring": Method(_substring, (int, int), optional=1),
    "Split": Method(_split, (Char,)),
}
_TOKEN: Mapping[str, Method] = {
    "ToString": Method(text_of),
    "ContainsKey": Method(lambda token, name: name in _object(token), (str,)),
    "Value": Method(
        lambda kind, token, name: _value(token, name, kind), (str,), generic=True
    ),
}  # fmt: skip
METHODS: Mapping[type, Mapping[str, Method]] = {
    str: _STRING,
    int: {"ToString": Method(text_of)},
    bool: {"ToString": Method(text_of)},
    Char: {"ToString": Method(text_of)},
    Boxed: {"ToString": Method(text_of)},
    tuple: {"Contains": Method(lambda many, one: one in many, (str,))},  # System.Linq.Enumerable
    JToken: _TOKEN,
}
PROPERTIES: Mapping[type, Mapping[str, Callable[[Any], Any]]] = {
    str: {"Length": len},
    tuple: {"Length": len},
    JToken: {"Count": lambda token: len(_array(token))},
}


def index(value: Any, at: Any) -> Any:
    """``value[at]`` of strings, arrays and JSON."""
    match value, at:
        case (str() | tuple(), int()) if not isinstance(at, bool):
            if not 0 <= at < len(value):
                raise CSharpError("IndexOutOfRangeException", "The index is not in the array.")
            return Char(value[at]) if isinstance(value, str) else value[at]
        case (JToken(), str()):
            found = _object(value)
            return JToken(found[at]) if at in found else None
        case (JToken(), int()) if not isinstance(at, bool):
            many = _array(value)
            if not 0 <= at < len(many):
                raise CSharpError("ArgumentOutOfRangeException", "The index is not in the array.")
            return JToken(many[at])
    raise ExpressionRefused("This can't be indexed so in the C# of this gateway.")


def json_object(text: str | None) -> JToken:
    """``JObject.Parse``.

    Newtonsoft takes more than JSON: comments, single quotes, dates. None of it is read here, so
    what it would take throws (UNVERIFIED).
    """
    if text is None:
        raise CSharpError("ArgumentNullException", "Value cannot be null. (Parameter 's')")
    try:
        value = json.loads(text)
    except ValueError as exc:
        raise CSharpError("JsonReaderException", str(exc)) from None
    if not isinstance(value, dict):
        raise CSharpError("JsonReaderException", "Error reading JObject from JsonReader.")
    return JToken(value)


def _object(token: JToken) -> dict[str, Any]:
    match token.value:
        case dict():
            return token.value
        case list():
            raise CSharpError("ArgumentException", "Accessed JArray values with invalid key value.")
    raise CSharpError("InvalidOperationException", "Cannot access child value on JValue.")


def _array(token: JToken) -> list[Any]:
    match token.value:
        case list():
            return token.value
        case dict():
            raise CSharpError(
                "ArgumentException", "Accessed JObject values with invalid key value."
            )
    raise CSharpError("InvalidOperationException", "Cannot access child value on JValue.")


def _value(token: JToken, name: str, kind: str) -> Any:
    found = _object(token).get(name)
    if found is None and kind in ("int", "bool"):
        return {"int": 0, "bool": False}[kind]  # default(T)
    return None if found is None else cast(JToken(found), kind)


def _parse_int(text: str | None) -> int:
    trimmed = (text or "").strip()
    digits = trimmed.removeprefix("-") if trimmed.startswith("-") else trimmed.removeprefix("+")
    if not (digits.isascii() and digits.isdigit()):
        raise CSharpError("FormatException", f"'{text}' is no number.")
    if not is_int32(int(trimmed)):
        raise CSharpError("OverflowException", f"{trimmed} is no Int32.")
    return int(trimmed)


def is_int32(number: int) -> bool:
    return -_MAX_INT - 1 <= number <= _MAX_INT


def _empty_or_white(text: str | None) -> bool:
    return not (text or "").strip()


_STRING_TYPE = Record(
    "string",
    properties={"Empty": lambda: ""},
    methods={
        "IsNullOrEmpty": Method(lambda text: not text, (_MAYBE,)),
        "IsNullOrWhiteSpace": Method(_empty_or_white, (_MAYBE,)),
    },
)
STATICS: Mapping[str, Record] = {
    "string": _STRING_TYPE,
    "String": _STRING_TYPE,
    "int": Record("int", methods={"Parse": Method(_parse_int, (_MAYBE,))}),
    "JObject": Record("JObject", methods={"Parse": Method(json_object, (_MAYBE,))}),
    "Regex": REGEX,
    "RegexOptions": OPTIONS,
}
_RECORDS = frozenset(
    {
        *("Request", "Response", "Variables", "Subscription", "Product", "User", "Operation"),
        *("Api", "Deployment", "RequestId", "LastError", "Headers", "MatchedParameters", "Url"),
        *("Query", "QueryString", "Path", "Host", "Scheme", "IpAddress", "Body", "As", "Method"),
        *("StatusCode", "StatusReason", "Id", "Name", "Key", "Email", "UrlTemplate", "Revision"),
        *("ServiceName", "Region", "GatewayId", "Source", "Reason", "Message", "Scope", "Section"),
        *("PolicyId", "GetValueOrDefault", "ContainsKey", "Success", "Groups", "Count", "Index"),
        "OriginalUrl",
    }
)
# Every member that anything has: another one is refused before a single expression runs.
KNOWN = frozenset(
    {name for table in (*METHODS.values(), *PROPERTIES.values()) for name in table}
    | {name for it in STATICS.values() for name in (*it.methods, *it.properties)}
    | _RECORDS
)
