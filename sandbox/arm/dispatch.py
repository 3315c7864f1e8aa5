"""From a request to the provider that answers it, with the refusals that are ARM's own.

Order of the checks, each refused in ARM's words
(learn.microsoft.com/azure/azure-resource-manager/troubleshooting/common-deployment-errors):

    subscription malformed / unknown    400 InvalidSubscriptionId / 404 SubscriptionNotFound
    namespace unknown                   404 InvalidResourceNamespace
    type unknown                        404 InvalidResourceType
    api-version not of that type        400 NoRegisteredProviderFound, 404 InvalidResourceType
                                        where there is no location to look in
    resource group unknown              404 ResourceGroupNotFound
    parent resource unknown             404 ParentResourceNotFound (write), ResourceNotFound (read)

``409 MissingSubscriptionRegistration`` is never answered: SDKs react to it by registering the
provider on their own (azure-mgmt-core, ARMAutoResourceProviderRegistrationPolicy).
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from sandbox.arm.errors import ArmError, not_found
from sandbox.arm.ids import RESOURCES, ResourcePath
from sandbox.arm.provider import Context, Provider, Reply, Request
from sandbox.contracts import Json

_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
LOCATIONS = (
    "eastus",
    "eastus2",
    "westus",
    "westus3",
    "northcentralus",
    "southcentralus",
    "westeurope",
    "northeurope",
    "swedencentral",
    "francecentral",
    "germanywestcentral",
    "switzerlandnorth",
    "uksouth",
    "japaneast",
    "australiaeast",
    "canadaeast",
    "southindia",
)


def operation_name(path: ResourcePath, method: str) -> str:
    """The name of an operation in Azure RBAC and in events, for a canonical path.

    ``{type}/write``, ``{type}/delete``, ``{type}/{action}/action``, else ``{type}/read``
    (learn.microsoft.com/azure/role-based-access-control/role-definitions#control-and-data-actions).
    """
    match method:
        case "PUT" | "PATCH":
            return f"{path.type}/write"
        case "DELETE":
            return f"{path.type}/delete"
        case "POST":
            return f"{path.type}/{path.trailing}/action"
        case _:
            return f"{path.collection_type if path.trailing else path.type}/read"


class Dispatcher:
    def __init__(self, context: Context, providers: Sequence[Provider]) -> None:
        self.context = context
        self._providers = {provider.namespace.lower(): provider for provider in providers}
        self._type_casing = {
            f"{provider.namespace}/{type_path}".lower(): f"{provider.namespace}/{type_path}"
            for provider in providers
            for type_path in provider.resource_types
        }

    @property
    def providers(self) -> Sequence[Provider]:
        return tuple(self._providers.values())

    def handle(self, request: Request) -> Reply:
        """Answer a request whose path is already ``canonical``."""
        path = request.path
        self._check_subscription(path)
        if _is_about_a_provider(request):
            return self._providers[RESOURCES.lower()].handle(request)
        provider = self._providers.get(path.namespace.lower())
        if provider is None:
            raise ArmError(
                404,
                "InvalidResourceNamespace",
                f"The resource namespace '{path.namespace}' is invalid.",
            )
        self._check_type(provider, request)
        self._check_group(request)
        self._check_parent(request)
        return provider.handle(request)

    def canonical(self, path: ResourcePath) -> ResourcePath:
        """The same path in the casing under which its parts were created, as ARM answers."""
        provider = self._providers.get(path.namespace.lower())
        namespace = provider.namespace if provider else path.namespace
        scope = self._canonical_scope(path.scope)
        wanted = "/".join((namespace, *path.types, *([path.trailing] if path.trailing else [])))
        known = self._type_casing.get(wanted.lower())
        casing = known.split("/")[1:] if known else self._casing_without_trailing(path, namespace)
        result = replace(path, scope=scope, namespace=namespace, pairs=())
        for (kind, name), cased in zip(path.pairs, casing, strict=False):
            entry = self.context.store.get(result.child(kind, name).id)
            result = result.child(cased, entry.name if entry else name)
        trailing = casing[-1] if known and path.trailing else path.trailing
        return replace(result, trailing=trailing)

    def _casing_without_trailing(self, path: ResourcePath, namespace: str) -> list[str]:
        known = self._type_casing.get(f"{namespace}/{'/'.join(path.types)}".lower())
        return known.split("/")[1:] if known else [kind for kind, _ in path.pairs]

    def _canonical_scope(self, scope: str) -> str:
        if not scope:
            return scope
        entry = self.context.store.get(scope)
        return entry.id if entry else self.canonical(ResourcePath.parse(scope)).id

    def _check_subscription(self, path: ResourcePath) -> None:
        subscription = path.subscription
        if subscription is None:
            return
        if not _GUID.fullmatch(subscription):
            raise ArmError(
                400,
                "InvalidSubscriptionId",
                f"The provided subscription identifier '{subscription}' is malformed or invalid.",
            )
        if self.context.store.get(f"/subscriptions/{subscription}") is None:
            raise ArmError(
                404,
                "SubscriptionNotFound",
                f"The subscription '{subscription}' could not be found.",
            )

    def _check_type(self, provider: Provider, request: Request) -> None:
        path = request.path
        parts = list(path.types)
        if path.trailing and (request.method != "POST" or not parts):
            parts.append(path.trailing.lower())
        wanted = "/".join(parts)
        versions = next(
            (
                versions
                for type_path, versions in provider.resource_types.items()
                if type_path.lower() == wanted
            ),
            None,
        )
        shown = self._type_casing.get(f"{provider.namespace}/{wanted}".lower(), "").partition("/")[
            2
        ]
        if versions is None:
            raise ArmError(
                404,
                "InvalidResourceType",
                f"The resource type '{wanted}' could not be found in the namespace "
                f"'{provider.namespace}' for api version '{request.api_version}'.",
            )
        if request.api_version.lower() not in versions:
            raise _unsupported_version(provider.namespace, shown, request, versions)

    def _check_group(self, request: Request) -> None:
        path = request.path
        group = path.resource_group
        creates_it = request.method == "PUT" and not path.explicit_provider
        if group is None or creates_it:
            return
        entry = self.context.store.get(f"/subscriptions/{path.subscription}/resourceGroups/{group}")
        if entry is not None:
            _check_not_going(request, entry.body)
            return
        raise ArmError(
            404, "ResourceGroupNotFound", f"Resource group '{group}' could not be found."
        )

    def _check_parent(self, request: Request) -> None:
        path = request.path
        nested = len(path.pairs) > 1 or (path.pairs and path.trailing)
        if not nested or path.is_extension or not path.explicit_provider or not path.resource_group:
            return
        root = replace(path, pairs=path.pairs[:1], trailing=None)
        if self.context.store.get(root.id):
            return
        if request.method not in {"PUT", "PATCH"}:
            raise not_found(f"{root.type}/{root.name}", path.resource_group)
        raise ArmError(
            404,
            "ParentResourceNotFound",
            f"Failed to perform 'write' on resource(s) of type '{path.type.partition('/')[2]}', "
            f"because the parent resource '{root.id}' could not be found.",
        )


def _check_not_going(request: Request, group: Json) -> None:
    """Nothing is written to a group that is being deleted.

    learn.microsoft.com/azure/azure-resource-manager/management/delete-resource-group
    """
    state = group["properties"]["provisioningState"]
    if state == "Deleting" and request.method in {"PUT", "PATCH", "POST"}:
        raise ArmError(
            409,
            "ResourceGroupBeingDeleted",
            f"The resource group '{group['name']}' is in deprovisioning state and cannot perform "
            "this operation.",
        )


def _is_about_a_provider(request: Request) -> bool:
    path = request.path
    return (
        path.explicit_provider
        and not path.pairs
        and not path.is_extension
        and (
            path.trailing is None
            or (request.method == "POST" and path.trailing.lower() in {"register", "unregister"})
        )
    )


def _unsupported_version(
    namespace: str, type_path: str, request: Request, versions: Sequence[str]
) -> ArmError:
    listed = ", ".join(sorted(versions, reverse=True))
    version = request.api_version
    if namespace == RESOURCES:
        return ArmError(
            400,
            "InvalidApiVersionParameter",
            f"The api-version '{version}' is invalid. The supported versions are '{listed}'.",
        )
    if request.path.resource_group and not request.path.is_extension:
        # learn.microsoft.com/azure/azure-resource-manager/troubleshooting/
        # error-register-resource-provider
        body = request.body if isinstance(request.body, dict) else {}
        return ArmError(
            400,
            "NoRegisteredProviderFound",
            f"No registered resource provider found for location '{body.get('location', '')}' and "
            f"API version '{version}' for type '{type_path}'. The supported api-versions are "
            f"'{listed}'. The supported locations are '{', '.join(LOCATIONS)}'.",
        )
    # github.com/Azure/acs-engine/issues/4037, github.com/Azure/azure-sdk-for-js/issues/15460
    return ArmError(
        404,
        "InvalidResourceType",
        f"The resource type '{type_path}' could not be found in the namespace '{namespace}' for "
        f"api version '{version}'. The supported api-versions are "
        f"'{','.join(sorted(versions))}'.",
    )
