"""The values of the field: what is observed in ARM and what stands in the gateway."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.core.resource_ids import AccountId

type Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Model:
    format: str
    name: str
    version: str


@dataclass(frozen=True, slots=True)
class Deployment:
    """A model deployment; its *name* is what clients route by, never the model's name."""

    name: str
    model: Model
    sku: str
    capacity: int
    provisioning_state: str
    capabilities: Mapping[str, str]
    tokens_per_minute: int | None


@dataclass(frozen=True, slots=True)
class Account:
    id: AccountId
    kind: str
    location: str
    provisioning_state: str
    custom_subdomain: str | None
    endpoints: Mapping[str, str]
    tags: Mapping[str, str]
    deployments: tuple[Deployment, ...]


@dataclass(frozen=True, slots=True)
class Service:
    """What of the API Management service itself decides what can stand in it."""

    sku: str
    provisioning_state: str


@dataclass(frozen=True, slots=True)
class Resource:
    """Something that should stand in the gateway.

    Attributes:
        path: Below the service, e.g. ``apis/contoso-azure-openai-1a2b3c``.
        body: What is PUT.
        operations: For an API, what its document becomes: (name, method, url template), sorted.
        needs: Paths that must stand before this one can be written.
    """

    path: str
    body: Json
    operations: tuple[tuple[str, str, str], ...] = ()
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ActualResource:
    """Something that stands in the gateway, as ARM echoes it."""

    path: str
    body: Json
    etag: str
    operations: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Actual:
    """All of a unit's resources that stand in the gateway, by path."""

    service: Service
    resources: Mapping[str, ActualResource] = field(default_factory=dict)
