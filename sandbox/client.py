"""A small client of ARM, that works as `az` does: send, then follow the long-running operation."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp

from sandbox.contracts import Json

ACCOUNTS_VERSION = "2025-06-01"
GATEWAY_VERSION = "2024-05-01"
_POLL_S = 0.2


class ArmRefusedError(Exception):
    """ARM answered with an error; the message is ARM's."""


@dataclass(frozen=True, slots=True)
class ArmClient:
    session: aiohttp.ClientSession
    base_url: str

    async def get(self, path: str, *, version: str) -> Json | None:
        """Read *path*; None on a 404."""
        async with self.session.get(self._url(path, version)) as response:
            if response.status == 404:
                return None
            return await _body(response)

    async def list(self, path: str, *, version: str) -> list[Json]:
        items: list[Json] = []
        url: str | None = self._url(path, version)
        while url:
            async with self.session.get(url) as response:
                page = await _body(response)
            items += page["value"]
            url = page.get("nextLink")
        return items

    async def put(self, path: str, body: Json, *, version: str) -> Json:
        """Create or update and wait for the end; the resource as it stands then."""
        async with self.session.put(self._url(path, version), json=body) as response:
            await _body(response)
            await self._finish(response)
        return await self.get(path, version=version) or {}

    async def delete(self, path: str, *, version: str, if_match: str = "") -> None:
        headers = {"If-Match": if_match} if if_match else {}
        async with self.session.delete(self._url(path, version), headers=headers) as response:
            await _body(response)
            await self._finish(response)

    async def _finish(self, response: aiohttp.ClientResponse) -> None:
        url = response.headers.get("Azure-AsyncOperation") or response.headers.get("Location")
        while url:
            async with self.session.get(url) as poll:
                body = await _body(poll)
                running = poll.status == 202 or body.get("status") in ("InProgress", "Running")
            if body.get("status") in ("Failed", "Canceled"):
                raise ArmRefusedError(str(body.get("error")))
            if not running:
                return
            await asyncio.sleep(_POLL_S)

    def _url(self, path: str, version: str) -> str:
        return f"{self.base_url}{path}?api-version={version}"


@asynccontextmanager
async def arm_client(base_url: str, token: str) -> AsyncIterator[ArmClient]:
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session:
        yield ArmClient(session, base_url)


async def _body(response: aiohttp.ClientResponse) -> Json:
    body: Json = await response.json() if await response.read() else {}
    if response.status >= 400:
        error = body.get("error", {})
        raise ArmRefusedError(f"{response.status} {error.get('code')}: {error.get('message')}")
    return body
