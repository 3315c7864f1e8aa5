"""Calls of backends: which one, as whom, and what their circuit breakers make of it."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from sandbox.arm.store import Entry
from sandbox.gateway.configuration import Configuration, properties
from sandbox.gateway.errors import GatewayError
from sandbox.gateway.exchange import Exchange, Gateway, Target
from sandbox.gateway.message import Response, end_to_end
from sandbox.gateway.pools import choose
from sandbox.gateway.upstreams import Address, address_of

_COGNITIVE = "https://cognitiveservices.azure.com/"
_AUTOMATIC = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")


@dataclass(frozen=True, slots=True)
class Credentials:
    headers: dict[str, str] = field(default_factory=dict)
    query: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Call:
    """A request as it leaves the gateway."""

    url: str
    headers: CIMultiDict[str]
    backend: Entry | None


@dataclass(frozen=True, slots=True)
class Backends:
    gateway: Gateway
    configuration: Configuration

    async def forward(self, exchange: Exchange, *, timeout_s: float) -> Response:
        """The backend's answer; 503 while its circuit breaker is open.

        Raises:
            GatewayError: BackendConnectionFailure.
        """
        target = self._target(exchange)
        if target is None:
            return _unavailable(exchange.target.backend)
        call = self.call(exchange, target)
        address = self._address(call.url)
        if address is None:
            raise _no_connection(call.url)
        try:
            async with asyncio.timeout(timeout_s):
                answer = await self._send(exchange, call, address)
        except (aiohttp.ClientError, TimeoutError, OSError) as exc:
            self._note(call.backend, None, None)
            raise _no_connection(f"{call.url}: {type(exc).__name__} {exc}") from None
        self._note(call.backend, answer.status, answer.headers.get("Retry-After"))
        headers = end_to_end(CIMultiDict(answer.headers))
        headers.popall("Content-Encoding", None)  # it is read here, and sent on plain
        return Response(answer.status, answer.reason or "", headers, stream=answer)

    def call(self, exchange: Exchange, target: Target) -> Call:
        """Where it goes, with the backend's own credentials put over everything else.

        learn.microsoft.com/azure/api-management/backends, "Managed identity in backend": set after
        the policies have run, so that a client's Authorization never gets through.
        """
        request = exchange.request
        headers = end_to_end(CIMultiDict(request.headers))
        given = Credentials() if target.backend is None else self.credentials(target.backend)
        for name, value in given.headers.items():
            headers[name] = value
        names = {name for name, _value in given.query}
        query = [it for it in request.query if it[0] not in names] + list(given.query)
        suffix = "" if request.suffix == "/" else request.suffix
        text = urlencode(query, quote_via=quote)
        base = target.url.rstrip("/") if suffix else target.url
        return Call(f"{base}{suffix}{'?' if text else ''}{text}", headers, target.backend)

    def target_of(self, exchange: Exchange) -> Target:
        """What the policies chose, or the API's own service URL.

        A backend entity with the very URL is used although nobody named it
        (learn.microsoft.com/azure/api-management/backends).
        """
        chosen = exchange.target
        if chosen.backend is not None:
            return Target(str(properties(chosen.backend).get("url") or ""), chosen.backend)
        url = chosen.url or str(properties(exchange.api).get("serviceUrl") or "")
        same = (
            it
            for it in self.configuration.members("backends")
            if url and str(properties(it).get("url", "")).rstrip("/") == url.rstrip("/")
        )
        return Target(url, next(same, None))

    def credentials(self, backend: Entry, *, or_identity: bool = False) -> Credentials:
        """Of a backend entity; named values may stand in them."""
        given: Mapping[str, Any] = properties(backend).get("credentials") or {}
        headers = {name: ",".join(map(self._filled, it)) for name, it in _named(given, "header")}
        query = tuple(
            (name, self._filled(value)) for name, it in _named(given, "query") for value in it
        )
        if authorization := given.get("authorization"):
            parts = (authorization.get("scheme"), authorization.get("parameter"))
            headers["Authorization"] = " ".join(self._filled(it) for it in parts if it)
        identity = given.get("managedIdentity") or ({"resource": _COGNITIVE} if or_identity else {})
        if identity and (given.get("managedIdentity") or "Authorization" not in headers):
            token = self.gateway.identity.token(
                self.configuration,
                resource=str(identity["resource"]),
                client_id=str(identity.get("clientId") or ""),
                now=self.gateway.now,
            )
            headers["Authorization"] = f"Bearer {token}"
        return Credentials(headers, query)

    @asynccontextmanager
    async def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """A call of the gateway's own.

        Raises:
            GatewayError: the host is not on this machine.
        """
        address = self._address(url)
        if address is None:
            raise _no_connection(url)
        all_headers = {**headers, "Host": address.host}
        async with self.gateway.session.request(
            method, URL(address.url, encoded=True), headers=all_headers, data=body
        ) as answer:
            yield answer

    def _target(self, exchange: Exchange) -> Target | None:
        """None while nobody can be asked."""
        target = self.target_of(exchange)
        backend = target.backend
        if backend is not None and properties(backend).get("type") == "Pool":
            member = choose(self.configuration, self.gateway, backend)
            return None if member is None else Target(str(properties(member)["url"]), member)
        if backend is not None and self.gateway.memory.breakers.is_open(
            backend.id.lower(), self.gateway.now
        ):
            return None
        return target

    async def _send(
        self, exchange: Exchange, call: Call, address: Address
    ) -> aiohttp.ClientResponse:
        exchange.used_backend = call.backend
        call.headers["Host"] = address.host
        return await self.gateway.session.request(
            exchange.request.method,
            URL(address.url, encoded=True),
            headers=call.headers,
            data=exchange.request.body or None,
            allow_redirects=False,
            skip_auto_headers=_AUTOMATIC,
        )

    def _note(self, backend: Entry | None, status: int | None, retry_after: str | None) -> None:
        rules = (properties(backend).get("circuitBreaker") or {}).get("rules") if backend else None
        for rule in rules or ():
            self.gateway.memory.breakers.note(
                backend.id.lower() if backend else "",
                rule,
                now=self.gateway.now,
                status=status,
                retry_after=retry_after,
            )

    def _address(self, url: str) -> Address | None:
        return address_of(url, self.gateway.options.upstreams)

    def _filled(self, text: str) -> str:
        return self.configuration.filled(str(text))


def _named(given: Mapping[str, Any], what: str) -> list[tuple[str, list[str]]]:
    return [(name, [*values]) for name, values in (given.get(what) or {}).items()]


def _unavailable(backend: Entry | None) -> Response:
    """The reason's words are what Microsoft's own policies look for.

    Azure-Samples/AI-Gateway, labs/backend-pool-load-balancing/policy.xml: "Backend pool" and "is
    temporarily unavailable". The body is UNVERIFIED.
    """
    name = backend.name if backend else ""
    is_pool = backend is not None and properties(backend).get("type") == "Pool"
    reason = f"Backend {'pool ' if is_pool else ''}'{name}' is temporarily unavailable"
    headers = CIMultiDict({"Content-Type": "application/json"})
    body = b'{"statusCode": 503, "message": "Service Unavailable"}'
    return Response(503, reason, headers, body)


def _no_connection(what: str) -> GatewayError:
    return GatewayError(
        500,
        f"The backend can't be reached: {what}",
        reason="BackendConnectionFailure",
        source="forward-request",
    )
