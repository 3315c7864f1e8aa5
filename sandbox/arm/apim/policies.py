"""Checks a policy document the way the service does when it is saved, and finds what it refers to.

Messages seen in public: "Error in element 'cors' on line 2, column 5: Policy section is not allowed
in the specified scope" (MicrosoftDocs/azure-docs#111058), "... The element 'set-header' cannot
contain text. List of possible elements expected: 'value'." (microsoft/vscode-apimanagement#145),
"Backend with id 'x' could not be found." (Azure/apiops#565). The other wordings are UNVERIFIED and
follow these patterns.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from sandbox.arm.apim.csharp import expression_problem
from sandbox.arm.apim.policy_rules import POLICIES, SECTIONS, Rule
from sandbox.arm.apim.policy_xml import Element, PolicyTree, Text, is_expression

type Scope = Literal["global", "product", "api", "operation", "fragment"]
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
class PolicyProblem:
    target: str
    message: str


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


def _problem(element: Element, text: str) -> PolicyProblem:
    spot = f"on line {element.line}, column {element.column}"
    return PolicyProblem(element.name, f"Error in element '{element.name}' {spot}: {text}")


def _document(root: Element, where: _Where) -> Iterator[PolicyProblem]:
    if root.name != "policies":
        for element in root.elements or (root,):
            yield _problem(element, "Policy section is not allowed in the specified scope")
        return
    yield from _no_text(root, SECTIONS)
    last = -1
    for section in root.elements:
        if section.name not in SECTIONS:
            yield _problem(section, "Policy section is not allowed in the specified scope")
            continue
        place = SECTIONS.index(section.name)
        if place <= last:
            yield _problem(section, _unexpected("policies", section.name, SECTIONS[last + 1 :]))
        last = max(last, place)
        yield from _section(section, _Where(where.scope, where.tier, section.name))


def _section(section: Element, where: _Where) -> Iterator[PolicyProblem]:
    yield from _no_text(section, ())
    # "The backend section can contain only one policy element": the gateway would otherwise send
    # the request twice (learn.microsoft.com/azure/api-management/api-management-howto-policies).
    if section.name == "backend" and len(section.elements) > 1:
        yield _problem(section.elements[1], "Only one policy is allowed in the 'backend' section.")
    for name, count in Counter(e.name for e in section.elements).items():
        if count > 1 and "semantic-cache" in name:
            yield _problem(section, f"Policy '{name}' can be used only once in a section.")
    yield from _policies(section, where)


def _fragment(root: Element, where: _Where) -> Iterator[PolicyProblem]:
    """No sections, no ``<base/>``, no nesting (policy-fragments.md)."""
    if root.name != "fragment":
        yield _problem(root, "Policy fragment must have the root element 'fragment'.")
        return
    yield from _no_text(root, ())
    for element in root.walk():
        if element.name in (*SECTIONS, "policies", "base", "include-fragment"):
            yield _problem(element, "Element is not allowed in a policy fragment.")
    yield from _policies(root, where)


def _policies(parent: Element, where: _Where) -> Iterator[PolicyProblem]:
    for element in parent.elements:
        rule = POLICIES.get(element.name)
        if rule is None:
            yield _problem(element, _unexpected(parent.name, element.name, ()))
            continue
        yield from _placement(element, rule, where)
        yield from _attributes(element, rule)
        yield from _content(element, rule, where)


def _placement(element: Element, rule: Rule, where: _Where) -> Iterator[PolicyProblem]:
    if where.section is not None and where.section not in rule.sections:
        yield _problem(element, "Policy is not allowed in the specified section")
    if where.scope != "fragment" and where.scope not in rule.scopes:
        yield _problem(element, "Policy is not allowed in the specified scope")
    if where.tier not in rule.tiers:
        yield _problem(element, f"Policy is not supported in the '{where.tier}' tier.")


def _attributes(element: Element, rule: Rule) -> Iterator[PolicyProblem]:
    have = element.attributes
    for name in rule.required:
        if not have.get(name):
            yield _problem(element, f"The required attribute '{name}' is missing.")
    if rule.any_of and not any(have.get(name) for name in rule.any_of):
        options = "', '".join(rule.any_of)
        yield _problem(element, f"One of the attributes '{options}' must be specified.")
    if element.name == "set-backend-service" and {"base-url", "backend-id"} <= have.keys():
        yield _problem(element, "Attributes 'base-url' and 'backend-id' cannot be used together.")
    if have.get("token-quota") and not have.get("token-quota-period"):
        yield _problem(element, "The required attribute 'token-quota-period' is missing.")
    for name, least, most in rule.numbers:
        value = have.get(name, "")
        if re.fullmatch(r"-?\d+", value) and not least <= int(value) <= most:
            yield _problem(element, f"The '{name}' attribute must be between {least} and {most}.")


def _content(element: Element, rule: Rule, where: _Where) -> Iterator[PolicyProblem]:
    if rule.contains_policies:
        yield from _no_text(element, ())
        yield from _policies(element, where)
    elif element.name == "choose":
        yield from _choose(element, where)
    elif rule.children is not None:
        yield from _no_text(element, tuple(sorted(rule.children)))
        for child in element.elements:
            if child.name not in rule.children:
                yield _problem(child, _unexpected(element.name, child.name, sorted(rule.children)))
    if element.name in _DIMENSIONS:
        yield from _metric(element)


def _choose(element: Element, where: _Where) -> Iterator[PolicyProblem]:
    """``when`` one or more, each with a condition, then ``otherwise`` at most once."""
    names = [child.name for child in element.elements]
    if "when" not in names or names != sorted(names, reverse=True) or names.count("otherwise") > 1:
        yield _problem(element, "The element 'choose' has incomplete or invalid content.")
    for child in element.elements:
        if child.name == "when" and not child.attributes.get("condition"):
            yield _problem(child, "The required attribute 'condition' is missing.")
        yield from _policies(child, where)


def _metric(element: Element) -> Iterator[PolicyProblem]:
    """At least one dimension, at most five custom ones (llm-emit-token-metric-policy.md)."""
    dimensions = [d for d in element.elements if d.name == "dimension"]
    custom = [d for d in dimensions if d.attributes.get("name") not in _DEFAULT_DIMENSIONS]
    if not dimensions:
        yield _problem(element, "The element must contain at least one 'dimension'.")
    if len(custom) > _MAX_CUSTOM_DIMENSIONS:
        yield _problem(element, "The element can contain at most 5 custom dimensions.")
    for dimension in custom:
        if not dimension.attributes.get("value"):
            yield _problem(dimension, "The required attribute 'value' is missing.")


def _no_text(element: Element, expected: tuple[str, ...]) -> Iterator[PolicyProblem]:
    if any(isinstance(child, Text) and child.value.strip() for child in element.children):
        options = "', '".join(expected)
        hint = f" List of possible elements expected: '{options}'." if options else ""
        yield _problem(element, f"The element '{element.name}' cannot contain text.{hint}")


def _unexpected(parent: str, child: str, expected: tuple[str, ...] | list[str]) -> str:
    options = "', '".join(expected)
    hint = f" List of possible elements expected: '{options}'." if options else ""
    return f"The element '{parent}' has invalid child element '{child}'.{hint}"


def _expressions(root: Element) -> Iterator[PolicyProblem]:
    for element in root.walk():
        texts = [c.value for c in element.children if isinstance(c, Text)]
        for value in (*element.attributes.values(), *texts):
            if is_expression(value) and (problem := expression_problem(value)):
                yield _problem(element, problem)


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
