"""Policy documents that others wrote, as trees; what they refer to by text is put in.

Nothing here trusts a document: whoever may write policies may write anything that is XML.
"""

import re
from collections.abc import Iterator, Mapping
from xml.etree import ElementTree as ET

# Entities are the one thing in XML that can grow; API Management's documents need none.
_DECLARATION = re.compile(r"<!\s*(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_NAMED_VALUE = re.compile(r"\{\{\s*([A-Za-z0-9._-]{1,256})\s*\}\}")
_DEEPEST = 100  # elements inside each other; what people write has ten
_MOST_NAMED_VALUES = 100  # in one text: each can be 4096 characters
_STRING = re.compile(r'"((?:[^"\\]|\\.){0,500})"')  # no address and no name is longer


def parse_policy(text: str) -> ET.Element | None:
    """The document's root; None for what is no policy that can be read."""
    if _DECLARATION.search(text):
        return None
    try:
        root = ET.fromstring(text)  # noqa: S314 - without declarations there is nothing to expand
    except (ET.ParseError, ValueError):  # the latter: half of a surrogate pair
        return None
    return root if _is_shallow(root) else None


def put_in_fragments(root: ET.Element, fragments: Mapping[str, str]) -> frozenset[str]:
    """Let every ``include-fragment`` hold what it includes; the ids of those that can't.

    Fragments include no others (learn.microsoft.com/azure/api-management/policy-fragments).
    """
    missing = set()
    for include in list(root.iter("include-fragment")):
        name = include.get("fragment-id", "")
        fragment = parse_policy(fragments.get(name.lower(), ""))
        if fragment is None:
            missing.add(name)
        else:
            include.extend(list(fragment))
    return frozenset(missing)


def put_in_named_values(text: str, named_values: Mapping[str, str]) -> str:
    """*text* with each ``{{name}}`` that is known; a secret's stays as it is written."""
    return _NAMED_VALUE.sub(
        lambda it: named_values.get(it[1].lower(), it[0]), text, count=_MOST_NAMED_VALUES
    ).strip()


def unknown_named_value(text: str) -> str | None:
    """The first name in *text* that was not put in."""
    match = _NAMED_VALUE.search(text)
    return match[1] if match else None


def is_expression(text: str) -> bool:
    """See learn.microsoft.com/azure/api-management/api-management-policy-expressions."""
    return text.startswith(("@(", "@{"))


def strings_in(text: str) -> Iterator[str]:
    """The strings that an expression is written with."""
    return (it[1] for it in _STRING.finditer(text))


def words_of(root: ET.Element) -> Iterator[str]:
    """Every attribute and text of a document."""
    for element in root.iter():
        yield from element.attrib.values()
        yield element.text or ""


def _is_shallow(root: ET.Element) -> bool:
    level = [root]
    for _ in range(_DEEPEST):
        level = [child for element in level for child in element]
        if not level:
            return True
    return False
