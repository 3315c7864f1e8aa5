"""A part of the choices, laid over others: what a rule or a profile sets.

The models are made from those of choices.py, so that the two can't drift apart: the same fields and
blocks, none of them required, and no defaults, because what is not set stays as it is.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, Field, GetPydanticSchema, create_model

from shared.core.choice_types import OrOff, Strict
from shared.core.choices import Choices


def no_default(schema: dict[str, Any]) -> None:
    schema.pop("default", None)


@cache
def _patch_of(model: type[BaseModel]) -> type[BaseModel]:
    fields: dict[str, Any] = {
        name: Annotated[
            _part(field.annotation),
            *field.metadata,
            Field(default=None, description=field.description, json_schema_extra=no_default),
        ]
        for name, field in model.model_fields.items()
    }
    return create_model(f"{model.__name__}Patch", __base__=Strict, __doc__=model.__doc__, **fields)


def _part(annotation: Any) -> Any:
    """The same type with its blocks in parts; lists and what is in them are set as a whole."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return _patch_of(annotation)
    if get_origin(annotation) is OrOff:
        return OrOff[_patch_of(get_args(annotation)[0])]  # type: ignore[misc]
    if get_origin(annotation) in (Union, UnionType):
        return Union[tuple(_part(it) for it in get_args(annotation))]  # noqa: UP007
    return annotation


CHOICES_PATCH = _patch_of(Choices)
type Patch = Annotated[
    BaseModel, GetPydanticSchema(lambda _source, handler: handler(CHOICES_PATCH))
]


def laid_over(defaults: Choices, patches: Iterable[BaseModel]) -> Choices:
    """*defaults* with *patches* over them, the later one first; field by field, in blocks too.

    A block that is switched on again after it was off starts from that of *defaults*.

    Raises:
        pydantic.ValidationError: a block lacks what it can't do without.
    """
    base = _set_by(defaults)
    values: Mapping[str, Any] = base
    for patch in patches:
        values = _over(values, patch, base)
    return defaults if values is base else Choices.model_validate(values)


def _set_by(model: BaseModel) -> dict[str, Any]:
    fields = ((name, getattr(model, name)) for name in type(model).model_fields)
    return {
        name: _set_by(value) if isinstance(value, BaseModel) else value for name, value in fields
    }


def _over(
    values: Mapping[str, Any], patch: BaseModel, base: Mapping[str, Any]
) -> Mapping[str, Any]:
    merged = dict(values)
    for name in patch.model_fields_set:
        value = getattr(patch, name)
        if isinstance(value, BaseModel):
            at_first = base.get(name) or {}
            value = _over(merged.get(name) or at_first, value, at_first)
        merged[name] = value
    return merged
