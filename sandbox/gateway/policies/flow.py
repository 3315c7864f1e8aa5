"""The order of things: which policies run, one after another, by choice, again."""

from collections.abc import Awaitable, Callable, Iterable, Mapping

from sandbox.arm.apim.policy_xml import Element
from sandbox.gateway.documents import included
from sandbox.gateway.errors import Answered
from sandbox.gateway.evaluation import attribute, condition, flag, number, value_of
from sandbox.gateway.exchange import Exchange
from sandbox.gateway.policies.backend import (
    forward_request,
    managed_identity,
    set_backend_service,
)
from sandbox.gateway.policies.cache import lookup, store
from sandbox.gateway.policies.cors import cors
from sandbox.gateway.policies.limits import quota_by_key, rate_limit, rate_limit_by_key
from sandbox.gateway.policies.message import (
    return_response,
    rewrite_uri,
    set_body,
    set_header,
    set_method,
    set_query_parameter,
    set_status,
)
from sandbox.gateway.policies.safety import content_safety
from sandbox.gateway.policies.tokens import emit_token_metric, token_limit

type Executor = Callable[[Exchange, Element], Awaitable[None]]


async def run(exchange: Exchange, policies: Iterable[Element]) -> None:
    """One after another, until one of them has an answer from the cache.

    Raises:
        Answered: by return-response.
        GatewayError: by the policy that fails.
    """
    for policy in policies:
        await EXECUTORS[policy.name](exchange, policy)
        if exchange.is_answered and exchange.section == "inbound":
            return


async def _choose(exchange: Exchange, policy: Element) -> None:
    for branch in policy.elements:
        if branch.name == "otherwise" or await condition(exchange, branch):
            await run(exchange, branch.elements)
            return


async def _include(exchange: Exchange, policy: Element) -> None:
    await run(exchange, included(policy, exchange.configuration))


async def _set_variable(exchange: Exchange, policy: Element) -> None:
    """The value keeps the type that the expression gave it."""
    value = await value_of(exchange, policy.attributes["value"], policy.name)
    exchange.variables[policy.attributes["name"]] = value


async def _return_response(exchange: Exchange, policy: Element) -> None:
    response = await return_response(exchange, policy)
    if exchange.response is not None:
        await exchange.response.close()
    exchange.response = response
    raise Answered


async def _retry(exchange: Exchange, policy: Element) -> None:
    """Its policies once, and again while the condition holds, at most *count* times more.

    learn.microsoft.com/azure/api-management/retry-policy: a fixed interval with ``interval`` alone,
    a linear one with ``delta``, an exponential one with ``max-interval`` too.
    """
    count = int(await number(exchange, policy, "count"))
    is_fast = await flag(exchange, policy, "first-fast-retry")
    await run(exchange, policy.elements)
    for attempt in range(count):
        if not await condition(exchange, policy):
            return
        if not (is_fast and attempt == 0):
            await exchange.gateway.options.sleep(await _pause(exchange, policy, attempt))
        await run(exchange, policy.elements)


async def _pause(exchange: Exchange, policy: Element, attempt: int) -> float:
    """The page's formulas, without the chance that real ones have in them (UNVERIFIED)."""
    interval = await number(exchange, policy, "interval")
    delta = await number(exchange, policy, "delta")
    most = await attribute(exchange, policy, "max-interval")
    if not most:
        return interval + delta * attempt
    return min(interval + (2.0**attempt - 1) * delta, float(most))


EXECUTORS: Mapping[str, Executor] = {
    "choose": _choose,
    "include-fragment": _include,
    "set-variable": _set_variable,
    "return-response": _return_response,
    "retry": _retry,
    "set-header": set_header,
    "set-query-parameter": set_query_parameter,
    "set-method": set_method,
    "set-body": set_body,
    "set-status": set_status,
    "rewrite-uri": rewrite_uri,
    "set-backend-service": set_backend_service,
    "authentication-managed-identity": managed_identity,
    "forward-request": forward_request,
    "rate-limit": rate_limit,
    "rate-limit-by-key": rate_limit_by_key,
    "quota-by-key": quota_by_key,
    "llm-token-limit": token_limit,
    "azure-openai-token-limit": token_limit,
    "llm-emit-token-metric": emit_token_metric,
    "azure-openai-emit-token-metric": emit_token_metric,
    "llm-semantic-cache-lookup": lookup,
    "azure-openai-semantic-cache-lookup": lookup,
    "llm-semantic-cache-store": store,
    "azure-openai-semantic-cache-store": store,
    "llm-content-safety": content_safety,
    "cors": cors,
}

# What can be saved and is not done here: the attributes of a policy or of what is in it.
_LIMIT = frozenset({"increment-count", "increment-after-response", "first-period-start"})
NOT_HERE: Mapping[str, frozenset[str]] = {
    "return-response": frozenset({"response-variable-name"}),
    "set-backend-service": frozenset(
        {
            *("sf-resolve-condition", "sf-service-instance-name", "sf-partition-key"),
            *("sf-listener-name", "sf-replica-type", "dapr-app-id", "dapr-method"),
            "dapr-namespace",
        }
    ),
    "forward-request": frozenset({"follow-redirects", "http-version", "continue-timeout"}),
    "rate-limit-by-key": _LIMIT,
    "quota-by-key": _LIMIT | {"bandwidth"},
    "llm-content-safety": frozenset({"window-size", "window-overlap-size"}),
    "llm-semantic-cache-lookup": frozenset({"cache-id"}),
    "llm-semantic-cache-store": frozenset({"cache-id"}),
}
