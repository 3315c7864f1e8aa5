"""One measured number, beside what it should be."""

from dataclasses import dataclass
from typing import Literal

type Verdict = Literal["met", "missed", "broken", ""]


@dataclass(frozen=True, slots=True)
class Figure:
    """One row of the result.

    Attributes:
        limit: What it should be; None for a number that only informs.
        sense: On which side of the limit the good values are.
        promise: A miss makes the bench fail. Only for what no machine can change, such as counts.
        why: Where the limit comes from, or what one has to know to read the number.
    """

    bench: str
    name: str
    value: float
    unit: str = ""
    limit: float | None = None
    sense: Literal["at most", "at least"] = "at most"
    promise: bool = False
    why: str = ""

    @property
    def verdict(self) -> Verdict:
        if self.limit is None:
            return ""
        good = self.value <= self.limit if self.sense == "at most" else self.value >= self.limit
        if good:
            return "met"
        return "broken" if self.promise else "missed"


def promise(bench: str, name: str, value: float, *, limit: float = 0, why: str = "") -> Figure:
    """A count that must hold on every machine."""
    return Figure(bench, name, value, limit=limit, promise=True, why=why)


def percentile(values: list[float], share: float) -> float:
    """The nearest-rank percentile, 0 for no values."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0
