"""The kinds of values in the rules file: texts by an allowlist of characters, switches, lists.

Nothing that passes here can carry an expression, a quote or a bracket into a policy, a path or a
URL, so nothing later has to escape anything.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    GetJsonSchemaHandler,
    StringConstraints,
    Tag,
)
from pydantic_core import CoreSchema

_ID = r"^[A-Za-z0-9](?:[A-Za-z0-9-]{0,78}[A-Za-z0-9])?$"
_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
_GUID = r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"
_HEADER = r"^[A-Za-z][A-Za-z0-9-]{0,63}$"
_SHARE = r"^(?:[1-9]|[1-9][0-9]|100)%$"
# {account}, {resource_group}, {region}, {surface}, {tag.<name>}; all else is taken as it stands.
_FIELD = r"\{(?:account|resource_group|region|surface|tag\.[A-Za-z0-9_-]{1,64})\}"
_FIELDS = "{account}, {resource_group}, {region}, {surface} and {tag.<name>}"
_PATH = rf"^(?:(?:[a-z0-9-]|{_FIELD})+(?:/(?:[a-z0-9-]|{_FIELD})+)*)?$"
_TEXT = r"^[A-Za-z0-9,.;:()/_-][A-Za-z0-9 ,.;:()/_-]*$"
_TEXTS = rf"^(?:(?:[A-Za-z0-9,.;:()/_-]|{_FIELD})(?:[A-Za-z0-9 ,.;:()/_-]|{_FIELD})*)?$"
# Of any cloud's Key Vault, without a version, so that a rotated secret is picked up
# (learn.microsoft.com/azure/api-management/api-management-howto-properties).
_VAULT_URL = (
    r"^https://[a-z0-9][a-z0-9-]{1,22}[a-z0-9]\.vault\.(?:azure\.net|azure\.cn"
    r"|usgovcloudapi\.net)/secrets/[A-Za-z0-9-]{1,127}$"
)

# What to write, for people; by pattern, because that is what an error and a JSON Schema know.
SAYS: Mapping[str, str] = {
    _ID: "an id of letters, digits and -, at most 80",
    _NAME: "a name of letters, digits, `.`, `_` and -, at most 64",
    _GUID: "a GUID",
    _HEADER: "a header's name",
    _SHARE: "a share such as `50%`",
    _PATH: f"words of a-z 0-9 - joined by slashes, with {_FIELDS}",
    _TEXT: "text of letters, digits, spaces and ,.;:()/_-",
    _TEXTS: f"text of letters, digits, spaces and ,.;:()/_-, with {_FIELDS}",
    _VAULT_URL: "`https://<vault>.vault.azure.net/secrets/<name>`, without a version",
}

type Id = Annotated[str, StringConstraints(pattern=_ID)]
type Name = Annotated[str, StringConstraints(pattern=_NAME)]
type Guid = Annotated[str, StringConstraints(pattern=_GUID)]
type Header = Annotated[str, StringConstraints(pattern=_HEADER)]
type Share = Annotated[str, StringConstraints(pattern=_SHARE)]
type PathTemplate = Annotated[str, StringConstraints(pattern=_PATH, max_length=200)]
type Text = Annotated[str, StringConstraints(pattern=_TEXT, max_length=200)]
type TextTemplate = Annotated[str, StringConstraints(pattern=_TEXTS, max_length=200)]
type Title = Annotated[str, StringConstraints(pattern=_TEXTS, min_length=1, max_length=200)]
type SecretUrl = Annotated[str, StringConstraints(pattern=_VAULT_URL)]
# Strict: `true` is no 1.
type Count = Annotated[int, Field(strict=True, gt=0)]
type Severity = Annotated[int, Field(strict=True, ge=0, le=7)]


class Strict(BaseModel):
    """An immutable part of the rules file that knows all its members."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _once[T](values: tuple[T, ...]) -> tuple[T, ...]:
    names = [str(getattr(value, "id", value)).lower() for value in values]
    if len(set(names)) < len(names):
        raise ValueError("each once")
    return values


_UNIQUE = Field(json_schema_extra={"uniqueItems": True})
type Each[T] = Annotated[tuple[T, ...], _UNIQUE, AfterValidator(_once)]
type Some[T] = Annotated[tuple[T, ...], Field(min_length=1), _UNIQUE, AfterValidator(_once)]


def _switched(value: object) -> object:
    """``on`` means: with the defaults. YAML 1.2 reads it as a word, 1.1 as true."""
    if value is True or value == "on":
        return {}
    return False if value == "off" else value


class _SwitchSchema:
    """``true`` and ``on`` too, for a block that can do with its defaults."""

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        _off, block = handler(schema)["oneOf"]
        needy = "required" in handler.resolve_ref_schema(block)
        words = [False, "off"] if needy else [True, False, "on", "off"]
        return {"anyOf": [{"enum": words}, block]}


type OrOff[T] = Annotated[
    Annotated[Literal[False], Tag("off")] | Annotated[T, Tag("on")],
    Discriminator(lambda value: "off" if value is False else "on"),
    BeforeValidator(_switched),
    _SwitchSchema(),
]
