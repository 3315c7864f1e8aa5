"""What *verified* promises: a call through the gateway was answered, and nobody forgets to ask.

| oracle   | says                                                                                |
|----------|-------------------------------------------------------------------------------------|
| proven   | who is told as verified has answered on each surface that serves it                   |
| asked    | at rest all that answers is verified, and nobody is called who has answered before    |
"""

from dataclasses import dataclass

from sandbox.arm.store import Store
from tests.simulation import truth
from tests.simulation.calls import Callers
from tests.simulation.journal import Journal
from tests.simulation.tables import Row

_VERIFIED = "verified"


@dataclass(slots=True)
class Verified:
    journal: Journal
    store: Store
    callers: Callers

    def row_written(self, unit: str, before: Row | None, after: Row) -> None:
        """What becomes of a deployment is written down."""
        was = before.values.get("state") if before else ""
        if after.values.get("state") != _VERIFIED or was == _VERIFIED:
            return
        name = str(after.values["RowKey"])
        wanted = truth.expected(self.store)
        for path, served in truth.actual(self.store).items():
            is_its = path.split("/")[0] == unit and name in served.limits
            is_wanted = path in wanted and name in wanted[path].limits
            if is_its and is_wanted and (path, name) not in self.callers.answered:
                self.journal.violate("proven", f"{unit}/{name} is verified, never asked on {path}")

    def check_asked(self, states: dict[tuple[str, str], str]) -> None:
        """At rest, when all that was made is known everywhere: *states* by unit and deployment."""
        blocked = truth.blocked(self.store)
        for path, served in truth.expected(self.store).items():
            unit = path.split("/")[0]
            if any(it.startswith(f"{unit}/") for it in blocked):
                continue
            for name in served.limits:
                state = states.get((unit, name))
                if (state == _VERIFIED) == (name == self.callers.mute):
                    self.journal.violate("asked", f"{unit}/{name} is {state} at rest")

    def check_rest(self, *, calls: int) -> None:
        """After a sweep at rest: how often it called."""
        is_mute = any(self.callers.mute in it.limits for it in truth.expected(self.store).values())
        if calls and not is_mute:
            self.journal.violate("asked", f"{calls} calls of what has answered before")
