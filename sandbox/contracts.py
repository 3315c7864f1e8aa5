"""The values that the rooms of the sandbox hand to each other."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

type Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ArmWrite:
    """One finished write on ARM: what a subscription's system topic raises an event for.

    Only PUT, PATCH, POST and DELETE on the management endpoint raise events, at the end of a
    long-running operation and not at its 202
    (learn.microsoft.com/azure/event-grid/event-schema-subscriptions).
    """

    resource_id: str  # in the casing of the request
    operation_name: str  # e.g. Microsoft.CognitiveServices/accounts/deployments/write
    kind: Literal["Write", "Delete", "Action"]
    status: Literal["Succeeded", "Failed"]
    method: str
    url: str
    is_create: bool
    correlation_id: str
    client_request_id: str
    at: datetime  # aware, UTC


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where the running local Azure listens; printed as one JSON line by ``serve --json``."""

    arm: str
    identity: str
    blob: str
    queue: str
    table: str
    event_grid: str
    functions: str
    extra: Mapping[str, str]
