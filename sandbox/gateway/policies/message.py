"""Policies that change the request or the response: headers, query, body, status, method, URL."""

import re
from urllib.parse import parse_qsl, quote

from multidict import CIMultiDict

from sandbox.arm.apim.policy_xml import Element
from sandbox.gateway.errors import failure
from sandbox.gateway.evaluation import attribute, content, flag, number
from sandbox.gateway.exchange import Exchange
from sandbox.gateway.message import Response

_PARAMETER = re.compile(r"\{\*?([^}]+)\}")
_REQUEST_SECTIONS = ("inbound", "backend")


async def set_header(exchange: Exchange, policy: Element) -> None:
    """In inbound and backend of the request, in outbound and on-error of the response."""
    is_request = exchange.section in _REQUEST_SECTIONS
    headers = exchange.request.headers if is_request else exchange.answer().headers
    await change_header(exchange, policy, headers)


async def change_header(exchange: Exchange, policy: Element, headers: CIMultiDict[str]) -> None:
    name = await attribute(exchange, policy, "name")
    action = await attribute(exchange, policy, "exists-action", "override")
    values = [await content(exchange, it) for it in policy.elements]
    if action == "skip" and name in headers:
        return
    if action in ("override", "delete"):
        headers.popall(name, None)
    if action != "delete":
        for value in values:
            headers.add(name, _one_line(value))


def _one_line(text: str) -> str:
    return text.replace("\r", "").replace("\n", "")


async def set_query_parameter(exchange: Exchange, policy: Element) -> None:
    """That names are compared without regard to case is UNVERIFIED."""
    name = await attribute(exchange, policy, "name")
    action = await attribute(exchange, policy, "exists-action", "override")
    values = [await content(exchange, it) for it in policy.elements]
    request = exchange.request
    there = [it for it in request.query if it[0].lower() == name.lower()]
    if action == "skip" and there:
        return
    if action in ("override", "delete"):
        request.query = [it for it in request.query if it not in there]
    if action != "delete":
        request.query += [(name, value) for value in values]


async def rewrite_uri(exchange: Exchange, policy: Element) -> None:
    """The query goes along unless ``copy-unmatched-params`` is false."""
    template = await attribute(exchange, policy, "template")
    keeps = await flag(exchange, policy, "copy-unmatched-params", default=True)

    def filled(found: re.Match[str]) -> str:
        if found[1] not in exchange.matched:
            raise failure(policy.name, f"The operation has no parameter '{found[1]}'.")
        return quote(exchange.matched[found[1]], safe="/" if "*" in found[0] else "")

    path, _, query = _PARAMETER.sub(filled, template).partition("?")
    request = exchange.request
    request.suffix = path if path.startswith("/") else f"/{path}"
    own = parse_qsl(query, keep_blank_values=True)
    names = {name for name, _value in own}
    request.query = own + ([it for it in request.query if it[0] not in names] if keeps else [])


async def set_method(exchange: Exchange, policy: Element) -> None:
    exchange.request.method = (await content(exchange, policy)).strip().upper()


async def set_body(exchange: Exchange, policy: Element) -> None:
    body = await _body(exchange, policy)
    if exchange.section in _REQUEST_SECTIONS:
        exchange.request.body = body
        exchange.request.is_gone = False
        return
    response = exchange.answer()
    await response.close()
    response.body, response.is_gone = body, False


async def _body(exchange: Exchange, policy: Element) -> bytes:
    if policy.elements:
        raise failure(policy.name, "A body of elements is not in this sandbox.")
    return (await content(exchange, policy)).encode()


async def set_status(exchange: Exchange, policy: Element) -> None:
    await _status(exchange, policy, exchange.answer())


async def _status(exchange: Exchange, policy: Element, response: Response) -> None:
    response.status = int(await number(exchange, policy, "code"))
    response.reason = _one_line(await attribute(exchange, policy, "reason"))


async def return_response(exchange: Exchange, policy: Element) -> Response:
    """A new response: "aborts the pipeline execution"; nothing of outbound runs."""
    response = Response(200)
    for part in policy.elements:
        match part.name:
            case "set-status":
                await _status(exchange, part, response)
            case "set-header":
                await change_header(exchange, part, response.headers)
            case "set-body":
                response.body = await _body(exchange, part)
    return response
