"""What callers of an API lose, or meet anew, when ours takes its place: pure."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from xml.etree import ElementTree as ET

from shared.core.model import Json
from shared.core.policy_tree import parse_policy, put_in_fragments

type Operations = Iterable[tuple[str, str]]  # method, URL template

# The service's own, where an API names none (learn.microsoft.com/azure/api-management/
# api-management-subscriptions).
_KEYS = {"header": "Ocp-Apim-Subscription-Key", "query": "subscription-key"}
# What says where calls go, and as whom; and the one step that the gateway's policy has itself.
_ROUTING = frozenset({"base", "set-backend-service", "authentication-managed-identity"})
_FORWARD = "<forward-request></forward-request>"
_AROUND = frozenset({"choose", "when", "otherwise", "include-fragment"})
_PLAIN = re.compile(r"[\w .:/-]{1,40}")
_PARAMETER = re.compile(r"{[^}]*}")


@dataclass(frozen=True, slots=True)
class Side:
    """One API: the other's, or ours as it is to be.

    Attributes:
        policies: The API's own under "", and those of its operations by their names.
        fragments: What its policies may include, by lower-cased id.
        diagnostics: Names of those that are its own.
    """

    properties: Json
    policies: Mapping[str, str] = field(default_factory=dict)
    fragments: Mapping[str, str] = field(default_factory=dict)
    operations: Operations = ()
    diagnostics: Iterable[str] = ()


def losses(theirs: Side, ours: Side) -> Iterator[str]:
    """A line for each thing that is not as it was."""
    if theirs.properties.get("subscriptionRequired") is False:
        yield "It asks for no key. Ours does: callers without one will be refused."
    else:
        yield from _keys(theirs.properties, ours.properties)
    if "http" in (theirs.properties.get("protocols") or ()):
        yield "It answers over http as well; ours over https alone."
    yield from _statements(theirs, ours)
    diagnostics = sorted({*theirs.diagnostics} - {*ours.diagnostics})
    if diagnostics:
        yield f"It has diagnostics of its own, which ours lacks: {', '.join(diagnostics)}."
    missing = _missing(theirs.operations, ours.operations)
    if missing:
        yield (
            f"Ours lacks operations of it: {', '.join(missing)}. Those that the service has come "
            "with operations: all in onramp.yaml."
        )


def _keys(theirs: Json, ours: Json) -> Iterator[str]:
    """Where callers put their key now, if ours won't look there."""
    now, then = (it.get("subscriptionKeyParameterNames") or {} for it in (theirs, ours))
    for where, default in _KEYS.items():
        old, new = now.get(where) or default, then.get(where) or default
        if old.lower() != new.lower():
            yield f"Callers send their key in the {where} as {old}; ours takes it as {new}."


def _statements(theirs: Side, ours: Side) -> Iterator[str]:
    known = [it for text in ours.policies.values() for it in _flat(text, ours.fragments)]
    same, alike = {_form(it) for it in known} | {_FORWARD}, {_name(it) for it in known}
    places: dict[tuple[str, bool], list[str]] = {}
    for operation, text in theirs.policies.items():
        for it in _flat(text, theirs.fragments):
            if _form(it) not in same:
                places.setdefault((_shown(it), _name(it) in alike), []).append(operation)
    for (shown, is_alike), operations in places.items():
        verb = "Ours differs from" if is_alike else "Ours lacks"
        yield f"{verb} what {_whose(list(dict.fromkeys(operations)))} says: {shown}."


def _flat(text: str, fragments: Mapping[str, str]) -> Iterator[ET.Element]:
    """The policies of a document, whatever they depend on; what can't be read is told elsewhere."""
    root = parse_policy(text) if text.strip() else None
    if root is not None:
        put_in_fragments(root, fragments)
        for section in root:
            yield from _inside(section)


def _inside(parent: ET.Element) -> Iterator[ET.Element]:
    for it in parent:
        if it.tag in _AROUND:
            yield from _inside(it)
        elif it.tag not in _ROUTING:
            yield it


def _form(element: ET.Element) -> str:
    return ET.canonicalize(ET.tostring(element, encoding="unicode"), strip_text=True)


def _name(element: ET.Element) -> tuple[str, str]:
    """Of a header and the like there can be several."""
    return element.tag, element.get("name", "").lower()


def _shown(element: ET.Element) -> str:
    """Its start; no expressions, and nothing that may be a secret."""
    plain = (
        f' {name}="{value}"'
        for name, value in element.attrib.items()
        if _PLAIN.fullmatch(value) and name != "password"
    )
    return f"<{element.tag}{''.join(plain)}>"


def _whose(operations: list[str]) -> str:
    match operations:
        case ["", *_]:
            return "its policy"
        case [one]:
            return f"the policy of its operation {one}"
        case _:
            return f"the policy of its operations {', '.join(operations)}"


def _missing(theirs: Operations, ours: Operations) -> list[str]:
    """None if ours has none: the one operation of a WebSocket API is the service's own."""
    known = [(method, re.compile(_pattern(template))) for method, template in ours]
    return sorted(
        f"{method} {template}"
        for method, template in theirs
        if known
        and not any(method == it and pattern.fullmatch(_path(template)) for it, pattern in known)
    )


def _pattern(template: str) -> str:
    """A parameter stands for any one segment."""
    return "[^/]+".join(map(re.escape, _PARAMETER.split(_path(template))))


def _path(template: str) -> str:
    """Without its query, which an import makes of required parameters."""
    return template.partition("?")[0].strip("/").lower()
