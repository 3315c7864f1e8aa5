"""ARM over HTTP: one pipeline for everything that is read or written.

It is the pipeline of azure-mgmt-apimanagement's aio client, because that brings authentication,
user agent, redirects and logging as Microsoft means them. Bodies are raw ARM JSON and not the
client's models, for these lose data: version 5.0.0 drops `credentials.managedIdentity` on write
and unknown fields on read, refuses a 202 on an API PUT and a 200 on an API delete. Accounts and
deployments are read the same way, as azure-mgmt-cognitiveservices 14.1.0 drops `deploymentState`.

Retries are ours as well: azure-core sleeps any Retry-After in full and never retries a 409.
"""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import aiohttp
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import AzureError, ClientAuthenticationError
from azure.core.pipeline.policies import AsyncRetryPolicy
from azure.core.rest import AsyncHttpResponse, HttpRequest
from azure.mgmt.apimanagement.aio import ApiManagementClient

from shared.adapters.arm_urls import audience_of, origin_of, url_of
from shared.adapters.plain_http import http_policies
from shared.adapters.read_rate import ReadRate
from shared.core.arm_errors import Meaning, meaning, operation_meaning
from shared.core.model import Json
from shared.errors import Denied, Rejected, RetryableError, StaleRead, Unavailable
from shared.metering import arm_call
from shared.ports import Clock

_ATTEMPTS = 6
_LONGEST_SLEEP_S = 8.0
_NOT_NOW_S = 30.0  # where an answer says later, and not how much
_POLL_INTERVAL_S = 1.0
_ACCEPTED = frozenset({200, 201, 202, 204})
_CUT = frozenset({500, 502, 504})  # answers that leave open whether a write took effect
_RUNNING = frozenset({"inprogress", "accepted", "creating", "updating", "running", "deleting"})


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: Json
    headers: Mapping[str, str]  # azure-core's own, which ignores case

    @property
    def etag(self) -> str:
        return self.headers.get("ETag", "")


class Arm:
    """Requests to ARM, with the errors of :mod:`shared.errors` and nothing of azure's."""

    def __init__(
        self,
        credential: AsyncTokenCredential,
        clock: Clock,
        *,
        endpoint: str,
        subscription: str,
        request_timeout: timedelta,
    ) -> None:
        self._clock = clock
        self._origin = origin_of(endpoint)
        self._rate = ReadRate(at=clock.monotonic())
        self.request_s = request_timeout.total_seconds()
        self._client = ApiManagementClient(
            credential,
            subscription,
            base_url=endpoint,
            credential_scopes=[f"{audience_of(endpoint)}/.default"],
            retry_policy=AsyncRetryPolicy.no_retries(),
            per_call_policies=http_policies(endpoint),
            connection_timeout=10,
            read_timeout=int(self.request_s),
        )

    async def close(self) -> None:
        await self._client.close()

    async def get(
        self, path: str, *, api_version: str, until: float | None = None, **query: str
    ) -> Answer | None:
        """Read *path*; None on a 404 that says it isn't there."""
        answer = await self._send("GET", url_of(path, api_version, query), until=until)
        return None if answer.status == 404 else answer

    async def list(
        self, path: str, *, api_version: str, until: float | None = None, **query: str
    ) -> AsyncIterator[Json]:
        """Every item of a collection, following ``nextLink``; a 404 has none.

        Raises:
            RetryableError: a page could not be read. Part of a list is never passed off as all
                of it: the items so far are worthless then.
        """
        url: str | None = url_of(path, api_version, query)
        while url:
            answer = await self._send("GET", self._same_host(url), until=until)
            if answer.status == 404:
                return
            if not isinstance(answer.body.get("value"), list):
                raise Unavailable(f"GET {path} answered without a list")
            for item in answer.body["value"]:
                yield item
            url = answer.body.get("nextLink")

    async def put(
        self, path: str, body: Json | None, *, api_version: str, if_match: str | None, until: float
    ) -> Answer:
        """Create or update *path* and wait until that has really ended.

        Returns:
            A status above 400 says that it was so already.

        Raises:
            StaleRead: *if_match* is no longer its ETag, or its parent went away.
        """
        headers = {"If-Match": if_match} if if_match else {}
        url = url_of(path, api_version, {})
        answer = await self._send("PUT", url, headers=headers, body=body, until=until)
        if answer.status == 404:
            raise StaleRead(f"PUT {path}: what it belongs to is gone")
        return await self._finished(answer, path, until)

    async def patch(
        self, path: str, body: Json, *, api_version: str, if_match: str, until: float
    ) -> Answer:
        """Change the fields of *path* that *body* names; the command line does, never the app.

        Raises:
            StaleRead: *if_match* is no longer its ETag, or it has gone.
        """
        url, headers = url_of(path, api_version, {}), {"If-Match": if_match}
        answer = await self._send("PATCH", url, headers=headers, body=body, until=until)
        if answer.status == 404:
            raise StaleRead(f"PATCH {path}: it has gone")
        return await self._finished(answer, path, until)

    async def post(self, path: str, *, api_version: str, until: float) -> Answer:
        """Ask for what ARM gives to a POST alone: secrets."""
        return await self._send("POST", url_of(path, api_version, {}), until=until)

    async def delete(
        self, path: str, *, api_version: str, if_match: str | None, until: float, **query: str
    ) -> None:
        """Delete *path* and wait until it has gone; a 404 means that it has."""
        headers = {"If-Match": if_match} if if_match else {}
        url = url_of(path, api_version, query)
        answer = await self._send("DELETE", url, headers=headers, until=until)
        if answer.status != 404:
            await self._finished(answer, path, until)

    async def _finished(self, answer: Answer, path: str, until: float) -> Answer:
        """Follow a long-running operation, in every shape ARM has answered with.

        200, 201 and 202 all occur, with Azure-AsyncOperation, with Location, with a
        provisioningState in the body, or with several of these (Azure/apiops Http.cs,
        Azure/apiops-cli PR 112, terraform-provider-azurerm#24379). The header's URL is polled
        verbatim: without its query a failed operation looks like a success.
        """
        url = answer.headers.get("Azure-AsyncOperation") or answer.headers.get("Location")
        if not url or (answer.status == 200 and not _is_running(answer)):
            return answer
        url = self._same_host(url)
        end, interval = until + self.request_s, _POLL_INTERVAL_S
        while self._clock.monotonic() < end:
            answer = await self._send("GET", url, until=end)
            if answer.status == 404:
                raise Unavailable(f"{path}: the operation that was accepted can't be found")
            if not _is_running(answer):
                _raise_if_failed(answer, path)
                return answer
            wait, interval = _retry_after(answer) or interval, min(interval * 1.5, _LONGEST_SLEEP_S)
            if self._clock.monotonic() + wait > end:
                break
            await self._clock.sleep(wait)
        raise Unavailable(f"{path}: accepted, but not ended within this run's time")

    async def _send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: Json | None = None,
        until: float | None = None,
    ) -> Answer:
        """Send, and send again while that makes sense; a 404 that says so is an answer.

        Nothing is started after *until*; without one, a read has the time of one request.
        """
        where = f"{method} {urlsplit(url).path}"
        until = self._clock.monotonic() + self.request_s if until is None else until
        for attempt in range(_ATTEMPTS):
            if self._clock.monotonic() >= until:
                raise Unavailable(f"{where}: not started, the run's time is up")
            answer, wait = await self._once(method, url, headers or {}, body, where)
            if wait is None:
                return answer
            pause = max(wait, _backoff(attempt))
            if pause > _LONGEST_SLEEP_S or self._clock.monotonic() + pause >= until:
                raise Unavailable(_say(where, answer), retry_after=timedelta(seconds=pause))
            await self._clock.sleep(pause)
        raise Unavailable(_say(where, answer))

    async def _once(
        self, method: str, url: str, headers: Mapping[str, str], body: Json | None, where: str
    ) -> tuple[Answer, float | None]:
        """One request: its answer, and how long to wait before it makes sense again."""
        if method == "GET" and (pause := self._rate.wait_s(self._clock.monotonic())):
            await self._clock.sleep(pause)
        request = HttpRequest(method, url, headers=dict(headers), json=body)
        try:
            with arm_call(method, url, origin=self._origin) as call:
                async with asyncio.timeout(self.request_s):  # azure-core's own count between bytes
                    response = await self._client._send_request(request)  # noqa: SLF001 - see above
                    call.status = response.status_code
        except ClientAuthenticationError as exc:
            raise Unavailable(f"{where}: no token for ARM ({exc.message})") from exc
        except (AzureError, TimeoutError) as exc:
            # azure-core calls a connection that broke after the request a request error as well.
            never_sent = isinstance(
                getattr(exc, "inner_exception", None), aiohttp.ClientConnectorError
            )
            if never_sent or method == "GET":
                return Answer(0, _error_body("NoAnswer", type(exc).__name__), {}), 0.0
            raise self._unknown(f"{where}: no answer ({type(exc).__name__})", headers) from exc
        answer = _answer(response)
        if answer.status in _ACCEPTED:
            return answer, None
        if answer.status in _CUT and method != "GET":
            raise self._unknown(_say(where, answer), headers)
        return answer, _wait(answer, where)

    def _unknown(self, said: str, headers: Mapping[str, str]) -> RetryableError:
        """A write that may have taken effect, or may yet: only reading can tell.

        The front door gives up on writes that go on behind it (Azure/apiops#490). One that names
        an ETag can't undo anything newer. A create could, so the unit is left alone until it must
        have landed. (aiohttp repeats a request once by itself when a kept-alive connection turns
        out dead; both are of one run, so that does no harm.)
        """
        if "If-Match" in headers:
            return StaleRead(said)
        return Unavailable(said, retry_after=timedelta(seconds=self.request_s))

    def _same_host(self, url: str) -> str:
        """Refuse to send our token anywhere but to ARM."""
        if urlsplit(url).netloc and origin_of(url) != self._origin:
            raise Rejected("ARM named a link on another host", code="ForeignLink")
        return url


def _wait(answer: Answer, where: str) -> float | None:
    """Seconds to wait before the same request makes sense again; None for an answer to use."""
    code, message = _error(answer.body)
    retry_after = _retry_after(answer)
    match meaning(answer.status, code, message):
        case Meaning.MISSING:
            return None
        case Meaning.STALE:
            raise StaleRead(_say(where, answer))
        case Meaning.DENIED:
            wait = timedelta(seconds=retry_after or 60)
            error = Denied if answer.status == 403 else Unavailable
            raise error(f"{_say(where, answer)}; check its role assignments", retry_after=wait)
        case Meaning.BUSY:
            return retry_after
        case Meaning.LATER:
            return retry_after or _NOT_NOW_S
        case Meaning.DONE:
            return None
        case Meaning.REJECTED:
            raise Rejected(_say(where, answer), code=code)


def _answer(response: AsyncHttpResponse) -> Answer:
    try:
        body = json.loads(response.text()) if response.content else {}
    except ValueError:
        body = {}
    return Answer(response.status_code, body if isinstance(body, dict) else {}, response.headers)


def _raise_if_failed(answer: Answer, path: str) -> None:
    state = str(answer.body.get("status") or _provisioning_state(answer.body)).lower()
    if state in ("failed", "canceled", "cancelled"):
        code, message = _error(answer.body)
        said = f"{path}: {code} {message}".strip()
        if operation_meaning(code) is Meaning.REJECTED:
            raise Rejected(said, code=code)
        raise Unavailable(said)


def _is_running(answer: Answer) -> bool:
    state = str(answer.body.get("status") or _provisioning_state(answer.body)).lower()
    return answer.status == 202 or state in _RUNNING


def _provisioning_state(body: Json) -> str:
    properties = body.get("properties")
    inner = properties if isinstance(properties, dict) else {}
    return str(inner.get("provisioningState") or body.get("ProvisioningState") or "")


def _error(body: Json) -> tuple[str, str]:
    """Code and message of an ARM error, its details included."""
    error = body.get("error")
    if not isinstance(error, dict):
        return "", ""
    details = error.get("details")
    parts = [error, *(details if isinstance(details, list) else [])]
    texts = [str(part["message"]) for part in parts if isinstance(part, dict) and "message" in part]
    return str(error.get("code") or ""), " ".join(texts)[:500]


def _error_body(code: str, message: str) -> Json:
    return {"error": {"code": code, "message": message}}


def _say(where: str, answer: Answer) -> str:
    code, message = _error(answer.body)
    return f"{where} answered {answer.status or 'nothing'} {code} {message}".strip()


def _retry_after(answer: Answer) -> float:
    value = answer.headers.get("Retry-After", "")
    if value.replace(".", "", 1).isdigit():
        return float(value)
    try:
        then = parsedate_to_datetime(value)
        now = parsedate_to_datetime(answer.headers["Date"])
    except (ValueError, KeyError):
        return 0.0
    return max(0.0, (then - now).total_seconds())


def _backoff(attempt: int) -> float:
    jitter = 1 + random.random() * 0.3  # noqa: S311 - spreads retries, keeps no secret
    return min(0.5 * (1 << attempt) * jitter, _LONGEST_SLEEP_S)
