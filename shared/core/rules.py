"""The rules file ``onramp.yaml``, as values: what is chosen, and for what."""

import re
from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from shared.core.choice_patches import Patch, laid_over, no_default
from shared.core.choice_types import SAYS, Count, Strict
from shared.core.choices import PER_DEPLOYMENT, Choices
from shared.core.model import Account, Deployment
from shared.core.model_kinds import ModelKind, model_kind

TEMPLATES = ("path", "display_name", "description")
TAG_FIELD = re.compile(r"\{tag\.([A-Za-z0-9_-]+)\}")

_SLUG = r"^[a-z0-9-]{1,40}$"
_TAG = r"^[A-Za-z0-9_-]{1,64}$"
_TAG_KEY = r"^[A-Za-z0-9 ._:-]{1,128}$"
_GLOB = r"^[A-Za-z0-9 ._():/+*?-]{1,128}$"
_LABEL = r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,59}$"
RULE_SAYS: Mapping[str, str] = {
    **SAYS,
    _SLUG: "a word of a-z 0-9 -, at most 40",
    _TAG: "a tag's name of letters, digits, _ and -",
    _TAG_KEY: "a tag's name of letters, digits, spaces and ._:-",
    _GLOB: "letters, digits, spaces and ._():/+-, with `*` and `?` for any",
    _LABEL: "a name of letters, digits, spaces and ._-, at most 60",
}

type Slug = Annotated[str, StringConstraints(pattern=_SLUG)]
type TagName = Annotated[str, StringConstraints(pattern=_TAG)]
type TagKey = Annotated[str, StringConstraints(pattern=_TAG_KEY)]
type Glob = Annotated[str, StringConstraints(pattern=_GLOB)]
type Label = Annotated[str, StringConstraints(pattern=_LABEL)]


def _number_as_text(value: object) -> object:
    """A model's version is often a number to YAML; with a point its digits would be lost."""
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return str(value) if is_number else value


def _listed(value: object) -> object:
    return tuple(map(_number_as_text, value if isinstance(value, list | tuple) else (value,)))


type OneOf = Annotated[
    tuple[Glob, ...],
    Field(min_length=1),
    BeforeValidator(
        _listed,
        json_schema_input_type=Glob | Count | Annotated[list[Glob | Count], Field(min_length=1)],
    ),
]
type OneOfKinds = Annotated[
    tuple[ModelKind, ...],
    Field(min_length=1),
    BeforeValidator(
        _listed,
        json_schema_input_type=ModelKind | Annotated[list[ModelKind], Field(min_length=1)],
    ),
]


def _no_twins[T](values: Mapping[str, T]) -> Mapping[str, T]:
    """ARM compares the names of tags without regard to case."""
    if len({name.lower() for name in values}) < len(values):
        raise ValueError("two names differ in case alone, and that makes no difference to ARM")
    return values


type Tags = Annotated[dict[TagKey, OneOf], Field(min_length=1), AfterValidator(_no_twins)]


def plain_region(location: str) -> str:
    """As ARM writes it, which also takes "Sweden Central" for "swedencentral"."""
    return location.replace(" ", "").lower()


def _plain_regions(globs: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(map(plain_region, globs))


class Match(Strict):
    """What a rule is for: all that is given must hold."""

    account: OneOf = Field(
        default=(), json_schema_extra=no_default, description="Name of the account"
    )
    subscription: OneOf = Field(
        default=(), json_schema_extra=no_default, description="Its subscription's id"
    )
    resource_group: OneOf = Field(
        default=(), json_schema_extra=no_default, description="Its resource group's name"
    )
    region: Annotated[OneOf, AfterValidator(_plain_regions)] = Field(
        default=(),
        json_schema_extra=no_default,
        description="Its location, such as `swedencentral`; spaces don't count",
    )
    account_tags: Tags = Field(
        default={}, json_schema_extra=no_default, description="Tags of the account"
    )
    deployment: OneOf = Field(
        default=(), json_schema_extra=no_default, description="Name of the deployment"
    )
    model: OneOf = Field(default=(), json_schema_extra=no_default, description="Name of its model")
    version: OneOf = Field(
        default=(), json_schema_extra=no_default, description="Version of its model"
    )
    format: OneOf = Field(
        default=(),
        json_schema_extra=no_default,
        description="Format of its model: who made it, such as `OpenAI` or `Cohere`",
    )
    kind: OneOfKinds = Field(
        default=(), json_schema_extra=no_default, description="What the model does"
    )
    sku: OneOf = Field(
        default=(), json_schema_extra=no_default, description="Sku of the deployment"
    )
    tags: Tags = Field(
        default={}, json_schema_extra=no_default, description="Tags of the deployment"
    )

    @property
    def of_deployments(self) -> tuple[str, ...]:
        """The given members that look at a deployment."""
        return tuple(name for name in _OF_DEPLOYMENT if getattr(self, name))

    def holds(self, account: Account, deployment: Deployment | None) -> bool:
        """Whether it holds; what looks at a deployment never does for an account alone."""
        if deployment is None and self.of_deployments:
            return False
        return self._all(_OF_ACCOUNT, account) and (
            deployment is None or self._all(_OF_DEPLOYMENT, deployment)
        )

    def _all(self, looks: Mapping[str, Callable[[Any], Any]], at: object) -> bool:
        wanted = ((getattr(self, name), look) for name, look in looks.items())
        return all(_fits(look(at), want) for want, look in wanted if want)


def lower_keys[T](tags: Mapping[str, T]) -> Mapping[str, T]:
    return {name.lower(): value for name, value in tags.items()}


_OF_ACCOUNT: Mapping[str, Callable[[Account], Any]] = {
    "account": lambda it: it.id.name,
    "subscription": lambda it: it.id.subscription,
    "resource_group": lambda it: it.id.resource_group,
    "region": lambda it: plain_region(it.location),
    "account_tags": lambda it: lower_keys(it.tags),
}
_OF_DEPLOYMENT: Mapping[str, Callable[[Deployment], Any]] = {
    "deployment": lambda it: it.name,
    "model": lambda it: it.model.name,
    "version": lambda it: it.model.version,
    "format": lambda it: it.model.format,
    "kind": lambda it: model_kind(it.model, it.capabilities),
    "sku": lambda it: it.sku,
    "tags": lambda it: lower_keys(it.tags),
}


def _fits(actual: Any, wanted: Any) -> bool:
    if isinstance(actual, ModelKind):
        return actual in wanted
    if isinstance(actual, Mapping):
        return all(
            key.lower() in actual and _fits(actual[key.lower()], globs)
            for key, globs in wanted.items()
        )
    return any(fnmatchcase(actual.lower(), glob.lower()) for glob in wanted)


class Rule(Strict):
    """What is set for the accounts and deployments that match."""

    name: Label | None = Field(
        default=None, description="For people; `rule 3` and the like if not set"
    )
    match: Match = Field(description="What it is for")
    set: Patch = Field(description="What it sets")


class RuleBook(Strict):
    """All of ``onramp.yaml``."""

    defaults: Choices = Field(
        default=Choices(), json_schema_extra=no_default, description="For everything"
    )
    rules: tuple[Rule, ...] = Field(
        default=(),
        json_schema_extra=no_default,
        description="In order; what a later one sets goes before",
    )
    profiles: dict[Slug, Patch] = Field(
        default_factory=dict,
        description="What the tag `onramp:profile` of an account or a deployment can choose",
    )
    tags: Annotated[
        dict[TagName, Annotated[tuple[Slug, ...], Field(min_length=1)]], AfterValidator(_no_twins)
    ] = Field(
        default_factory=dict,
        description="Tags of accounts that may be used as `{tag.<name>}`, and their allowed values",
    )

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        problems = [*self._unknown_tags(), *self._out_of_place(), *self._incomplete()]
        if problems:
            raise ValidationError.from_exception_data("RuleBook", problems)
        return self

    def patches(self) -> Iterator[tuple[tuple[str | int, ...], BaseModel]]:
        """Everything that rules and profiles set, and where."""
        for number, rule in enumerate(self.rules):
            yield ("rules", number, "set"), rule.set
        for name, patch in self.profiles.items():
            yield ("profiles", name), patch

    def _unknown_tags(self) -> Iterator[InitErrorDetails]:
        known = {name.lower() for name in self.tags}
        for place, part in ((("defaults",), self.defaults), *self.patches()):
            for field in TEMPLATES:
                for name in TAG_FIELD.findall(getattr(part, field) or ""):
                    if name.lower() not in known:
                        why = f"name the values that {name} may have under `tags`"
                        yield _at((*place, field), why)

    def _out_of_place(self) -> Iterator[InitErrorDetails]:
        for number, rule in enumerate(self.rules):
            looks = rule.match.of_deployments
            for field in sorted(rule.set.model_fields_set - PER_DEPLOYMENT) if looks else ():
                yield _at(
                    ("rules", number, "set", field),
                    f"belongs to the account's APIs, yet the rule looks at deployments"
                    f" ({', '.join(looks)}): such a rule may set {_listing(PER_DEPLOYMENT)}",
                )

    def _incomplete(self) -> Iterator[InitErrorDetails]:
        for place, patch in self.patches():
            try:
                laid_over(self.defaults, [patch])
            except ValidationError as exc:
                for error in exc.errors(include_url=False):
                    yield _at((*place, *error["loc"]), "is missing, here and in `defaults`")


def _listing(words: frozenset[str]) -> str:
    return ", ".join(sorted(words))


def _at(place: tuple[str | int, ...], why: str) -> InitErrorDetails:
    problem = PydanticCustomError("rules", "{why}", {"why": why})
    return InitErrorDetails(type=problem, loc=place, input=None)
