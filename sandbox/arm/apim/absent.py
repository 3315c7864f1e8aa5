"""What a service can hold but this one never does: lists are empty, writes are refused in words.

Tools that read a whole service (extractors, inventories) list these collections and stop at a 404.
Types: azure-rest-api-specs, Microsoft.ApiManagement 2024-05-01.
"""

from sandbox.arm.apim.call import Call
from sandbox.arm.errors import ArmError
from sandbox.arm.provider import Reply, Request

_IN_SERVICE = (
    *("authorizationProviders", "authorizationServers", "certificates", "contentTypes"),
    *("documentations", "identityProviders", "notifications", "openidConnectProviders"),
    *("policyRestrictions", "portalRevisions", "privateEndpointConnections", "schemas"),
    *("tagResources", "templates", "apisByTags", "productsByTags"),
    *("apis/issues", "apis/wikis", "apis/tagDescriptions", "apis/operationsByTags"),
    *("apis/resolvers", "products/wikis", "groups/users", "users/groups", "users/identities"),
    *("gateways/apis", "gateways/hostnameConfigurations", "gateways/certificateAuthorities"),
)
_IN_SUBSCRIPTION = ("deletedServices", "operations", "skus")
TYPES = (*(f"service/{tail}" for tail in _IN_SERVICE), "service/workspaces", *_IN_SUBSCRIPTION)
_KNOWN = {kind.lower() for kind in TYPES}


def is_absent(type_path: str) -> bool:
    return type_path.lower() in _KNOWN


def subscription_list(request: Request) -> Reply | None:
    """The empty answer of a list that belongs to no service; None for any other request."""
    trailing = (request.path.trailing or "").lower()
    if request.method == "GET" and trailing in {kind.lower() for kind in _IN_SUBSCRIPTION}:
        return Reply(200, {"value": []})
    return None


def answer(call: Call) -> Reply:
    """For a type of which there is none here."""
    if call.request.method not in ("GET", "HEAD"):
        # 400 and not 501: clients try a 5xx again and again.
        raise ArmError(
            400,
            "NotSupported",
            f"'{call.path.collection_type if call.path.trailing else call.path.type}' is not part "
            "of this local API Management.",
        )
    if call.path.trailing:
        return Reply(200, {"value": [], "count": 0})
    raise ArmError(404, "ResourceNotFound", "Entity not found.", null_details=True)


def refuse_workspaces(call: Call) -> None:
    """As in a tier without them, which tools know to skip.

    Azure/apiops, src/common/Resource.Http.cs; Azure/apiops-cli, src/clients/apim-client.ts
    """
    path = call.path
    if "workspaces" in (*path.types[1:2], (path.trailing or "").lower()):
        raise ArmError(
            400,
            "MethodNotAllowedInPricingTier",
            f"Method not allowed in {call.tier} pricing tier",
            null_details=True,
        )
