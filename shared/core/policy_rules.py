"""What a policy document of ours says, read back from the gateway."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from xml.etree import ElementTree as ET

_NAME = re.compile(r'@\(\(string\)context\.Variables\["deployment"\] == "([A-Za-z0-9._-]+)"\)')
# What goes on as it stands, besides the backend, which is always named anew.
_KEPT = ("llm-token-limit", "llm-content-safety", "authentication-managed-identity", "set-variable")
_ROUTES = ("set-backend-service", "authentication-managed-identity", "set-variable")
_NAMED_VALUE = re.compile(r"\s*\{\{([A-Za-z0-9-]+)\}\}\s*")


@dataclass(frozen=True, slots=True)
class PolicyRules:
    """What it says.

    Attributes:
        served: Names, lower-cased, with what is said of each besides where it goes.
        retired: Names, lower-cased, and since when.
        key: Header and named value of the account's key.
    """

    served: Mapping[str, str] = field(default_factory=dict)
    retired: Mapping[str, datetime] = field(default_factory=dict)
    key: tuple[str, str] | None = None


def read_rules(policy: str) -> PolicyRules:
    """What a policy document of ours says; nothing of a document that isn't."""
    try:
        root = ET.fromstring(policy)  # noqa: S314 - our own document, read back from ARM
    except ET.ParseError:
        return PolicyRules()
    served: dict[str, str] = {}
    retired: dict[str, datetime] = {}
    for when in root.iterfind("inbound/choose/when"):
        match = _NAME.fullmatch(when.get("condition", ""))
        if match is None:
            continue
        if any(when.find(name) is not None for name in _ROUTES):
            served[match[1]] = "".join(_text(it) for it in when if it.tag in _KEPT)
        elif (since := _since(when)) is not None:
            retired[match[1]] = since
    return PolicyRules(served, retired, _key(root))


def _key(root: ET.Element) -> tuple[str, str] | None:
    for header in root.iterfind("inbound/set-header[@exists-action='override']"):
        if match := _NAMED_VALUE.fullmatch(header.findtext("value") or ""):
            return header.get("name", ""), match[1]
    return None


def _text(element: ET.Element) -> str:
    element.tail = None
    return "\n        " + ET.tostring(element, encoding="unicode")


def _since(when: ET.Element) -> datetime | None:
    text = when.findtext(".//set-header[@name='Sunset']/value") or ""
    try:
        since = parsedate_to_datetime(text.strip())
    except ValueError:
        return None
    return since if since.tzinfo else since.replace(tzinfo=UTC)
