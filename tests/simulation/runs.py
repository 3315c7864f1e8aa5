"""Which run is behind what happens: kept in context variables, so that it follows every task."""

from contextvars import ContextVar
from dataclasses import dataclass

from shared.core.modes import Mode
from shared.core.resource_ids import AccountId


@dataclass(eq=False, slots=True)
class RunInfo:
    """One reconcile of *unit* as the oracles know it.

    Attributes:
        until: No write may start after this moment.
        seen_from: The unit's version when the inventory was asked for.
        seen_to: The unit's version when all of its answers were there.
        seen_at: The moment of *seen_from*.
        looked_at: When it began to read the gateway.
        mode: Of its worker's settings.
        ids: The runs that people asked for and that it answers.
        epoch: Of its claim.
        is_held: Its unit was when it was claimed: it only says what it would do.
        wrote_at: *looked_at* of the look on which it wrote last.
    """

    number: int
    worker: str
    unit: AccountId
    until: float
    seen_from: int = -1
    seen_to: int = -1
    seen_at: float = -1.0
    looked_at: float = -1.0
    calls: int = 0
    mode: Mode = Mode.SYNC
    ids: tuple[str, ...] = ()
    epoch: int = 0
    is_held: bool = False
    wrote_at: float = -2.0


@dataclass(frozen=True, slots=True)
class Cause:
    """A request of a run, with what the run had observed when it was sent."""

    run: RunInfo
    seen_from: int
    seen_to: int
    seen_at: float
    looked_at: float


RUN: ContextVar[RunInfo | None] = ContextVar("run", default=None)
CAUSE: ContextVar[Cause | None] = ContextVar("cause", default=None)


def blame() -> None:
    """Note in this context which run a request comes from, and what it has seen."""
    run = RUN.get()
    seen = (run.seen_from, run.seen_to, run.seen_at, run.looked_at) if run else ()
    CAUSE.set(Cause(run, *seen) if run else None)
