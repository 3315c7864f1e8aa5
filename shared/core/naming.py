"""Names of what we create: readable, stable, unique, and inside every limit of API Management.

API, backend and operation ids have at most 80 characters (ApiManagement/ApiContract.tsp in
Azure/azure-rest-api-specs). An id is a slug for people and a short hash of the account's full
resource id for uniqueness, so it can never be "." or "..", which azure clients would normalise
into the id of another resource.
"""

import re
from hashlib import sha256
from uuid import NAMESPACE_URL, uuid5

from shared.core.resource_ids import AccountId

_SLUG_LENGTH = 32
_HASH_LENGTH = 12
_BACKEND = "-ai-endpoint"
SAFE_ID = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,78}[a-z0-9])?")


def unit_hash(unit: AccountId) -> str:
    return sha256(unit.arm_id.lower().encode()).hexdigest()[:_HASH_LENGTH]


def api_id(unit: AccountId, surface: str) -> str:
    return f"{_slug(unit.name)}-{surface}-{unit_hash(unit)}"


def backend_id(unit: AccountId, surface: str) -> str:
    """The wizard's form, ``<api>-ai-endpoint``."""
    return f"{api_id(unit, surface)}{_BACKEND}"


def api_of_backend(backend: str) -> str | None:
    """The id of the API that a backend of ours was made for; None for a shared one."""
    return backend.removesuffix(_BACKEND) if backend.endswith(_BACKEND) else None


def embeddings_backend_id(unit: AccountId) -> str:
    """The backend that the semantic cache gets its vectors from."""
    return f"{_slug(unit.name)}-embeddings-{unit_hash(unit)}"


def key_name(unit: AccountId) -> str:
    """The named value that holds the account's key; its id, and its name in policies."""
    return f"{_slug(unit.name)}-key-{unit_hash(unit)}"


def policy_path(api_id: str, *, websocket: bool) -> str:
    """Where the policy of an API stands.

    A WebSocket API has none that is run: its rules belong to the operation that the service makes
    for it (learn.microsoft.com/azure/api-management/websocket-api).
    """
    return f"apis/{api_id}{'/operations/onHandshake' if websocket else ''}/policies/policy"


def diagnostics_path(api_id: str) -> str:
    """Where an API's diagnostics for Application Insights stand."""
    return f"apis/{api_id}/diagnostics/applicationinsights"


def role_assignment_name(scope: str, principal: str, definition: str) -> str:
    """The same for the same three, so that a role is never assigned twice by us."""
    return str(uuid5(NAMESPACE_URL, f"{scope}|{principal}|{definition}".lower()))


def role_assignment_path(unit: AccountId, principal: str, definition: str) -> str:
    name = role_assignment_name(unit.arm_id, principal, definition)
    return f"{unit.arm_id}/providers/Microsoft.Authorization/roleAssignments/{name}"


def api_path(unit: AccountId, suffix: str, *, prefix: str) -> str:
    """Where clients find the API below the gateway, without slashes at either end."""
    return "/".join(part for part in (prefix.strip("/"), unit.name, suffix) if part)


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower())[:_SLUG_LENGTH].strip("-") or "account"
