"""What the HTTP API is asked: bodies and queries. In JSON the names are in camelCase."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel
from pydantic.config import JsonDict

type State = Literal[
    "seen", "applied", "verified", "quarantined", "excluded", "retiring", "removed"
]
type SortKey = Literal[
    "account",
    "-account",
    "name",
    "-name",
    "state",
    "-state",
    "since",
    "-since",
    "secondsToVerified",
    "-secondsToVerified",
]
type Digest = Annotated[str, Field(pattern="^[0-9a-f]{16}$")]
type RunId = Annotated[str, Field(pattern="^[0-9a-f]{32}$")]


# What ReimportBody checks, for the document.
_ONE_TARGET: JsonDict = {
    "oneOf": [
        {"required": ["deployment"], "properties": {"deployment": {"type": "string"}}},
        {"required": ["account"], "properties": {"account": {"type": "string"}}},
        {"required": ["all"], "properties": {"all": {"const": True}}},
    ],
    "if": {"required": ["digest"], "properties": {"digest": {"type": "string"}}},
    "then": {"properties": {"all": {"const": False}, "dryRun": {"const": False}}},
}


def _arm_id(kind: str) -> Any:
    """As Azure's documents say it (azure.github.io/autorest/extensions/#x-ms-arm-id-details)."""
    details: JsonDict = {"allowedResources": [{"type": f"Microsoft.CognitiveServices/{kind}"}]}
    return Field(json_schema_extra={"format": "arm-id", "x-ms-arm-id-details": details})


def _words(value: object) -> object:
    return tuple(filter(None, value.split(","))) if isinstance(value, str) else value


class _Body(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel, extra="forbid", strict=True, defer_build=True
    )


class _Query(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", defer_build=True)


class Nothing(_Body):
    """No field, and no parameter."""


class ReimportBody(_Body):
    """What to look at: exactly one of deployment, account, all."""

    model_config = ConfigDict(json_schema_extra=_ONE_TARGET)

    deployment: Annotated[str, _arm_id("accounts/deployments")] | None = Field(
        default=None, description="Resource id of a deployment"
    )
    account: Annotated[str, _arm_id("accounts")] | None = Field(
        default=None, description="Resource id of an account"
    )
    all: bool = False
    dry_run: bool = Field(default=False, description="Only say what would be done")
    force: bool = Field(default=False, description="Write again what is as it should be")
    allow_removals: bool = Field(
        default=False, description="However many deployments that takes off the gateway"
    )
    digest: Digest | None = Field(
        default=None,
        description="Of a plan: write it if it is still the same, whatever the mode says",
    )

    @model_validator(mode="after")
    def _one_of_three(self) -> Self:
        if sum((self.deployment is not None, self.account is not None, self.all)) != 1:
            raise ValueError("name exactly one of deployment, account, all")
        if self.digest and (self.all or self.dry_run):
            raise ValueError("a digest is of one account's plan, and to apply it")
        return self


class ReleaseBody(_Body):
    digest: Digest | None = Field(
        default=None, description="Release this very plan; without it, whatever it is by then"
    )


class RollbackBody(_Body):
    state: RunId = Field(description="Id of an applied state of GET /api/units/{id}/states")
    dry_run: bool = Field(default=False, description="Only say what would be done")


class RunsQuery(_Query):
    limit: int = Field(default=50, ge=1, le=200)
    after: RunId | None = Field(default=None, description="`next` of the page before")


class DeploymentsQuery(_Query):
    state: Annotated[tuple[State, ...], BeforeValidator(_words)] = Field(
        default=(), description="One state or more, separated by commas"
    )
    account: str = Field(default="", description="Resource id or name of an account")
    name: str = Field(default="", description="Part of the deployment's or the model's name")
    sort: SortKey = Field(default="account", description="With - the last first")
    limit: int = Field(default=100, ge=1, le=1000)
    after: Annotated[str, Field(pattern="^[0-9]{1,9}$")] = Field(
        default="0", description="`next` of the page before"
    )


class UngovernedQuery(_Query):
    fresh: bool = Field(default=False, description="Look now, however lately somebody looked")


class DeadLettersQuery(_Query):
    limit: int = Field(default=50, ge=1, le=200)
    after: Annotated[str, Field(pattern="^[0-9a-f]{11}-[0-9a-f]{16}$")] | None = Field(
        default=None, description="`next` of the page before"
    )
    replayed: bool | None = Field(default=None, description="Only those, or only the others")
