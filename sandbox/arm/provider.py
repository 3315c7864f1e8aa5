"""What the front door and a resource provider say to each other.

A provider is a plain function from a ``Request`` to a ``Reply`` over the shared ``Store``; it
raises ``ArmError`` to refuse. Authentication, api-version checks, subscription and resource group
checks, latency, faults, recording, long-running operations and events are the server's.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, Protocol
from urllib.parse import quote, urlencode

from multidict import CIMultiDict, CIMultiDictProxy

from sandbox.arm.errors import ArmError
from sandbox.arm.ids import ResourcePath
from sandbox.arm.store import Entry, Store
from sandbox.contracts import Json

type Clock = Callable[[], datetime]
type Headers = CIMultiDictProxy[str]


def _none() -> Headers:
    return CIMultiDictProxy(CIMultiDict())


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Principal:
    object_id: str = "77777777-8888-9999-0000-aaaaaaaaaaaa"
    tenant_id: str = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
    name: str | None = None  # upn of a user, None for an application
    app_id: str | None = None


@dataclass(frozen=True, slots=True)
class Request:
    method: str  # GET, PUT, PATCH, POST, DELETE; a HEAD arrives as HEAD
    path: ResourcePath
    query: Headers = field(default_factory=_none)  # names are case-insensitive, as in ARM
    headers: Headers = field(default_factory=_none)
    body: Any = None  # parsed JSON; None when there was none
    api_version: str = ""
    principal: Principal = field(default_factory=Principal)
    base_url: str = "http://127.0.0.1"  # scheme and host as the client called them
    correlation_id: str = ""

    def json(self) -> Json:
        """The body as an object, or ARM's own refusal."""
        if not isinstance(self.body, dict):
            raise invalid_content("the body is not an object")
        # These members are objects in every resource; anything else never reaches a provider.
        for name in ("properties", "tags", "sku", "identity"):
            object_of(self.body, name)
        return self.body


def object_of(body: Json, name: str) -> Json:
    """A member that is an object; empty when it is missing or null, refused when it is not one."""
    value = body.get(name)
    if value is not None and not isinstance(value, dict):
        raise invalid_content(f"'{name}' is not an object")
    return value or {}


def text_of(body: Json, name: str) -> str:
    """A member that is a string; empty when it is missing or null, refused when it is not one."""
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise invalid_content(f"'{name}' is not a string")
    return value or ""


def invalid_content(why: str) -> ArmError:
    return ArmError(
        400,
        "InvalidRequestContent",
        f"The request content was invalid and could not be deserialized: '{why}'.",
    )


@dataclass(frozen=True, slots=True)
class LongRunning:
    """Work that goes on after the first answer.

    ``finish`` runs when the time is over and returns the final answer, or raises ``ArmError``: then
    the operation is Failed. It must tolerate that the resource was deleted meanwhile.

    Where a client polls is ``poll``:

    - ``async-operation``: ``Azure-AsyncOperation`` and ``Location``, both under
      ``{namespace}/locations/.../operation{Statuses,Results}``
    - ``location``: only ``Location``, which answers 202 until done, then the final answer
    - ``async-id``: ``Location`` is the resource's own URL with ``asyncId`` and ``asyncCode``
      (API Management, github.com/Azure/azure-powershell/issues/9270), and ``Azure-AsyncOperation``
      too unless the first answer is a 202
    """

    operation: str  # row of the latency table, e.g. Microsoft.ApiManagement/service/apis/write
    finish: Callable[[], "Reply"]
    poll: Literal["async-operation", "location", "async-id"] = "async-operation"
    locks: tuple[str, ...] = ()  # held from now until finished; see Locks
    linger_s: float = 0.0  # how long the locks outlive a success
    # Runs instead of ``finish`` when a fault rule makes the operation fail.
    fail: Callable[[], None] | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    long_running: LongRunning | None = None
    secret: bool = False  # the body holds keys: recordings leave it out
    is_create: bool | None = None  # for events; None: derived from the status 201


class Locks:
    """Resources with an operation in progress, counted; keys are lower-cased ids."""

    def __init__(self) -> None:
        self._held: dict[str, int] = {}

    def held(self, key: str) -> bool:
        return key.lower() in self._held

    def acquire(self, keys: Sequence[str]) -> None:
        for key in keys:
            self._held[key.lower()] = self._held.get(key.lower(), 0) + 1

    def release(self, keys: Sequence[str]) -> None:
        for key in keys:
            count = self._held.get(key.lower(), 0) - 1
            if count > 0:
                self._held[key.lower()] = count
            else:
                self._held.pop(key.lower(), None)


@dataclass(frozen=True, slots=True)
class Context:
    """What all providers of one local Azure share."""

    store: Store = field(default_factory=Store)
    locks: Locks = field(default_factory=Locks)
    clock: Clock = utc_now


class Provider(Protocol):
    @property
    def namespace(self) -> str: ...

    @property
    def resource_types(self) -> Mapping[str, Sequence[str]]:
        """Type path without namespace (``accounts/deployments``) -> its api-versions."""

    def handle(self, request: Request) -> Reply: ...


def check_if_match(request: Request, entry: Entry | None) -> None:
    """Refuse a write whose ``If-Match`` does not name the current version.

    ``*`` and a list of tags are RFC 9110 section 13.1.1. Some clients send the tag without quotes,
    so quotes are ignored. Without the header there is no condition.
    """
    header = request.headers.get("If-Match")
    if header is None:
        return
    if header.strip() == "*":
        if entry is None:
            raise _precondition_failed()
        return
    wanted = {tag.strip().removeprefix("W/").strip('"') for tag in header.split(",")}
    if entry is None or entry.etag.strip('"') not in wanted:
        raise _precondition_failed()


def next_link(request: Request, changes: Mapping[str, str]) -> str:
    """This request's URL with some query values replaced, on the client's own scheme and host."""
    query = CIMultiDict(request.query)
    for name, value in changes.items():
        query[name] = value
    encoded = urlencode(list(query.items()), quote_via=quote, safe="$")
    return f"{request.base_url}{request.path.url_path}?{encoded}"


def paged(request: Request, items: Sequence[Any], size: int = 100) -> Reply:
    """One page of a list; ``$skiptoken`` is the opaque offset of the next."""
    token = request.query.get("$skiptoken", "0")
    if not re.fullmatch(r"\d{1,9}", token):
        raise ArmError(400, "InvalidSkipToken", f"The skip token '{token}' is invalid.")
    start, end = int(token), int(token) + size
    body: Json = {"value": list(items[start:end])}
    if end < len(items):
        body["nextLink"] = next_link(request, {"$skiptoken": str(end)})
    return Reply(body=body)


def merge_patch(target: Any, patch: Any) -> Any:
    """RFC 7396: null removes, objects merge, everything else replaces."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge_patch(merged.get(name), value)
    return merged


def _precondition_failed() -> ArmError:
    return ArmError(
        412, "PreconditionFailed", "The precondition given in one of the headers was not met."
    )
