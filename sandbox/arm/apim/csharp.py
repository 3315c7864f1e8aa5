"""Where a policy expression ends: a C# scanner that knows strings, characters and comments.

Nothing is compiled: the service itself verifies expressions only in part when they are saved
(learn.microsoft.com/azure/api-management/api-management-policy-expressions).
"""

import re

_CLOSERS = {"(": ")", "{": "}", "[": "]"}
_STRING = re.compile(r'(\$@|@\$|\$|@)?"')


class UnbalancedError(Exception):
    """An opening delimiter, string or comment has no end."""


def end_of_expression(text: str, start: int) -> int:
    """Index after the delimiter that closes the ``@(`` or ``@{`` at ``start``.

    Raises:
        UnbalancedError: it never closes.
    """
    return _balanced(text, start + 1)


def expression_problem(value: str) -> str | None:
    """Why a whole attribute or text that starts as an expression is none."""
    expression = value.strip()
    try:
        end = end_of_expression(expression, 0)
    except UnbalancedError as exc:
        return str(exc)
    if end != len(expression):
        return f"Unexpected text '{expression[end : end + 20]}' after the policy expression."
    return None if expression[2:-1].strip() else "Policy expression is empty."


def _balanced(text: str, start: int) -> int:
    """Index after the bracket that matches the one at ``start``."""
    stack = [_CLOSERS[text[start]]]
    index = start + 1
    while index < len(text):
        if match := _STRING.match(text, index):
            index = _string_end(text, match)
        elif text.startswith("//", index):
            index = _find(text, "\n", index, "comment")
        elif text.startswith("/*", index):
            index = _find(text, "*/", index + 2, "comment") + 2
        elif text[index] == "'":
            index = _escaped_end(text, index + 1, "'")
        elif text[index] in _CLOSERS:
            stack.append(_CLOSERS[text[index]])
            index += 1
        elif text[index] in ")}]":
            if text[index] != stack.pop():
                raise UnbalancedError(f"Unexpected '{text[index]}' in policy expression.")
            index += 1
            if not stack:
                return index
        else:
            index += 1
    raise UnbalancedError(f"Policy expression is not closed: '{stack[-1]}' expected.")


def _string_end(text: str, match: re.Match[str]) -> int:
    """Index after a string literal: plain, verbatim ``@``, interpolated ``$`` or both."""
    prefix = match[1] or ""
    if prefix == "":
        return _escaped_end(text, match.end(), '"')
    index = match.end()
    while index < len(text):
        pair = text[index : index + 2]
        doubled = ("@" in prefix and pair == '""') or ("$" in prefix and pair == "{{")
        if doubled or ("@" not in prefix and text[index] == "\\"):
            index += 2
        elif "$" in prefix and text[index] == "{":
            index = _balanced(text, index)
        elif text[index] == '"':
            return index + 1
        else:
            index += 1
    raise UnbalancedError("String in policy expression is not closed.")


def _escaped_end(text: str, index: int, quote: str) -> int:
    while index < len(text):
        if text[index] == "\\":
            index += 2
        elif text[index] == quote:
            return index + 1
        else:
            index += 1
    raise UnbalancedError("String in policy expression is not closed.")


def _find(text: str, mark: str, index: int, what: str) -> int:
    found = text.find(mark, index)
    if found < 0:
        raise UnbalancedError(f"The {what} in policy expression is not closed.")
    return found
