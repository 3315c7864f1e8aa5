"""Rates and quotas of calls."""

from dataclasses import dataclass
from datetime import timedelta

from sandbox.arm.apim.policy_xml import Element
from sandbox.gateway.errors import GatewayError, failure
from sandbox.gateway.evaluation import attribute, condition, number
from sandbox.gateway.exchange import Exchange


async def rate_limit(exchange: Exchange, policy: Element) -> None:
    """Of one subscription; without one it does nothing.

    "The policy is only applied when an API is accessed using a subscription key."
    """
    if policy.elements:
        raise failure(policy.name, "Limits of single APIs are not in this sandbox.")
    if exchange.caller.subscription is not None:
        await _limit(exchange, policy, f"subscription {exchange.caller.subscription.id.lower()}")


async def rate_limit_by_key(exchange: Exchange, policy: Element) -> None:
    await _limit(exchange, policy, f"key {await attribute(exchange, policy, 'counter-key')}")


@dataclass(frozen=True, slots=True)
class _Rate:
    exchange: Exchange
    policy: Element
    key: str
    calls: int
    span: float

    @property
    def left(self) -> int:
        gateway = self.exchange.gateway
        used = gateway.memory.counters.used("calls", self.key, since=gateway.now - self.span)
        return self.calls - used

    def count(self) -> None:
        gateway = self.exchange.gateway
        gateway.memory.counters.add("calls", self.key, now=gateway.now, amount=1)

    def tell(self, name: str, value: str) -> None:
        """In the header and the variable that the policy names for it."""
        if header := self.policy.attributes.get(f"{name}-header-name"):
            self.exchange.response_headers[header] = value
        if variable := self.policy.attributes.get(f"{name}-variable-name"):
            self.exchange.variables[variable] = int(value)


async def _limit(exchange: Exchange, policy: Element, key: str) -> None:
    rate = _Rate(
        exchange,
        policy,
        key,
        int(await number(exchange, policy, "calls")),
        await number(exchange, policy, "renewal-period"),
    )
    rate.tell("total-calls", str(rate.calls))
    if rate.left <= 0:
        raise _exceeded(exchange, rate)
    if "increment-condition" not in policy.attributes:
        rate.count()
    else:

        async def later() -> None:
            if await condition(exchange, policy, "increment-condition"):
                rate.count()

        exchange.after_backend.append(later)
    rate.tell("remaining-calls", str(max(0, rate.left)))


def _exceeded(exchange: Exchange, rate: _Rate) -> GatewayError:
    gateway = exchange.gateway
    counters = gateway.memory.counters
    wait = counters.wait("calls", rate.key, now=gateway.now, span=rate.span, room=rate.calls - 1)
    rate.tell("remaining-calls", "0")
    rate.tell("retry-after", str(wait))
    header = rate.policy.attributes.get("retry-after-header-name", "Retry-After")
    return GatewayError(
        429,
        f"Rate limit is exceeded. Try again in {wait} seconds.",
        reason="RateLimitExceeded",
        source=rate.policy.name,
        headers={header: str(wait)},
    )


async def quota_by_key(exchange: Exchange, policy: Element) -> None:
    """Calls per renewal period, which begins with the first call (UNVERIFIED); 0 never ends."""
    gateway, counters = exchange.gateway, exchange.gateway.memory.counters
    key = await attribute(exchange, policy, "counter-key")
    calls = int(await number(exchange, policy, "calls"))
    span = await number(exchange, policy, "renewal-period") or float("inf")
    start = counters.period("quota", key, now=gateway.now, span=span)
    if counters.used("quota", key, since=start - 1e-6) >= calls:
        wait = start + span - gateway.now
        when = str(timedelta(seconds=int(wait))) if wait < float("inf") else "never"
        raise GatewayError(
            403,
            f"Out of call volume quota. Quota will be replenished in {when}.",
            reason="QuotaExceeded",
            source=policy.name,
        )
    if "increment-condition" not in policy.attributes:
        counters.add("quota", key, now=gateway.now, amount=1)
        return

    async def later() -> None:
        if await condition(exchange, policy, "increment-condition"):
            counters.add("quota", key, now=gateway.now, amount=1)

    exchange.after_backend.append(later)
