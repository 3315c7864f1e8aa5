"""Whose turn it is among the members of a pool."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sandbox.arm.store import Entry


@dataclass(frozen=True, slots=True)
class Member:
    backend: Entry
    priority: int
    weight: int


@dataclass(frozen=True, slots=True)
class Rotation:
    """Smooth weighted round robin, so that what comes next can be told; real ones are random."""

    _credit: dict[str, dict[str, int]] = field(default_factory=dict)

    def next(self, pool: str, members: Sequence[Member]) -> Entry:
        credit = self._credit.setdefault(pool, {})
        total = sum(it.weight for it in members)
        for it in members:
            own = it.weight if total else 1
            credit[it.backend.id] = credit.get(it.backend.id, 0) + own
        best = max(members, key=lambda it: credit[it.backend.id])
        credit[best.backend.id] -= total or len(members)
        return best.backend
