"""One request to one service: what the entity kinds see of the store and of the options."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from sandbox.arm.apim.policies import References, references
from sandbox.arm.apim.policy_reader import parse
from sandbox.arm.ids import ResourcePath
from sandbox.arm.provider import Context, Request
from sandbox.arm.store import Entry
from sandbox.contracts import Json

type PutShape = Literal["by-version", "inline", "async", "accepted"]


def azure_gateway_url(name: str) -> str:
    return f"https://{name.lower()}.azure-api.net"


@dataclass(frozen=True, slots=True)
class ApimOptions:
    """What differs between services, or is not known of the real one.

    ``api_put_shape`` is how the PUT of an API answers:

    - ``inline``: 201 or 200 with the finished API
    - ``async``: 201 or 200, "InProgress", with Azure-AsyncOperation and Location
    - ``accepted``: 202, no body, Location with an asyncId
    - ``by-version``: before 2024 ``accepted`` for an import and ``inline`` for everything else
      (Azure/azure-cli, recordings/test_apim_api.yaml; github.com/hashicorp/
      terraform-provider-azurerm/issues/24379), from then on ``async`` as azure-rest-api-specs has
      it (UNVERIFIED in reality)
    """

    api_put_shape: PutShape = "by-version"
    # The lock of an API outlives a success: github.com/Azure/apiops-cli/issues/252.
    lock_linger_s: float = 0.0
    # Documented as refused, yet Microsoft's own samples import recursive schemas: two of the
    # documents in Azure-Samples/AI-Gateway, modules/apim/v3/specs. Off, so that they import here.
    refuse_recursion: bool = False
    page_size: int = 100
    quotas: Mapping[str, int] = field(default_factory=dict)  # "apis/operations" -> limit
    # By name of the service; where a gateway runs on this machine, it is there.
    gateway_url: Callable[[str], str] = azure_gateway_url


@dataclass(frozen=True, slots=True)
class Call:
    request: Request
    path: ResourcePath  # of the entity addressed, revisions resolved
    context: Context
    options: ApimOptions

    @property
    def root(self) -> ResourcePath:
        return replace(self.path, pairs=self.path.pairs[:1], trailing=None)

    @property
    def entry(self) -> Entry | None:
        return self.context.store.get(self.path.id)

    @property
    def parent(self) -> Entry | None:
        return self.context.store.get(self.path.parent.id)

    @property
    def tier(self) -> str:
        service = self.context.store.get(self.root.id)
        sku = service.body.get("sku") if service else None
        return str((sku or {}).get("name", "Developer"))

    def at(self, tail: str) -> ResourcePath:
        """The path of an entity of this service: ``at("apis/a/policies/policy")``."""
        parts = tail.strip("/").split("/")
        path = self.root
        for kind, name in zip(parts[::2], parts[1::2], strict=True):
            path = path.child(kind, name)
        return path

    def find(self, collection: str, name: str) -> Entry | None:
        return self.context.store.get(f"{self.root.id}/{collection}/{name}")

    def members(self, collection: str) -> list[Entry]:
        """Entities of a collection of the service, ``members("apis/a/operations")`` included."""
        return self.context.store.members(f"{self.root.id}/{collection}")

    def everything(self, type_path: str) -> list[Entry]:
        """All entities of a type anywhere in the service: ``everything("apis/operations")``."""
        return self.context.store.of_type(f"{self.root.type}/{type_path}", self.root.id)

    def put(self, path: ResourcePath, properties: Json, hidden: Json | None = None) -> Entry:
        body = {"properties": properties}
        return self.context.store.put(path, body, now=self.context.clock(), hidden=hidden)

    def relative(self, entry_id: str) -> str:
        return entry_id[len(self.root.id) :]

    def has(self, collection: str, name: str) -> bool:
        """Whether a policy may refer to it; named values go by their display name."""
        if collection == "namedValues":
            entries = self.members(collection)
            return any(display_name(entry) == name.lower() for entry in entries)
        return self.find(collection, name) is not None

    def policy_users(self, collection: str, name: str) -> list[str]:
        """Policies and fragments that refer to an entity, as ids relative to the service."""
        documents = [
            entry
            for entry in self.context.store.subtree(self.root.id)
            if entry.type.lower().endswith(("/policies", "/policyfragments"))
        ]
        return [
            self.relative(entry.id)
            for entry in documents
            if _references(entry.body["properties"]["value"]).uses(collection, name)
        ]


def tail_name(reference: str) -> str:
    """The name at the end of an id, relative or full: ``/apis/echo`` -> ``echo``."""
    return reference.rstrip("/").rsplit("/", 1)[-1]


def display_name(entry: Entry) -> str:
    return str(entry.body["properties"].get("displayName", "")).lower()


def _references(value: str) -> References:
    return references(parse(value, "xml"))
