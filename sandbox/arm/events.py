"""A finished write as the value that the local Event Grid makes an event of."""

from datetime import datetime
from typing import Literal

from sandbox.arm.dispatch import operation_name
from sandbox.arm.errors import ArmError
from sandbox.arm.ids import ResourcePath
from sandbox.arm.provider import Reply, Request
from sandbox.contracts import ArmWrite

_KINDS: dict[str, Literal["Write", "Delete", "Action"]] = {
    "PUT": "Write",
    "PATCH": "Write",
    "DELETE": "Delete",
    "POST": "Action",
}


def arm_write(
    request: Request,
    called: ResourcePath,
    outcome: Reply | ArmError,
    is_create: bool | None,
    at: datetime,
) -> ArmWrite:
    """The event of a request whose path is canonical; ``called`` is the path as it came in."""
    path = request.path
    # Editing tags through the Tags API names the tagged resource, not "tags/default"
    # (learn.microsoft.com/azure/event-grid/event-schema-subscriptions; UNVERIFIED for this type).
    about_tags = path.types == ("tags",)
    return ArmWrite(
        resource_id=called.scope if about_tags else called.id,
        operation_name=operation_name(path, request.method),
        kind=_KINDS[request.method],
        status="Failed" if isinstance(outcome, ArmError) else "Succeeded",
        method=request.method,
        url=f"{request.base_url}{called.url_path}?api-version={request.api_version}",
        is_create=bool(is_create),
        correlation_id=request.correlation_id,
        client_request_id=request.headers.get("x-ms-client-request-id", ""),
        at=at,
    )
