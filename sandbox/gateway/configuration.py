"""What the gateway serves: read from ARM's store when a request comes, never copied."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

from sandbox.arm.apim.policy_reader import parse
from sandbox.arm.apim.policy_xml import Element
from sandbox.arm.store import Entry
from sandbox.gateway.errors import failure

_NAMED_VALUE = re.compile(r"\{\{([A-Za-z0-9\-._]+)\}\}")


class Reader(Protocol):
    """Of the store, or of what it was a while ago."""

    def get(self, resource_id: str) -> Entry | None: ...

    def members(self, collection_id: str) -> list[Entry]: ...


@dataclass(frozen=True, slots=True)
class Configuration:
    """One service. Tails are relative to it: ``apis/echo``."""

    reader: Reader
    service_id: str

    @property
    def service(self) -> Mapping[str, Any]:
        entry = self.reader.get(self.service_id)
        return entry.body if entry else {}

    @property
    def name(self) -> str:
        return self.service_id.rpartition("/")[2]

    def find(self, tail: str) -> Entry | None:
        return self.reader.get(f"{self.service_id}/{tail.strip('/')}")

    def members(self, tail: str) -> list[Entry]:
        return self.reader.members(f"{self.service_id}/{tail}")

    def policy(self, owner: str) -> Element | None:
        """The root of the policy document of ``""``, ``apis/a``, ``apis/a/operations/o`` ..."""
        entry = self.find(f"{owner}/policies/policy")
        return _read(str(properties(entry)["value"])) if entry else None

    def fragment(self, name: str) -> Element | None:
        entry = self.find(f"policyFragments/{name}")
        return _read(str(properties(entry)["value"])) if entry else None

    def filled(self, text: str) -> str:
        """With named values put in, which go by their display names.

        learn.microsoft.com/azure/api-management/api-management-howto-properties
        """
        return _NAMED_VALUE.sub(lambda it: self._named_value(it[1]), text) if "{{" in text else text

    def _named_value(self, name: str) -> str:
        for entry in self.members("namedValues"):
            if str(properties(entry).get("displayName", "")).lower() == name.lower():
                return str(entry.hidden.get("value", properties(entry).get("value", "")))
        raise failure("named value", f"'{name}' is not there.")

    def products_with(self, api: Entry) -> Iterator[Entry]:
        """The products that an API is in."""
        for product in self.members("products"):
            links = self.members(f"products/{product.name}/apiLinks")
            if any(properties(it)["apiId"].lower() == api.id.lower() for it in links):
                yield product


def properties(entry: Entry) -> dict[str, Any]:
    found: dict[str, Any] = entry.body["properties"]
    return found


@lru_cache(maxsize=1024)
def _read(document: str) -> Element:
    return parse(document, "xml").root
