"""What differs between a resource as it should be and as ARM echoes it.

Scoped to the desired side: ARM returns more than was PUT, and fields that only it has are its
own business. What ARM doesn't echo (an import's document) can't be compared here; the owner mark
carries its fingerprint instead.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree as ET

from shared.core.model import ActualResource, Resource
from shared.core.resource_kinds import ResourceKind, kind_of

_NEVER_ECHOED = {
    ResourceKind.API: frozenset({"properties.format", "properties.value"}),
    ResourceKind.API_POLICY: frozenset({"properties.format"}),
    ResourceKind.BACKEND: frozenset[str](),
}
_POLICY_TEXT = "properties.value"


@dataclass(frozen=True, slots=True)
class Drift:
    """One field that is not as it should be."""

    field: str
    desired: Any
    actual: Any


def drift(desired: Resource, actual: ActualResource) -> tuple[Drift, ...]:
    """The fields of *desired* that *actual* has not, or has otherwise; in order of their names."""
    kind = kind_of(desired.path)
    fields = [
        item
        for item in _walk("", desired.body, actual.body)
        if item.field not in _NEVER_ECHOED[kind]
        and not (kind is ResourceKind.API_POLICY and _same_policy(item))
    ]
    if kind is ResourceKind.API and desired.operations != actual.operations:
        fields.append(Drift("operations", desired.operations, actual.operations))
    return tuple(sorted(fields, key=lambda item: item.field))


def _walk(path: str, desired: Any, actual: Any) -> Iterator[Drift]:
    if isinstance(desired, Mapping):
        found = actual if isinstance(actual, Mapping) else {}
        for key, value in desired.items():
            yield from _walk(f"{path}.{key}" if path else key, value, found.get(key))
    elif desired != actual:
        yield Drift(path, desired, actual)


def _same_policy(item: Drift) -> bool:
    if item.field != _POLICY_TEXT:
        return False
    try:
        return canonical_policy(item.desired) == canonical_policy(item.actual or "")
    except ET.ParseError:
        return False


def canonical_policy(text: str) -> object:
    """A policy document without what the service rewrites: indentation and line ends.

    Source: hashicorp/terraform-provider-azurerm PR 4140.
    """
    return _canonical(ET.fromstring(text))  # noqa: S314 - from ARM or from our own template


def _canonical(element: ET.Element) -> object:
    text = " ".join((element.text or "").split())
    children = tuple((_canonical(child), " ".join((child.tail or "").split())) for child in element)
    return element.tag, tuple(sorted(element.attrib.items())), text, children
