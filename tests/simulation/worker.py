"""One process of the app: the real reconciler and adapters on simulated lines, and their probes.

The handlers' own few lines are repeated here, for they bind to azure.functions; everything else
that runs is the app's.
"""

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sandbox.world import SUBSCRIPTION
from shared.adapters.arm import Arm
from shared.adapters.gateway import ApimGateway
from shared.adapters.inventory import ArmInventory
from shared.adapters.table_history import TableHistory
from shared.adapters.table_ledger import TableLedger
from shared.adapters.table_state import TableState
from shared.adapters.work_queue import StorageWorkQueue
from shared.applying import Applier
from shared.core.events import read_event
from shared.core.guard import Brake
from shared.core.messages import read_message
from shared.core.model import Account, Actual, ActualResource, Wants
from shared.core.modes import Mode
from shared.core.observed import Rules
from shared.core.plan import Change
from shared.core.resource_ids import AccountId, GatewayId
from shared.core.rulebook import RuleBook
from shared.core.single_flight import Cause
from shared.errors import InvalidEvent, OnboardingError
from shared.intake import Intake
from shared.planning import Planner
from shared.ports import Clock, Gateway, GatewayCalls, Inventory
from shared.proving import Prover
from shared.reconciler import Reconciler
from tests.simulation.azure import ENDPOINT, GATEWAY
from tests.simulation.calls import Callers, CallsDouble
from tests.simulation.desk import Desk, SeenPlanner, make_desk
from tests.simulation.loop import Process, SimLoop
from tests.simulation.oracles import Oracles
from tests.simulation.queue import QueueDouble, WorkQueueSim
from tests.simulation.runs import RUN, RunInfo
from tests.simulation.tables import START, Storage, TableService

_BRAKE = Brake(most=10, most_percent=50)  # more than these worlds ever lose at once


@dataclass(frozen=True, slots=True)
class Limits:
    """The app's settings that have to do with time, and how far it may go."""

    run_deadline_s: float
    request_timeout_s: float
    grace: timedelta
    parallel_writes: int = 2  # so few that one unit alone wants more
    brake: Brake = _BRAKE
    mode: Mode = Mode.SYNC

    @property
    def lease(self) -> timedelta:
        return timedelta(seconds=self.run_deadline_s + self.request_timeout_s + 10)

    @property
    def rules(self) -> Rules:
        return Rules(
            owner="default",
            mode=self.mode,
            grace=self.grace,
            book=RuleBook(),
        )


@dataclass(frozen=True, slots=True)
class Parts:
    """What an app is built of; a variant that breaks the protocol swaps some of these."""

    arm: Arm
    clock: Clock
    inventory: Inventory
    gateway: Gateway
    state: TableState
    ledger: TableLedger
    queue: StorageWorkQueue
    limits: Limits
    calls: GatewayCalls | None = None  # None: nobody wants proof
    applier: Callable[[Gateway], Any] = Applier
    intake: Callable[[TableState, StorageWorkQueue], Any] = Intake


type Variant = Callable[[Parts], Parts]


def as_it_is(parts: Parts) -> Parts:
    return parts


class NoOutcomes:
    async def publish(self, unit: AccountId) -> None:
        """Nobody listens."""

    async def publish_rest(self, but: Collection[AccountId]) -> None:
        """Nobody listens."""


@dataclass(frozen=True, slots=True)
class SimClock:
    loop: SimLoop
    oracles: Oracles
    skew: timedelta

    def now(self) -> datetime:
        return START + timedelta(seconds=self.loop.time()) + self.skew

    def monotonic(self) -> float:
        return self.loop.time()

    async def sleep(self, seconds: float) -> None:
        self.oracles.sleeps(RUN.get(), seconds)
        await asyncio.sleep(seconds)


@dataclass(frozen=True, slots=True)
class SeenInventory:
    """Notes between which versions of the unit a pass saw it."""

    inner: Inventory
    oracles: Oracles
    loop: SimLoop

    async def read(
        self, unit: AccountId, *, confirm: frozenset[str], until: float
    ) -> Account | None:
        run = RUN.get()
        if run:
            run.seen_from, run.seen_at = self.oracles.versions[unit.name], self.loop.time()
        account = await self.inner.read(unit, confirm=confirm, until=until)
        if run:
            run.seen_to = self.oracles.versions[unit.name]
        return account

    async def accounts(self) -> tuple[AccountId, ...]:
        return await self.inner.accounts()


@dataclass(frozen=True, slots=True)
class SeenGateway:
    """Notes when a pass began to read the gateway."""

    inner: Gateway
    loop: SimLoop

    async def actual(
        self, unit: AccountId, wants: Wants, *, until: float, known: frozenset[str] = frozenset()
    ) -> Actual:
        if run := RUN.get():
            run.looked_at = self.loop.time()
        return await self.inner.actual(unit, wants, known=known, until=until)

    async def apply(self, change: Change, *, until: float) -> None:
        await self.inner.apply(change, until=until)

    async def owned_units(self, owner: str) -> tuple[AccountId, ...]:
        return await self.inner.owned_units(owner)

    async def operations_in_use(self, *, until: float) -> int:
        return await self.inner.operations_in_use(until=until)

    async def apis_at(self, paths: frozenset[str], *, until: float) -> tuple[ActualResource, ...]:
        return await self.inner.apis_at(paths, until=until)


@dataclass(frozen=True, slots=True)
class Worker:
    process: Process
    parts: Parts
    reconciler: Reconciler
    intake: Intake
    desk: Desk
    oracles: Oracles
    loop: SimLoop

    async def on_event(self, text: str) -> None:
        """handlers/deployment_events.py"""
        try:
            hint = read_event(text, subscriptions=frozenset({SUBSCRIPTION}))
        except InvalidEvent as exc:
            self.oracles.journal.note(f"event ignored: {exc}")
            return
        fresh = await self.intake.event(hint.unit, hint.cause)
        self.oracles.journal.note(f"event on {hint.unit.name} taken in{'' if fresh else ', again'}")

    async def on_message(self, text: str, number: int) -> None:
        """handlers/reconcile_queue.py"""
        unit = read_message(text)
        limits = self.parts.limits
        until = self.loop.time() + limits.run_deadline_s
        run = RunInfo(number, self.process.name, unit, until, mode=limits.mode)
        RUN.set(run)
        self.oracles.journal.note(f"run {number} of {unit.name}")
        ended = await self.reconciler.reconcile(unit)
        verdict = ended.status.value if ended else "nothing to do"
        error = ended.error if ended else ""
        if error.startswith("unexpected"):
            self.oracles.crashed(error)
        self.oracles.promises.ended(run, verdict)
        self.oracles.journal.note(f"run {number}: {verdict}, {run.calls} calls {error}")

    async def on_sweep(self) -> None:
        """handlers/sweep.py"""
        state = self.parts.state
        sources = (
            self.parts.inventory.accounts(),
            self.parts.gateway.owned_units(self.parts.limits.rules.owner),
            state.unfinished(),
        )
        found = await asyncio.gather(*sources, return_exceptions=True)
        units: set[AccountId] = set()
        for source in found:
            if isinstance(source, OnboardingError):
                self.oracles.journal.note(f"sweep: {source}")
            elif isinstance(source, BaseException):
                raise source
            else:
                units |= set(source)
        self.oracles.journal.note(f"sweep of {len(units)} units")
        await self.intake.all(sorted(units), Cause(full=True))


def make_parts(
    line: Any,
    storage: Storage,
    queue: WorkQueueSim,
    *,
    oracles: Oracles,
    limits: Limits,
    skew: timedelta,
    callers: Callers | None = None,
) -> Parts:
    loop = storage.network.loop
    clock = SimClock(loop, oracles, skew)
    arm = Arm(
        NoCredential(),
        clock,
        endpoint=ENDPOINT,
        subscription=SUBSCRIPTION,
        request_timeout=timedelta(seconds=limits.request_timeout_s),
    )
    arm._client = line
    gateway = ApimGateway(
        arm,
        clock,
        GatewayId.parse(GATEWAY),
        parallel_reads=8,
        parallel_writes=limits.parallel_writes,
    )
    inventory = ArmInventory(arm, clock, subscriptions=(SUBSCRIPTION,))
    service = cast("Any", TableService(storage))
    return Parts(
        arm=arm,
        clock=clock,
        inventory=SeenInventory(inventory, oracles, loop),
        gateway=SeenGateway(gateway, loop),
        state=TableState(service, lease=limits.lease),
        ledger=TableLedger(service),
        queue=StorageWorkQueue(lambda _name, **_options: cast("Any", QueueDouble(queue))),
        limits=limits,
        calls=CallsDouble(callers) if callers else None,
    )


def make_worker(process: Process, parts: Parts, oracles: Oracles, loop: SimLoop) -> Worker:
    limits, state = parts.limits, parts.state
    planner = Planner(parts.inventory, parts.gateway, parts.clock, limits.rules, limits.brake)
    reconciler = Reconciler(
        inventory=parts.inventory,
        planner=planner,
        applier=parts.applier(parts.gateway),
        state=state,
        ledger=parts.ledger,
        queue=parts.queue,
        outcomes=NoOutcomes(),
        clock=parts.clock,
        rules=limits.rules,
        run_deadline=timedelta(seconds=limits.run_deadline_s),
        prover=Prover(parts.calls, parts.ledger, parts.clock) if parts.calls else None,
    )
    intake = parts.intake(state, parts.queue)
    desk = make_desk(
        planner=SeenPlanner(planner),
        inventory=parts.inventory,
        clock=parts.clock,
        state=state,
        ledger=parts.ledger,
        history=TableHistory(state._service),
        intake=intake,
    )
    return Worker(process, parts, reconciler, intake, desk, oracles, loop)


class NoCredential:
    async def get_token(self, *_scopes: str, **_options: object) -> Any:
        raise AssertionError("nobody asks for a token here")

    async def close(self) -> None:
        """Hold nothing."""

    async def __aenter__(self) -> Any:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Hold nothing."""
