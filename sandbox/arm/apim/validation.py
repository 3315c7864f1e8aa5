"""Field by field checks of an entity, and the one shape in which API Management refuses a body.

Lengths and patterns are those of azure-rest-api-specs, Microsoft.ApiManagement 2024-05-01; the
shape of the refusal was seen in Azure/bicep#14097 and Azure/apiops#797. Except for "'url' should
not be empty" (Azure/azure-powershell#26837) the texts are UNVERIFIED.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.arm.errors import ArmError, Detail


@dataclass(frozen=True, slots=True)
class Field:
    """A property that an entity knows. Unknown ones are dropped, as the service does (UNVERIFIED).

    ``least`` and ``most`` bound the length of a string, the value of a number, the size of a list.
    ``since`` is the first api-version that has it; it is dropped and hidden in older ones.
    """

    name: str
    type: type = str
    required: bool = False
    least: int = 0
    most: int | None = None
    pattern: str = ""
    choices: frozenset[str] = frozenset()
    read_only: bool = False
    since: str = ""


@dataclass(frozen=True, slots=True)
class IdRule:
    most: int = 80
    pattern: str = r"^[^*#&+:<>?]+$"


FRAGMENT_ID = IdRule(80, r"(^[\w]+$)|(^[\w][\w\-]+[\w]$)")
LONG_ID = IdRule(256)


def validation_error(*details: Detail) -> ArmError:
    return ArmError(
        400, "ValidationError", "One or more fields contain incorrect values:", details=details
    )


def invalid(target: str | None, message: str) -> ArmError:
    """The usual refusal with one detail."""
    return validation_error(Detail("ValidationError", message, target))


def check_id(name: str, parameter: str, rule: IdRule) -> Iterator[Detail]:
    if not 1 <= len(name) <= rule.most:
        yield Detail(
            "ValidationError",
            f"'{parameter}' must be between 1 and {rule.most} characters. "
            f"You entered {len(name)} characters.",
            parameter,
        )
    elif not re.search(rule.pattern, name):
        yield Detail(
            "ValidationError", f"'{parameter}' must match the pattern '{rule.pattern}'.", parameter
        )


def check_fields(fields: Iterable[Field], properties: Mapping[str, Any]) -> Iterator[Detail]:
    """What is wrong with the values, in the order of the table."""
    for field in fields:
        value = properties.get(field.name)
        message = _missing(field) if value is None else _wrong(field, value)
        if message:
            yield Detail("ValidationError", message, field.name)


def known(fields: Iterable[Field], properties: Mapping[str, Any]) -> dict[str, Any]:
    """The properties that the entity knows and a client may set."""
    names = {field.name for field in fields if not field.read_only}
    return {name: value for name, value in properties.items() if name in names}


def _missing(field: Field) -> str | None:
    return f"'{field.name}' should not be empty." if field.required else None


def _wrong(field: Field, value: Any) -> str | None:
    is_flag = isinstance(value, bool)
    if not isinstance(value, field.type) or (is_flag and field.type is not bool):
        return f"Value of '{field.name}' has an invalid type."
    if not is_flag and (message := _wrong_size(field, value)):
        return message
    if field.pattern and not re.search(field.pattern, str(value)):
        return f"'{field.name}' must match the pattern '{field.pattern}'."
    return _no_choice(field, value)


def _wrong_size(field: Field, value: Any) -> str | None:
    size = value if isinstance(value, int) else len(value)
    if field.required and field.least and size == 0:
        return _missing(field)
    if size >= field.least and (field.most is None or size <= field.most):
        return None
    unit = " characters" if isinstance(value, str) else ""
    return (
        f"'{field.name}' must be between {field.least} and {field.most}{unit}. "
        f"You entered {size}{unit}."
    )


def _no_choice(field: Field, value: Any) -> str | None:
    """Enumerations are compared without case, as .NET parses them (UNVERIFIED)."""
    if not field.choices:
        return None
    values = value if isinstance(value, list) else [value]
    allowed = {choice.lower() for choice in field.choices}
    wrong = next((v for v in values if str(v).lower() not in allowed), None)
    if wrong is None:
        return None
    return f"Invalid value '{wrong}'. Allowed values: {', '.join(sorted(field.choices))}."
