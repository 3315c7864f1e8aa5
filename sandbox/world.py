"""``--world FILE``: what the local Azure holds when it starts. Loading it raises no events.

A JSON object; every member has a default, unknown members are refused::

    {
      "tenant": "<guid>",
      "subscriptions": [{"id": "<guid>", "name": "sandbox"}],
      "resourceGroup": "rg-ai",        where accounts and gateways go that name none
      "location": "swedencentral",     the same for locations
      "accounts": [{
        "name": "contoso", "kind": "AIServices" | "OpenAI" | ..., "subdomain": "contoso" | null,
        "resourceGroup", "location", "subscription", "tags": {}, "properties": {},
        "deployments": [{
          "name": "gpt-4o",
          "model": {"name": "gpt-4o", "format": "OpenAI", "version": "2024-11-20"},
          "sku": {"name": "GlobalStandard", "capacity": 10},
          "capabilities": {"chatCompletion": "true"},   overrides the catalogue's
          "properties": {"deploymentState": "Paused"},  overrides what the service would say
          "tags": {}
        }]
      }],
      "gateways": [{"name": "apim", "sku": "Developer", "capacity": 1, "identity": "SystemAssigned",
                    "userAssignedIdentities": ["id-apim"],    names or resource ids
                    "resourceGroup", "location", "subscription", "tags": {}, "properties": {}}],
      "resources": [{"id": "/subscriptions/...", "body": {}, "apiVersion": "..."}],
      "acceptUnknownModels": false,    true: any model may be deployed
      "quotas": {"Standard.gpt-4o": 100}    capacity per sku and model, unlimited if not named
    }

``resources`` are PUT in the given order, after everything else; an id whose resource group does not
exist yet creates it. The default world is one subscription, one resource group ``rg-ai`` and one
gateway ``apim-onramp``. Naming ``accounts`` or ``gateways`` replaces the default ones.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from sandbox.arm.cognitive.catalogue import Catalogue, Model
from sandbox.arm.dispatch import Dispatcher
from sandbox.arm.errors import ArmError
from sandbox.arm.ids import ResourcePath
from sandbox.arm.provider import Principal, Request
from sandbox.contracts import Json
from sandbox.file_errors import explain

SUBSCRIPTION = "11111111-2222-3333-4444-555555555555"
TENANT = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
_ASSIGNED_IDENTITY = "Microsoft.ManagedIdentity/userAssignedIdentities"
_GUID = r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"
_ACCOUNTS_VERSION, _GATEWAYS_VERSION, _GROUPS_VERSION = "2025-09-01", "2024-05-01", "2021-04-01"


class _Strict(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=True
    )


class WorldModel(_Strict):
    name: str
    format: str = "OpenAI"
    version: str | None = None


class WorldSku(_Strict):
    name: str = "GlobalStandard"
    capacity: int | str = 10


class WorldDeployment(_Strict):
    name: str
    model: WorldModel
    sku: WorldSku = WorldSku()
    capabilities: dict[str, str] | None = None
    properties: dict[str, Any] = Field(default_factory=dict)
    tags: dict[str, str] = Field(default_factory=dict)


class _Placed(_Strict):
    name: str
    subscription: str | None = Field(default=None, pattern=_GUID)
    resource_group: str | None = None
    location: str | None = None
    tags: dict[str, str] = Field(default_factory=dict)
    properties: dict[str, Any] = Field(default_factory=dict)


class WorldAccount(_Placed):
    kind: str = "AIServices"
    subdomain: str | None = ""  # "" is the account's own name, null is none
    deployments: list[WorldDeployment] = Field(default_factory=list)


class WorldGateway(_Placed):
    sku: str = "Developer"
    capacity: int = 1
    identity: str = "SystemAssigned"  # or UserAssigned, both with a comma between, or None
    user_assigned_identities: list[str] = Field(default_factory=list)


class WorldSubscription(_Strict):
    id: str = Field(pattern=_GUID)
    name: str = "sandbox"


class WorldResource(_Strict):
    id: str
    body: dict[str, Any]
    api_version: str | None = None


class World(_Strict):
    tenant: str = Field(default=TENANT, pattern=_GUID)
    subscriptions: list[WorldSubscription] = Field(
        default_factory=lambda: [WorldSubscription(id=SUBSCRIPTION)], min_length=1
    )
    resource_group: str = "rg-ai"
    location: str = "swedencentral"
    accounts: list[WorldAccount] = Field(default_factory=list)
    gateways: list[WorldGateway] = Field(default_factory=lambda: [WorldGateway(name="apim-onramp")])
    resources: list[WorldResource] = Field(default_factory=list)
    accept_unknown_models: bool = False
    quotas: dict[str, int] = Field(default_factory=dict)

    @classmethod
    def load(cls, path: Path) -> "World":
        """Read a world file.

        Raises:
            ValueError: naming the file and every member that is wrong.
        """
        try:
            return cls.model_validate_json(path.read_text(encoding="utf-8"))
        except ValidationError as exc:
            raise ValueError(f"world file {path}: {explain(exc)}") from exc
        except (OSError, UnicodeDecodeError) as exc:
            raise ValueError(f"world file {path}: {exc}") from exc

    def catalogue(self) -> Catalogue:
        """The well-known models, and those of deployments that state their capabilities."""
        stated = [
            Model(it.model.format, it.model.name, it.model.version or "1", it.capabilities)
            for account in self.accounts
            for it in account.deployments
            if it.capabilities is not None
        ]
        known = Catalogue(accept_unknown=self.accept_unknown_models)
        new = [it for it in stated if Catalogue().find(it.format, it.name, it.version) is None]
        return known.with_models(new)


def populate(world: World, dispatcher: Dispatcher) -> None:
    """Put the world into the dispatcher's store through its own providers.

    Raises:
        ValueError: naming the resource that a provider refused, and why.
    """
    for subscription in world.subscriptions:
        _put_subscription(world, subscription, dispatcher)
    for path, version, body in _writes(world):
        _put_group(world, path, dispatcher)
        _put(world, path, version, body, dispatcher)
    for account in world.accounts:
        for deployment in account.deployments:
            _override(_id_of(world, account, "accounts"), deployment, dispatcher)


def _writes(world: World) -> Iterator[tuple[ResourcePath, str | None, Json]]:
    first = f"/subscriptions/{world.subscriptions[0].id}/resourceGroups/{world.resource_group}"
    yield ResourcePath.parse(first), _GROUPS_VERSION, {"location": world.location}
    for account in world.accounts:
        account_id = _id_of(world, account, "accounts")
        yield ResourcePath.parse(account_id), _ACCOUNTS_VERSION, _account_body(world, account)
        for deployment in account.deployments:
            path = ResourcePath.parse(f"{account_id}/deployments/{deployment.name}")
            yield path, _ACCOUNTS_VERSION, _deployment_body(deployment)
    for gateway in world.gateways:
        path = ResourcePath.parse(_id_of(world, gateway, "service"))
        yield path, _GATEWAYS_VERSION, _gateway_body(world, gateway)
    for resource in world.resources:
        yield ResourcePath.parse(resource.id), resource.api_version, resource.body


def _account_body(world: World, account: WorldAccount) -> Json:
    subdomain = account.name if account.subdomain == "" else account.subdomain
    return {
        "location": account.location or world.location,
        "kind": account.kind,
        "sku": {"name": "S0"},
        "identity": {"type": "SystemAssigned"},
        "tags": account.tags,
        "properties": {"customSubDomainName": subdomain, **account.properties},
    }


def _deployment_body(deployment: WorldDeployment) -> Json:
    return {
        "sku": deployment.sku.model_dump(),
        "tags": deployment.tags,
        "properties": {"model": deployment.model.model_dump(exclude_none=True)},
    }


def _gateway_body(world: World, gateway: WorldGateway) -> Json:
    return {
        "location": gateway.location or world.location,
        "sku": {"name": gateway.sku, "capacity": gateway.capacity},
        "identity": _gateway_identity(world, gateway),
        "tags": gateway.tags,
        "properties": {
            "publisherEmail": "admin@contoso.com",
            "publisherName": "Contoso",
            **gateway.properties,
        },
    }


def _gateway_identity(world: World, gateway: WorldGateway) -> Json:
    group = _group_of(world, gateway)
    ids = [
        it if it.startswith("/") else f"{group}/providers/{_ASSIGNED_IDENTITY}/{it}"
        for it in gateway.user_assigned_identities
    ]
    assigned: Json = {"userAssignedIdentities": {it: {} for it in ids}} if ids else {}
    # Naming them is enough: the type is widened to what the service wants to hear.
    kind = gateway.identity
    if ids and "userassigned" not in kind.lower():
        kind = "UserAssigned" if kind.lower() == "none" else f"{kind}, UserAssigned"
    return {"type": kind, **assigned}


def _id_of(world: World, placed: _Placed, kind: str) -> str:
    namespace = {"accounts": "Microsoft.CognitiveServices", "service": "Microsoft.ApiManagement"}
    return f"{_group_of(world, placed)}/providers/{namespace[kind]}/{kind}/{placed.name}"


def _group_of(world: World, placed: _Placed) -> str:
    subscription = placed.subscription or world.subscriptions[0].id
    group = placed.resource_group or world.resource_group
    return f"/subscriptions/{subscription}/resourceGroups/{group}"


def _put_subscription(world: World, it: WorldSubscription, dispatcher: Dispatcher) -> None:
    context = dispatcher.context
    body: Json = {
        "id": f"/subscriptions/{it.id}",
        "subscriptionId": it.id,
        "tenantId": world.tenant,
        "displayName": it.name,
        "state": "Enabled",
        "authorizationSource": "RoleBased",
        "managedByTenants": [],
        "subscriptionPolicies": {
            "locationPlacementId": "Public_2014-09-01",
            "quotaId": "PayAsYouGo_2014-09-01",
            "spendingLimit": "Off",
        },
    }
    context.store.put(ResourcePath.parse(body["id"]), body, now=context.clock())


def _put_group(world: World, path: ResourcePath, dispatcher: Dispatcher) -> None:
    if not path.resource_group or not path.explicit_provider:
        return
    group = f"/subscriptions/{path.subscription}/resourceGroups/{path.resource_group}"
    if dispatcher.context.store.get(group) is None:
        body = {"location": world.location}
        _put(world, ResourcePath.parse(group), _GROUPS_VERSION, body, dispatcher)


def _put(
    world: World, path: ResourcePath, version: str | None, body: Json, dispatcher: Dispatcher
) -> None:
    path = dispatcher.canonical(path)
    request = Request(
        "PUT",
        path,
        body=json.loads(json.dumps(body)),
        api_version=version or _newest(path, dispatcher),
        principal=Principal(tenant_id=world.tenant, name="world@contoso.com"),
    )
    try:
        reply = dispatcher.handle(request)
        if reply.long_running is not None:
            reply.long_running.finish()
    except ArmError as exc:
        raise ValueError(f"world: {path.id} is refused: {exc}") from exc


def _newest(path: ResourcePath, dispatcher: Dispatcher) -> str:
    kind = path.type.partition("/")[2].lower()
    for provider in dispatcher.providers:
        for type_path, versions in provider.resource_types.items():
            if provider.namespace == path.namespace and type_path.lower() == kind:
                return max(versions, key=lambda it: (not it.endswith("preview"), it))
    return ""


def _override(account_id: str, deployment: WorldDeployment, dispatcher: Dispatcher) -> None:
    context = dispatcher.context
    entry = context.store.get(f"{account_id}/deployments/{deployment.name}")
    if entry is None:
        return
    body = entry.copy_body()
    if deployment.capabilities is not None:
        body["properties"]["capabilities"] = deployment.capabilities
    body["properties"] |= deployment.properties
    context.store.put(ResourcePath.parse(entry.id), body, now=context.clock())
