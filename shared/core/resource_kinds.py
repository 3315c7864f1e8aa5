"""The kinds of resource that we write, and the order in which that is safe.

| kind             | written at level | because                                                    |
|------------------|------------------|------------------------------------------------------------|
| backend          | 0                | needs nothing                                              |
| API              | 0                | needs nothing; its policy, not it, names the backend       |
| named value      | 0                | needs nothing                                              |
| product          | 0                | needs nothing                                              |
| role assignment  | 0                | needs nothing; takes minutes to spread                     |
| API policy       | 1                | saved only if what it names exists (Azure/apiops#565)      |
| operation policy | 1                | the same                                                   |
| diagnostics      | 1                | belongs to its API; no policy needs it to be saved         |
| product link     | 1                | names a product and an API                                 |

Deletes go the other way round, after all writes: an API takes with it what belongs to it, and a
backend or a named value that a policy still names can't go. Products are never deleted: people
subscribe to them.
"""

import re
from enum import Enum


class ResourceKind(Enum):
    BACKEND = "backend"
    API = "API"
    NAMED_VALUE = "named value"
    PRODUCT = "product"
    ROLE_ASSIGNMENT = "role assignment"
    API_POLICY = "API policy"
    OPERATION_POLICY = "operation policy"
    DIAGNOSTICS = "diagnostics"
    PRODUCT_LINK = "product link"


_GUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_PATHS = (
    (ResourceKind.BACKEND, r"backends/[^/]+"),
    (ResourceKind.API, r"apis/[^/]+"),
    (ResourceKind.NAMED_VALUE, r"namedValues/[^/]+"),
    (ResourceKind.PRODUCT, r"products/[^/]+"),
    (
        ResourceKind.ROLE_ASSIGNMENT,
        (
            r"(?i:/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.CognitiveServices"
            rf"/accounts/[^/]+/providers/Microsoft\.Authorization/roleAssignments/{_GUID})"
        ),
    ),
    (ResourceKind.API_POLICY, r"(?P<api>apis/[^/]+)/policies/policy"),
    (ResourceKind.OPERATION_POLICY, r"(?P<api>apis/[^/]+)/operations/onHandshake/policies/policy"),
    (ResourceKind.DIAGNOSTICS, r"(?P<api>apis/[^/]+)/diagnostics/applicationinsights"),
    (ResourceKind.PRODUCT_LINK, r"products/[^/]+/(?P<api>apis/[^/]+)"),
)
_COMPILED = tuple((kind, re.compile(pattern)) for kind, pattern in _PATHS)
WRITE_LEVEL = {
    ResourceKind.BACKEND: 0,
    ResourceKind.API: 0,
    ResourceKind.NAMED_VALUE: 0,
    ResourceKind.PRODUCT: 0,
    ResourceKind.ROLE_ASSIGNMENT: 0,
    ResourceKind.API_POLICY: 1,
    ResourceKind.OPERATION_POLICY: 1,
    ResourceKind.DIAGNOSTICS: 1,
    ResourceKind.PRODUCT_LINK: 1,
}
DELETE_LEVEL = {
    ResourceKind.API_POLICY: 2,
    ResourceKind.OPERATION_POLICY: 2,
    ResourceKind.DIAGNOSTICS: 2,
    ResourceKind.PRODUCT_LINK: 2,
    ResourceKind.API: 2,
    ResourceKind.BACKEND: 3,
    ResourceKind.NAMED_VALUE: 3,
    ResourceKind.ROLE_ASSIGNMENT: 3,
}
POLICIES = frozenset({ResourceKind.API_POLICY, ResourceKind.OPERATION_POLICY})


def kind_of(path: str) -> ResourceKind:
    """The kind of the resource at *path*, below the service or, with a leading slash, in ARM.

    Raises:
        ValueError: no kind of ours has such a path.
    """
    for kind, pattern in _COMPILED:
        if pattern.fullmatch(path):
            return kind
    raise ValueError(f"no resource kind has the path {path}")


def parent_of(path: str) -> str | None:
    """The API that *path* lives and dies with."""
    for _kind, pattern in _COMPILED:
        if found := pattern.fullmatch(path):
            return found.groupdict().get("api")
    return None
