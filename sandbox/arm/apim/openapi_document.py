"""An OpenAPI document as API Management's importer sees it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.arm.apim.shapes import mapping
from sandbox.contracts import Json

METHODS = ("get", "put", "post", "delete", "options", "head", "patch")
_TEMPLATE_NAME = re.compile(r"\{([^{}]+)\}")


class ImportRefusedError(Exception):
    """The document cannot be imported; one problem per line of the ARM error's details."""

    def __init__(self, *problems: str) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class OpenApiDocument:
    """A parsed document and the family (``2``, ``3.0``, ``3.1``) whose rules it follows."""

    root: Json
    version: str

    def resolve(self, node: Any) -> Json:
        """Follow local references.

        ``components.parameters`` are listed as unsupported, yet Microsoft's own samples import
        documents that use them, so they are followed.
        """
        hops = 0
        while isinstance(node, dict) and "$ref" in node and hops < 32:
            node = self.at(str(node["$ref"]))
            hops += 1
        return node if isinstance(node, dict) else {}

    def path_items(self) -> Iterator[tuple[str, Json]]:
        """Paths, then ``x-ms-paths``: one of the two extensions that import honours."""
        for key in ("paths", "x-ms-paths"):
            for path, item in mapping(self.root.get(key)).items():
                yield path, self.resolve(item)

    def at(self, pointer: str) -> Any:
        node: Any = self.root
        for part in pointer.removeprefix("#/").split("/"):
            key = part.replace("~1", "/").replace("~0", "~")
            node = mapping(node).get(key)
        return node


def template_names(path: str) -> list[str]:
    return _TEMPLATE_NAME.findall(path)


def component_schemas(document: OpenApiDocument) -> Mapping[str, Any]:
    if document.version == "2":
        return mapping(document.root.get("definitions"))
    return mapping(mapping(document.root.get("components")).get("schemas"))
