"""What of the chosen features can be had, and why the rest can't: never a failed import.

A feature is left out, with a reason that is recorded, where the tier doesn't have it, where the
gateway lacks what it needs, or where it means nothing for the model.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from shared.core import tiers
from shared.core.choices import Choices, ContentSafety, SemanticCache, TokenLimit, TokenMetric
from shared.core.model import Account, Deployment, GatewayFacts, Service
from shared.core.model_kinds import ModelKind, model_kind
from shared.core.policy_documents import DeploymentRule
from shared.core.policy_features import CACHED_OPERATION, Limit
from shared.core.surfaces import SURFACES, ErrorShape, Protocol, Surface, backend_url

# Whose answers llm-token-limit and llm-emit-token-metric read: OpenAI's Chat and Responses,
# Anthropic's Messages; embeddings are not named there, yet Microsoft's labs limit them
# (learn.microsoft.com/azure/api-management/llm-token-limit-policy; embeddings UNVERIFIED).
_COUNTED = frozenset(
    {
        ModelKind.CHAT,
        ModelKind.COMPLETION,
        ModelKind.EMBEDDINGS,
        ModelKind.RESPONSES,
        ModelKind.MESSAGES,
    }
)
# learn.microsoft.com/azure/api-management/llm-content-safety-policy: LLM requests (prompts) in
# the chat completions format; others UNVERIFIED.
_CHECKED = frozenset({ModelKind.CHAT, ModelKind.COMPLETION, ModelKind.RESPONSES})
_OPENAI_SHAPED = frozenset({ErrorShape.AZURE, ErrorShape.OPENAI})


@dataclass(frozen=True, slots=True)
class AccountFeatures:
    """What an account's APIs share.

    Attributes:
        logger: Of the metric's diagnostics.
        embeddings: The deployment that makes the cache's vectors.
        products: Those to link that exist or are made.
    """

    metric: TokenMetric | None = None
    logger: str = ""
    cache: SemanticCache | None = None
    embeddings: str = ""
    products: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Gateway:
    """What the gateway has, for what it can't."""

    service: Service
    facts: GatewayFacts

    def has(self, feature: str) -> bool:
        return tiers.is_available(feature, self.service.sku)


def account_features(account: Account, choices: Choices, gateway: Gateway) -> AccountFeatures:
    metric, logger, no_metric = _metric(choices, gateway)
    cache, embeddings, no_cache = _cache(account, choices, gateway)
    found = gateway.facts.products
    made = {it.id.lower() for it in choices.products if it.create}
    linked = tuple(it.id for it in choices.products if it.id.lower() in found | made)
    missing = [it.id for it in choices.products if it.id not in linked]
    reasons = (no_metric, no_cache, *(f"not in product {it}: there is none" for it in missing))
    left_out = tuple(reason for reason in reasons if reason)
    return AccountFeatures(metric, logger, cache, embeddings, linked, left_out)


def _metric(choices: Choices, gateway: Gateway) -> tuple[TokenMetric | None, str, str]:
    chosen, loggers = choices.token_metric, gateway.facts.loggers
    if not chosen:
        return None, "", ""
    wanted = chosen.logger
    fits = [it for it in loggers if wanted is None or it.lower() == wanted.lower()]
    if len(fits) == 1:
        return chosen, fits[0], ""
    if wanted:
        why = f"the gateway has no Application Insights logger {wanted}"
    elif fits:
        why = f"name one of the gateway's loggers as token_metric.logger: {', '.join(fits)}"
    else:
        why = "the gateway has no Application Insights logger"
    return None, "", f"no token metric: {why}"


def _cache(
    account: Account, choices: Choices, gateway: Gateway
) -> tuple[SemanticCache | None, str, str]:
    chosen = choices.semantic_cache
    if not chosen:
        return None, "", ""
    found = [it.name for it in account.deployments if _makes_vectors(it)]
    named = chosen.embeddings
    fits = [it for it in found if named is None or it.lower() == named.lower()]
    problems = (
        (not gateway.facts.has_cache, "the gateway has no external cache"),
        (
            choices.identity != "system" or bool(choices.access_key),
            "it asks for vectors as the system-assigned identity, which is not used here",
        ),
        ("" not in gateway.service.identities, "the gateway has no system-assigned identity"),
        (
            backend_url(account, SURFACES["azure-openai"]) is None,
            "the account has no Azure OpenAI endpoint",
        ),
        (not fits and named, f"the account has no embeddings deployment {named}"),
        (not fits, "the account has no embeddings deployment"),
        (
            len(fits) > 1,
            f"name one as semantic_cache.embeddings: {', '.join(sorted(fits))}",
        ),
    )
    for holds, why in problems:
        if holds:
            return None, "", f"no semantic cache: {why}"
    return chosen, fits[0], ""


def _makes_vectors(deployment: Deployment) -> bool:
    kind = model_kind(deployment.model, deployment.capabilities)
    is_ready = deployment.provisioning_state.lower() == "succeeded"
    return kind is ModelKind.EMBEDDINGS and deployment.model.format.lower() == "openai" and is_ready


def deployment_rule(
    deployment: Deployment,
    surface: Surface,
    choices: Choices,
    *,
    gateway: Gateway,
    shared: AccountFeatures,
) -> tuple[DeploymentRule, tuple[str, ...]]:
    """What a surface's policy is to say of a deployment, and what was left out."""
    kinds = surface.kinds_of(deployment)
    limit, no_limit = _limit(deployment, surface, choices.token_limit, gateway)
    safety, no_safety = _safety(kinds, surface, choices.content_safety, gateway)
    rule = DeploymentRule(
        deployment.name,
        limit=limit,
        safety=safety,
        is_cached=shared.cache is not None
        and ModelKind.CHAT in kinds
        and any(it.id == CACHED_OPERATION for it in surface.operations),
    )
    return rule, tuple(reason for reason in (no_limit, no_safety) if reason)


def counts_tokens(surface: Surface, kinds: frozenset[ModelKind], sku: str) -> bool:
    """Whether the gateway can read token counts out of the answers."""
    if surface.protocol is Protocol.WEBSOCKET or surface.errors is ErrorShape.COHERE:
        return False
    if surface.errors is ErrorShape.ANTHROPIC and sku.lower() not in tiers.COUNTS_ANTHROPIC_TOKENS:
        return False
    return bool(kinds & _COUNTED)


def _limit(
    deployment: Deployment, surface: Surface, chosen: TokenLimit | bool, gateway: Gateway
) -> tuple[Limit | None, str]:
    if not isinstance(chosen, TokenLimit):
        return None, ""
    kinds, sku = surface.kinds_of(deployment), gateway.service.sku
    rate = _rate(deployment, chosen)
    problems = (
        (not gateway.has("token_limit"), f"tier {sku} has none"),
        (
            not counts_tokens(surface, kinds, sku),
            f"tier {sku} does not count Anthropic's tokens"
            if ModelKind.MESSAGES in kinds
            else f"{_words(kinds)} is not counted in tokens",
        ),
        (rate is None and chosen.quota is None, "ARM states no rate of its capacity"),
    )
    for holds, why in problems:
        if holds:
            return None, f"no token limit: {why}"
    return Limit(
        tokens_per_minute=rate,
        counter_key=chosen.counter_key,
        quota=(chosen.quota.tokens, chosen.quota.period) if chosen.quota else None,
        estimate=chosen.estimate_prompt_tokens,
        remaining_header=chosen.remaining_tokens_header,
        remaining_quota_header=chosen.remaining_quota_tokens_header,
        consumed_header=chosen.tokens_consumed_header,
    ), ""


def _rate(deployment: Deployment, chosen: TokenLimit) -> int | None:
    """Tokens per minute; a share is one of what ARM states, which follows sku.capacity."""
    wanted, stated = chosen.tokens_per_minute, deployment.tokens_per_minute
    if wanted is False:
        return None
    if not isinstance(wanted, str):
        return int(wanted)
    return max(1, stated * int(wanted.removesuffix("%")) // 100) if stated else None


def _safety(
    kinds: frozenset[ModelKind], surface: Surface, chosen: ContentSafety | bool, gateway: Gateway
) -> tuple[ContentSafety | None, str]:
    if not isinstance(chosen, ContentSafety):
        return None, ""
    problems: Sequence[tuple[Callable[[], bool], str]] = (
        (lambda: not gateway.has("content_safety"), f"tier {gateway.service.sku} has none"),
        (
            lambda: not kinds & _CHECKED or surface.errors not in _OPENAI_SHAPED,
            f"{_words(kinds)} is not checked",
        ),
        (
            lambda: chosen.backend.lower() not in gateway.facts.backends,
            f"the gateway has no backend {chosen.backend}",
        ),
    )
    for holds, why in problems:
        if holds():
            return None, f"no content safety: {why}"
    return chosen, ""


def _words(kinds: frozenset[ModelKind]) -> str:
    return " and ".join(sorted(kind.value for kind in kinds)) or "this kind"
