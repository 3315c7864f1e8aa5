"""Policies that say where a request goes, as whom, and that send it."""

from sandbox.arm.apim.policy_xml import Element
from sandbox.gateway.backends import Backends
from sandbox.gateway.errors import GatewayError, failure
from sandbox.gateway.evaluation import attribute, flag, number
from sandbox.gateway.exchange import Exchange, Target

_DEFAULT_TIMEOUT_S = 300.0  # learn.microsoft.com/azure/api-management/forward-request-policy


async def set_backend_service(exchange: Exchange, policy: Element) -> None:
    """Once a backend entity is chosen, a base URL does not replace it.

    "It can be only overridden with a policy using the backend-id attribute, not the base-url".
    """
    name = await attribute(exchange, policy, "backend-id")
    if name:
        backend = exchange.configuration.find(f"backends/{name}")
        if backend is None:
            raise failure(policy.name, f"The backend '{name}' is not there.")
        exchange.target = Target(backend=backend)
    elif exchange.target.backend is None:
        exchange.target = Target(await attribute(exchange, policy, "base-url"))


async def managed_identity(exchange: Exchange, policy: Element) -> None:
    """The token goes into Authorization, or into a variable if one is named."""
    variable = policy.attributes.get("output-token-variable-name")
    try:
        token = exchange.gateway.identity.token(
            exchange.configuration,
            resource=await attribute(exchange, policy, "resource"),
            client_id=await attribute(exchange, policy, "client-id"),
            now=exchange.gateway.now,
        )
    except GatewayError:
        if await flag(exchange, policy, "ignore-error"):
            return
        raise
    if variable:
        exchange.variables[variable] = token
    else:
        exchange.request.headers["Authorization"] = f"Bearer {token}"


async def forward_request(exchange: Exchange, policy: Element) -> None:
    """Send the request and take the head of the answer; its body follows as it comes."""
    if "timeout-ms" in policy.attributes:
        timeout_s = await number(exchange, policy, "timeout-ms") / 1000
    else:
        timeout_s = await number(exchange, policy, "timeout", _DEFAULT_TIMEOUT_S)
    buffers = await flag(exchange, policy, "buffer-request-body")
    exchange.request.is_buffered |= buffers
    if exchange.sends and exchange.request.body and not exchange.request.is_buffered:
        # The page: "buffered and will be reused on retry"; how it fails without is UNVERIFIED.
        raise failure(policy.name, "A second attempt needs buffer-request-body='true'.")
    exchange.sends += 1
    if exchange.response is not None:
        await exchange.response.close()
    backends = Backends(exchange.gateway, exchange.configuration)
    exchange.response = await backends.forward(exchange, timeout_s=timeout_s)
    strict = await flag(exchange, policy, "fail-on-error-status-code")
    if strict and exchange.response.status >= 400:
        raise GatewayError(
            exchange.response.status,
            "Backend service returned an error.",
            reason="BackendResponseError",
            source=policy.name,
        )
