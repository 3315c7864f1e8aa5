"""Why a unit is looked at, what somebody asked for beyond that, and what stops it."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Noted:
    """What a unit's row remembers of a cause.

    Attributes:
        kind: event, reimport, sweep, release, rollback or replay.
        event: Type of the event; with *event_id* and *deployment* all that is kept of it, for the
            rest of an event holds its sender's personal data.
        at: When the event happened, ISO 8601; "" if nobody knows.
        trace: W3C traceparent of what took it in. Two causes that differ in nothing else are one.
    """

    kind: str
    event: str = ""
    event_id: str = ""
    deployment: str = ""
    at: str = ""
    trace: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Order:
    """What somebody wants of a run, besides that it looks.

    Attributes:
        force: Write again what is as it should be.
        still: Paths that are still to be written, once a force or an agreed plan was begun.
        digest: Only if the plan is this very one; then whatever the mode, the brake or a hold say.
        approved: Names of the writes of that plan, once it was begun: these and no others may still
            be made.
        rollback: Id of the applied state to go back to.
    """

    force: bool = False
    still: tuple[str, ...] = ()
    digest: str = ""
    approved: tuple[str, ...] = ()
    rollback: str = ""

    @property
    def agreed(self) -> bool:
        """Somebody looked at the plan, and said yes to it."""
        return bool(self.digest or self.approved)

    @property
    def is_for_writes(self) -> bool:
        """And not for a state, however that is reached."""
        return self.force or self.agreed

    @property
    def word(self) -> str:
        """What it is, for people."""
        return "rollback" if self.rollback else "plan" if self.agreed else "force" * self.force

    def forces(self, path: str) -> bool:
        return self.force and (not self.still or path in self.still)


NO_ORDER = Order()


@dataclass(frozen=True, slots=True)
class Hold:
    """A unit for which nothing is written until somebody releases it, or the reason goes.

    Attributes:
        kind: ``removals`` (the brake) or ``rollback``.
        digest: Of the plan that was held.
    """

    kind: str
    reason: str
    since: datetime
    digest: str = ""
