"""What can be chosen for an account and its deployments: the portal wizard's form, as values.

docs/settings.md and docs/onramp.schema.json are made from these models.
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, field_validator

from shared.core.choice_types import (
    Count,
    Each,
    Guid,
    Header,
    Id,
    Name,
    OrOff,
    PathTemplate,
    SecretUrl,
    Severity,
    Share,
    Some,
    Strict,
    Text,
    TextTemplate,
    Title,
)
from shared.core.surfaces import FAMILIES


class Quota(Strict):
    """A number of tokens for a period."""

    tokens: Count = Field(description="Tokens that may be used in a period")
    period: Literal["Hourly", "Daily", "Weekly", "Monthly", "Yearly"] = Field(
        default="Monthly", description="When the count starts anew"
    )


def _rate(value: object) -> object:
    """``off`` is false, as for a whole block; 0, which Python takes for false, is nothing."""
    if value == 0 and value is not False:
        raise ValueError("must be more than 0, or `false` for none")
    return False if value == "off" else value


class TokenLimit(Strict):
    """Policy llm-token-limit, one counter per deployment and counter key."""

    tokens_per_minute: Annotated[
        Count | Share | Literal[False],
        BeforeValidator(_rate, json_schema_input_type=Count | Share | Literal[False, "off"]),
    ] = Field(
        default="100%",
        description="A number, a share of what the deployment's capacity allows, or off "
        "(for a quota alone)",
    )
    quota: Quota | None = Field(default=None, description="Tokens per period, on top or instead")
    counter_key: Literal["subscription", "ip", "product", "user"] = Field(
        default="subscription", description="Who shares a counter"
    )
    estimate_prompt_tokens: bool = Field(
        default=False,
        description="Refuse a prompt that is too long before it is sent, at the price of counting",
    )
    remaining_tokens_header: Header = Field(
        default="remaining-tokens", description="Tells clients what is left of the minute"
    )
    remaining_quota_tokens_header: Header = Field(
        default="remaining-quota-tokens", description="Tells clients what is left of the quota"
    )
    tokens_consumed_header: Header = Field(
        default="consumed-tokens", description="Tells clients what a call took"
    )


# The defaults of the policy need no value; "Deployment" is ours
# (learn.microsoft.com/azure/api-management/llm-emit-token-metric-policy).
type Dimension = Literal[
    "API ID",
    "Operation ID",
    "Product ID",
    "User ID",
    "Subscription ID",
    "Location",
    "Gateway ID",
    "Backend ID",
    "Deployment",
]


class TokenMetric(Strict):
    """Policy llm-emit-token-metric and the API's Application Insights diagnostics for it."""

    namespace: Name = Field(default="model-onramp", description="Of the metric in Azure Monitor")
    dimensions: Some[Dimension] = Field(
        default=("API ID", "Subscription ID", "Deployment"),
        description="What the metric can be split by",
    )
    logger: Id | None = Field(
        default=None,
        description="Application Insights logger on the gateway; its only one if not set",
    )


class SemanticCache(Strict):
    """Policies llm-semantic-cache-lookup and -store, for the account's chat deployments."""

    score_threshold: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.05, description="Smaller is more alike; more than 0.2 risks wrong answers"
    )
    duration_s: Annotated[int, Field(strict=True, gt=0, le=86_400)] = Field(
        default=120, description="Seconds for which an answer is kept"
    )
    vary_by: Some[Literal["subscription", "product", "user"]] = Field(
        default=("subscription",), description="Who never gets the answers of others"
    )
    ignore_system_messages: bool = Field(
        default=False, description="Compare prompts without their system messages"
    )
    max_message_count: Annotated[int, Field(strict=True, gt=0, le=100)] | None = Field(
        default=None, description="Conversations longer than this are not cached"
    )
    embeddings: Name | None = Field(
        default=None,
        description="The account's deployment that makes the vectors; its only one if not set",
    )


class ContentSafety(Strict):
    """Policy llm-content-safety."""

    backend: Id = Field(
        description="Id of the backend on the gateway that leads to Azure AI Content Safety"
    )
    shield_prompt: bool = Field(default=True, description="Refuse attacks on the prompt")
    enforce_on_completions: bool = Field(default=False, description="Look at the answers as well")
    categories: dict[Literal["Hate", "SelfHarm", "Sexual", "Violence"], Severity] = Field(
        default={"Hate": 4, "SelfHarm": 4, "Sexual": 4, "Violence": 4},
        description="Severity from which on a request is refused; replaced as a whole",
    )
    output_type: Literal["FourSeverityLevels", "EightSeverityLevels"] = Field(
        default="EightSeverityLevels", description="How finely severity is told"
    )
    blocklists: Each[Name] = Field(
        default=(), description="Blocklists of the Content Safety resource to apply"
    )


class Product(Strict):
    """A product of the gateway."""

    # One spelling, for the service takes them all for the same and we compare paths: as two, a
    # link would be made and taken off again by every run.
    id: Annotated[Id, AfterValidator(str.lower)] = Field(
        description="Id of the product on the gateway"
    )
    create: bool = Field(default=False, description="Make it where it does not exist")
    display_name: Text | None = Field(
        default=None, description="Its name for people when it is made; the id if not set"
    )


class Role(Strict):
    """The right of the gateway's identity to call the account's models."""

    mode: Literal["ensure", "check", "off"] = Field(
        default="ensure",
        description="Assign it, only say how to assign it, or don't look",
    )
    # Covers OpenAI, MaaS and provider routes alike; the narrower "Cognitive Services OpenAI User",
    # 5e0bd9bd-7b93-4f28-af87-19fc36ad61bd, was not confirmed for partner models and Claude.
    definition: Guid = Field(
        default="a97b65f3-24c7-4388-baec-2e87135dc908",
        description="Id of the role definition; Cognitive Services User if not set",
    )


class AccessKey(Strict):
    """For accounts that can't use identity: their key, from Key Vault by a named value."""

    secret: SecretUrl = Field(description="The secret that holds the key, without a version")
    header: Header = Field(default="api-key", description="The header in which the key is sent")


def _product(value: object) -> object:
    return {"id": value} if isinstance(value, str) else value


type AnyProduct = Annotated[Product, BeforeValidator(_product, json_schema_input_type=Id | Product)]


class Choices(Strict):
    """The wizard's form; every field has a default that is safe to leave."""

    onboard: bool = Field(default=True, description="Whether to serve it at all")
    surfaces: Literal["auto"] | Some[Literal[*FAMILIES]] = Field(  # type: ignore[valid-type]
        default="auto", description="Client compatibilities; `auto`: what the models need"
    )
    path: PathTemplate = Field(
        default="{account}", description="Path below the gateway; the surface's own is appended"
    )
    display_name: Title = Field(
        default="{account} ({surface})", description="The APIs' name for people"
    )
    description: TextTemplate = Field(default="", description="Put into the APIs' description")
    products: Each[AnyProduct] = Field(
        default=(), description="Products whose subscribers may call the APIs"
    )
    operations: Literal["needed", "all"] = Field(
        default="needed", description="Those that the deployed model kinds need, or all"
    )
    bearer_keys: bool = Field(
        default=True,
        description="Take a client's key as `Authorization: Bearer` too, as `OpenAI()` sends it",
    )
    identity: Literal["system"] | Guid = Field(
        default="system",
        description="The gateway's own identity, or the client id of a user-assigned one",
    )
    role: Role = Field(
        default=Role(), description="The right of the gateway's identity to call the models"
    )
    access_key: OrOff[AccessKey] = Field(
        default=False, description="Call the account with its key instead of an identity"
    )
    token_metric: OrOff[TokenMetric] = Field(
        default=False, description="Send the tokens used to Application Insights"
    )
    semantic_cache: OrOff[SemanticCache] = Field(
        default=False, description="Answer prompts that are alike from the gateway's cache"
    )
    token_limit: OrOff[TokenLimit] = Field(
        default=TokenLimit(), description="Limit the tokens that each client may use"
    )
    content_safety: OrOff[ContentSafety] = Field(
        default=False, description="Have prompts looked at by Azure AI Content Safety"
    )

    @field_validator("token_limit")
    @classmethod
    def _limits_something(cls, limit: TokenLimit | Literal[False]) -> TokenLimit | Literal[False]:
        """Neither a limit nor a quota is off: the policy demands one of them."""
        return limit if limit and (limit.tokens_per_minute or limit.quota) else False


# The rest belongs to the account's APIs and can't differ between its deployments.
PER_DEPLOYMENT = frozenset({"onboard", "token_limit", "content_safety"})
