"""What happened in one run: who did what at which virtual time, what was violated, what broke.

The text is the same for the same seed, so ids that are random by nature (uuids) stay out of it.
"""

from collections import Counter
from dataclasses import dataclass, field
from hashlib import sha256

from tests.simulation.loop import PROCESS, SimLoop


@dataclass(frozen=True, slots=True)
class Violation:
    oracle: str
    what: str


@dataclass(slots=True)
class Journal:
    loop: SimLoop
    lines: list[str] = field(default_factory=list)
    violations: list[Violation] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)

    def note(self, text: str, *, who: str = "") -> None:
        process = PROCESS.get()
        actor = who or (process.name if process else "azure")
        self.lines.append(f"{self.loop.time():10.3f}  {actor:<10}  {text}")

    def fault(self, kind: str, text: str) -> None:
        self.faults[kind] += 1
        self.note(f"{text}  ! {kind}", who="network")

    def violate(self, oracle: str, what: str) -> None:
        self.violations.append(Violation(oracle, what))
        self.note(f"{oracle}: {what}", who="VIOLATION")

    def digest(self) -> str:
        return sha256("\n".join(self.lines).encode()).hexdigest()
