"""Documents that a request only links to: ``openapi-link`` and its like, on this machine alone.

API Management fetches the link itself, without credentials, from where it runs
(learn.microsoft.com/rest/api/apimanagement/apis/create-or-update, ContentFormat). What runs here
reaches this machine: a link to it is fetched before the request goes on as if the document had been
sent inline, any other is left for the importer to refuse.
"""

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlsplit

import aiohttp

from sandbox.arm.provider import Request

_INLINE: Mapping[str, str] = {
    "openapi-link": "openapi",
    "openapi+json-link": "openapi+json",
    "swagger-link-json": "swagger-json",
    "xml-link": "xml",
    "rawxml-link": "rawxml",
}
_HERE = frozenset({"127.0.0.1", "localhost", "::1"})
_TIMEOUT = aiohttp.ClientTimeout(total=10)


async def fetched(request: Request) -> Request:
    """The request with its linked document in it; unchanged if there is none to be had."""
    properties = request.body.get("properties") if isinstance(request.body, dict) else None
    if request.method != "PUT" or not isinstance(properties, dict):
        return request
    if request.path.namespace.lower() != "microsoft.apimanagement":
        return request
    inline = _INLINE.get(str(properties.get("format")).lower())
    text = await _text(properties.get("value")) if inline else None
    if text is None:
        return request
    changed = {**properties, "format": inline, "value": text}
    return replace(request, body={**request.body, "properties": changed})


async def _text(url: object) -> str | None:
    if not isinstance(url, str) or urlsplit(url).hostname not in _HERE:
        return None
    try:
        async with (
            aiohttp.ClientSession(timeout=_TIMEOUT) as session,
            session.get(url) as response,
        ):
            return await response.text() if response.status == 200 else None
    except (aiohttp.ClientError, TimeoutError, ValueError):
        return None
