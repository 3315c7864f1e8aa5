"""Addresses of ARM."""

from collections.abc import Mapping
from urllib.parse import quote, urlsplit

from shared.adapters.plain_http import LOOPBACK


def url_of(path: str, api_version: str, query: Mapping[str, str]) -> str:
    more = "".join(f"&{key}={quote(value, safe="'(),")}" for key, value in query.items())
    return f"{path}?api-version={api_version}{more}"


def origin_of(url: str) -> tuple[str, str, int]:
    """Scheme, host and port; ARM itself writes its port out in some links and not in others."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return parts.scheme, (parts.hostname or "").lower(), port


def audience_of(endpoint: str) -> str:
    """An emulator on this machine takes tokens for Azure's own ARM."""
    is_local = urlsplit(endpoint).hostname in LOOPBACK
    return "https://management.azure.com" if is_local else endpoint.rstrip("/")
