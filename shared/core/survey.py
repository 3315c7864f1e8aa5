"""Everything on the gateway that can lead a call somewhere, whoever made it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.core.ownership import Mark


@dataclass(frozen=True, slots=True)
class SurveyedOperation:
    name: str
    template: str = ""
    policy: str = ""


@dataclass(frozen=True, slots=True)
class SurveyedApi:
    """An API, or a revision of one.

    Attributes:
        name: Its id; of a revision that isn't the current one ``<id>;rev=<n>``.
        path: What clients put after the gateway's host.
        operations: Empty for an API of ours over HTTP: its policy says it all.
        unread: What of it was not read, in words.
    """

    name: str
    path: str = ""
    service_url: str = ""
    mark: Mark | None = None
    policy: str = ""
    operations: tuple[SurveyedOperation, ...] = ()
    unread: str = ""

    def is_of(self, owner: str) -> bool:
        """Ours, and no copy: the portal's clone and a new revision keep the description."""
        mark = self.mark
        return bool(mark and mark.owner == owner and self.name.lower().endswith(f"-{mark.unit}"))


@dataclass(frozen=True, slots=True)
class SurveyedBackend:
    """A backend.

    Attributes:
        members: Of a pool, the names of its backends.
    """

    name: str
    url: str = ""
    resource_id: str = ""
    members: tuple[str, ...] = ()
    mark: Mark | None = None


@dataclass(frozen=True, slots=True)
class SurveyedProduct:
    """A product whose policy may lead calls elsewhere, and the ids of the APIs in it."""

    name: str
    policy: str
    apis: tuple[str, ...]

    def has(self, api: SurveyedApi) -> bool:
        name = api.name.lower().partition(";rev=")[0]
        return name in map(str.lower, self.apis)


@dataclass(frozen=True, slots=True)
class GatewaySurvey:
    """The gateway at one moment.

    Attributes:
        named_values: Those that are no secrets, by lower-cased display name.
        fragments: Policy fragments that some policy includes, by lower-cased id.
        policy: The one of the whole gateway.
    """

    apis: tuple[SurveyedApi, ...] = ()
    backends: tuple[SurveyedBackend, ...] = ()
    products: tuple[SurveyedProduct, ...] = ()
    named_values: Mapping[str, str] = field(default_factory=dict)
    fragments: Mapping[str, str] = field(default_factory=dict)
    policy: str = ""
