"""Microsoft.EventGrid on the local ARM: system topics, custom topics and event subscriptions.

learn.microsoft.com/rest/api/eventgrid/controlplane. An event subscription exists at once as
``Creating`` and becomes ``Succeeded`` or ``Failed`` with the endpoint's handshake; clients poll the
resource itself (no ``Azure-AsyncOperation``: the local operations cannot wait for a handshake, so
the reason of a failure is in ``properties.sandboxError`` only).
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from sandbox.arm.errors import ArmError
from sandbox.arm.ids import ResourcePath
from sandbox.arm.provider import Context, Reply, Request, merge_patch, paged
from sandbox.arm.store import Entry
from sandbox.arm.system_data import identity, system_data
from sandbox.contracts import Json
from sandbox.event_grid.handshake import HandshakeError
from sandbox.event_grid.subscriptions import (
    FunctionUrl,
    InvalidSubscriptionError,
    Subscription,
    parse_subscription,
)

# azure-rest-api-specs, specification/eventgrid: stable and preview folders
_VERSIONS = (
    *("2020-06-01", "2020-10-15-preview", "2021-06-01-preview", "2021-10-15-preview"),
    *("2021-12-01", "2022-06-15", "2023-06-01-preview", "2023-12-15-preview"),
    *("2024-06-01-preview", "2024-12-15-preview", "2025-02-15", "2025-04-01-preview"),
    "2025-07-15-preview",
)
_TYPES = ("systemTopics", "systemTopics/eventSubscriptions", "topics", "eventSubscriptions")
# Without the header azure-core waits 30 s between polls of a resource; it takes 0 for no header.
_SOON = {"Retry-After": "1"}
_SUBSCRIPTIONS_TOPIC = "microsoft.resources.subscriptions"


class Grid(Protocol):
    """What the provider needs of the emulator."""

    topic_key: str
    url: str

    async def subscribe(
        self, subscription: Subscription, *, exists: Callable[[], bool]
    ) -> None: ...
    def unsubscribe(self, subscription: Subscription) -> None: ...


@dataclass(slots=True)
class EventGridProvider:
    context: Context
    grid: Grid
    function_url: FunctionUrl = lambda _resource_id: None
    namespace: str = "Microsoft.EventGrid"
    resource_types: Mapping[str, Sequence[str]] = field(
        default_factory=lambda: dict.fromkeys(_TYPES, _VERSIONS)
    )
    _active: dict[str, Subscription] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def handle(self, request: Request) -> Reply:
        path = request.path
        route = "/".join((*path.types, *([path.trailing.lower()] if path.trailing else [])))
        listing = bool(path.trailing) and request.method == "GET"
        handler = _ROUTES.get(("LIST" if listing else request.method, route))
        if handler is None:
            raise ArmError(
                405,
                "MethodNotAllowed",
                f"The http method '{request.method}' is not supported for '{path.path}'.",
            )
        return handler(self, request)

    def get(self, request: Request) -> Reply:
        entry = self._entry(request)
        creating = entry.body["properties"].get("provisioningState") in {"Creating", "Updating"}
        return Reply(body=entry.body, headers=_SOON if creating else {})

    def list(self, request: Request) -> Reply:
        """Members of a collection, or of a whole subscription where the path has no group."""
        path, store = request.path, self.context.store
        nested = bool(path.pairs) or path.resource_group or path.types or path.is_extension
        if nested or (path.trailing or "").lower() == "eventsubscriptions":
            found = store.members(path.path)
        else:
            found = store.of_type(path.collection_type, path.scope)
        return paged(request, [entry.body for entry in found])

    def put_system_topic(self, request: Request) -> Reply:
        path, given = request.path, request.json()
        properties: Json = given.get("properties") or {}
        source, topic_type = properties.get("source"), properties.get("topicType")
        if not source or not topic_type:
            raise _invalid("A system topic needs properties.source and properties.topicType.")
        if topic_type.lower() == _SUBSCRIPTIONS_TOPIC and given.get("location") != "global":
            # learn.microsoft.com/azure/event-grid/system-topics#location-and-resource-group;
            # code and wording are UNVERIFIED
            raise _invalid("System topics for Azure subscriptions have the location 'global'.")
        self._check_only_topic_of(source, path)
        extra = {"source": source, "topicType": topic_type, "provisioningState": "Succeeded"}
        return self._put_topic(request, extra)

    def put_topic(self, request: Request) -> Reply:
        endpoint = f"{self.grid.url}/topics/{request.path.name}/api/events"
        extra = {
            "endpoint": endpoint,
            "inputSchema": "EventGridSchema",
            "publicNetworkAccess": "Enabled",
            "provisioningState": "Succeeded",
        }
        given = request.json().get("properties") or {}
        return self._put_topic(request, extra | given | {"endpoint": endpoint})

    def patch_topic(self, request: Request) -> Reply:
        entry = self._entry(request)
        allowed = {"tags", "identity", "properties"}
        patch = {name: value for name, value in request.json().items() if name in allowed}
        body = merge_patch(entry.copy_body(), patch)
        body["systemData"] = system_data(request, entry, self.context.clock())
        return Reply(body=self.context.store.put(request.path, body, now=self.context.clock()).body)

    def delete(self, request: Request) -> Reply:
        """A topic takes its event subscriptions along, nested and extensions alike."""
        gone = self.context.store.delete(request.path.id)
        for entry in gone:
            subscription = self._active.pop(entry.id.lower(), None)
            if subscription is not None:
                self.grid.unsubscribe(subscription)
        return Reply(200) if gone else Reply(204)

    def list_keys(self, request: Request) -> Reply:
        self._entry(request)
        keys = {"key1": self.grid.topic_key, "key2": self.grid.topic_key}
        return Reply(body=keys, secret=True)

    def put_subscription(self, request: Request) -> Reply:
        have = self.context.store.get(request.path.id)
        return self._write_subscription(request, request.json(), have)

    def patch_subscription(self, request: Request) -> Reply:
        """An update body is flat: no ``properties`` (EventSubscriptionUpdateParameters)."""
        entry = self._entry(request)
        properties = merge_patch(_whole(entry)["properties"], request.json())
        return self._write_subscription(request, {"properties": properties}, entry)

    def full_url(self, request: Request) -> Reply:
        """A GET hides the query of ``endpointUrl``, which holds a key; this POST shows it."""
        properties = _whole(self._entry(request))["properties"]
        destination = properties.get("destination") or {}
        url = (destination.get("properties") or {}).get("endpointUrl")
        return Reply(body={"endpointUrl": url}, secret=True)

    def _write_subscription(self, request: Request, given: Json, have: Entry | None) -> Reply:
        path = request.path
        topic, source = self._source(path)
        try:
            subscription = parse_subscription(path.name, source, given, self.function_url)
        except InvalidSubscriptionError as exc:
            raise _invalid(str(exc)) from exc
        state = "Updating" if have else "Creating"
        body: Json = {
            "id": have.id if have else path.id,
            "name": have.name if have else path.name,
            "type": path.type,
            "properties": _shown(given.get("properties") or {}, topic, state),
            "systemData": system_data(request, have, self.context.clock()),
        }
        entry = self.context.store.put(path, body, now=self.context.clock(), hidden=given)
        task = asyncio.get_running_loop().create_task(self._activate(path, subscription, entry))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return Reply(201, entry.body, headers=_SOON, is_create=have is None)

    async def _activate(self, path: ResourcePath, subscription: Subscription, entry: Entry) -> None:
        outcome: Json = {"provisioningState": "Succeeded"}
        try:
            # A resource group takes its event subscriptions along without asking this provider.
            await self.grid.subscribe(
                subscription, exists=lambda: self.context.store.get(path.id) is not None
            )
        except HandshakeError as exc:
            error = {"code": exc.code, "message": str(exc)}
            outcome = {"provisioningState": "Failed", "sandboxError": error}
        now = self.context.store.get(path.id)
        if now is None or now.etag != entry.etag:  # deleted or replaced meanwhile
            if outcome["provisioningState"] == "Succeeded" and now is None:
                self.grid.unsubscribe(subscription)
            return
        body = now.copy_body()
        body["properties"] |= outcome
        self.context.store.put(path, body, now=self.context.clock())
        if outcome["provisioningState"] == "Succeeded":
            self._active[path.key] = subscription

    def _source(self, path: ResourcePath) -> tuple[str, str]:
        """``properties.topic`` and what the subscription listens to."""
        if len(path.pairs) == 1:  # an extension: of a subscription, a group, a topic, a resource
            return path.scope, path.scope
        topic = self.context.store.get(path.parent.id)
        if topic is None:  # the dispatcher has checked the parent
            raise _invalid(f"The system topic '{path.parent.id}' does not exist.")
        return topic.id, topic.body["properties"]["source"]

    def _put_topic(self, request: Request, properties: Json) -> Reply:
        path, given = request.path, request.json()
        if not given.get("location"):
            raise ArmError(
                400, "LocationRequired", "The location property is required for this definition."
            )
        have = self.context.store.get(path.id)
        body: Json = {
            "id": have.id if have else path.id,
            "name": have.name if have else path.name,
            "type": path.type,
            "location": given["location"],
            "tags": given.get("tags"),
            "properties": properties,
            "systemData": system_data(request, have, self.context.clock()),
            **identity(path.id, given.get("identity"), request.principal.tenant_id),
        }
        entry = self.context.store.put(path, body, now=self.context.clock())
        return Reply(200 if have else 201, entry.body)

    def _check_only_topic_of(self, source: str, path: ResourcePath) -> None:
        """learn.microsoft.com/azure/event-grid/system-topics; the wording is UNVERIFIED."""
        for entry in self.context.store.of_type(path.type):
            same = entry.body["properties"]["source"].lower() == source.lower()
            if same and entry.id.lower() != path.key:
                raise _invalid("Only one system topic is allowed per source.")

    def _entry(self, request: Request) -> Entry:
        entry = self.context.store.get(request.path.id)
        if entry is None:
            raise ArmError(
                404,
                "ResourceNotFound",
                f"The Resource '{request.path.type}/{'/'.join(request.path.names)}' under resource "
                f"group '{request.path.resource_group}' was not found. For more details please go "
                "to https://aka.ms/ARMResourceNotFoundFix",
            )
        return entry


def _whole(entry: Entry) -> Json:
    """What was PUT, secrets included."""
    whole: Json = {"properties": {}, **entry.hidden}
    return whole


def _shown(given: Json, topic: str, state: str) -> Json:
    """What a GET shows: defaults filled in, the webhook's URL without its query."""
    shown: Json = {
        "eventDeliverySchema": "EventGridSchema",
        "labels": None,
        **given,
        "retryPolicy": {
            "maxDeliveryAttempts": 30,
            "eventTimeToLiveInMinutes": 1440,
            **(given.get("retryPolicy") or {}),
        },
        "filter": {
            "subjectBeginsWith": "",
            "subjectEndsWith": "",
            "includedEventTypes": None,
            "enableAdvancedFilteringOnArrays": False,
            **(given.get("filter") or {}),
        },
        "topic": topic,
        "provisioningState": state,
    }
    destination: Json = shown.get("destination") or {}
    inner: Json = dict(destination.get("properties") or {})
    url: Any = inner.pop("endpointUrl", None)
    if url is not None:
        inner = {"maxEventsPerBatch": 1, "preferredBatchSizeInKilobytes": 64, **inner}
        inner["endpointBaseUrl"] = url.partition("?")[0]
        shown["destination"] = {**destination, "properties": inner}
    return shown


def _invalid(message: str) -> ArmError:
    return ArmError(400, "InvalidRequest", message)


type _Handler = Callable[[EventGridProvider, Request], Reply]
_NESTED = "systemtopics/eventsubscriptions"
_ROUTES: dict[tuple[str, str], _Handler] = {
    ("GET", "systemtopics"): EventGridProvider.get,
    ("LIST", "systemtopics"): EventGridProvider.list,
    ("PUT", "systemtopics"): EventGridProvider.put_system_topic,
    ("PATCH", "systemtopics"): EventGridProvider.patch_topic,
    ("DELETE", "systemtopics"): EventGridProvider.delete,
    ("GET", "topics"): EventGridProvider.get,
    ("LIST", "topics"): EventGridProvider.list,
    ("PUT", "topics"): EventGridProvider.put_topic,
    ("PATCH", "topics"): EventGridProvider.patch_topic,
    ("DELETE", "topics"): EventGridProvider.delete,
    ("POST", "topics/listkeys"): EventGridProvider.list_keys,
    **{
        (method, route): handler
        for route in (_NESTED, "eventsubscriptions")
        for method, handler in (
            ("GET", EventGridProvider.get),
            ("LIST", EventGridProvider.list),
            ("PUT", EventGridProvider.put_subscription),
            ("PATCH", EventGridProvider.patch_subscription),
            ("DELETE", EventGridProvider.delete),
        )
    },
    ("POST", f"{_NESTED}/getfullurl"): EventGridProvider.full_url,
    ("POST", "eventsubscriptions/getfullurl"): EventGridProvider.full_url,
}
