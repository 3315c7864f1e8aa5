"""WebSocket APIs: made without a document, with one operation that belongs to the service.

learn.microsoft.com/azure/api-management/websocket-api: not in the Consumption tier; "onHandshake is
an immutable, unremovable, automatically created system operation". Policies are saved there:
Azure-Samples/AI-Gateway, labs/realtime-audio/main.bicep. Texts and statuses are UNVERIFIED.
"""

import re
from collections.abc import Mapping
from typing import Any

from sandbox.arm.apim.api_import import has_document
from sandbox.arm.apim.call import Call
from sandbox.arm.apim.entities import Draft
from sandbox.arm.apim.limits import check_room
from sandbox.arm.apim.validation import invalid
from sandbox.arm.errors import ArmError
from sandbox.arm.store import Entry
from sandbox.contracts import Json

HANDSHAKE = "onHandshake"
_WEBSOCKET = "websocket"
_URL = re.compile(r"wss?://[^\s/]+", re.IGNORECASE)
# An export has this one operation: Azure-Samples/ai-hub-gateway-solution-accelerator (branch
# citadel-v1), oai-realtime-api-ws.json. Its method, template and the rest are UNVERIFIED.
_OPERATION: Json = {
    "displayName": HANDSHAKE,
    "method": "GET",
    "urlTemplate": "/",
    "templateParameters": [],
    "description": None,
    "request": None,
    "responses": [],
    "policies": None,
}


def is_websocket(api: Entry | None) -> bool:
    return api is not None and _of(api.body["properties"]) == _WEBSOCKET


def typed(call: Call, request: Mapping[str, Any], inherited: Any) -> Json:
    """The type that the request means, and the protocols that go with it.

    ``apiType`` is a request's older word for ``type``: samples send either or both
    (azure-rest-api-specs, ApiCreateOrUpdateProperties). Without one an API stays what it is.
    """
    before = call.entry.body["properties"]["type"] if call.entry else "http"
    kind = request.get("type") or request.get("apiType") or inherited or before
    protocols = {} if request.get("protocols") else {"protocols": ["wss"]}
    is_socket = isinstance(kind, str) and kind.lower() == _WEBSOCKET
    if is_socket and has_document(request):
        raise invalid("format", "A WebSocket API cannot be imported from a document.")
    return {"type": kind, **(protocols if is_socket else {})}


def check_type(draft: Draft) -> None:
    """Type, protocols and service URL of an API must fit together; a type never changes."""
    properties = draft.properties
    kind, before = _of(properties), _of(draft.before)
    if before and before != kind:
        raise invalid("type", f"The type of an API cannot be changed from {before} to {kind}.")
    sockets = [it for it in properties["protocols"] if str(it).lower() in ("ws", "wss")]
    if kind != _WEBSOCKET:
        if sockets:
            raise invalid("protocols", f"Protocol '{sockets[0]}' needs an API of type websocket.")
        return
    if draft.call.tier == "Consumption":
        raise invalid("type", "WebSocket APIs are not supported in the Consumption tier.")
    if len(sockets) < len(properties["protocols"]):
        raise invalid("protocols", "A WebSocket API can only have the protocols ws and wss.")
    if not _URL.match(properties.get("serviceUrl") or ""):
        raise invalid("serviceUrl", "The service URL of a WebSocket API must begin with ws or wss.")
    if draft.existing is None:
        check_room(draft.call, "apis/operations")  # its operation counts like any other


def make_handshake(call: Call, api: Entry) -> None:
    """The operation comes with the API."""
    path = call.path.child("operations", HANDSHAKE)
    if is_websocket(api) and call.context.store.get(path.id) is None:
        call.put(path, _OPERATION)


def refuse_operations(call: Call) -> None:
    """Nothing can be put beside the operation, and nothing can change or delete it."""
    if is_websocket(call.parent):
        raise ArmError(
            400,
            "ValidationError",
            "Operations of a WebSocket API cannot be created, changed or deleted.",
            null_details=True,
        )


def _of(properties: Mapping[str, Any]) -> str:
    return str(properties.get("type") or "").lower()
