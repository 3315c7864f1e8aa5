"""The HTTP API of a deployed app, and what its refusals mean."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from pydantic import BaseModel, ValidationError

from onramp.errors import CliError
from shared.core.records import ErrorAnswer

# Azure's load balancer gives up after 230 s (learn.microsoft.com/azure/azure-functions/
# functions-scale), and an app that sleeps takes half a minute to wake.
TIMEOUT = aiohttp.ClientTimeout(total=235, sock_connect=20)
# The app says what to do in terms of its HTTP API: what does the same here, longest first.
_COMMANDS = (
    ("DELETE /api/units/{id}/order", "python -m onramp release <account> --call-off"),
    ("POST /api/units/{id}/release", "python -m onramp release <account>"),
    ("GET /api/units/{id}/states", "python -m onramp rollback <account>"),
    ("GET /api/dead-letters?replayed=false", "python -m onramp status --json"),
    ("GET /api/dead-letters", "python -m onramp status --json"),
    ("Send POST /api/reimport", "Use python -m onramp apply"),
    ("POST /api/reimport", "python -m onramp apply"),
    ("GET /api/units", "python -m onramp status"),
    ("GET /api/runs", "python -m onramp status"),
    ("dryRun: true", "python -m onramp plan"),
)
_LOCAL = ("127.0.0.1", "localhost", "::1")
_SAID = {
    401: (
        "the app refused the key",
        (
            "Set ONRAMP_KEY to a function key: az functionapp keys list -g <group> -n <app>. "
            "With Entra in front of the app, name its --audience."
        ),
    ),
    403: (
        "the app may not be called from here, or not by you",
        "Check its access restrictions, and in Entra whether you are assigned to it.",
    ),
    404: (
        "there is no model-onramp at this address, or an older one",
        "Check --app, and that the app is deployed: az functionapp function list.",
    ),
    502: ("the app does not answer", "Look at its log: it may not start."),
    503: ("the app is stopped or starts just now", "Try again in a minute."),
}


def base_url(text: str) -> str:
    """The address of the app; without a scheme https is meant.

    Raises:
        CliError: the key would be sent in the clear.
    """
    url = urlsplit(text if "://" in text else f"https://{text}")
    is_local = url.scheme == "http" and url.hostname in _LOCAL
    if not url.hostname or (url.scheme != "https" and not is_local):
        raise CliError(
            f"{text} is no address of an app",
            "Use https://<name>.azurewebsites.net; http is for this machine only.",
        )
    return f"{url.scheme}://{url.netloc}"


class AppClient:
    """Calls of the HTTP API; its answers as records, its refusals as errors for people."""

    def __init__(self, session: aiohttp.ClientSession, base: str) -> None:
        self._session = session
        self.base = base

    async def get[M: BaseModel](
        self, path: str, model: type[M], *, also: tuple[int, ...] = (), **query: str
    ) -> M:
        return await self._call("GET", path, model, also=also, params=query)

    async def post[M: BaseModel](
        self, path: str, model: type[M], body: Mapping[str, Any] | None = None
    ) -> M:
        return await self._call("POST", path, model, json=body)

    async def delete[M: BaseModel](self, path: str, model: type[M]) -> M:
        return await self._call("DELETE", path, model)

    async def _call[M: BaseModel](
        self,
        method: str,
        path: str,
        model: type[M],
        *,
        also: tuple[int, ...] = (),
        **more: Any,
    ) -> M:
        where = f"{self.base}/api/{path}"
        try:
            async with self._session.request(
                method, where, allow_redirects=False, **more
            ) as response:
                text, status = await response.text(), response.status
        except (aiohttp.ClientError, TimeoutError) as exc:
            raise _unanswered(self.base, exc) from exc
        if status >= 300 and status not in also:
            raise _refused(status, text)
        try:
            return model.model_validate_json(text)
        except ValidationError as exc:
            raise CliError(
                f"{where} answered something else than this version knows",
                "Use the command line of the app's own version.",
            ) from exc


def _refused(status: int, text: str) -> CliError:
    try:
        error = ErrorAnswer.model_validate_json(text).error
    except ValidationError:
        what, do = _SAID.get(
            status, (f"the app answered {status}", "Look at the app's log: az webapp log tail.")
        )
        return CliError(what, do)
    action = error.action
    for call, command in _COMMANDS:
        action = action.replace(call, command)
    return CliError(error.message, action)


def _unanswered(base: str, exc: Exception) -> CliError:
    host = urlsplit(base).netloc
    match exc:
        case aiohttp.ClientConnectorDNSError():
            return CliError(f"there is no host {host}", "Check --app for a typing error.")
        case aiohttp.ClientSSLError():
            return CliError(
                f"the certificate of {host} is not trusted",
                "Check --app; behind a company's proxy set SSL_CERT_FILE to its certificates.",
            )
        case TimeoutError():
            return CliError(
                f"{host} did not answer in time",
                "Try again; if it stays so, look at the app's log. A plan of --all can take longer "
                "than Azure lets a request take: name one --account.",
            )
        case _:
            return CliError(
                f"{host} can't be reached",
                "Check --app, your network, and that the app runs.",
            )
