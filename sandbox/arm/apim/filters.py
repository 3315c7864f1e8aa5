"""Which fields of a list ``$filter`` may name, and what may be asked of them.

The tables of the list calls in the reference, e.g. learn.microsoft.com/rest/api/apimanagement/
apis/list-by-service. Lists that have no table there take any field. That a filter outside of its
table is refused, and how, is UNVERIFIED.
"""

from collections.abc import Mapping

_COMPARISONS = frozenset({"ge", "le", "eq", "ne", "gt", "lt"})
_FUNCTIONS = frozenset({"substringof", "contains", "startswith", "endswith"})
_TEXT = _COMPARISONS | _FUNCTIONS
_EQUAL = frozenset({"eq"})

# Field, in lower case -> operators and functions
type Filterable = Mapping[str, frozenset[str]]


def _row(*texts: str, **others: frozenset[str]) -> Filterable:
    return {name.lower(): _TEXT for name in texts} | {k.lower(): v for k, v in others.items()}


_SUBSCRIPTIONS = _row(
    *("name", "displayName", "stateComment", "ownerId", "scope", "userId", "productId"),
    state=_EQUAL,
)
_API = ("name", "displayName", "description", "serviceUrl", "path")
_NAMES = _row("name", "displayName")
_TABLES: Mapping[str, Filterable] = {
    "apis": _row(*_API, isCurrent=frozenset({"eq", "ne"})),
    "apis/operations": _row("name", "displayName", "method", "description", "urlTemplate"),
    "apis/products": _row("displayName"),
    "apis/releases": _row("notes"),
    "apis/revisions": _row("apiRevision"),
    "apis/schemas": _row("contentType"),
    "apis/diagnostics": _row("name"),
    "apis/tags": _NAMES,
    "apis/operations/tags": _NAMES,
    "backends": _row("name", "title", "url"),
    "diagnostics": _row("name"),
    "gateways": _row("name", "region", "description"),
    "groups": _row("name", "displayName", "description", externalId=_EQUAL),
    "loggers": _row("name", "description", "resourceId", loggerType=_EQUAL),
    "namedvalues": _row("displayName", tags=_TEXT | {"any", "all"}),
    "policyfragments": _row("name", "description", "value"),
    "products": _row("name", "displayName", "description", "terms", state=_EQUAL),
    "products/apis": _row(*_API),
    "products/apilinks": _row("apiId"),
    "products/grouplinks": _row("groupId"),
    "products/groups": _row(
        name=_COMPARISONS,
        displayName=frozenset({"eq", "ne"}),
        description=frozenset({"eq", "ne"}),
    ),
    "products/subscriptions": _SUBSCRIPTIONS,
    "products/tags": _NAMES,
    "subscriptions": _SUBSCRIPTIONS,
    "tags": _NAMES,
    "tags/apilinks": _row("apiId"),
    "tags/operationlinks": _row("operationId"),
    "tags/productlinks": _row("productId"),
    "users": _row(
        *("name", "firstName", "lastName", "email", "note"),
        state=_EQUAL,
        registrationDate=_COMPARISONS,
    ),
    "users/subscriptions": _SUBSCRIPTIONS,
}


def filterable(collection_type: str) -> Filterable | None:
    """Of ``Microsoft.ApiManagement/service/apis``; None where the reference has no table."""
    return _TABLES.get(collection_type.lower().partition("/service/")[2])
