"""What stands of one unit in API Management: found by lists, read by GETs.

A list only says what to look at: it has no ETags, and one that lags can name what has gone and
miss what has come. What it names and a GET denies is absent.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from shared.adapters.arm import Answer, Arm
from shared.core.model import ActualResource, Json, Wants
from shared.core.naming import (
    SAFE_ID,
    api_of_backend,
    diagnostics_path,
    key_name,
    policy_path,
    unit_hash,
)
from shared.core.ownership import mark_of
from shared.core.resource_ids import AccountId
from shared.core.resource_kinds import POLICIES, ResourceKind, kind_of
from shared.core.taken_paths import has_path
from shared.errors import Unavailable

API_VERSION = "2024-05-01"
ROLES_VERSION = "2022-04-01"
WITHOUT_ETAG = frozenset({ResourceKind.PRODUCT_LINK, ResourceKind.ROLE_ASSIGNMENT})
_TOKEN_METRIC = "llm-emit-token-metric"  # noqa: S105 - a policy's name

type Operations = tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class Reads:
    """Requests that change nothing, a few at a time."""

    arm: Arm
    root: str
    slots: asyncio.Semaphore

    def at(self, path: str) -> str:
        """The resource id of *path*, which is below the service unless it begins with a slash."""
        return path if path.startswith("/") else f"{self.root}/{path}"

    async def get(
        self, path: str, until: float, *, api_version: str = API_VERSION, **query: str
    ) -> Answer | None:
        async with self.slots:
            return await self.arm.get(self.at(path), api_version=api_version, until=until, **query)

    async def list(
        self, path: str, until: float | None, *, api_version: str = API_VERSION, **query: str
    ) -> list[Json]:
        async with self.slots:
            pages = self.arm.list(self.at(path), api_version=api_version, until=until, **query)
            return [item async for item in pages]

    async def resource(
        self, path: str, until: float, *, is_websocket: bool = False
    ) -> ActualResource | None:
        """What stands at *path*; an API comes with its operations, unless it is a WebSocket API."""
        kind = kind_of(path)
        has_operations = kind is ResourceKind.API and not is_websocket
        answer, operations = await asyncio.gather(
            self.get(path, until, **({"format": "xml"} if kind in POLICIES else {})),
            self._operations(path, until) if has_operations else _no_operations(),
        )
        if answer is None:
            return None
        if not answer.etag:
            raise Unavailable(f"{path} came without an ETag")
        return ActualResource(path, answer.body, answer.etag, operations)

    async def _operations(self, path: str, until: float) -> Operations:
        items = await self.list(f"{path}/operations", until)
        return tuple(sorted(map(_operation, items)))


@dataclass(frozen=True, slots=True)
class Look:
    """One reading of one unit.

    Attributes:
        known: Paths that a list lacked lately although a GET found them.
        found: By path.
        denied: Paths that a GET said 404 for.
        listed: Paths that a list named.
    """

    reads: Reads
    unit: AccountId
    wants: Wants
    until: float
    known: frozenset[str]
    found: dict[str, ActualResource] = field(default_factory=dict)
    denied: set[str] = field(default_factory=set)
    listed: set[str] = field(default_factory=set)

    async def take(self) -> None:
        """Fill *found*, *denied* and *listed*.

        A backend whose API no list names is no proof that the API is gone, and taking it off
        would break that API: so it is asked for.
        """
        key = f"namedValues/{key_name(self.unit)}"
        apis, backends = await asyncio.gather(self._listed("apis"), self._listed("backends"))
        self.listed.update(apis, backends)
        implied = {f"apis/{api}" for path in backends if (api := api_of_backend(_name(path)))}
        keys = {key} if self.wants.keys else set()
        unlisted = (self.known | implied | keys) - self.listed
        await asyncio.gather(
            *(self._api(path, is_websocket=it) for path, it in apis.items()),
            *map(self._read, backends),
            *map(self._unlisted, sorted(unlisted)),
        )
        if key not in unlisted and any(key_name(self.unit) in text for text in self._policies()):
            await self._read(key)

    async def _listed(self, collection: str) -> dict[str, bool]:
        """The unit's resources of a collection, each with whether it is a WebSocket API.

        ``contains(name,'…')`` is documented for both collections
        (learn.microsoft.com/rest/api/apimanagement/apis/list-by-service, backend/list-by-service).
        An API's other revisions, ``name;rev=2``, are not ours.
        """
        token = unit_hash(self.unit)
        items = await self.reads.list(
            collection, self.until, **{"$filter": f"contains(name,'{token}')"}
        )
        return {
            f"{collection}/{name}": is_websocket(item)
            for item in items
            if SAFE_ID.fullmatch(name := str(item.get("name", ""))) and token in name
        }

    async def _unlisted(self, path: str) -> None:
        item = await self._read(path)
        if item is not None and kind_of(path) is ResourceKind.API:
            await self._api(path, is_websocket=is_websocket(item.body))

    async def _api(self, path: str, *, is_websocket: bool) -> None:
        """The API and what belongs to it."""
        policy = policy_path(_name(path), websocket=is_websocket)
        diagnostics = diagnostics_path(_name(path))
        api, _, _ = await asyncio.gather(
            self._read(path, is_websocket=is_websocket),
            self._read(policy),
            self._read(diagnostics) if self.wants.loggers else _nothing(),
        )
        if api is None:
            for child in (policy, diagnostics):
                self.found.pop(child, None)
            return
        mark = mark_of(api.body)
        if mark is not None and (self.wants.products or mark.products):
            self.found.update(await self._links(_name(path), mark.products))
        if not self.wants.loggers and _TOKEN_METRIC in _text(self.found.get(policy)):
            await self._read(diagnostics)

    async def _links(self, api: str, marked: Sequence[str]) -> dict[str, ActualResource]:
        """The products that the API belongs to, of those that we may have linked it to."""
        items = await self.reads.list(f"apis/{api}/products", self.until)
        names = {str(item.get("name", "")).lower() for item in items}
        ours = {it.lower(): it for it in (*marked, *sorted(self.wants.products))}
        linked = [product for name, product in ours.items() if name in names]
        paths = [f"products/{product}/apis/{api}" for product in linked]
        return {path: ActualResource(path, {}, "") for path in paths}

    async def _read(self, path: str, *, is_websocket: bool = False) -> ActualResource | None:
        item = await self.reads.resource(path, self.until, is_websocket=is_websocket)
        if item is None:
            self.denied.add(path)
        else:
            self.found[path] = item
        return item

    def _policies(self) -> list[str]:
        return [_text(item) for path, item in self.found.items() if kind_of(path) in POLICIES]


async def apis_at(reads: Reads, path: str, until: float) -> list[ActualResource]:
    """The APIs at *path*; more than one only if they are versions of one API.

    ``path eq '…'`` is documented (learn.microsoft.com/rest/api/apimanagement/apis/list-by-service);
    ``or`` is not, so each path is asked for by itself. That it finds any case is UNVERIFIED: what
    it misses, API Management refuses when the API is written. A list can name what has moved away,
    and revisions that are not current, so it is the API itself that tells.
    """
    items = await reads.list("apis", until, **{"$filter": f"path eq '{path}'"})
    names = {quote(str(item.get("name", "")).partition(";")[0], safe="") for item in items}
    answers = await asyncio.gather(*(reads.get(f"apis/{it}", until) for it in sorted(names)))
    found = (ActualResource(f"apis/{it.body['name']}", it.body, it.etag) for it in answers if it)
    return [item for item in found if has_path(item.body, path)]


def is_websocket(body: Json) -> bool:
    return str((body.get("properties") or {}).get("type", "")).lower() == "websocket"


def children_of(api_path: str) -> frozenset[str]:
    """What can't be there when the API is not; but for product links, which nothing overwrites."""
    name = _name(api_path)
    policies = (policy_path(name, websocket=it) for it in (True, False))
    return frozenset({*policies, diagnostics_path(name)})


async def _no_operations() -> Operations:
    return ()


def _operation(item: Json) -> tuple[str, str, str]:
    properties = item.get("properties", {})
    return item["name"], str(properties.get("method")), str(properties.get("urlTemplate"))


async def _nothing() -> None:
    return None


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _text(policy: ActualResource | None) -> str:
    return str((policy.body.get("properties") or {}).get("value", "")) if policy else ""
