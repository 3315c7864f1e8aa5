"""Routes of Microsoft.CognitiveServices."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from sandbox.arm.cognitive import deleted, usages
from sandbox.arm.cognitive.accounts import Accounts
from sandbox.arm.cognitive.catalogue import Catalogue, render
from sandbox.arm.cognitive.deployments import Deployments
from sandbox.arm.dispatch import LOCATIONS
from sandbox.arm.errors import ArmError
from sandbox.arm.provider import Context, Reply, Request, paged

# azure-rest-api-specs, specification/cognitiveservices: stable and preview folders
VERSIONS = (
    *("2021-04-30", "2021-10-01", "2022-03-01", "2022-10-01", "2022-12-01", "2023-05-01"),
    *("2023-10-01-preview", "2024-04-01-preview", "2024-06-01-preview", "2024-10-01"),
    *("2025-04-01-preview", "2025-06-01", "2025-07-01-preview", "2025-09-01"),
    *("2025-10-01-preview", "2025-12-01", "2026-01-15-preview", "2026-03-01"),
    *("2026-03-15-preview", "2026-05-01", "2026-05-15-preview"),
)
_TYPES = (
    *("accounts", "accounts/deployments", "accounts/deployments/skus", "accounts/models"),
    *("accounts/usages", "accounts/skus", "accounts/privateEndpointConnections"),
    *("accounts/projects", "deletedAccounts", "locations/models", "locations/usages"),
    *("locations/resourceGroups/deletedAccounts", "checkDomainAvailability"),
    *("skus", "operations"),
)


@dataclass(slots=True)
class CognitiveServices:
    context: Context
    catalogue: Catalogue = field(default_factory=Catalogue)
    quotas: Mapping[str, int] = field(default_factory=dict)
    namespace: str = "Microsoft.CognitiveServices"
    resource_types: Mapping[str, Sequence[str]] = field(
        default_factory=lambda: dict.fromkeys(_TYPES, VERSIONS)
    )

    @property
    def accounts(self) -> Accounts:
        return Accounts(self.context)

    @property
    def deployments(self) -> Deployments:
        return Deployments(self.context, self.catalogue, self.quotas)

    def handle(self, request: Request) -> Reply:
        trailing = request.path.trailing
        route = "/".join((*request.path.types, trailing.lower() if trailing else "*"))
        handler = _ROUTES.get((request.method, route))
        if handler is None:
            raise ArmError(
                405,
                "MethodNotAllowed",
                f"The http method '{request.method}' is not supported for '{request.path.path}'.",
            )
        return handler(self, request)

    def list_models(self, request: Request) -> Reply:
        """GET accounts/{name}/models: what this account can deploy."""
        kind = self.accounts.entry(request.path).body["kind"]
        return paged(request, [render(it) for it in self.catalogue.of_kind(kind)], 500)

    def list_location_models(self, request: Request) -> Reply:
        """GET locations/{location}/models: a row for each kind of account that can have it."""
        rows = [
            render(it, kind=kind)
            for kind in ("OpenAI", "AIServices")
            for it in self.catalogue.of_kind(kind)
        ]
        return paged(request, rows, 500)

    def list_usages(self, request: Request) -> Reply:
        return usages.list_usages(self.context, self.catalogue, self.quotas, request)

    def list_skus(self, _request: Request) -> Reply:
        """GET skus: which kinds of account there are, and where (spec: ResourceSkus_List)."""
        return Reply(
            body={
                "value": [
                    {
                        "resourceType": "accounts",
                        "name": "S0",
                        "tier": "Standard",
                        "kind": kind,
                        "locations": [location.upper()],
                        "restrictions": [],
                    }
                    for kind in ("OpenAI", "AIServices")
                    for location in LOCATIONS
                ]
            }
        )

    def empty(self, _request: Request) -> Reply:
        return Reply(body={"value": []})

    def check_domain(self, request: Request) -> Reply:
        wanted = str(request.json().get("subdomainName", ""))
        free = not self.accounts.subdomain_taken(wanted)
        kind = "Microsoft.CognitiveServices/accounts"
        return Reply(body={"isSubdomainAvailable": free, "subdomainName": wanted, "type": kind})


type _Handler = Callable[[CognitiveServices, Request], Reply]
_MANY, _ONE = "accounts/deployments", "accounts/deployments/*"
_GRAVE = "locations/resourcegroups/deletedaccounts/*"
_ROUTES: dict[tuple[str, str], _Handler] = {
    ("GET", "accounts"): lambda it, request: it.accounts.list_in_subscription(request),
    ("GET", "accounts/*"): lambda it, request: it.accounts.get(request),
    ("HEAD", "accounts/*"): lambda it, request: it.accounts.head(request),
    ("PUT", "accounts/*"): lambda it, request: it.accounts.put(request),
    ("PATCH", "accounts/*"): lambda it, request: it.accounts.patch(request),
    ("DELETE", "accounts/*"): lambda it, request: it.accounts.delete(request),
    ("POST", "accounts/listkeys"): lambda it, request: it.accounts.list_keys(request),
    ("POST", "accounts/regeneratekey"): lambda it, request: it.accounts.regenerate_key(request),
    ("GET", "accounts/models"): CognitiveServices.list_models,
    ("GET", "locations/models"): CognitiveServices.list_location_models,
    ("GET", "accounts/usages"): CognitiveServices.empty,
    ("GET", "locations/usages"): CognitiveServices.list_usages,
    ("GET", "accounts/skus"): CognitiveServices.empty,
    ("GET", "accounts/projects"): CognitiveServices.empty,
    ("GET", "accounts/privateendpointconnections"): CognitiveServices.empty,
    ("POST", "checkdomainavailability"): CognitiveServices.check_domain,
    ("GET", _MANY): lambda it, request: it.deployments.list(request),
    ("GET", _ONE): lambda it, request: it.deployments.get(request),
    ("HEAD", _ONE): lambda it, request: it.deployments.head(request),
    ("PUT", _ONE): lambda it, request: it.deployments.put(request),
    ("PATCH", _ONE): lambda it, request: it.deployments.patch(request),
    ("DELETE", _ONE): lambda it, request: it.deployments.delete(request),
    ("POST", f"{_MANY}/pause"): lambda it, request: it.deployments.pause(request),
    ("POST", f"{_MANY}/resume"): lambda it, request: it.deployments.resume(request),
    ("GET", f"{_MANY}/skus"): lambda it, request: it.deployments.list_skus(request),
    ("GET", "skus"): CognitiveServices.list_skus,
    ("GET", "operations"): CognitiveServices.empty,
    ("GET", "deletedaccounts"): lambda it, request: deleted.list_deleted(it.context, request),
    ("GET", _GRAVE): lambda it, request: deleted.get_deleted(it.context, request),
    ("DELETE", _GRAVE): lambda it, request: deleted.purge(it.context, request),
}
