"""Semantic cache: looks up and keeps answers by the vectors of the embeddings backend.

A stand-in where a gateway has Redis: the vectors are those of the backend that the policy names,
the nearest is looked for in memory.
"""

import json
from typing import Any

import aiohttp

from sandbox.arm.apim.policy_xml import Element
from sandbox.gateway.backends import Backends
from sandbox.gateway.configuration import properties
from sandbox.gateway.errors import GatewayError, failure
from sandbox.gateway.evaluation import attribute, content, flag, number
from sandbox.gateway.exchange import Exchange, Lookup
from sandbox.gateway.message import Response
from sandbox.gateway.semantic_cache import Cached
from sandbox.gateway.usage import prompt_text, wants_stream

_API_VERSION = "2024-10-21"  # which one a gateway asks for is UNVERIFIED


async def lookup(exchange: Exchange, policy: Element) -> None:
    """An answer that is found goes through outbound; the rest of inbound and backend is left out.

    The page says nothing on either, nor on streams, which are not looked up here (UNVERIFIED).
    """
    body = exchange.request.body
    text = await _question(exchange, policy)
    if not text or wants_stream(body):
        return
    vector = await _vector(exchange, policy, text)
    partition = tuple([await content(exchange, it) for it in policy.elements])
    exchange.lookup = Lookup(partition, vector)
    found = exchange.gateway.memory.cache.find(
        partition,
        vector,
        within=await number(exchange, policy, "score-threshold"),
        now=exchange.gateway.now,
    )
    if found is not None:
        response = Response(found.status, body=found.body)
        response.headers.extend(found.headers)
        exchange.response, exchange.is_answered = response, True


async def store(exchange: Exchange, policy: Element) -> None:
    """Good JSON answers to what was looked up."""
    seen, response = exchange.lookup, exchange.response
    if seen is None or response is None or exchange.is_answered:
        return
    if response.status != 200 or response.content_type != "application/json":
        return
    until = exchange.gateway.now + await number(exchange, policy, "duration")
    headers = (("Content-Type", response.headers["Content-Type"]),)
    answer = Cached(response.status, headers, await response.read())
    exchange.gateway.memory.cache.store(seen.partition, seen.vector, answer, until=until)


async def _question(exchange: Exchange, policy: Element) -> str:
    """The prompt, empty where there are more messages than ``max-message-count``."""
    try:
        request = json.loads(exchange.request.body or b"")
    except ValueError:
        return ""
    messages: list[Any] = request.get("messages") or [] if isinstance(request, dict) else []
    most = await number(exchange, policy, "max-message-count")
    if most and len(messages) > most:
        return ""
    if await flag(exchange, policy, "ignore-system-messages"):
        messages = [it for it in messages if it.get("role") != "system"]
    return prompt_text(json.dumps({"messages": messages}).encode())


async def _vector(exchange: Exchange, policy: Element, text: str) -> tuple[float, ...]:
    """By the backend's own URL; its embeddings path is a part of it."""
    name = await attribute(exchange, policy, "embeddings-backend-id")
    backend = exchange.configuration.find(f"backends/{name}")
    if backend is None:
        raise failure(policy.name, f"The backend '{name}' is not there.")
    url = str(properties(backend)["url"])
    backends = Backends(exchange.gateway, exchange.configuration)
    headers = {"Content-Type": "application/json"}
    headers |= backends.credentials(backend, or_identity=True).headers
    try:
        async with backends.send(
            "POST",
            f"{url}?api-version={_API_VERSION}",
            headers,
            json.dumps({"input": text}).encode(),
        ) as answer:
            return await _first_vector(policy, answer)
    except aiohttp.ClientError as exc:
        raise failure(policy.name, f"The embeddings backend '{name}': {exc}") from None


async def _first_vector(policy: Element, answer: aiohttp.ClientResponse) -> tuple[float, ...]:
    """That a failing backend fails the request, and is not just a miss, is UNVERIFIED."""
    if answer.status != 200:
        raise failure(policy.name, f"The embeddings backend answered {answer.status}.")
    try:
        return tuple(float(it) for it in (await answer.json())["data"][0]["embedding"])
    except (ValueError, KeyError, IndexError, TypeError):
        raise GatewayError(
            500, "The embeddings backend sent no vector.", reason="NoVector", source=policy.name
        ) from None
