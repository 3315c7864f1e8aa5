"""What differs between a resource as it should be and as ARM echoes it.

Scoped to the desired side: ARM returns more than was PUT, and fields that only it has are its
own business. What ARM doesn't echo (an import's document) can't be compared here; the owner mark
carries its fingerprint instead.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree as ET

from shared.core.model import ActualResource, Resource
from shared.core.resource_kinds import ResourceKind, kind_of


@dataclass(frozen=True, slots=True)
class Drift:
    """One field that is not as it should be."""

    field: str
    desired: Any
    actual: Any


def drift(desired: Resource, actual: ActualResource) -> tuple[Drift, ...]:
    """The fields of *desired* that *actual* has not, or has otherwise; in order of their names.

    Products have none: one is made where it is missing, and is its owners' from then on.
    """
    kind = kind_of(desired.path)
    if kind is ResourceKind.PRODUCT:
        return ()
    fields = [
        item
        for item in _walk("", desired.body, actual.body)
        if item.field not in _NEVER_ECHOED.get(kind, ())
        and not _SAME.get((kind, item.field), _differ)(item.desired, item.actual)
    ]
    if kind is ResourceKind.API and desired.operations != actual.operations:
        fields.append(Drift("operations", desired.operations, actual.operations))
    if kind is ResourceKind.NAMED_VALUE:
        fields.extend(_unread_secret(actual))
    return tuple(sorted(fields, key=lambda item: item.field))


def cut(one: str, other: str, room: int) -> tuple[str, str]:
    """Both texts, those longer than *room* around the first place where they differ."""
    pairs = enumerate(zip(one, other, strict=False))
    same = next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))
    start = max(0, same - room // 4)

    def part(text: str) -> str:
        if len(text) <= room:
            return text
        begin = min(start, len(text) - room)
        end = begin + room
        return f"{'... ' * (begin > 0)}{text[begin:end]}{' ...' * (end < len(text))}"

    return part(one), part(other)


def canonical_policy(text: str) -> object:
    """A policy document without what the service rewrites: indentation and line ends.

    Source: hashicorp/terraform-provider-azurerm PR 4140.
    """
    return _canonical(ET.fromstring(text))  # noqa: S314 - from ARM or from our own template


def _walk(path: str, desired: Any, actual: Any) -> Iterator[Drift]:
    if isinstance(desired, Mapping):
        found = actual if isinstance(actual, Mapping) else {}
        for key, value in desired.items():
            yield from _walk(f"{path}.{key}" if path else key, value, found.get(key))
    elif desired != actual:
        yield Drift(path, desired, actual)


def _differ(_desired: Any, _actual: Any) -> bool:
    return False


def _same_policy(desired: Any, actual: Any) -> bool:
    try:
        return canonical_policy(desired) == canonical_policy(actual or "")
    except ET.ParseError:
        return False


def _same_tail(desired: Any, actual: Any) -> bool:
    """``/loggers/x`` is echoed as a whole resource id, and a role as its subscription's."""
    return _tail(desired) == _tail(actual)


def _tail(value: Any) -> str:
    return str(value).rstrip("/").rpartition("/")[2].lower()


def _is_unknown(_desired: Any, actual: Any) -> bool:
    return actual is None


def _unread_secret(actual: ActualResource) -> Iterator[Drift]:
    """A secret that Key Vault refused: to be written again, which makes the service ask again.

    ``Success`` is the only code in the reference's samples; that each other one is a failure is
    UNVERIFIED (learn.microsoft.com/rest/api/apimanagement/named-value/get).
    """
    vault = (actual.body.get("properties") or {}).get("keyVault") or {}
    code = (vault.get("lastStatus") or {}).get("code")
    if code and code.lower() != "success":
        yield Drift("properties.keyVault.lastStatus", "Success", code)


def _canonical(element: ET.Element) -> object:
    text = " ".join((element.text or "").split())
    children = tuple((_canonical(child), " ".join((child.tail or "").split())) for child in element)
    return element.tag, tuple(sorted(element.attrib.items())), text, children


_NEVER_ECHOED: Mapping[ResourceKind, frozenset[str]] = {
    ResourceKind.API: frozenset({"properties.format", "properties.value"}),
    ResourceKind.API_POLICY: frozenset({"properties.format"}),
    ResourceKind.OPERATION_POLICY: frozenset({"properties.format"}),
    ResourceKind.NAMED_VALUE: frozenset({"properties.value"}),
}
# Fields that are echoed otherwise than they were written, and when they are the same all the same.
_SAME: Mapping[tuple[ResourceKind, str], Callable[[Any, Any], bool]] = {
    (ResourceKind.API_POLICY, "properties.value"): _same_policy,
    (ResourceKind.OPERATION_POLICY, "properties.value"): _same_policy,
    (ResourceKind.DIAGNOSTICS, "properties.loggerId"): _same_tail,
    (ResourceKind.ROLE_ASSIGNMENT, "properties.roleDefinitionId"): _same_tail,
    (ResourceKind.ROLE_ASSIGNMENT, "properties.principalId"): _same_tail,
    # Only a preview knows it, and we read with the stable api-version (shared/adapters/gateway.py).
    (ResourceKind.API, "properties.subscriptionKeyParameterNames.bearer"): _is_unknown,
}
