"""A small Entra ID: client credentials, and the documents by which clients find it.

``/{tenant}/oauth2[/v2.0]/token``           as at login.microsoftonline.com
``/{tenant}[/v2.0]/.well-known/openid-configuration`` and ``/common/discovery/instance``

Most clients insist on https for an authority: serve it with the certificates of ``sandbox.tls``.
"""

import base64
import hmac
import time
import uuid
from collections.abc import Callable, Mapping

from aiohttp import web

from sandbox.contracts import Json
from sandbox.tokens import EARLIER_S, Directory, Identity, issue_token

# About an hour: learn.microsoft.com/entra/identity-platform/configurable-token-lifetimes
_LIFETIME_S = 3_599


def routes(directory: Directory, clock: Callable[[], float]) -> list[web.RouteDef]:
    authority = _Authority(directory, clock)
    return [
        web.get("/common/discovery/instance", authority.instance_discovery),
        web.get("/{tenant}/.well-known/openid-configuration", authority.openid),
        web.get("/{tenant}/v2.0/.well-known/openid-configuration", authority.openid),
        web.get("/{tenant}/discovery/keys", authority.keys),
        web.get("/{tenant}/discovery/v2.0/keys", authority.keys),
        web.post("/{tenant}/oauth2/token", authority.token),
        web.post("/{tenant}/oauth2/v2.0/token", authority.token),
    ]


class _Refusal(Exception):
    def __init__(self, code: int, error: str, description: str) -> None:
        super().__init__(description)
        self.code, self.error, self.description = code, error, description


class _Authority:
    def __init__(self, directory: Directory, clock: Callable[[], float]) -> None:
        self._directory = directory
        self._clock = clock

    async def token(self, request: web.Request) -> web.Response:
        """learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow.

        Codes: learn.microsoft.com/entra/identity-platform/reference-error-codes. A client assertion
        is taken without a look inside: there is no key to check it with.
        """
        form = {key: str(value) for key, value in (await request.post()).items()}
        try:
            self._check_tenant(request.match_info["tenant"])
            identity = self._signed_in(form, request.headers.get("Authorization", ""))
            audience = _audience(form, versioned="/v2.0/" in request.path)
        except _Refusal as refusal:
            return _entra_error(refusal)
        now = int(self._clock())
        lifetime = _LIFETIME_S
        token = issue_token(
            self._directory, identity, audience=audience, now=now, lifetime_s=lifetime
        )
        body: Json = {"token_type": "Bearer", "expires_in": lifetime, "access_token": token}
        if "/v2.0/" in request.path:
            return web.json_response(body | {"ext_expires_in": lifetime})
        # The older endpoint writes numbers as strings.
        times = {"not_before": now - EARLIER_S, "expires_on": now + lifetime}
        strings = {key: str(value) for key, value in times.items()}
        strings |= {"expires_in": str(lifetime), "ext_expires_in": str(lifetime)}
        return web.json_response(body | strings | {"resource": audience})

    async def openid(self, request: web.Request) -> web.Response:
        """learn.microsoft.com/entra/identity-platform/v2-protocols-oidc."""
        tenant = request.match_info["tenant"]
        try:
            self._check_tenant(tenant)
        except _Refusal as refusal:
            return _entra_error(refusal)
        base = f"{request.scheme}://{request.host}/{tenant}"
        version = "/v2.0" if "/v2.0/" in request.path else ""
        return web.json_response(
            {
                "issuer": f"{base}{version}"
                if version
                else f"https://sts.windows.net/{self._directory.tenant}/",
                "authorization_endpoint": f"{base}/oauth2{version}/authorize",
                "token_endpoint": f"{base}/oauth2{version}/token",
                "device_authorization_endpoint": f"{base}/oauth2{version}/devicecode",
                "jwks_uri": f"{base}/discovery{version}/keys",
                "token_endpoint_auth_methods_supported": [
                    "client_secret_post",
                    "client_secret_basic",
                    "private_key_jwt",
                ],
                "response_types_supported": ["code", "id_token", "code id_token", "token"],
                "response_modes_supported": ["query", "fragment", "form_post"],
                "subject_types_supported": ["pairwise"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "scopes_supported": ["openid", "profile", "email", "offline_access"],
                "tenant_region_scope": "EU",
                "cloud_instance_name": request.host,
            }
        )

    async def keys(self, _request: web.Request) -> web.Response:
        return web.json_response({"keys": []})

    async def instance_discovery(self, request: web.Request) -> web.Response:
        """What MSAL asks before it trusts an authority: this host is its own only alias."""
        base = f"{request.scheme}://{request.host}"
        host = request.host
        return web.json_response(
            {
                "tenant_discovery_endpoint": (
                    f"{base}/{self._directory.tenant}/v2.0/.well-known/openid-configuration"
                ),
                "api-version": "1.1",
                "metadata": [
                    {"preferred_network": host, "preferred_cache": host, "aliases": [host]}
                ],
            }
        )

    def _check_tenant(self, tenant: str) -> None:
        if tenant.lower() not in {self._directory.tenant, "common", "organizations"}:
            raise _Refusal(
                90002,
                "invalid_request",
                f"Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID "
                "and are signing into the correct cloud.",
            )

    def _signed_in(self, form: Mapping[str, str], authorization: str) -> Identity:
        grant = form.get("grant_type")
        if grant is None:
            missing = "The request body must contain the following parameter: 'grant_type'."
            raise _Refusal(900144, "invalid_request", missing)
        if grant != "client_credentials":
            unsupported = f"The grant type '{grant}' is not supported here."
            raise _Refusal(70003, "unsupported_grant_type", unsupported)
        basic_id, basic_secret = _basic(authorization)
        client_id = form.get("client_id") or basic_id
        identity = self._directory.by_client_id(client_id)
        if identity is None:
            unknown = (
                f"Application with identifier '{client_id}' was not found in the directory "
                f"'{self._directory.tenant}'."
            )
            raise _Refusal(700016, "unauthorized_client", unknown)
        if form.get("client_assertion"):
            return identity
        given = form.get("client_secret") or basic_secret
        if not given:
            needed = "The request body must contain: 'client_assertion' or 'client_secret'."
            raise _Refusal(7000218, "invalid_client", needed)
        if not hmac.compare_digest(given.encode(), (identity.secret or "").encode()):
            raise _Refusal(7000215, "invalid_client", "Invalid client secret provided.")
        return identity


def _audience(form: Mapping[str, str], *, versioned: bool) -> str:
    """``scope`` minus ``/.default``, or the older endpoint's ``resource``.

    A resource whose identifier ends in a slash keeps it: ``https://management.azure.com//.default``
    (learn.microsoft.com/entra/identity-platform/scopes-oidc#trailing-slash-and-default).
    """
    name = "scope" if versioned else "resource"
    value = form.get(name, "")
    if not value:
        missing = f"The request body must contain the following parameter: '{name}'."
        raise _Refusal(900144, "invalid_request", missing)
    if not versioned:
        return value
    if not value.endswith("/.default"):
        wrong = f"The provided value for the input parameter 'scope' is not valid: '{value}'."
        raise _Refusal(70011, "invalid_scope", wrong)
    return value.removesuffix("/.default")


def _basic(authorization: str) -> tuple[str, str]:
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        client_id, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except ValueError:
        return "", ""
    return client_id, secret


def _entra_error(refusal: _Refusal) -> web.Response:
    """The documented shape; ``error_codes`` carries the AADSTS number."""
    trace, correlation = str(uuid.uuid4()), str(uuid.uuid4())
    timestamp = time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime())
    lines = f"Trace ID: {trace} Correlation ID: {correlation} Timestamp: {timestamp}"
    body = {
        "error": refusal.error,
        "error_description": f"AADSTS{refusal.code}: {refusal.description} {lines}",
        "error_codes": [refusal.code],
        "timestamp": timestamp,
        "trace_id": trace,
        "correlation_id": correlation,
        "error_uri": f"https://login.microsoftonline.com/error?code={refusal.code}",
    }
    status = 401 if refusal.error == "invalid_client" else 400
    return web.json_response(body, status=status)
