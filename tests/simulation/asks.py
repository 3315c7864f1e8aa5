"""What people asked of the app, and what they were told; and what a plan says, in few words."""

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from shared.core.orders import Hold
from shared.core.outlook import Outlook
from tests.simulation import truth

# What a write leaves at a path, as far as a caller notices it; None where it takes it away.
type Said = object
type Writes = Mapping[str, Said]

FINAL = frozenset({"succeeded", "incomplete", "held", "failed"})


@dataclass(eq=False, slots=True)
class Ask:
    """One request of somebody.

    Attributes:
        kind: reimport, release, rollback or order: that what was ordered is called off.
        units: Names of accounts.
        plan: The writes of the plan that its digest names.
        state: The applied state to go back to.
        lifts: What held the unit when it was sent.
        before: What the gateway served of the units when it was sent.
        versions: Of the units in Azure then.
        status: Of the answer; 0 while nobody knows.
        is_done: Its plan is; its run waits for something else, and goes on as any other.
        is_passed_on: Its run was held over somebody else's plan, and another goes on for it.
        ended: Statuses of its run that are final, by unit.
    """

    kind: str
    units: tuple[str, ...]
    sent: float
    force: bool = False
    allows: bool = False
    digest: str = ""
    plan: Writes = field(default_factory=dict)
    state: str = ""
    lifts: Hold | None = None
    before: Mapping[str, truth.Served] = field(default_factory=dict)
    versions: Mapping[str, int] = field(default_factory=dict)
    status: int = 0
    is_done: bool = False
    is_passed_on: bool = False
    ended: dict[str, str] = field(default_factory=dict)

    @property
    def frees(self) -> bool:
        """It lifts whatever holds the unit."""
        return self.kind == "release" and not self.digest

    @property
    def allows_removals(self) -> bool:
        return self.allows or bool(self.digest) or self.kind == "rollback"

    def may_act(self, unit: str) -> bool:
        """It was not refused, and it has not come to its end."""
        is_over = unit in self.ended and not self.is_passed_on
        return unit in self.units and not self.is_refused and not is_over

    @property
    def is_refused(self) -> bool:
        """For sure: an error of the app's may come after the deed."""
        return 400 <= self.status < 500


ASK: ContextVar[Ask | None] = ContextVar("ask", default=None)
LOOKS: ContextVar[list[Writes] | None] = ContextVar("looks", default=None)


def writes_of(outlook: Outlook) -> Writes:
    return {
        change.path: said_by(change.path, change.desired.body if change.desired else None)
        for change in outlook.writes
    }


def said_by(path: str, body: Mapping[str, Any] | None) -> Said:
    if body is None:
        return None
    properties = body["properties"]
    if path.endswith("/policies/policy"):
        return truth.rules_of(properties["value"])
    return properties.get("path") if path.startswith("apis/") else properties.get("url")
