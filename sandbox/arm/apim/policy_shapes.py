"""What a policy's element looks like inside: its attributes, and its children in their order.

Every policy's page says "Set the policy's elements and child elements in the order provided in the
policy statement" (azure-docs, includes/api-management-policy-generic-alert.md). An attribute that
no page names is refused, as the service does; so are values outside of a documented range. Whether
the service compares words and booleans without case is UNVERIFIED: here the page's spelling is
needed.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from sandbox.arm.apim.policy_problems import (
    PolicyProblem,
    incomplete,
    missing_attribute,
    no_text,
    problem,
    unexpected,
)
from sandbox.arm.apim.policy_xml import Element, is_expression

type Kind = Literal["text", "integer", "decimal", "boolean"]

# The portal's wizards mark their policies: id="apim-generated-policy".
_ANYWHERE = frozenset({"id"})
_PATTERNS: Mapping[Kind, str] = {
    "text": r"(?s).*",
    "integer": r"-?\d+",
    "decimal": r"-?\d+(\.\d+)?",
    "boolean": r"true|false",
}


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute's values.

    ``expressions``: "Policy expressions can be used as attribute values or text values in any of
    the policies, unless the policy reference specifies otherwise"
    (learn.microsoft.com/azure/api-management/api-management-policy-expressions).
    """

    kind: Kind = "text"
    required: bool = False
    choices: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None
    expressions: bool = True


@dataclass(frozen=True, slots=True)
class Shape:
    """The inside of one element.

    Attributes:
        any_of: At least one of these attributes.
        text: It holds text or an expression, which must not be empty if ``needs_text``.
        markup: Elements in the text are part of it.
        open: Only what is said here is checked, other attributes and children are let through.
    """

    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    children: tuple["Child", ...] = ()
    any_of: tuple[str, ...] = ()
    text: bool = False
    needs_text: bool = False
    choices: tuple[str, ...] = ()  # of the text
    markup: bool = False
    open: bool = False


@dataclass(frozen=True, slots=True)
class Child:
    name: str
    shape: Shape
    least: int = 0
    most: int | None = None  # None: any number


def needs(*names: str, any_of: tuple[str, ...] = ()) -> Shape:
    """Of a policy whose page is only followed where it says "required"."""
    return Shape({name: Attribute(required=True) for name in names}, any_of=any_of, open=True)


def check_shape(element: Element, shape: Shape) -> Iterator[PolicyProblem]:
    yield from check_attributes(element, shape)
    if shape.text:
        yield from _text(element, shape)
    elif not shape.open:
        yield from _children(element, shape)


def check_attributes(element: Element, shape: Shape) -> Iterator[PolicyProblem]:
    have = element.attributes
    for name, attribute in shape.attributes.items():
        if name not in have or (attribute.required and not have[name]):
            if attribute.required:
                yield missing_attribute(element, name)
        else:
            yield from _value(element, name, have[name], attribute)
    if shape.any_of and not any(have.get(name) for name in shape.any_of):
        options = "', '".join(shape.any_of)
        yield problem(element, f"One of the attributes '{options}' must be specified.")
    if not shape.open:
        for name in sorted(have.keys() - shape.attributes.keys() - _ANYWHERE):
            yield problem(element, f"The '{name}' attribute is not declared.")


def _value(
    element: Element, name: str, value: str, attribute: Attribute
) -> Iterator[PolicyProblem]:
    """A literal; expressions and named values are known at run time only."""
    if is_expression(value):
        if not attribute.expressions:
            yield problem(element, f"Policy expressions are not allowed in attribute '{name}'.")
        return
    if "{{" in value:
        return
    if not re.fullmatch(_PATTERNS[attribute.kind], value):
        text = f"The '{name}' attribute is invalid: the value '{value}' is no {attribute.kind}."
        yield problem(element, text)
    elif attribute.choices and value not in attribute.choices:
        allowed = ", ".join(attribute.choices)
        text = f"The '{name}' attribute is invalid: '{value}' is none of {allowed}."
        yield problem(element, text)
    elif not _in_range(value, attribute):
        bounds = f"between {attribute.least:g} and {attribute.most:g}" if attribute.most else ""
        text = f"The '{name}' attribute must be {bounds or f'at least {attribute.least:g}'}."
        yield problem(element, text)


def _in_range(value: str, attribute: Attribute) -> bool:
    if attribute.kind not in ("integer", "decimal"):
        return True
    number = float(value)
    above = attribute.least is None or number >= attribute.least
    return above and (attribute.most is None or number <= attribute.most)


def _text(element: Element, shape: Shape) -> Iterator[PolicyProblem]:
    for child in element.elements:
        if not shape.markup:
            yield problem(child, unexpected(element.name, child.name, ()))
    text = element.text
    if shape.needs_text and not text and not element.elements:
        yield problem(element, f"The element '{element.name}' should not be empty.")
    free = is_expression(text) or "{{" in text
    if shape.choices and text and not free and text not in shape.choices:
        allowed = ", ".join(shape.choices)
        yield problem(element, f"The value '{text}' is none of {allowed}.")


def _children(element: Element, shape: Shape) -> Iterator[PolicyProblem]:
    """Each child where the statement has it, and as often as it may come."""
    names = tuple(child.name for child in shape.children)
    yield from no_text(element, names)
    left = list(shape.children)
    for found in element.elements:
        expected = [child.name for child in left]
        if found.name not in expected:
            yield problem(found, unexpected(element.name, found.name, expected))
            continue
        left = left[expected.index(found.name) :]
        yield from check_shape(found, left[0].shape)
        left = left[1:] if left[0].most == 1 else left
    for child in shape.children:
        if sum(found.name == child.name for found in element.elements) < child.least:
            yield incomplete(element, [child.name])
