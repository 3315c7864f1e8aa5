"""One run: a world, an app on several workers, a storm, then rest; with every oracle watching.

1. The storm: users act, events fly, calls fail, workers are paused and killed.
2. Rest: nothing fails any more; everything under way comes to its end. No sweep yet, so a unit
   that counts as done must be right by its events alone.
3. A sweep after every lease has passed: now everything must be right.
4. Another sweep: nothing is written.
"""

import random as global_random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from sandbox.arm.apim.call import PutShape
from sandbox.contracts import ArmWrite
from shared.adapters import unit_rows
from shared.adapters.tables import DEPLOYMENTS, UNITS
from shared.core.guard import Brake
from shared.core.resource_ids import AccountId
from shared.core.single_flight import UnitRow
from tests.simulation.azure import ACCOUNTS, make_azure
from tests.simulation.calls import Callers
from tests.simulation.grid import Grid
from tests.simulation.host import Host
from tests.simulation.journal import Journal, Violation
from tests.simulation.loop import SimLoop
from tests.simulation.network import Network
from tests.simulation.operators import Operators
from tests.simulation.oracles import Oracles
from tests.simulation.promises import unit_of
from tests.simulation.queue import WorkQueueSim
from tests.simulation.tables import START, Storage
from tests.simulation.users import Users
from tests.simulation.verified import Verified
from tests.simulation.weather import Weather, weather
from tests.simulation.wire import Line
from tests.simulation.worker import Limits, Variant, as_it_is

_LONGEST_REST_S = 12 * 3600.0
_SWEEP_EVERY_S = 900.0
_SHAPES: tuple[PutShape, ...] = ("inline", "async", "accepted")
_RELEASES = 3  # what goes forward from a rollback may be held by the brake
_LOOKS_AT_MUTE = 9  # in half an hour, before only sweeps look again
_SKEW = timedelta(minutes=11)  # between the clocks of two workers, at most


@dataclass(frozen=True, slots=True)
class Outcome:
    seed: int
    violations: tuple[Violation, ...]
    lines: tuple[str, ...]
    digest: str
    runs: int
    calls: int
    faults: dict[str, int]
    virtual_s: float


class Simulation:
    def __init__(
        self,
        seed: int,
        *,
        variant: Variant = as_it_is,
        season: str | None = None,
        weather_: Weather | None = None,
        shape: PutShape | None = None,
    ) -> None:
        rng = Random(seed)
        self.seed, self.rng = seed, rng
        self.weather = weather_ or weather(rng, season)
        deadline_s, timeout_s = rng.choice(((60, 40), (240, 120)))
        grace = rng.choice((timedelta(), timedelta(minutes=10), timedelta(hours=24)))
        limits = Limits(
            deadline_s, timeout_s, grace, brake=Brake(self.weather.most_removals, most_percent=100)
        )
        self.loop = SimLoop(Random(rng.random()))
        self.journal = Journal(self.loop)
        network = Network(
            self.loop, rng, self.weather, self.journal, request_timeout_s=limits.request_timeout_s
        )
        self.network, self.limits = network, limits
        self.storage, self.queue = Storage(network), WorkQueueSim(network)
        self.grid = Grid(network, lose=self._excuse)
        self.azure = make_azure(
            lambda: START + timedelta(seconds=self.loop.time()),
            seed=seed,
            scale=self.weather.scale,
            shape=rng.choice(_SHAPES) if shape is None else shape,
            on_write=self._written,
        )
        self.oracles = Oracles(
            self.journal,
            self.azure.store,
            limits.parallel_writes,
            limits.request_timeout_s,
            limits.brake.most,
        )
        self.azure.store.watches.append(self.oracles.changed)
        self.storage.watch = self.oracles.row_written
        self.users = Users(
            self.azure,
            rng,
            self.journal,
            self.oracles.excused.add,
            self.weather.deployments,
            self.weather.meddling,
        )
        line = Line(self.azure, network, self.oracles)
        callers = self._callers() if self.weather.proves else None
        self.host = Host(
            network,
            self.storage,
            self.queue,
            self.grid,
            line,
            self.oracles,
            limits,
            variant,
            callers,
        )
        network.kill = self.host.kill
        people = Random(f"{seed} operators")
        self.operators = Operators(self.host, self.users, self.oracles.promises, people)

    def _callers(self) -> Callers:
        store = self.azure.store
        callers = Callers(store, self.network, self.weather.spread_s, self.weather.mute)
        self.oracles.promises.verified = Verified(self.journal, store, callers)
        return callers

    def run(self) -> Outcome:
        self.open()
        self.do(self._forecast)
        self.loop.advance(self.weather.storm_s)
        self.settle()
        return self.end()

    def open(self) -> None:
        """Start the workers, and let people have what they had before."""
        global_random.seed(self.seed)  # the app's own jitter
        self.do(self._begin)

    def do(self, act: Callable[..., object], *arguments: object) -> None:
        """Let something happen now, inside the simulated world."""
        self.loop.call_soon(act, *arguments)
        self.loop.advance(self.loop.time())

    def settle(self) -> None:
        """Let the storm pass, and hold the oracles of rest to what is left."""
        self.network.is_calm = True
        self.rest()
        self.oracles.check_clean_is_right(self.dirty() | self.stopped())
        if not any(kind.startswith(("kill", "storage")) for kind in self.journal.faults):
            self.oracles.check_awake(self.dirty() if not self.host.deaths else set())
        self.wait(max(self.limits.lease, self._until(row.not_before for row in self._rows())))
        self.sweep()
        self.oracles.promises.check_told()
        self.let_go()
        rejected = [item.again for row in self._rows() for item in row.rejections]
        if rejected:
            self.wait(self._until(rejected))
            self.sweep()
        self.oracles.check_converged()
        if self.limits.grace:
            self.wait(self.limits.grace + _SKEW)
            self.sweep()
            self.oracles.check_converged()
        self.oracles.check_leaves_nothing()
        self._check_rest()

    def _check_rest(self) -> None:
        """Sweep once more, for nothing."""
        oracles, callers = self.oracles, self.host.callers
        writes, calls, proofs = oracles.writes, oracles.calls, callers.calls if callers else 0
        self.sweep()
        looks = len(self._rows()) * (_LOOKS_AT_MUTE if self.weather.mute and callers else 1)
        oracles.check_rest(writes=oracles.writes - writes, calls=oracles.calls - calls, units=looks)
        if callers and oracles.promises.verified:
            oracles.promises.verified.check_asked(self._states())
            oracles.promises.verified.check_rest(calls=callers.calls - proofs)

    def _states(self) -> dict[tuple[str, str], str]:
        """What the app says of each deployment."""
        rows = self.storage.tables.get(DEPLOYMENTS, {}).values()
        states = [it for it in rows if "state" in it.values]
        return {(unit_of(it), it.values["RowKey"]): it.values["state"] for it in states}

    def let_go(self) -> None:
        """Nobody holds anything back any more."""
        promises = self.oracles.promises
        promises.check_released()
        self.do(self.operators.let_go)
        self.loop.advance(self.loop.time() + 60)
        self.sweep()
        for _ in range(_RELEASES):
            for unit in sorted(promises.holds):
                self.do(self.operators.release, unit)
            self.rest()
        promises.check_told()
        promises.check_released()
        self.sweep()

    def end(self) -> Outcome:
        steps = self.loop.time()
        for error in self.loop.errors:
            self.oracles.crashed(error)
        self.loop.end()
        journal = self.journal
        return Outcome(
            self.seed,
            tuple(journal.violations),
            tuple(journal.lines),
            journal.digest(),
            self.host.runs,
            self.oracles.calls,
            dict(journal.faults),
            steps,
        )

    def rest(self) -> None:
        """Until nothing is under way."""
        self.loop.advance(self.loop.time() + _LONGEST_REST_S, is_done=self._is_quiet)
        if not self._is_quiet():
            self.journal.violate("converges", "the app never comes to rest")

    def wait(self, time: timedelta) -> None:
        self.loop.advance(self.loop.time() + time.total_seconds() + 60)
        self.rest()

    def sweep(self) -> None:
        self.journal.note("sweep", who="host")
        self.do(self.host.sweep)
        self.loop.advance(self.loop.time() + 1)
        self.rest()

    def dirty(self) -> set[AccountId]:
        pairs = zip(self._units(), self._rows(), strict=True)
        return {unit for unit, row in pairs if row.is_dirty}

    def stopped(self) -> set[AccountId]:
        """The units that somebody holds back."""
        return {unit for unit in self._units() if self.operators.holds_back(unit.name)}

    def _units(self) -> list[AccountId]:
        return [
            AccountId.parse(row.values["unit"])
            for row in self.storage.tables.get(UNITS, {}).values()
        ]

    def _rows(self) -> list[UnitRow]:
        return [
            unit_rows.unit_row(row.values) for row in self.storage.tables.get(UNITS, {}).values()
        ]

    def _until(self, moments: Iterable[datetime | None]) -> timedelta:
        """From now to the last of *moments*, on the slowest clock."""
        now = self.storage.now()
        left = [moment - now + _SKEW for moment in moments if moment is not None]
        return max([timedelta(), *left])

    def _begin(self) -> None:
        self.journal.note(str(self.weather), who="weather")
        self.host.start(self.weather.workers)
        self.users.begin()

    def _forecast(self) -> None:
        """Put everything that happens in the storm on the calendar."""
        later, rng, storm = self.loop.call_later, self.rng, self.weather.storm_s
        for _ in range(self.weather.bursts):
            later(rng.uniform(0, storm), self._burst)
        for _ in range(self.weather.kills):
            later(rng.uniform(0, storm), self.host.kill_one)
        for _ in range(self.weather.pauses):
            later(rng.uniform(0, storm), self.host.pause_one)
        for _ in range(self.weather.asks):
            later(self.operators.rng.uniform(0, storm), self.operators.act)
        for _ in range(self.weather.moods):
            later(self.operators.rng.uniform(0, storm), self.operators.change_mood)
        if self.weather.sweeps:
            for number in range(int(storm // _SWEEP_EVERY_S) + 1):
                later(rng.uniform(0, 60) + number * _SWEEP_EVERY_S, self.host.sweep)

    def _burst(self) -> None:
        """People do a few things in a row; if all was quiet, it must have been right as well."""
        if self._is_quiet():
            self.oracles.check_clean_is_right(self.dirty() | self.stopped())
        gap_s = self.weather.latency_s * self.rng.choice((2, 10, 30))
        self.users.act(self.weather.actions, gap_s)

    def _written(self, write: ArmWrite) -> None:
        self.grid.publish(write)

    def _excuse(self, resource_id: str) -> None:
        self.oracles.excused.add(resource_id[len(ACCOUNTS) + 1 :].partition("/")[0].lower())

    def _is_quiet(self) -> bool:
        return (
            not self.grid.open
            and not self.queue.messages
            and not self.host.busy
            and not self.azure.door.operations.in_progress
        )
