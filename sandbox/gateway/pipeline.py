"""One HTTP request from beginning to end: route, key, policies, answer."""

import asyncio
import json
from collections.abc import Awaitable, Callable

import aiohttp
from multidict import CIMultiDict

from sandbox.gateway.configuration import Configuration
from sandbox.gateway.documents import Abilities, Sections, check, effective
from sandbox.gateway.errors import Answered, GatewayError, failure
from sandbox.gateway.exchange import Exchange, Gateway
from sandbox.gateway.keys import find_caller
from sandbox.gateway.message import Request, Response
from sandbox.gateway.policies.cors import preflight
from sandbox.gateway.policies.flow import EXECUTORS, NOT_HERE, run
from sandbox.gateway.policies.tokens import counts_tokens
from sandbox.gateway.routing import find_api, find_operation
from sandbox.gateway.usage import StreamUsage, estimate, prompt_text, usage_of

_ABILITIES = Abilities(frozenset(EXECUTORS), NOT_HERE)


async def serve(gateway: Gateway, configuration: Configuration, request: Request) -> Response:
    """The answer; its body may still be on its way."""
    try:
        route = find_api(configuration, request, websocket=False)
    except GatewayError as exc:
        return error_response(exc, "")
    request.suffix = route.suffix
    exchange = Exchange(gateway, configuration, request, route.api)

    async def forwarded() -> None:
        try:
            found = find_operation(configuration, route, request)
        except GatewayError:
            if request.method != "OPTIONS" or "Origin" not in request.headers:
                raise
            await _preflight(exchange)
            return
        exchange.operation, exchange.matched = found.operation, dict(found.matched or {})
        exchange.caller = find_caller(configuration, route.api, request)
        await _through(exchange)

    return await guarded(exchange, forwarded)


async def guarded(exchange: Exchange, steps: Callable[[], Awaitable[None]]) -> Response:
    """Run *steps*; what goes wrong goes through the on-error section."""
    try:
        await steps()
    except Answered:
        pass
    except asyncio.CancelledError:
        if exchange.response is not None:
            await exchange.response.close()
        raise
    except GatewayError as exc:
        await _on_error(exchange, exc)
    except aiohttp.ClientError as exc:  # while a policy read the answer
        await _on_error(exchange, failure("forward-request", str(exc), "BackendConnectionFailure"))
    except Exception as exc:  # noqa: BLE001  # a fault of this sandbox must be seen, and named
        await _on_error(exchange, failure("sandbox", f"{type(exc).__name__}: {exc}"))
    response = exchange.answer()
    response.headers.update(exchange.response_headers)
    return response


def sections_of(exchange: Exchange) -> Sections:
    """The policies of the scopes that are known by now.

    Raises:
        GatewayError: there is one that this gateway can't do.
    """
    product, operation = exchange.caller.product, exchange.operation
    api = f"apis/{exchange.api.name}"
    owners = [
        ("global", ""),
        *([("product", f"products/{product.name}")] if product else []),
        ("api", api),
        *([("operation", f"{api}/operations/{operation.name}")] if operation else []),
    ]
    sections = effective(exchange.configuration, owners)
    check(sections, exchange.configuration, _ABILITIES)
    return sections


async def run_section(exchange: Exchange, sections: Sections, name: str) -> None:
    exchange.section = name
    await run(exchange, [step.policy for step in sections[name]])


async def _through(exchange: Exchange) -> None:
    sections = sections_of(exchange)
    await run_section(exchange, sections, "inbound")
    if not exchange.is_answered:
        await run_section(exchange, sections, "backend")
        await _settle(exchange)
        for later in exchange.after_backend:
            await later()
    response = exchange.answer()
    response.headers.update(exchange.response_headers)
    exchange.response_headers.clear()
    await run_section(exchange, sections, "outbound")


async def _settle(exchange: Exchange) -> None:
    """Tell the policies that wait for it what the model has used."""
    response, hooks = exchange.answer(), tuple(exchange.on_usage)
    if not hooks or response.status >= 300 or not counts_tokens(exchange):
        return
    if response.content_type == "text/event-stream":
        reader = StreamUsage(estimate(prompt_text(exchange.request.body)))
        response.watchers.append(reader.feed)

        def settle() -> None:
            for hook in hooks:
                hook(reader.result())

        response.at_end.append(settle)
    elif response.content_type == "application/json":
        usage = usage_of(await response.read())
        if usage is not None:
            for hook in hooks:
                hook(usage)


async def _preflight(exchange: Exchange) -> None:
    sections = sections_of(exchange)
    exchange.section = "inbound"
    found = await preflight(exchange, (it.policy for it in sections["inbound"]))
    if found is None:
        raise GatewayError(
            404, "Resource not found", reason="OperationNotFound", source="configuration"
        )
    exchange.response = found


async def _on_error(exchange: Exchange, error: GatewayError) -> None:
    if error.status == 500:
        exchange.gateway.options.on_log(f"gateway: 500 {error.source}: {error.message}")
    if exchange.response is not None:
        await exchange.response.close()
    exchange.error, exchange.failed_section = error, exchange.section
    exchange.response = error_response(error, exchange.id)
    try:
        await run_section(exchange, sections_of(exchange), "on-error")
    except Answered:
        return
    except GatewayError as exc:
        exchange.response = error_response(exc if error.status != 500 else error, exchange.id)


def error_response(error: GatewayError, activity_id: str) -> Response:
    headers = CIMultiDict({"Content-Type": "application/json", **error.headers})
    # "HTTP/1.1 401 Access Denied", as users quote it.
    reason = "Access Denied" if error.status == 401 else ""
    return Response(error.status, reason, headers, json.dumps(error.body(activity_id)).encode())
