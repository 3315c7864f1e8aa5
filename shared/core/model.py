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
    tags: Mapping[str, str] = field(default_factory=dict)


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
    """What of the API Management service itself decides what can stand in it.

    Attributes:
        identities: Client id, lower-cased, to principal id; "" is the system-assigned identity's.
    """

    sku: str
    provisioning_state: str
    identities: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Resource:
    """Something that should stand in the gateway.

    Attributes:
        path: Below the service, e.g. ``apis/contoso-azure-openai-1a2b3c``; of a role assignment
            its whole resource id.
        body: What is PUT; empty for a product link.
        operations: For an API, what its document becomes: (name, method, url template), sorted.
            Empty for a WebSocket API, whose one operation is the service's own.
        needs: Paths that must stand before this one can be written.
    """

    path: str
    body: Json
    operations: tuple[tuple[str, str, str], ...] = ()
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ActualResource:
    """Something that stands in the gateway, as ARM echoes it.

    Attributes:
        etag: "" for what has none: product links and role assignments.
    """

    path: str
    body: Json
    etag: str
    operations: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Wants:
    """What of the gateway, besides a unit's own resources, must be known to decide.

    Attributes:
        products: Ids of the products that some choice links APIs to.
        backends: Ids of backends of others that some policy names.
    """

    loggers: bool = False
    caches: bool = False
    keys: bool = False
    roles: bool = False
    products: frozenset[str] = frozenset()
    backends: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class RoleGrant:
    """A role that one of the gateway's identities has on the account, or above it.

    Attributes:
        id: The assignment's resource id.
        principal: Lower-cased, as *definition*, the id of the role definition, is.
        scope: Where it was assigned.
    """

    id: str
    principal: str
    definition: str
    scope: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class GatewayFacts:
    """What was found of what was wanted.

    Attributes:
        loggers: Names of the loggers to Application Insights.
        backends: Those of the wanted ones that exist, lower-cased; *products* alike.
        roles: What holds on the account, inherited ones included; None where we may not see it.
    """

    loggers: tuple[str, ...] = ()
    has_cache: bool = False
    backends: frozenset[str] = frozenset()
    products: frozenset[str] = frozenset()
    roles: tuple[RoleGrant, ...] | None = ()


@dataclass(frozen=True, slots=True)
class Actual:
    """All of a unit's resources that stand in the gateway, by path, and what they depend on."""

    service: Service
    resources: Mapping[str, ActualResource] = field(default_factory=dict)
    facts: GatewayFacts = GatewayFacts()
