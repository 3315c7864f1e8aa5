"""Names of what we create: readable, stable, unique, and inside every limit of API Management.

API, backend and operation ids have at most 80 characters (ApiManagement/ApiContract.tsp in
Azure/azure-rest-api-specs). An id is a slug for people and a short hash of the account's full
resource id for uniqueness, so it can never be "." or "..", which azure clients would normalise
into the id of another resource.
"""

import re
from hashlib import sha256

from shared.core.resource_ids import AccountId

_SLUG_LENGTH = 32
_HASH_LENGTH = 12
SAFE_ID = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,78}[a-z0-9])?")


def unit_hash(unit: AccountId) -> str:
    return sha256(unit.arm_id.lower().encode()).hexdigest()[:_HASH_LENGTH]


def api_id(unit: AccountId, surface: str) -> str:
    return f"{_slug(unit.name)}-{surface}-{unit_hash(unit)}"


def backend_id(unit: AccountId, surface: str) -> str:
    """The wizard's form, ``<api>-ai-endpoint``."""
    return f"{api_id(unit, surface)}-ai-endpoint"


def api_path(unit: AccountId, suffix: str, *, prefix: str) -> str:
    """Where clients find the API below the gateway, without slashes at either end."""
    return "/".join(part for part in (prefix.strip("/"), unit.name, suffix) if part)


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower())[:_SLUG_LENGTH].strip("-") or "account"
