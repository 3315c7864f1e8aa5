"""The sandbox's own ARM, in process: its providers are functions over a store, so nothing listens.

Every change of the store is told to whoever watches, at the moment it takes effect and in the
context of the request that caused it: the end of a long-running operation included.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from multidict import CIMultiDict, CIMultiDictProxy

from sandbox.arm.apim.call import ApimOptions, PutShape
from sandbox.arm.apim.provider import ApimProvider
from sandbox.arm.compose import arm_app
from sandbox.arm.errors import ArmError
from sandbox.arm.front_door import FrontDoor, Options
from sandbox.arm.ids import ResourcePath
from sandbox.arm.latency import Latency
from sandbox.arm.provider import Context, Principal, Reply, Request
from sandbox.arm.server import FRONT_DOOR
from sandbox.arm.store import Entry, Store
from sandbox.contracts import ArmWrite, Json
from sandbox.world import SUBSCRIPTION, World

ENDPOINT = "https://management.azure.com"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-ai"
GATEWAY = f"{GROUP}/providers/Microsoft.ApiManagement/service/apim-onramp"
ACCOUNTS = f"{GROUP}/providers/Microsoft.CognitiveServices/accounts"
ACCOUNTS_VERSION, GATEWAY_VERSION = "2025-09-01", "2024-05-01"

type Watch = Callable[[Entry | None, Entry | None], None]  # before, after


@dataclass(frozen=True, slots=True)
class Answer:
    """What comes back over the wire, also as the response that shared.adapters.arm reads."""

    status_code: int
    headers: Mapping[str, str]
    content: bytes

    def text(self) -> str:
        return self.content.decode()


class WatchedStore(Store):
    def __init__(self) -> None:
        super().__init__()
        self.watches: list[Watch] = []

    def put(
        self, path: ResourcePath, body: Json, *, now: datetime, hidden: Json | None = None
    ) -> Entry:
        before = self.get(path.id)
        after = super().put(path, body, now=now, hidden=hidden)
        for watch in self.watches:
            watch(before, after)
        return after

    def delete(self, resource_id: str) -> list[Entry]:
        gone = super().delete(resource_id)
        for entry in gone:
            for watch in self.watches:
                watch(entry, None)
        return gone


@dataclass(frozen=True, slots=True)
class Azure:
    door: FrontDoor
    store: WatchedStore
    clock: Callable[[], datetime]
    base_url: str = field(default=ENDPOINT)

    def ask(self, method: str, url: str, headers: Mapping[str, str], body: str | None) -> Answer:
        """One request of the app, from its bytes to the bytes of its answer."""
        parts = urlsplit(url)
        request = _request(method, parts.path, parts.query, headers, body)
        try:
            reply = self.door.perform(request)
        except ArmError as error:
            reply = Reply(error.status, error.render(), error.headers)
        text = b"" if reply.body is None else json.dumps(reply.body).encode()
        return Answer(reply.status, CIMultiDict(reply.headers), text)

    def do(
        self, method: str, path: str, body: Json | None = None, *, version: str = "", **query: str
    ) -> Reply:
        """One request of a person.

        Raises:
            ArmError: refused.
        """
        version = version or (GATEWAY_VERSION if "ApiManagement" in path else ACCOUNTS_VERSION)
        search = "&".join(f"{key}={value}" for key, value in query.items())
        text = None if body is None else json.dumps(body)
        headers = {"If-Match": "*"} if method in ("DELETE", "PATCH") else {}
        return self.door.perform(
            _request(method, path, f"api-version={version}&{search}", headers, text)
        )

    def get(self, path: str) -> Entry | None:
        return self.store.get(path)


def make_azure(
    clock: Callable[[], datetime],
    *,
    seed: int,
    scale: float,
    shape: PutShape,
    on_write: Callable[[ArmWrite], None],
) -> Azure:
    store = WatchedStore()
    context = Context(store=store, clock=clock)
    latency = Latency("realistic", seed=seed, scale=scale)
    app = arm_app(
        World(),
        options=Options(on_write=on_write, latency=latency),
        extra=[lambda it: ApimProvider(it, ApimOptions(api_put_shape=shape))],
        context=context,
    )
    azure = Azure(app[FRONT_DOOR], store, clock)
    azure.do("GET", f"{GATEWAY}/backends")  # what a new service holds is put there at first use
    return azure


def _request(
    method: str, path: str, query: str, headers: Mapping[str, str], body: str | None
) -> Request:
    values = CIMultiDict(parse_qsl(query))
    parsed: Any = json.loads(body) if body else None
    return Request(
        method,
        ResourcePath.parse(path),
        query=CIMultiDictProxy(values),
        headers=CIMultiDictProxy(CIMultiDict(headers)),
        body=parsed,
        api_version=values.get("api-version", ""),
        principal=Principal(name="simulation"),
        base_url=ENDPOINT,
    )
