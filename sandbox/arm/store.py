"""Everything the local Azure knows, in memory: a case-insensitive tree of resources."""

import copy
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from sandbox.arm.ids import ResourcePath
from sandbox.contracts import Json


@dataclass(frozen=True, slots=True)
class Entry:
    """One resource. ``body`` belongs to the store: copy it before changing it."""

    id: str  # in the casing of its creation
    type: str
    name: str
    body: Json
    etag: str  # with quotes, new on each write
    created_at: datetime
    modified_at: datetime
    hidden: Json = field(default_factory=dict)  # what no GET ever shows: keys, secret values

    def copy_body(self) -> Json:
        return copy.deepcopy(self.body)


class Store:
    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        self._collections: dict[str, dict[str, None]] = {}  # ".../accounts" -> keys, oldest first
        self._etags = itertools.count(1)

    def get(self, resource_id: str) -> Entry | None:
        return self._entries.get(resource_id.lower())

    def put(
        self, path: ResourcePath, body: Json, *, now: datetime, hidden: Json | None = None
    ) -> Entry:
        """Create or replace; ``hidden=None`` keeps what was hidden before."""
        have = self._entries.get(path.key)
        entry = Entry(
            id=have.id if have else path.id,
            type=have.type if have else path.type,
            name=have.name if have else path.name,
            body=copy.deepcopy(body),
            etag=self._new_etag(),
            created_at=have.created_at if have else now,
            modified_at=now,
            hidden=copy.deepcopy(hidden) if hidden is not None else (have.hidden if have else {}),
        )
        self._entries[path.key] = entry
        self._collections.setdefault(_collection(path.key), {})[path.key] = None
        return entry

    def delete(self, resource_id: str) -> list[Entry]:
        """Remove a resource and everything below it, children and extensions; what was removed."""
        gone = list(self.subtree(resource_id))
        for entry in gone:
            key = entry.id.lower()
            del self._entries[key]
            del self._collections[_collection(key)][key]
        return gone

    def members(self, collection_id: str) -> list[Entry]:
        """Direct members of a collection such as ``.../accounts/a/deployments``, oldest first."""
        return [self._entries[key] for key in self._collections.get(collection_id.lower(), ())]

    def of_type(self, full_type: str, under: str = "") -> list[Entry]:
        """All resources of one full type at or below a scope, oldest first."""
        wanted = full_type.lower()
        return [entry for entry in self.subtree(under) if entry.type.lower() == wanted]

    def subtree(self, resource_id: str) -> Iterator[Entry]:
        """The resource itself and everything below it."""
        key = resource_id.lower().rstrip("/")
        return iter(
            [entry for have, entry in self._entries.items() if f"{have}/".startswith(f"{key}/")]
        )

    def _new_etag(self) -> str:
        return f'"0a0a0a0a-0000-0100-0000-{next(self._etags):012x}"'


def _collection(key: str) -> str:
    return key.rsplit("/", 1)[0]
