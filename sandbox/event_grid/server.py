"""The HTTP side of the local Event Grid: custom topics, validation URLs and a look inside.

``POST /topics/{name}/api/events``                publish, as a custom topic's endpoint does
``GET  /eventsubscriptions/{name}/validate?id=``  the manual handshake

Not of the service, for tests and for people who try things:

``GET  /_sandbox/topics/{name}/events``  what was published there
``GET  /_sandbox/deliveries``            every attempt; ``?event=ID`` and ``?subscription=NAME``
``GET  /_sandbox/subscriptions``         who gets what
``POST /_sandbox/publish``               any body to all subscriptions, past their filters, or with
                                         ``?subscription=NAME`` to one
``GET  /_sandbox/idle``                  answers when nothing is pending or in flight

Publishing: learn.microsoft.com/azure/event-grid/post-to-custom-topic; refusals as in
learn.microsoft.com/azure/event-grid/troubleshoot-errors, their texts UNVERIFIED.
"""

import base64
import binascii
import dataclasses
import hashlib
import hmac
import json
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol
from urllib.parse import parse_qs

from aiohttp import web

from sandbox.contracts import Json
from sandbox.event_grid.delivery import Attempt
from sandbox.event_grid.subscriptions import Subscription

_MAX_BYTES = 1_048_576  # per event and per array (post-to-custom-topic)
_AUDIENCE = "https://eventgrid.azure.net"
_EVENT_GRID_FIELDS = ("id", "subject", "eventType", "eventTime")  # event-schema, "required"
_CLOUD_EVENT_FIELDS = ("id", "source", "type", "specversion")  # CloudEvents 1.0 section 3.1


class Grid(Protocol):
    """What the endpoint needs of the emulator."""

    topic_key: str

    @property
    def subscriptions(self) -> Sequence[Subscription]: ...
    @property
    def deliveries(self) -> Sequence[Attempt]: ...
    def publish(self, topic: str, events: Sequence[Json]) -> None: ...
    def inject(self, event: Any, *, subscription: str | None = None) -> int: ...
    def topic_events(self, topic: str) -> Sequence[Json]: ...
    def accept_challenge(self, code: str) -> bool: ...
    async def idle(self) -> None: ...


class _RefusedError(Exception):
    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


def create_app(grid: Grid) -> web.Application:
    server = _Server(grid)
    # One byte more than allowed, so that the refusal is ours and in the service's shape.
    app = web.Application(client_max_size=_MAX_BYTES + 1)
    app.add_routes(
        [
            web.post("/topics/{name}/api/events", server.publish),
            web.get("/eventsubscriptions/{name}/validate", server.validate),
            web.get("/_sandbox/topics/{name}/events", server.topic_events),
            web.get("/_sandbox/deliveries", server.deliveries),
            web.get("/_sandbox/subscriptions", server.subscriptions),
            web.post("/_sandbox/publish", server.inject),
            web.get("/_sandbox/idle", server.idle),
        ]
    )
    return app


class _Server:
    def __init__(self, grid: Grid) -> None:
        self._grid = grid

    async def publish(self, request: web.Request) -> web.Response:
        try:
            _authorize(request, self._grid.topic_key)
            events = _events(await _body(request), request)
        except _RefusedError as refused:
            error = {"code": refused.code, "message": refused.message}
            return web.json_response({"error": error}, status=refused.status)
        self._grid.publish(request.match_info["name"], events)
        return web.Response()

    async def validate(self, request: web.Request) -> web.Response:
        if self._grid.accept_challenge(request.query.get("id", "").lower()):
            return web.json_response("Webhook successfully validated as a subscription endpoint.")
        return web.json_response("The validation URL is not, or no longer, valid.", status=400)

    async def topic_events(self, request: web.Request) -> web.Response:
        return web.json_response(list(self._grid.topic_events(request.match_info["name"])))

    async def deliveries(self, request: web.Request) -> web.Response:
        wanted = request.query
        found = [
            dataclasses.asdict(each) | {"at": each.at.isoformat()}
            for each in self._grid.deliveries
            if wanted.get("event", each.event_id) == each.event_id
            and wanted.get("subscription", each.subscription) == each.subscription
        ]
        return web.json_response(found)

    async def subscriptions(self, _request: web.Request) -> web.Response:
        found = [
            {"name": each.name, "source": each.source, "schema": each.schema}
            for each in self._grid.subscriptions
        ]
        return web.json_response(found)

    async def inject(self, request: web.Request) -> web.Response:
        body = await request.read()
        try:
            event = json.loads(body)
        except ValueError:
            event = body  # not even JSON: goes out as it came
        count = self._grid.inject(event, subscription=request.query.get("subscription"))
        return web.json_response({"subscriptions": count}, status=202)

    async def idle(self, _request: web.Request) -> web.Response:
        await self._grid.idle()
        return web.json_response({"idle": True})


def _authorize(request: web.Request, key: str) -> None:
    """Key, signature or token (learn.microsoft.com/azure/event-grid/authenticate-with-*)."""
    given = request.headers
    if "aeg-sas-key" in given:
        ok = hmac.compare_digest(given["aeg-sas-key"].encode(), key.encode())
    elif "aeg-sas-token" in given:
        ok = _is_signed(given["aeg-sas-token"], key)
    else:
        scheme, _, token = given.get("Authorization", "").partition(" ")
        ok = scheme.lower() == "bearer" and _is_for_us(token)
    if not ok:
        raise _RefusedError(
            401, "Unauthorized", "The request authorization key is not authorized for this topic."
        )


def _is_signed(token: str, key: str) -> bool:
    """``r={resource}&e={expiry}&s={signature}``, HMAC-SHA256 over what stands before ``&s=``.

    learn.microsoft.com/azure/event-grid/authenticate-with-access-keys-shared-access-signatures
    """
    signed, _, _ = token.partition("&s=")
    fields = {name: values[0] for name, values in parse_qs(token).items()}
    try:
        digest = hmac.digest(base64.b64decode(key), signed.encode(), hashlib.sha256)
        expiry = _expiry(fields["e"])
        return expiry > datetime.now(UTC) and hmac.compare_digest(
            base64.b64decode(fields["s"], validate=True), digest
        )
    except (KeyError, ValueError, binascii.Error):
        return False


def _expiry(text: str) -> datetime:
    """ISO 8601 or the US form that older SDKs write; no zone means UTC."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = datetime.strptime(text, "%m/%d/%Y %I:%M:%S %p").replace(tzinfo=UTC)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _is_for_us(token: str) -> bool:
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return str(claims["aud"]).rstrip("/") == _AUDIENCE and claims["exp"] > time.time()
    except (IndexError, KeyError, TypeError, ValueError):
        return False


async def _body(request: web.Request) -> bytes:
    too_large = _RefusedError(413, "RequestEntityTooLarge", "The array is larger than 1 MB.")
    try:
        body = await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise too_large from None
    if len(body) > _MAX_BYTES:
        raise too_large
    return body


def _events(body: bytes, request: web.Request) -> list[Json]:
    if "api-version" not in request.query:
        raise _RefusedError(400, "BadRequest", "The api-version parameter is missing.")
    try:
        parsed = json.loads(body)
    except ValueError:
        raise _RefusedError(400, "BadRequest", "The body is not JSON.") from None
    cloud = request.content_type.startswith("application/cloudevents")
    single = request.content_type == "application/cloudevents+json"
    events = [parsed] if single else parsed
    if not isinstance(events, list) or not all(isinstance(each, dict) for each in events):
        raise _RefusedError(400, "BadRequest", "The body must be an array of events.")
    for event in events:
        _check(event, _CLOUD_EVENT_FIELDS if cloud else _EVENT_GRID_FIELDS)
    return [event if cloud else _stamped(event, request) for event in events]


def _check(event: Mapping[str, Any], fields: Sequence[str]) -> None:
    for name in fields:
        if not isinstance(event.get(name), str) or not event[name]:
            raise _RefusedError(400, "BadRequest", f"The event has no '{name}'.")


def _stamped(event: Json, request: web.Request) -> Json:
    """What the service adds (learn.microsoft.com/azure/event-grid/event-schema)."""
    topic = f"/topics/{request.match_info['name']}"
    if event.get("metadataVersion", "1") != "1":
        raise _RefusedError(400, "BadRequest", "metadataVersion can only be 1.")
    return {"topic": topic, "dataVersion": "", "data": None} | event | {"metadataVersion": "1"}
