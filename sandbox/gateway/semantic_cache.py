"""Answers by what was asked: nearest by the embeddings backend's own vectors."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Cached:
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass(frozen=True, slots=True)
class _Row:
    partition: tuple[str, ...]
    vector: tuple[float, ...]
    answer: Cached
    until: float


@dataclass(frozen=True, slots=True)
class SemanticCache:
    """In memory, where a gateway has a Redis."""

    _rows: list[_Row] = field(default_factory=list)

    def find(
        self, partition: tuple[str, ...], vector: Sequence[float], *, within: float, now: float
    ) -> Cached | None:
        """The nearest answer no farther than *within*: "smaller values, more similar".

        learn.microsoft.com/azure/api-management/llm-semantic-cache-lookup-policy; that it is the
        cosine distance is UNVERIFIED.
        """
        rows = [it for it in self._rows if it.partition == partition and it.until > now]
        near = [(_distance(it.vector, vector), number) for number, it in enumerate(rows)]
        distance, number = min(near, default=(math.inf, 0))
        return rows[number].answer if distance <= within else None

    def store(
        self,
        partition: tuple[str, ...],
        vector: Sequence[float],
        answer: Cached,
        *,
        until: float,
    ) -> None:
        self._rows.append(_Row(partition, tuple(vector), answer, until))


def _distance(one: Sequence[float], other: Sequence[float]) -> float:
    if len(one) != len(other):
        return math.inf
    size = math.hypot(*one) * math.hypot(*other)
    return max(0.0, 1 - sum(a * b for a, b in zip(one, other, strict=True)) / size) if size else 1.0
