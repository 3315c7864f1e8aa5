"""The templates as pycep reads them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pycep import BicepParser

from sandbox.contracts import Json
from tests.stage import ROOT

INFRA = ROOT / "infra"
FILES = sorted(INFRA.rglob("*.bicep"))
_DECLARED = re.compile(r"^(resource|module|param|output|var) (\w+)", re.MULTILINE)


def name_of(file: Path) -> str:
    return str(file.relative_to(INFRA))


@cache
def parsed(name: str) -> Json:
    return dict(BicepParser().parse(text=(INFRA / name).read_text()))


def parameters(name: str) -> dict[str, Json]:
    found: dict[str, Json] = parsed(name).get("parameters", {})
    return found


def required(name: str) -> set[str]:
    return {it for it, found in parameters(name).items() if found.get("default") is None}


def declared(name: str) -> dict[str, set[str]]:
    """What a file declares as its text has it, whatever a parser makes of it."""
    found: dict[str, set[str]] = {}
    for kind, symbol in _DECLARED.findall((INFRA / name).read_text()):
        found.setdefault(f"{kind}s", set()).add(symbol)
    return found


@dataclass(frozen=True, slots=True)
class Resource:
    file: str
    symbol: str
    type: str
    api_version: str
    is_existing: bool
    body: Json


def resources(*types: str) -> Iterator[Resource]:
    """Every resource of all templates, or those of these types."""
    for name in map(name_of, FILES):
        for symbol, found in parsed(name).get("resources", {}).items():
            body = found["config"]
            while "config" in body:  # below a condition or a loop
                body = body["config"]
            item = Resource(
                name, symbol, found["type"], found["api_version"], found["existing"], body
            )
            if not types or item.type in types:
                yield item


def names(resource_type: str) -> set[str]:
    """The names that resources of a type are made with, where they are plain text."""
    return {str(it.body["name"]) for it in resources(resource_type) if not it.is_existing}


def object_of(file: str, variable: str) -> Json:
    found: Json = parsed(file)["variables"][variable]["value"]
    return found
