"""Microsoft.Resources: subscriptions, resource groups, providers, locations, generic lists.

Shapes: learn.microsoft.com/rest/api/resources (subscriptions, resource-groups, providers,
resources). Tags are in ``tags``.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from sandbox.arm import tags
from sandbox.arm.dispatch import LOCATIONS
from sandbox.arm.errors import ArmError
from sandbox.arm.ids import RESOURCES, ResourcePath
from sandbox.arm.provider import (
    Context,
    LongRunning,
    Provider,
    Reply,
    Request,
    merge_patch,
    paged,
    text_of,
)
from sandbox.arm.resource_filters import has_tag, resource_filter, tag_filter
from sandbox.arm.store import Entry
from sandbox.contracts import Json

# What current and older SDKs, az and Terraform send (azure-mgmt-resource 10..26, azure-sdk-for-go
# armresources / armsubscriptions, terraform-provider-azurerm). ARM knows more.
VERSIONS = (
    *("2014-04-01-preview", "2015-01-01", "2015-11-01", "2016-02-01", "2016-06-01", "2016-09-01"),
    *("2017-05-10", "2018-01-01", "2018-02-01", "2018-05-01", "2018-06-01", "2019-03-01"),
    *("2019-05-01", "2019-05-10", "2019-06-01", "2019-07-01", "2019-08-01", "2019-10-01"),
    *("2019-11-01", "2020-01-01", "2020-06-01", "2020-08-01", "2020-09-01", "2020-10-01"),
    *("2021-01-01", "2021-04-01", "2022-09-01", "2022-12-01", "2023-07-01", "2024-03-01"),
    *("2024-07-01", "2024-11-01", "2025-03-01", "2025-04-01"),
)
_TYPES = (
    *("tenants", "subscriptions", "providers", "tags", "resources", "locations"),
    *("subscriptions/resourceGroups", "subscriptions/resources", "subscriptions/locations"),
    *("subscriptions/providers", "subscriptions/tagNames"),
    "subscriptions/resourceGroups/resources",
)
# Not emulated, but shown as registered: Terraform registers what it misses of these before it does
# anything else (terraform-provider-azurerm, internal/resourceproviders/required.go)
_REGISTERED = (
    *("Microsoft.AlertsManagement", "Microsoft.AppConfiguration", "Microsoft.Cache"),
    *("Microsoft.Compute", "Microsoft.ContainerRegistry", "Microsoft.ContainerService"),
    *("Microsoft.CostManagement", "Microsoft.DocumentDB", "Microsoft.EventHub"),
    *("Microsoft.GuestConfiguration", "Microsoft.KeyVault", "Microsoft.MachineLearningServices"),
    *("Microsoft.ManagedIdentity", "Microsoft.Management", "Microsoft.MarketplaceOrdering"),
    *("Microsoft.Network", "Microsoft.OperationalInsights", "Microsoft.OperationsManagement"),
    *("Microsoft.PolicyInsights", "Microsoft.Security", "Microsoft.ServiceBus", "Microsoft.Sql"),
    *("Microsoft.Storage", "Microsoft.Web", "microsoft.insights"),
)
# learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules: 1-90, ends not
# with a period
_GROUP_NAME = re.compile(r"[-\w._()]{0,89}[-\w_()]")


@dataclass(slots=True)
class Resources:
    """Also answers for the other providers' registration, so it knows them (``neighbours``)."""

    context: Context
    tenant_id: str = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
    neighbours: Sequence[Provider] = ()
    before_group_delete: Callable[[str], None] = lambda _group_id: None
    namespace: str = RESOURCES
    resource_types: Mapping[str, Sequence[str]] = field(
        default_factory=lambda: dict.fromkeys(_TYPES, VERSIONS)
    )

    def handle(self, request: Request) -> Reply:
        path = request.path
        if path.types == ("tags",):
            return tags.handle(self.context, request)
        if path.explicit_provider and path.trailing == "tags":
            raise _not_allowed(request)
        if path.explicit_provider and not path.pairs:
            return self._one_provider(request)
        route = "/".join((*path.types, path.trailing.lower() if path.trailing else "*"))
        handler = _ROUTES.get((request.method, route))
        if handler is None:
            raise _not_allowed(request)
        return handler(self, request)

    def list_tenants(self, _request: Request) -> Reply:
        tenant = {
            "id": f"/tenants/{self.tenant_id}",
            "tenantId": self.tenant_id,
            "displayName": "Contoso",
            "defaultDomain": "contoso.onmicrosoft.com",
            "tenantType": "AAD",
        }
        return Reply(body={"value": [tenant]})

    def list_subscriptions(self, request: Request) -> Reply:
        entries = self.context.store.members("/subscriptions")
        return paged(request, [entry.body for entry in entries])

    def get_subscription(self, request: Request) -> Reply:
        return Reply(body=self._entry(request).body)

    def list_locations(self, request: Request) -> Reply:
        def location(name: str) -> Json:
            return {
                "id": f"{request.path.id}/locations/{name}",
                "name": name,
                "type": "Region",
                "displayName": name,
                "regionalDisplayName": name,
                "metadata": {"regionType": "Physical", "regionCategory": "Recommended"},
            }

        return Reply(body={"value": [location(name) for name in LOCATIONS]})

    def list_providers(self, request: Request) -> Reply:
        found = [
            *(_provider_body(request.path.id, it.namespace, it) for it in self._all_providers()),
            *(_provider_body(request.path.id, name, None) for name in _REGISTERED),
        ]
        return paged(request, found, 1000)

    def list_groups(self, request: Request) -> Reply:
        entries = self.context.store.members(f"{request.path.id}/resourceGroups")
        name, value = tag_filter(request.query.get("$filter"))
        kept = [entry.body for entry in entries if has_tag(entry, name, value)]
        return paged(request, kept, _top(request))

    def get_group(self, request: Request) -> Reply:
        return Reply(body=self._entry(request).body)

    def head_group(self, request: Request) -> Reply:
        self._entry(request)
        return Reply(204)

    def put_group(self, request: Request) -> Reply:
        body, name = request.json(), request.path.name
        if not _GROUP_NAME.fullmatch(name):
            raise ArmError(
                400,
                "InvalidResourceGroup",
                f"The provided resource group name '{name}' has invalid characters or ends "
                "with a period.",
            )
        location = text_of(body, "location")
        if not location:
            raise location_required()
        have = self.context.store.get(request.path.id)
        wanted = normalise_location(location)
        if have and have.body["location"] != wanted:
            raise ArmError(
                409,
                "InvalidResourceGroupLocation",
                f"Invalid resource group location '{location}'. The Resource group already exists "
                f"in location '{have.body['location']}'.",
            )
        stored = {
            "id": have.id if have else request.path.id,
            "name": have.name if have else name,
            "type": "Microsoft.Resources/resourceGroups",
            "location": wanted,
            **{key: body[key] for key in ("tags", "managedBy") if body.get(key) is not None},
            "properties": {"provisioningState": "Succeeded"},
        }
        self.context.store.put(request.path, stored, now=self.context.clock())
        return Reply(200 if have else 201, stored)

    def patch_group(self, request: Request) -> Reply:
        entry, body = self._entry(request), request.json()
        patch = {key: body[key] for key in ("tags", "managedBy") if key in body}
        stored = {**entry.body, **merge_patch({}, patch)}
        self.context.store.put(request.path, stored, now=self.context.clock())
        return Reply(body=stored)

    def delete_group(self, request: Request) -> Reply:
        entry = self._entry(request)
        going = {**entry.body, "properties": {"provisioningState": "Deleting"}}
        self.context.store.put(request.path, going, now=self.context.clock())

        def finish() -> Reply:
            self.before_group_delete(entry.id)
            self.context.store.delete(entry.id)
            return Reply(200)

        return Reply(
            202,
            long_running=LongRunning(
                "Microsoft.Resources/subscriptions/resourceGroups/delete", finish, poll="location"
            ),
        )

    def list_resources(self, request: Request) -> Reply:
        keep = resource_filter(request.query.get("$filter"))
        entries = self.context.store.subtree(request.path.id)
        found = [_generic(it) for it in entries if _is_tracked(it) and keep(it)]
        return paged(request, found, _top(request))

    def _entry(self, request: Request) -> Entry:
        entry = self.context.store.get(request.path.id)
        if entry is None:
            raise ArmError(
                404,
                "ResourceGroupNotFound",
                f"Resource group '{request.path.name}' could not be found.",
            )
        return entry

    def _all_providers(self) -> Sequence[Provider]:
        return (self, *self.neighbours)

    def _one_provider(self, request: Request) -> Reply:
        wanted = request.path.namespace.lower()
        scope = request.path.scope
        found = next((it for it in self._all_providers() if it.namespace.lower() == wanted), None)
        if found is not None:
            return Reply(body=_provider_body(scope, found.namespace, found))
        name = next((it for it in _REGISTERED if it.lower() == wanted), None)
        if name is not None:
            return Reply(body=_provider_body(scope, name, None))
        raise ArmError(
            404,
            "InvalidResourceNamespace",
            f"The resource namespace '{request.path.namespace}' is invalid.",
        )


def normalise_location(location: str) -> str:
    """``East US`` and ``eastus`` are one location; ARM answers the latter."""
    return location.replace(" ", "").lower()


def location_required() -> ArmError:
    return ArmError(
        400, "LocationRequired", "The location property is required for this definition."
    )


def check_location(have: Entry, wanted: str, path: ResourcePath) -> None:
    """Refuse to move a resource.

    InvalidResourceLocation, learn.microsoft.com/azure/azure-resource-manager/troubleshooting/
    common-deployment-errors
    """
    location = have.body.get("location", "")
    if normalise_location(wanted) != location:
        raise ArmError(
            409,
            "InvalidResourceLocation",
            f"The resource '{path.name}' already exists in location '{location}' in resource group "
            f"'{path.resource_group}'. A resource with the same name cannot be created in location "
            f"'{wanted}'. Please select a new resource name.",
        )


def _top(request: Request) -> int:
    text = request.query.get("$top", "")
    return int(text) if re.fullmatch(r"[1-9]\d{0,3}", text) else 1000


def _not_allowed(request: Request) -> ArmError:
    return ArmError(
        405,
        "MethodNotAllowed",
        f"The http method '{request.method}' is not supported for '{request.path.path}'.",
    )


def _provider_body(scope: str, namespace: str, provider: Provider | None) -> Json:
    types = provider.resource_types if provider else {}
    return {
        "id": f"{scope}/providers/{namespace}",
        "namespace": namespace,
        "registrationState": "Registered",
        "registrationPolicy": "RegistrationRequired",
        "resourceTypes": [
            {
                "resourceType": type_path,
                "locations": list(LOCATIONS),
                "apiVersions": sorted(versions, reverse=True),
                "capabilities": "None",
            }
            for type_path, versions in types.items()
        ],
    }


def _is_tracked(entry: Entry) -> bool:
    """Only top-level resources of a provider, with a location, are in ARM's own list."""
    path = ResourcePath.parse(entry.id)
    return path.explicit_provider and len(path.pairs) == 1 and "location" in entry.body


def _generic(entry: Entry) -> Json:
    shown = ("location", "kind", "sku", "identity", "tags", "managedBy")
    body = {key: entry.body[key] for key in shown if entry.body.get(key) is not None}
    return {"id": entry.id, "name": entry.name, "type": entry.type, **body}


_GROUP = "subscriptions/resourcegroups"
_ROUTES: dict[tuple[str, str], Callable[[Resources, Request], Reply]] = {
    ("GET", "tenants"): Resources.list_tenants,
    ("GET", "subscriptions"): Resources.list_subscriptions,
    ("GET", "subscriptions/*"): Resources.get_subscription,
    ("GET", "subscriptions/locations"): Resources.list_locations,
    ("GET", "subscriptions/providers"): Resources.list_providers,
    ("GET", "subscriptions/resources"): Resources.list_resources,
    ("GET", _GROUP): Resources.list_groups,
    ("GET", f"{_GROUP}/*"): Resources.get_group,
    ("HEAD", f"{_GROUP}/*"): Resources.head_group,
    ("PUT", f"{_GROUP}/*"): Resources.put_group,
    ("PATCH", f"{_GROUP}/*"): Resources.patch_group,
    ("DELETE", f"{_GROUP}/*"): Resources.delete_group,
    ("GET", f"{_GROUP}/resources"): Resources.list_resources,
}
