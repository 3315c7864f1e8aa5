"""Who is calling: the bearer token of a request, checked as far as ARM's front door shows.

The signature is not checked: the local identity endpoint issues unsigned tokens.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sandbox.arm.errors import ArmError
from sandbox.arm.provider import Principal

# Both spellings are issued for ARM, with and without the slash
# (learn.microsoft.com/entra/identity-platform/access-token-claims-reference, "aud";
# github.com/Azure/azure-sdk-for-net/issues/1385).
AUDIENCES = ("https://management.core.windows.net", "https://management.azure.com")


def authenticate(
    headers: Mapping[str, str], *, base_url: str, now: datetime, authority: str
) -> Principal:
    """The caller, or a 401 whose challenge names the authority that can issue a token.

    Clients read the tenant from ``authorization_uri``
    (learn.microsoft.com/azure/azure-resource-manager/management/authenticate-multi-tenant and
    github.com/Azure/azure-cli, profile tenant discovery).
    """
    try:
        claims = _claims(headers.get("Authorization"))
        _check_audience(claims, base_url)
        _check_expiry(claims, now)
    except ArmError as error:
        error.headers = {"WWW-Authenticate": _challenge(authority, error.message)}
        raise
    unnamed = Principal()
    return Principal(
        object_id=str(claims.get("oid") or claims.get("sub") or unnamed.object_id),
        tenant_id=str(claims.get("tid") or unnamed.tenant_id),
        name=claims.get("upn") or claims.get("unique_name") or claims.get("preferred_username"),
        app_id=claims.get("appid") or claims.get("azp"),
    )


def _claims(header: str | None) -> dict[str, Any]:
    if not header:
        raise ArmError(
            401,
            "AuthenticationFailed",
            "Authentication failed. The 'Authorization' header is missing.",
        )
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise ArmError(
            401,
            "AuthenticationFailedInvalidHeader",
            "Authentication failed. The 'Authorization' header is provided in an invalid format.",
        )
    parts = token.strip().split(".")
    if len(parts) != 3:
        raise _invalid_token()
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, binascii.Error) as exc:
        raise _invalid_token() from exc
    if not isinstance(claims, dict):
        raise _invalid_token()
    return claims


def _check_audience(claims: Mapping[str, Any], base_url: str) -> None:
    audience = str(claims.get("aud", "")).rstrip("/").lower()
    if audience in (*AUDIENCES, base_url.rstrip("/").lower()):
        return
    allowed = ",".join(f"'{known}/','{known}'" for known in AUDIENCES)
    raise ArmError(
        401,
        "InvalidAuthenticationTokenAudience",
        "The access token has been obtained for wrong audience or resource "
        f"'{claims.get('aud', '')}'. It should exactly match with one of the allowed audiences "
        f"{allowed}.",
    )


def _check_expiry(claims: Mapping[str, Any], now: datetime) -> None:
    expires = claims.get("exp")
    if not isinstance(expires, int | float):
        raise _invalid_token()
    if expires <= now.timestamp():
        raise ArmError(
            401,
            "ExpiredAuthenticationToken",
            f"The access token expiry UTC time '{datetime.fromtimestamp(expires, UTC):%c}' "
            f"is earlier than current UTC time '{now:%c}'.",
        )


def _invalid_token() -> ArmError:
    return ArmError(401, "InvalidAuthenticationToken", "The access token is invalid.")


def _challenge(authority: str, reason: str) -> str:
    quoted = reason.replace('"', "'")
    return (
        f'Bearer authorization_uri="{authority}", '
        f'error="invalid_token", error_description="{quoted}"'
    )
