"""The ``$filter`` of list calls: comparisons and string functions joined by ``and`` / ``or``.

Grammar as documented for list calls, e.g.
learn.microsoft.com/rest/api/apimanagement/apis/list-by-service: eq, ne, gt, lt, ge, le,
substringof, contains, startswith, endswith, and for tags of named values any and all. Parentheses
for grouping are not documented there.
"""

import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

from sandbox.arm.apim.filters import Filterable
from sandbox.arm.apim.validation import invalid
from sandbox.arm.errors import ArmError

type Predicate = Callable[[Mapping[str, Any]], bool]

_COMPARE = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "lt": operator.lt,
    "ge": operator.ge,
    "le": operator.le,
}
_LITERAL = r"('(?:[^']|'')*'|true|false|-?\d+)"
_COMPARISON = re.compile(rf"^([\w/]+)\s+(eq|ne|gt|lt|ge|le)\s+{_LITERAL}$", re.IGNORECASE)
_FUNCTION = re.compile(
    rf"^(contains|startswith|endswith)\(\s*([\w/]+)\s*,\s*{_LITERAL}\s*\)$", re.IGNORECASE
)
_SUBSTRING = re.compile(rf"^substringof\(\s*{_LITERAL}\s*,\s*([\w/]+)\s*\)$", re.IGNORECASE)
_LAMBDA = re.compile(r"^(\w+)/(any|all)\(\s*(\w+)\s*:\s*(.+)\)$", re.IGNORECASE)
_QUOTED = re.compile(r"'(?:[^']|'')*'")


def predicate(text: str, filterable: Filterable | None = None) -> Predicate:
    """Compile a filter over an entity's name and properties, without regard to case.

    Raises:
        ArmError: the filter cannot be read, or names what ``filterable`` does not have (the wording
            is UNVERIFIED).
    """
    alternatives = [
        [_clause(clause, filterable) for clause in _split(part, "and")]
        for part in _split(text, "or")
    ]
    return lambda item: any(all(test(item) for test in tests) for tests in alternatives)


def _split(text: str, word: str) -> list[str]:
    """Split at a word outside of quotes."""
    masked = _QUOTED.sub(lambda m: "x" * len(m[0]), text)
    parts, start = [], 0
    for match in re.finditer(rf"\s+{word}\s+", masked, re.IGNORECASE):
        parts.append(text[start : match.start()])
        start = match.end()
    return [*parts, text[start:]]


def _clause(text: str, filterable: Filterable | None) -> Predicate:
    clause = text.strip()
    if clause.startswith("(") and clause.endswith(")"):
        clause = clause[1:-1].strip()
    if match := _COMPARISON.match(clause):
        name, operation = _allowed(match[1], match[2], text, filterable)
        compare, wanted = _COMPARE[operation], _value(match[3])
        return lambda item: _compared(compare, _field(item, name), wanted)
    if match := _FUNCTION.match(clause):
        name, function = _allowed(match[2], match[1], text, filterable)
        return _string_test(function, name, _value(match[3]))
    if match := _SUBSTRING.match(clause):
        name, _ = _allowed(match[2], "substringof", text, filterable)
        return _string_test("contains", name, _value(match[1]))
    if match := _LAMBDA.match(clause):
        name, quantifier = _allowed(match[1], match[2], text, filterable)
        return _list_test(quantifier, name, match[3], _clause(match[4], None))
    raise _unreadable(text)


def _allowed(
    field: str, operation: str, text: str, filterable: Filterable | None
) -> tuple[str, str]:
    """Field and operation, if the list's table has them together."""
    operation = operation.lower()
    if filterable is not None and operation not in filterable.get(_key(field), frozenset()):
        raise _unreadable(text)
    return field, operation


def _list_test(quantifier: str, field: str, variable: str, test: Predicate) -> Predicate:
    """``tags/any(tag: tag eq 'x')``: the clause inside sees each element as its variable."""
    over = any if quantifier == "any" else all
    return lambda item: over(test({variable: element}) for element in _field(item, field) or [])


def _string_test(function: str, field: str, wanted: Any) -> Predicate:
    tests: dict[str, Callable[[str, str], bool]] = {
        "contains": operator.contains,
        "startswith": str.startswith,
        "endswith": str.endswith,
    }
    return lambda item: tests[function](str(_field(item, field) or ""), str(wanted))


def _compared(compare: Callable[[Any, Any], bool], have: Any, wanted: Any) -> bool:
    if type(have) is not type(wanted):
        return compare is operator.ne
    return compare(have, wanted)


def _key(field: str) -> str:
    return field.rsplit("/", 1)[-1].lower()


def _field(item: Mapping[str, Any], name: str) -> Any:
    value = next((v for k, v in item.items() if k.lower() == _key(name)), None)
    return value.lower() if isinstance(value, str) else value


def _value(literal: str) -> Any:
    lowered = literal.lower()
    if lowered.startswith("'"):
        return lowered[1:-1].replace("''", "'")
    return int(lowered) if lowered not in ("true", "false") else lowered == "true"


def _unreadable(text: str) -> ArmError:
    return invalid("$filter", f"The filter clause '{text.strip()}' is invalid or not supported.")
