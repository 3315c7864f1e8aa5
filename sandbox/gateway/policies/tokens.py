"""llm-token-limit and llm-emit-token-metric, and their azure-openai twins.

learn.microsoft.com/azure/api-management/llm-token-limit-policy: tokens per minute answer 429, a
quota 403. Without an estimate a request is let through while anything is left, and what it used is
known afterwards, so that the limit can be overrun. Prompts of streams are always estimated.
"""

from dataclasses import dataclass

from sandbox.arm.apim.policy_xml import Element
from sandbox.gateway.configuration import properties
from sandbox.gateway.counters import Use, period_end, period_start
from sandbox.gateway.errors import GatewayError, failure
from sandbox.gateway.evaluation import attribute, flag, number
from sandbox.gateway.exchange import Exchange
from sandbox.gateway.metrics import TokenMetric
from sandbox.gateway.usage import Usage, estimate, prompt_text, wants_stream

_MINUTE_S = 60.0
_ANTHROPIC_TIERS = ("BasicV2", "StandardV2", "PremiumV2")


@dataclass(frozen=True, slots=True)
class _Limit:
    exchange: Exchange
    policy: Element
    key: str
    rate: int | None
    quota: int | None
    period: str

    @property
    def rate_left(self) -> int:
        gateway = self.exchange.gateway
        used = gateway.memory.counters.used("tokens", self.key, since=gateway.now - _MINUTE_S)
        return (self.rate or 0) - used

    @property
    def quota_left(self) -> int:
        gateway = self.exchange.gateway
        start = period_start(self.period, gateway.now).timestamp()
        used = gateway.memory.counters.used("token quota", self.key, since=start - 1e-6)
        return (self.quota or 0) - used

    def tell(self, name: str, value: int) -> None:
        """In the header and the variable that the policy names for it."""
        if header := self.policy.attributes.get(f"{name}-header-name"):
            self.exchange.response_headers[header] = str(value)
        if variable := self.policy.attributes.get(f"{name}-variable-name"):
            self.exchange.variables[variable] = value

    def tell_left(self) -> None:
        if self.rate is not None:
            self.tell("remaining-tokens", max(0, self.rate_left))
        if self.quota is not None:
            self.tell("remaining-quota-tokens", max(0, self.quota_left))


async def token_limit(exchange: Exchange, policy: Element) -> None:
    has = policy.attributes
    period = has.get("token-quota-period", "")
    limit = _Limit(
        exchange,
        policy,
        await attribute(exchange, policy, "counter-key"),
        int(await number(exchange, policy, "tokens-per-minute"))
        if "tokens-per-minute" in has
        else None,
        int(await number(exchange, policy, "token-quota")) if period else None,
        period,
    )
    body = exchange.request.body
    estimates = await flag(exchange, policy, "estimate-prompt-tokens")
    prompt = estimate(prompt_text(body)) if estimates or wants_stream(body) else 0
    _check(limit, prompt)
    uses = _count(limit, prompt)
    limit.tell_left()

    def settle(usage: Usage) -> None:
        for use in uses:
            use.amount = usage.total
        limit.tell("tokens-consumed", usage.total)
        limit.tell_left()

    exchange.on_usage.append(settle)


def _check(limit: _Limit, prompt: int) -> None:
    """Anything left lets a request through whose prompt is not known, or fits."""
    gateway = limit.exchange.gateway
    needed = max(1, prompt)
    if limit.quota is not None and limit.quota_left < needed:
        limit.tell("remaining-quota-tokens", max(0, limit.quota_left))
        wait = period_end(limit.period, gateway.now).timestamp() - gateway.now
        raise _exceeded(limit, 403, int(wait) + 1, "Token quota is exceeded.", "QuotaExceeded")
    if limit.rate is not None and limit.rate_left < needed:
        limit.tell("remaining-tokens", max(0, limit.rate_left))
        wait = gateway.memory.counters.wait(
            "tokens", limit.key, now=gateway.now, span=_MINUTE_S, room=limit.rate - needed
        )
        raise _exceeded(limit, 429, wait, "Token limit is exceeded.", "RateLimitExceeded")


def _count(limit: _Limit, tokens: int) -> list[Use]:
    counters, now = limit.exchange.gateway.memory.counters, limit.exchange.gateway.now
    kinds = (("tokens", limit.rate), ("token quota", limit.quota))
    return [
        counters.add(kind, limit.key, now=now, amount=tokens)
        for kind, allowed in kinds
        if allowed is not None
    ]


def _exceeded(limit: _Limit, status: int, wait: int, what: str, reason: str) -> GatewayError:
    """The words are those that users quote.

    "Token limit is exceeded. Try again in 53 seconds.", and of a quota "Token quota is exceeded.
    Try again in 21 minutes and 33 seconds."; that the header is on the 403 too is UNVERIFIED. On v2
    tiers people have seen waits of minutes: a token bucket that was overrun fills up first.
    """
    limit.tell("retry-after", wait)
    header = limit.policy.attributes.get("retry-after-header-name", "Retry-After")
    when = f"{wait} seconds" if status == 429 else spelled(wait)
    return GatewayError(
        status,
        f"{what} Try again in {when}.",
        reason=reason,
        source=limit.policy.name,
        headers={header: str(wait)},
    )


def spelled(seconds: int) -> str:
    """``21 minutes and 33 seconds``; how days and hours are said is UNVERIFIED."""
    units = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))
    parts = []
    for unit, size in units:
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {unit}{'' if count == 1 else 's'}")
    return " and ".join(filter(None, (", ".join(parts[:-1]), *parts[-1:])))


async def emit_token_metric(exchange: Exchange, policy: Element) -> None:
    """Recorded, once the model has said what was used, in ``Memory.metrics``."""
    dimensions: dict[str, str] = {}
    for it in policy.elements:
        name = await attribute(exchange, it, "name")
        given = it.attributes.get("value")
        dimensions[name] = (
            await attribute(exchange, it, "value") if given else _own_dimension(exchange, name)
        )
    namespace = policy.attributes.get("namespace", "")

    def record(usage: Usage) -> None:
        backend = exchange.used_backend
        named = {"Backend ID": backend.name} if backend and "Backend ID" in dimensions else {}
        exchange.gateway.memory.metrics.append(
            TokenMetric(
                namespace, {**dimensions, **named}, usage.prompt, usage.completion, usage.total
            )
        )

    exchange.on_usage.append(record)


def _own_dimension(exchange: Exchange, name: str) -> str:
    """Those that need no value: learn.microsoft.com/.../llm-emit-token-metric-policy."""
    caller = exchange.caller
    values = {
        "API ID": exchange.api.name,
        "Operation ID": exchange.operation.name if exchange.operation else "",
        "Product ID": caller.product.name if caller.product else "",
        "Subscription ID": caller.subscription.name if caller.subscription else "",
        "User ID": caller.user.name if caller.user else "",
        "Location": str(exchange.configuration.service.get("location", "")),
        "Gateway ID": "managed",
        "Backend ID": "",
    }
    if name not in values:
        raise failure("llm-emit-token-metric", f"The dimension '{name}' needs a value.")
    return values[name]


def counts_tokens(exchange: Exchange) -> bool:
    """Anthropic's messages are understood on the v2 tiers only (llm-token-limit-policy).

    That such answers count nothing elsewhere is UNVERIFIED.
    """
    tier = (exchange.configuration.service.get("sku") or {}).get("name")
    url = properties(exchange.used_backend).get("url", "") if exchange.used_backend else ""
    return tier in _ANTHROPIC_TIERS or not str(url).rstrip("/").endswith("/anthropic")
