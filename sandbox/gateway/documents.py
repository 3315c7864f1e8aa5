"""The policies that a request meets: those of its scopes, one inside the other.

learn.microsoft.com/azure/api-management/api-management-howto-policies: where a document says
``<base />`` the policies of the next broader scope run. That a section which a document leaves out
is as if it held ``<base />`` is UNVERIFIED.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sandbox.arm.apim.policy_rules import SECTIONS
from sandbox.arm.apim.policy_xml import Element, Text, is_expression
from sandbox.gateway.configuration import Configuration
from sandbox.gateway.csharp.check import checked
from sandbox.gateway.csharp.errors import ExpressionRefused
from sandbox.gateway.errors import failure

_PARTS = {"choose": ("when", "otherwise"), "retry": ()}


@dataclass(frozen=True, slots=True)
class Step:
    """One policy, and the scope that it comes from."""

    scope: str
    policy: Element


@dataclass(frozen=True, slots=True)
class Abilities:
    """Of this gateway: policies, and the attributes that it does not know of some of them."""

    policies: frozenset[str]
    not_here: Mapping[str, frozenset[str]]


type Sections = Mapping[str, Sequence[Step]]


def effective(configuration: Configuration, owners: Iterable[tuple[str, str]]) -> Sections:
    """What runs in each section.

    Args:
        configuration: Of the service.
        owners: Scope and owner, from global to operation.
    """
    found: dict[str, list[Step]] = {section: [] for section in SECTIONS}
    for scope, owner in owners:
        root = configuration.policy(owner)
        for section in root.elements if root else ():
            outer = found[section.name]
            found[section.name] = [
                step
                for policy in section.elements
                for step in (outer if policy.name == "base" else [Step(scope, policy)])
            ]
    return found


def check(sections: Sections, configuration: Configuration, known: Abilities) -> None:
    """Refuse what this gateway can't do, whether or not this request would come by it.

    Raises:
        GatewayError: a 500 that names the policy.
    """
    for steps in sections.values():
        for step in steps:
            _check_policy(step.policy, configuration, known)


def _check_policy(policy: Element, configuration: Configuration, known: Abilities) -> None:
    if policy.name not in known.policies:
        raise failure(policy.name, "This policy is not in the gateway of this sandbox.")
    if lacking := policy.attributes.keys() & known.not_here.get(policy.name, frozenset()):
        raise failure(policy.name, f"{', '.join(sorted(lacking))} is not in this sandbox.")
    if policy.name == "include-fragment":
        for inner in included(policy, configuration):
            _check_policy(inner, configuration, known)
    if policy.name not in _PARTS:
        _check_expressions(policy.walk(), policy.name, configuration)
        return
    _check_expressions((policy, *branches(policy)), policy.name, configuration)
    for inner in nested(policy):
        _check_policy(inner, configuration, known)


def branches(policy: Element) -> tuple[Element, ...]:
    return tuple(it for it in policy.elements if it.name in _PARTS[policy.name])


def nested(policy: Element) -> Iterator[Element]:
    """The policies inside of a choose or a retry."""
    parts = branches(policy)
    for part in parts or (policy,):
        yield from part.elements


def included(policy: Element, configuration: Configuration) -> tuple[Element, ...]:
    """The policies of a fragment (learn.microsoft.com/azure/api-management/policy-fragments)."""
    name = policy.attributes.get("fragment-id", "")
    root = configuration.fragment(name)
    if root is None:
        raise failure("include-fragment", f"The fragment '{name}' is not there.")
    return root.elements


def _check_expressions(
    elements: Iterable[Element], policy: str, configuration: Configuration
) -> None:
    for element in elements:
        if element.attributes.get("template") == "liquid":
            raise failure(policy, "Liquid templates are not in this sandbox.")
        texts = ["".join(it.value for it in element.children if isinstance(it, Text))]
        for value in (*element.attributes.values(), *texts):
            filled = configuration.filled(value)
            if is_expression(filled):
                try:
                    checked(filled)
                except ExpressionRefused as exc:
                    raise failure(policy, f"{exc} In {filled.strip()}") from None
