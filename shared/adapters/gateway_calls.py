"""Calls through the gateway, as a client makes them, with a subscription of this app's own.

Its key is read from ARM when it is needed, kept in this process and nowhere else: it is in no log,
no state and no error.
"""

import asyncio
from collections.abc import Mapping
from urllib.parse import urlsplit

import aiohttp

from shared.adapters.arm import Arm
from shared.adapters.gateway_reads import API_VERSION
from shared.adapters.plain_http import LOOPBACK
from shared.core.model import Json
from shared.core.probes import Probe
from shared.core.proofs import Answer
from shared.core.resource_ids import GatewayId
from shared.errors import Rejected, Unavailable

_LONGEST_S = 30.0  # a first token can take long; a run has other things to do
_NO_WAY = "if this app can't reach the gateway's network, set ONRAMP_VERIFY to false"
_MOST_TEXT = 4096  # of an answer: enough to see whose it is


class ApimCalls:
    """The GatewayCalls port."""

    def __init__(self, arm: Arm, gateway: GatewayId, *, subscription: str, scope: str) -> None:
        self._arm = arm
        self._root = gateway.arm_id
        self._path = f"{self._root}/subscriptions/{subscription}"
        self._scope = scope
        self._key = ""
        self._origin = ""
        self._once = asyncio.Lock()
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def ask(self, probe: Probe, *, until: float) -> Answer:
        async with self._once:
            origin = self._origin = self._origin or await self._gateway_url(until)
            key = self._key = self._key or await self._read_key(until)
        answer = await self._send(probe, origin, key)
        if answer.status == 401:
            self._key = ""  # it may have been regenerated
        return answer

    async def _send(self, probe: Probe, origin: str, key: str) -> Answer:
        url, headers = f"{origin}/{probe.path}", {probe.key_header: key}
        if probe.surface == "anthropic":
            headers["anthropic-version"] = "2023-06-01"  # docs.anthropic.com/en/api/versioning
        session = self._session = self._session or aiohttp.ClientSession(trust_env=True)
        try:
            async with asyncio.timeout(_LONGEST_S):
                if probe.method == "WEBSOCKET":
                    return await _shake_hands(session, url, headers)
                headers["Content-Type"] = "application/json"
                async with session.request(
                    probe.method,
                    url,
                    data=probe.body or None,
                    headers=headers,
                    allow_redirects=False,
                ) as response:
                    text = await response.content.read(_MOST_TEXT)
                    return Answer(response.status, text.decode("utf-8", "replace"))
        except aiohttp.WSServerHandshakeError as exc:
            return Answer(exc.status, exc.message)
        except aiohttp.ClientConnectorError as exc:
            raise Unavailable(f"no connection to the gateway ({exc.os_error}); {_NO_WAY}") from exc
        except (aiohttp.ClientError, TimeoutError) as exc:
            return Answer(0, type(exc).__name__)

    async def _gateway_url(self, until: float) -> str:
        answer = await self._arm.get(self._root, api_version=API_VERSION, until=until)
        url = str(_properties(answer.body if answer else {}).get("gatewayUrl") or "").rstrip("/")
        parts = urlsplit(url)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
            raise Unavailable("ARM states no https address of the gateway")
        return url

    async def _read_key(self, until: float) -> str:
        """The key of our subscription, which is made if there is none."""
        found = await self._arm.get(self._path, api_version=API_VERSION, until=until)
        if found is None:
            body = {
                "properties": {
                    "displayName": "model-onramp verify",
                    "scope": f"{self._root}{self._scope}",
                    "state": "active",
                }
            }
            await self._arm.put(
                self._path, body, api_version=API_VERSION, if_match=None, until=until
            )
        secrets = await self._arm.post(
            f"{self._path}/listSecrets", api_version=API_VERSION, until=until
        )
        key = secrets.body.get("primaryKey")
        if not key:
            raise Rejected("the subscription for verifying has no key", code="NoKey")
        return str(key)


async def _shake_hands(
    session: aiohttp.ClientSession, url: str, headers: Mapping[str, str]
) -> Answer:
    """Open a session and leave: the host has let us in, and nothing was said that costs."""
    socket = await session.ws_connect(url, headers=headers)
    await socket.close()
    return Answer(200)


def _properties(body: Json) -> Json:
    return body.get("properties") or {}
