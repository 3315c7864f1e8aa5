"""cors: answers preflight requests and marks the others."""

from collections.abc import Iterable

from sandbox.arm.apim.policy_xml import Element
from sandbox.gateway.evaluation import content, flag
from sandbox.gateway.exchange import Exchange
from sandbox.gateway.message import Headers, Response


async def cors(exchange: Exchange, policy: Element) -> None:
    origin = exchange.request.headers.get("Origin", "")
    if not await _allowed(exchange, policy, "allowed-origins", origin):
        return
    exchange.response_headers |= await _marks(exchange, policy, origin)
    exposed = await _list(exchange, policy, "expose-headers")
    if exposed:
        exchange.response_headers["Access-Control-Expose-Headers"] = ",".join(exposed)


async def preflight(exchange: Exchange, policies: Iterable[Element]) -> Response | None:
    """The answer to an OPTIONS request that no operation takes; None without a cors policy.

    Unmatched ones: "200 OK with no CORS headers" by terminate-unmatched-request, whose default is
    true (learn.microsoft.com/azure/api-management/cors-policy).
    """
    policy = next((it for it in policies if it.name == "cors"), None)
    if policy is None:
        return None
    asked: Headers = exchange.request.headers
    origin = asked.get("Origin", "")
    method = asked.get("Access-Control-Request-Method", "")
    response = Response(200)
    origin_fits = await _allowed(exchange, policy, "allowed-origins", origin)
    # Without allowed-methods GET and POST are meant.
    if not (origin_fits and await _allowed(exchange, policy, "allowed-methods", method)):
        return response
    response.headers.update(await _marks(exchange, policy, origin))
    response.headers["Access-Control-Allow-Methods"] = method
    if wanted := asked.get("Access-Control-Request-Headers"):
        response.headers["Access-Control-Allow-Headers"] = wanted
    return response


async def _marks(exchange: Exchange, policy: Element, origin: str) -> dict[str, str]:
    marks = {"Access-Control-Allow-Origin": origin}
    if await flag(exchange, policy, "allow-credentials"):
        marks["Access-Control-Allow-Credentials"] = "true"
    return marks


async def _allowed(exchange: Exchange, policy: Element, name: str, value: str) -> bool:
    allowed = await _list(exchange, policy, name)
    if name == "allowed-methods" and not allowed:
        allowed = ["GET", "POST"]
    return bool(value) and ("*" in allowed or value.lower() in (it.lower() for it in allowed))


async def _list(exchange: Exchange, policy: Element, name: str) -> list[str]:
    lists = [it for it in policy.elements if it.name == name]
    return [await content(exchange, item) for it in lists for item in it.elements]
