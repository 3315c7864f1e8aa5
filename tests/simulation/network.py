"""Calls from a process to the outside: they take time, and what they do is not what comes back.

The far end works outside the caller's process: a request that was sent takes effect although its
sender is paused or dead by then.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from tests.simulation.journal import Journal
from tests.simulation.loop import PROCESS, Process, SimLoop, outside
from tests.simulation.runs import blame
from tests.simulation.weather import Weather


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of one call.

    Attributes:
        before: Seconds until it takes effect.
        after: Seconds from there until the caller hears of it.
        has_effect: False where it never arrives.
        instead: What the caller gets, whatever the far end answered.
        kills: The caller dies when the call has arrived.
        heard: Seconds until the caller hears, where that is not after the effect.
    """

    before: float
    after: float
    has_effect: bool = True
    instead: object = None
    kills: bool = False
    heard: float | None = None


@dataclass(slots=True)
class Network:
    loop: SimLoop
    rng: Random
    weather: Weather
    journal: Journal
    request_timeout_s: float
    kill: Callable[[Process], None] = lambda _process: None
    is_calm: bool = False
    planned: list[str] = field(default_factory=list)  # befalls the next call that it can befall

    def latency(self) -> float:
        return self.rng.expovariate(1 / self.weather.latency_s)

    def fault(self, *kinds: str) -> str | None:
        """The kind of trouble that this call gets into, of those that can befall it."""
        if self.is_calm:
            return None
        for kind in kinds:
            if kind in self.planned:
                self.planned.remove(kind)
                return kind
            rate = self.weather.faults.get(kind, 0.0)
            if rate and self.rng.random() < rate:
                return kind
        return None

    def _pause(self) -> float:
        longest = self.weather.longest_pause_s
        return self.rng.uniform(0, longest) if self.fault("pause") else 0.0

    async def call(self, effect: Callable[[], object], fate: Fate) -> object:
        """Run *effect* at the far end; return or raise what comes back."""
        blame()
        answer = self.loop.create_future()
        context, process, pause = outside(), PROCESS.get(), self._pause()

        def arrive() -> None:
            outcome: object = None
            if fate.has_effect:
                try:
                    outcome = effect()
                except Exception as exc:  # noqa: BLE001 - it travels to the caller
                    outcome = exc
            if fate.kills and process is not None:
                self.kill(process)
            if pause and process is not None:
                process.paused_until = max(process.paused_until, self.loop.time() + pause)
                self.journal.note(f"is paused for {pause:.0f} s", who=process.name)
            self.loop.call_later(fate.after, deliver, outcome, context=context)

        def deliver(outcome: object) -> None:
            if not answer.done():
                answer.set_result(outcome if fate.instead is None else fate.instead)

        self.loop.call_later(fate.before, arrive, context=context)
        if fate.heard is not None:
            self.loop.call_later(fate.heard, deliver, None, context=context)
        outcome: object = await answer
        if isinstance(outcome, Exception):
            raise outcome
        return outcome
