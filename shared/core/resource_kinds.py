"""The kinds of API Management resource that we write, and the order in which that is safe.

| kind       | written at level | because                                                          |
|------------|------------------|------------------------------------------------------------------|
| backend    | 0                | needs nothing                                                    |
| API        | 0                | needs nothing; its policy, not it, names the backend             |
| API policy | 1                | saved only if its backend and its API exist (Azure/apiops#565)   |

Deletes go the other way round, after all writes: an API takes its policy with it, and a backend
that a policy still names can't go.
"""

import re
from enum import Enum


class ResourceKind(Enum):
    BACKEND = "backend"
    API = "API"
    API_POLICY = "API policy"


_PATHS = (
    (ResourceKind.BACKEND, re.compile(r"backends/[^/]+")),
    (ResourceKind.API, re.compile(r"apis/[^/]+")),
    (ResourceKind.API_POLICY, re.compile(r"apis/[^/]+/policies/policy")),
)
WRITE_LEVEL = {ResourceKind.BACKEND: 0, ResourceKind.API: 0, ResourceKind.API_POLICY: 1}
DELETE_LEVEL = {ResourceKind.API_POLICY: 2, ResourceKind.API: 2, ResourceKind.BACKEND: 3}


def kind_of(path: str) -> ResourceKind:
    """The kind of the resource at *path* below the service.

    Raises:
        ValueError: no kind of ours has such a path.
    """
    for kind, pattern in _PATHS:
        if pattern.fullmatch(path):
            return kind
    raise ValueError(f"no resource kind has the path {path}")


def parent_of(path: str) -> str | None:
    """The resource that *path* lives and dies with."""
    return path.removesuffix("/policies/policy") if path.endswith("/policies/policy") else None
