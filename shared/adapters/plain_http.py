"""Tokens over plain http, for emulators on this machine and nothing else."""

from typing import Any
from urllib.parse import urlsplit

from azure.core.pipeline.policies import SansIOHTTPPolicy

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class _AllowHttp(SansIOHTTPPolicy[Any, Any]):
    """azure-core refuses to send a token over http; as a client option that can't be lifted."""

    def on_request(self, request: Any) -> None:
        request.context.options["enforce_https"] = False


def http_policies(endpoint: str) -> list[SansIOHTTPPolicy[Any, Any]]:
    """What a client for *endpoint* needs; nothing unless it is on this machine."""
    url = urlsplit(endpoint)
    return [_AllowHttp()] if url.scheme == "http" and url.hostname in LOOPBACK else []
