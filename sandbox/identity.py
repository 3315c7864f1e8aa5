"""Who a caller is: managed identity endpoints, and beside them a small Entra authority.

``/msi/token``                        App Service and Functions (IDENTITY_ENDPOINT)
``/metadata/identity/oauth2/token``   a virtual machine (AZURE_POD_IDENTITY_AUTHORITY_HOST)
everything else                       ``sandbox.entra``
"""

import hmac
import time
import uuid
from collections.abc import Callable, Mapping

from aiohttp import web

from sandbox import entra
from sandbox.contracts import Json
from sandbox.tokens import EARLIER_S, Directory, Identity, issue_token

# A day (learn.microsoft.com/entra/identity/managed-identities-azure-resources, "FAQ").
_LIFETIME_S = 86_400


def create_app(directory: Directory, *, clock: Callable[[], float] = time.time) -> web.Application:
    managed = _ManagedIdentity(directory, clock)
    app = web.Application()
    app.add_routes(
        [
            web.get("/msi/token", managed.app_service),
            web.get("/metadata/identity/oauth2/token", managed.virtual_machine),
            *entra.routes(directory, clock),
        ]
    )
    return app


def environment(base_url: str, directory: Directory) -> dict[str, str]:
    """What App Service sets in a process that has a managed identity."""
    return {"IDENTITY_ENDPOINT": f"{base_url}/msi/token", "IDENTITY_HEADER": directory.header}


class _ManagedIdentity:
    def __init__(self, directory: Directory, clock: Callable[[], float]) -> None:
        self._directory = directory
        self._clock = clock

    async def app_service(self, request: web.Request) -> web.Response:
        """learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference.

        Error bodies: StatusCode 400 as in github.com/MicrosoftDocs/azure-docs/issues/43543; that
        a wrong header is answered 401 in the same shape is UNVERIFIED.
        """
        header = request.headers.get("X-IDENTITY-HEADER", "")
        if not hmac.compare_digest(header.encode(), self._directory.header.encode()):
            return _app_service_error(401, "The X-IDENTITY-HEADER header is missing or wrong.")
        resource = request.query.get("resource")
        if request.query.get("api-version") != "2019-08-01" or not resource:
            return _app_service_error(400, "api-version=2019-08-01 and resource are required.")
        identity = self._assigned(request.query, resource_key="mi_res_id")
        if identity is None:
            return _app_service_error(
                400,
                "No User Assigned or Delegated Managed Identity found for specified "
                "ClientId/ResourceId/PrincipalId.",
            )
        answer = self._answer(identity, resource)
        fields = ("access_token", "client_id", "expires_on", "not_before", "resource", "token_type")
        return web.json_response({name: answer[name] for name in fields})

    async def virtual_machine(self, request: web.Request) -> web.Response:
        """The Instance Metadata Service.

        learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token;
        "Identity not found": github.com/Azure/azure-sdk-for-net/issues/37278.
        """
        if request.headers.get("Metadata", "").lower() != "true":
            return _oauth_error(400, "invalid_request", "Required metadata header not specified")
        resource = request.query.get("resource")
        if not resource or "api-version" not in request.query:
            missing = "Required parameter not specified: resource or api-version"
            return _oauth_error(400, "invalid_request", missing)
        identity = self._assigned(request.query, resource_key="msi_res_id")
        if identity is None:
            return _oauth_error(400, "invalid_request", "Identity not found")
        return web.json_response(self._answer(identity, resource))

    def _assigned(self, query: Mapping[str, str], *, resource_key: str) -> Identity | None:
        """The identity a token request means; several of its names are documented."""
        managed = [each for each in self._directory.identities if each.secret is None]
        if client_id := query.get("client_id"):
            return next((each for each in managed if each.client_id == client_id.lower()), None)
        if principal := query.get("principal_id") or query.get("object_id"):
            return next((each for each in managed if each.principal_id == principal.lower()), None)
        if resource_id := query.get(resource_key) or query.get("mi_res_id"):
            wanted = resource_id.lower()
            return next((e for e in managed if (e.resource_id or "").lower() == wanted), None)
        return self._directory.system_assigned

    def _answer(self, identity: Identity, resource: str) -> Json:
        now = int(self._clock())
        lifetime = _LIFETIME_S
        return {
            "access_token": issue_token(
                self._directory, identity, audience=resource, now=now, lifetime_s=lifetime
            ),
            "client_id": identity.client_id,
            "expires_in": str(lifetime),
            "expires_on": str(now + lifetime),
            "ext_expires_in": str(lifetime),
            "not_before": str(now - EARLIER_S),
            "resource": resource,
            "token_type": "Bearer",
        }


def _app_service_error(status: int, message: str) -> web.Response:
    body = {"statusCode": status, "message": message, "correlationId": str(uuid.uuid4())}
    return web.json_response(body, status=status)


def _oauth_error(status: int, error: str, description: str) -> web.Response:
    return web.json_response({"error": error, "error_description": description}, status=status)
