"""A process's line to ARM: the fates that requests meet, and what `shared.adapters.arm` calls.

`Line` stands where the adapter has azure-mgmt-apimanagement's client, so its own logic runs
(retries, polling, what an answer means) and azure-core's pipeline does not. test_arm_contract holds
this shortcut to the pipeline and the emulator over HTTP.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from azure.core.exceptions import (
    ServiceRequestError,
    ServiceResponseError,
    ServiceResponseTimeoutError,
)
from azure.core.rest import HttpRequest
from multidict import CIMultiDict

from tests.simulation.azure import ENDPOINT, Answer, Azure
from tests.simulation.network import Fate, Network
from tests.simulation.oracles import Oracles
from tests.simulation.runs import RUN


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error answer as ARM words it; sources are in shared/core/arm_errors.py."""

    status: int
    code: str
    message: str
    retry_after: tuple[str, ...] = ("",)  # one of these is chosen
    has_effect: bool = False


REFUSALS: Mapping[str, Refusal] = {
    "409": Refusal(409, "PessimisticConcurrencyConflict", "Operation on the API is in progress"),
    "412": Refusal(412, "PreconditionFailed", "The precondition was not met."),
    "422": Refusal(422, "ManagementApiRequestFailed", "Failed to connect to management endpoint"),
    "429": Refusal(429, "ResourceRequestsThrottled", "Try again.", ("", "1", "20", "372")),
    "403": Refusal(403, "AuthorizationFailed", "The client does not have authorization."),
    "500": Refusal(500, "InternalServerError", "Encountered internal server error."),
    "500-after": Refusal(500, "InternalServerError", "Encountered an error.", has_effect=True),
    "504-after": Refusal(504, "GatewayTimeout", "The gateway did not receive", has_effect=True),
}
_OPERATION = re.compile(r"(operation(?:Statuses|Results))/\w+")
_ANY = ("429", "403", "500", "timeout-before", "drop-before", "kill-before")
_WRITES = (
    *_ANY,
    "409",
    "412",
    "422",
    "500-after",
    "504-after",
    "timeout-after",
    "drop-after",
    "drop-late",
)
_READS = (*_ANY, "drop-after")


@dataclass(frozen=True, slots=True)
class Line:
    azure: Azure
    network: Network
    oracles: Oracles

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], body: str | None
    ) -> Answer:
        """One request and its answer.

        Raises:
            AzureError: azure-core's, where there is no answer.
        """
        self.oracles.request(RUN.get(), method, urlsplit(url).path)
        kind = self._kind(method, url)
        what = f"{method} {_short(url)}"
        if kind:
            self.network.journal.fault(kind, what)
        with self.oracles.writing(method):
            answer = await self.network.call(
                lambda: self._effect(method, url, headers, body, kind), self._fate(kind)
            )
        assert isinstance(answer, Answer)
        self.network.journal.note(f"{what} -> {answer.status_code}")
        return answer

    async def _send_request(self, request: HttpRequest, **_options: Any) -> Answer:
        url = request.url if request.url.startswith("https:") else f"{ENDPOINT}{request.url}"
        return await self.send(request.method, url, request.headers, request.content)

    async def close(self) -> None:
        """Hold nothing."""

    def _kind(self, method: str, url: str) -> str | None:
        if method != "GET":
            return self.network.fault(*_WRITES, "kill-after")
        if _may_be_partial(url):
            return self.network.fault(*_READS, "partial-list")
        return self.network.fault(*_READS)

    def _effect(
        self, method: str, url: str, headers: Mapping[str, str], body: str | None, kind: str | None
    ) -> Answer:
        answer = self.azure.ask(method, url, headers, body)
        if kind != "partial-list":
            return answer
        found = json.loads(answer.content)
        items = found.get("value", [])
        found["value"] = items[: self.network.rng.randrange(len(items) or 1)]
        return Answer(answer.status_code, answer.headers, json.dumps(found).encode())

    def _fate(self, kind: str | None) -> Fate:
        network, patience = self.network, self.network.request_timeout_s
        soon = network.latency(), network.latency()
        match kind:
            case "timeout-before":
                error = ServiceResponseTimeoutError("no answer in time")
                return Fate(0.0, patience, has_effect=False, instead=error)
            case "timeout-after":
                # A write ends within its request's timeout: the lease counts on it.
                before = network.rng.uniform(0.0, patience / 2)
                error = ServiceResponseTimeoutError("no answer in time")
                return Fate(before, patience - before, instead=error)
            case "drop-before":
                return Fate(*soon, has_effect=False, instead=ServiceRequestError("no connection"))
            case "drop-late":
                # The connection breaks at once, and the service goes on with what it has got.
                before = network.rng.uniform(0.0, patience / 2)
                broken = ServiceResponseError("connection reset")
                return Fate(before, 0.0, instead=broken, heard=soon[0])
            case "drop-after":
                return Fate(*soon, instead=ServiceResponseError("connection reset"))
            case "kill-before":
                return Fate(*soon, has_effect=False, kills=True)
            case "kill-after":
                return Fate(*soon, kills=True)
            case None | "partial-list":
                return Fate(*soon)
            case _:
                refusal = REFUSALS[kind]
                return Fate(*soon, has_effect=refusal.has_effect, instead=self._refused(refusal))

    def _refused(self, refusal: Refusal) -> Answer:
        wait = self.network.rng.choice(refusal.retry_after)
        headers = CIMultiDict({"Retry-After": wait} if wait else {})
        body = {"error": {"code": refusal.code, "message": refusal.message}}
        return Answer(refusal.status, headers, json.dumps(body).encode())


def _may_be_partial(url: str) -> bool:
    """Deployments, and the gateway's own lists of one unit's resources."""
    parts = urlsplit(url)
    filtered = parts.path.endswith(("/apis", "/backends")) and "filter=" in parts.query
    return filtered or parts.path.endswith("/deployments")


def _short(url: str) -> str:
    """For the trace: without the ids of operations, which differ from run to run."""
    parts = urlsplit(url)
    path = _OPERATION.sub(r"\1/...", parts.path.rpartition("/providers/")[2])
    return f"{path} (poll)" if "asyncId=" in parts.query else path
