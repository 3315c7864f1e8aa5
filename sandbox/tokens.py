"""The identities of a local tenant and the tokens that name them.

Tokens have the claims of real ones and no real signature: nothing in the local Azure checks it.
"""

import base64
import json
from dataclasses import dataclass, field

from sandbox.contracts import Json

TENANT = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
EARLIER_S = 300  # Entra dates iat and nbf five minutes back


@dataclass(frozen=True, slots=True)
class Identity:
    client_id: str
    principal_id: str
    secret: str | None = field(default=None, repr=False)  # None: managed, cannot sign in itself
    resource_id: str | None = None  # of a user-assigned identity


@dataclass(frozen=True, slots=True)
class Directory:
    """The identities of one tenant, and which of them the compute resource has."""

    identities: tuple[Identity, ...]
    system_assigned: Identity | None = None
    tenant: str = TENANT
    header: str = field(default="local-identity-header", repr=False)  # IDENTITY_HEADER

    def by_client_id(self, client_id: str) -> Identity | None:
        every = (*self.identities, *filter(None, (self.system_assigned,)))
        return next((each for each in every if each.client_id == client_id.lower()), None)


def issue_token(
    directory: Directory, identity: Identity, *, audience: str, now: int, lifetime_s: int
) -> str:
    """A version 1.0 access token for an application.

    Claims: learn.microsoft.com/entra/identity-platform/access-token-claims-reference.
    """
    claims: Json = {
        "aud": audience,
        "iss": f"https://sts.windows.net/{directory.tenant}/",
        "iat": now - EARLIER_S,
        "nbf": now - EARLIER_S,
        "exp": now + lifetime_s,
        "appid": identity.client_id,
        "appidacr": "1" if identity.secret else "2",
        "idp": f"https://sts.windows.net/{directory.tenant}/",
        "idtyp": "app",
        "oid": identity.principal_id,
        "sub": identity.principal_id,
        "tid": directory.tenant,
        "ver": "1.0",
    }
    if identity.resource_id:
        claims["xms_mirid"] = identity.resource_id
    header = {"typ": "JWT", "alg": "RS256", "kid": "local-azure"}
    return ".".join((*(_base64url(_json(part)) for part in (header, claims)), _base64url(b"none")))


def _json(value: Json) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _base64url(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
