"""Checks a policy document the way the service does when it is saved, and finds what it refers to.

Where policies may stand is policy_rules, what their elements look like policy_statements.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from sandbox.arm.apim.csharp import expression_problem
from sandbox.arm.apim.policy_problems import (
    PolicyProblem,
    incomplete,
    missing_attribute,
    no_text,
    problem,
    unexpected,
)
from sandbox.arm.apim.policy_rules import NOT_FOR_HANDSHAKE, POLICIES, SECTIONS, Rule, shape_of
from sandbox.arm.apim.policy_shapes import check_attributes, check_shape
from sandbox.arm.apim.policy_statements import STATEMENTS
from sandbox.arm.apim.policy_xml import Element, PolicyTree, Text, is_expression

# "handshake" is the operation of a WebSocket API.
type Scope = Literal["global", "product", "api", "operation", "handshake", "fragment"]
type Exists = Callable[[str, str], bool]  # collection and name -> is it there

_NAMED_VALUE = re.compile(r"\{\{([A-Za-z0-9\-._]+)\}\}")
_DIMENSIONS = ("llm-emit-token-metric", "azure-openai-emit-token-metric")
_DEFAULT_DIMENSIONS = frozenset(
    {
        "API ID",
        "Operation ID",
        "Product ID",
        "User ID",
        "Subscription ID",
        "Location",
        "Gateway ID",
        "Backend ID",
    }
)
_MAX_CUSTOM_DIMENSIONS = 5


@dataclass(frozen=True, slots=True)
class References:
    """What a document refers to: collection and name, for in-use checks."""

    entities: frozenset[tuple[str, str]]

    def uses(self, collection: str, name: str) -> bool:
        return (collection, name.lower()) in self.entities


def size_limit(tier: str, scope: Scope) -> int:
    """Bytes (azure-docs includes/api-management-service-limits.md; policy-fragments.md)."""
    if scope == "fragment":
        return 512 * 1024
    return 16 * 1024 if tier == "Consumption" else 256 * 1024


def check(tree: PolicyTree, *, scope: Scope, tier: str, exists: Exists) -> list[PolicyProblem]:
    """Every problem that keeps the document from being saved."""
    where = _Where(scope, tier)
    structure = _fragment(tree.root, where) if scope == "fragment" else _document(tree.root, where)
    return [*structure, *_expressions(tree.root), *_missing(tree.root, exists)]


def references(tree: PolicyTree) -> References:
    """Literal references only: what an expression yields is known at run time."""
    found = {(kind, name.lower()) for _, kind, _, name in _literal_references(tree.root)}
    found |= {("namedValues", name.lower()) for name in _named_values(tree.root)}
    return References(frozenset(found))


@dataclass(frozen=True, slots=True)
class _Where:
    scope: Scope
    tier: str
    section: str | None = None  # None inside a fragment: it may be included anywhere


def _document(root: Element, where: _Where) -> Iterator[PolicyProblem]:
    if root.name != "policies":
        for element in root.elements or (root,):
            yield problem(element, "Policy section is not allowed in the specified scope")
        return
    yield from no_text(root, SECTIONS)
    last = -1
    for section in root.elements:
        if section.name not in SECTIONS:
            yield problem(section, "Policy section is not allowed in the specified scope")
            continue
        place = SECTIONS.index(section.name)
        if place <= last:
            yield problem(section, unexpected("policies", section.name, SECTIONS[last + 1 :]))
        last = max(last, place)
        yield from _section(section, replace(where, section=section.name))
    if where.scope == "handshake":
        yield from _handshake(root)


def _section(section: Element, where: _Where) -> Iterator[PolicyProblem]:
    yield from no_text(section, ())
    # "The backend section can contain only one policy element": the gateway would otherwise send
    # the request twice (learn.microsoft.com/azure/api-management/api-management-howto-policies).
    if section.name == "backend" and len(section.elements) > 1:
        yield problem(section.elements[1], "Only one policy is allowed in the 'backend' section.")
    for name, count in Counter(element.name for element in section.walk()).items():
        if count > 1 and name in POLICIES and POLICIES[name].once:
            yield problem(section, f"Policy '{name}' can be used only once in a section.")
    yield from _policies(section, where)


def _handshake(root: Element) -> Iterator[PolicyProblem]:
    for element in root.walk():
        if element.name in NOT_FOR_HANDSHAKE:
            yield problem(element, "Policy is not supported by the onHandshake operation.")


def _fragment(root: Element, where: _Where) -> Iterator[PolicyProblem]:
    """No sections, no ``<base/>``, no nesting (policy-fragments.md)."""
    if root.name != "fragment":
        yield problem(root, "Policy fragment must have the root element 'fragment'.")
        return
    yield from no_text(root, ())
    for element in root.walk():
        if element.name in (*SECTIONS, "policies", "base", "include-fragment"):
            yield problem(element, "Element is not allowed in a policy fragment.")
    yield from _policies(root, where)


def _policies(parent: Element, where: _Where) -> Iterator[PolicyProblem]:
    for element in parent.elements:
        rule = POLICIES.get(element.name)
        if rule is None:
            yield problem(element, unexpected(parent.name, element.name, ()))
            continue
        yield from _placement(element, rule, where)
        yield from _content(element, rule, where)
        yield from _across_attributes(element)


def _placement(element: Element, rule: Rule, where: _Where) -> Iterator[PolicyProblem]:
    scope = "operation" if where.scope == "handshake" else where.scope
    if where.section is not None and where.section not in rule.sections:
        yield problem(element, "Policy is not allowed in the specified section")
    if scope != "fragment" and scope not in rule.scopes:
        yield problem(element, "Policy is not allowed in the specified scope")
    if where.tier not in rule.tiers:
        yield problem(element, f"Policy is not supported in the '{where.tier}' tier.")


def _content(element: Element, rule: Rule, where: _Where) -> Iterator[PolicyProblem]:
    shape = shape_of(element.name, rule)
    if element.name == "choose":
        yield from _choose(element, where)
    elif rule.contains_policies:
        yield from check_attributes(element, shape)
        yield from no_text(element, ())
        if not element.elements:
            yield incomplete(element, ())  # "One or more child policies" (retry-policy)
        yield from _policies(element, where)
    else:
        yield from check_shape(element, shape)
        yield from _loose_children(element, rule, where)
    if element.name in _DIMENSIONS:
        yield from _metric(element)


def _loose_children(element: Element, rule: Rule, where: _Where) -> Iterator[PolicyProblem]:
    if rule.children is None:
        return
    names = sorted(rule.children)
    yield from no_text(element, names)
    for child in element.elements:
        if child.name not in rule.children:
            yield problem(child, unexpected(element.name, child.name, names))
        elif child.name in POLICIES:
            yield from _content(child, POLICIES[child.name], where)


def _across_attributes(element: Element) -> Iterator[PolicyProblem]:
    have = element.attributes
    if element.name == "set-backend-service" and {"base-url", "backend-id"} <= have.keys():
        yield problem(element, "Attributes 'base-url' and 'backend-id' cannot be used together.")
    for one, other in (
        ("token-quota", "token-quota-period"),
        ("token-quota-period", "token-quota"),
    ):
        if have.get(one) and not have.get(other):
            yield missing_attribute(element, other)
    # The page needs a value, and shows it without one for "delete" only.
    deletes = have.get("exists-action") == "delete"
    if element.name == "set-query-parameter" and not (element.elements or deletes):
        yield incomplete(element, ["value"])


def _choose(element: Element, where: _Where) -> Iterator[PolicyProblem]:
    """``when`` one or more, each with a condition, then ``otherwise`` at most once."""
    yield from check_attributes(element, STATEMENTS["choose"])
    names = [child.name for child in element.elements]
    known = set(names) <= {"when", "otherwise"}
    ordered = names == sorted(names, reverse=True) and names.count("otherwise") <= 1
    if not (known and ordered and "when" in names):
        yield problem(element, "The element 'choose' has incomplete or invalid content.")
        return
    for child in element.elements:
        yield from check_attributes(child, STATEMENTS[child.name])
        yield from no_text(child, ())
        yield from _policies(child, where)


def _metric(element: Element) -> Iterator[PolicyProblem]:
    """Default dimensions need no value, at most five are custom (llm-emit-token-metric-policy)."""
    dimensions = [d for d in element.elements if d.name == "dimension"]
    custom = [d for d in dimensions if d.attributes.get("name") not in _DEFAULT_DIMENSIONS]
    if len(custom) > _MAX_CUSTOM_DIMENSIONS:
        yield problem(element, "The element can contain at most 5 custom dimensions.")
    for dimension in custom:
        if not dimension.attributes.get("value"):
            yield missing_attribute(dimension, "value")


def _expressions(root: Element) -> Iterator[PolicyProblem]:
    for element in root.walk():
        texts = [c.value for c in element.children if isinstance(c, Text)]
        for value in (*element.attributes.values(), *texts):
            if is_expression(value) and (found := expression_problem(value)):
                yield problem(element, found)


def _missing(root: Element, exists: Exists) -> Iterator[PolicyProblem]:
    for element, kind, label, name in _literal_references(root):
        if not exists(kind, name):
            yield PolicyProblem(element.name, f"{label} with id '{name}' could not be found.")
    for name in sorted(set(_named_values(root))):
        if not exists("namedValues", name):
            yield PolicyProblem("representation", f"Cannot find a property '{name}'")


def _literal_references(root: Element) -> Iterator[tuple[Element, str, str, str]]:
    for element in root.walk():
        rule = POLICIES.get(element.name)
        if rule is None or rule.reference is None:
            continue
        name = element.attributes.get(rule.reference.attribute, "")
        if name and not is_expression(name) and "{{" not in name:
            yield element, rule.reference.kind, rule.reference.label, name


def _named_values(root: Element) -> Iterator[str]:
    """``{{name}}`` in any attribute or text, except in liquid templates: it is their syntax too.

    learn.microsoft.com/azure/api-management/set-body-policy
    """
    for element in root.walk():
        for value in element.attributes.values():
            yield from _NAMED_VALUE.findall(value)
        if element.attributes.get("template") != "liquid":
            for child in element.children:
                if isinstance(child, Text):
                    yield from _NAMED_VALUE.findall(child.value)
