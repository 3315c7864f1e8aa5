"""What ARM held a while ago: real gateways serve a change some seconds after ARM has it.

How long is not documented. A change counts from when it was written, and so does what was there
before; the gateway hears of both when a request comes, so what came and went between two requests
is never served, and a deletion counts from the first request after it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from sandbox.arm.store import Entry, Store


@dataclass(slots=True)
class _Known:
    served: Entry | None
    newer: list[tuple[float, Entry | None]] = field(default_factory=list)  # due when, what

    @property
    def latest(self) -> Entry | None:
        return self.newer[-1][1] if self.newer else self.served

    def at(self, now: float) -> Entry | None:
        while self.newer and self.newer[0][0] <= now:
            self.served = self.newer.pop(0)[1]
        return self.served


@dataclass(slots=True)
class Delayed:
    """The store below *root* as it was *delay_s* ago; a ``Reader``."""

    store: Store
    root: str
    delay_s: float
    clock: Callable[[], float]
    _known: dict[str, _Known] = field(default_factory=dict)

    def look(self) -> None:
        """Take note of what has changed; once per request."""
        now = self.clock()
        there = {entry.id.lower(): entry for entry in self.store.subtree(self.root)}
        for key, entry in there.items():
            known = self._known.setdefault(key, _Known(None))
            latest = known.latest
            if latest is None or latest.etag != entry.etag:
                known.newer.append((entry.modified_at.timestamp() + self.delay_s, entry))
        for key, known in self._known.items():
            if key not in there and known.latest is not None:
                known.newer.append((now + self.delay_s, None))

    def get(self, resource_id: str) -> Entry | None:
        known = self._known.get(resource_id.lower())
        return known.at(self.clock()) if known else None

    def members(self, collection_id: str) -> list[Entry]:
        prefix = f"{collection_id.lower()}/"
        keys = [it for it in self._known if it.startswith(prefix) and "/" not in it[len(prefix) :]]
        return [entry for key in keys if (entry := self.get(key)) is not None]
