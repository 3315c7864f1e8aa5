"""Where hosts of Azure are on this machine."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class Address:
    """What to connect to, and the host that the request is meant for."""

    url: str
    host: str


def address_of(url: str, upstreams: Mapping[str, str]) -> Address | None:
    """The local address of *url*, by the suffix of its host; None for a host of the world.

    What is on this machine already stays as it is. A WebSocket goes to the same place on http.
    """
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    rest = f"{parts.path}?{parts.query}" if parts.query else parts.path
    if host in _LOOPBACK:
        scheme = {"ws": "http", "wss": "https"}.get(parts.scheme, parts.scheme)
        return Address(f"{scheme}://{parts.netloc}{rest}", parts.netloc)
    for suffix, base in upstreams.items():
        if f".{host}".endswith(f".{suffix.lower().lstrip('.')}"):
            return Address(f"{base.rstrip('/')}{rest}", parts.netloc)
    return None
