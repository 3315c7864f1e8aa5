"""The Functions host: workers that come and go, and what it hands to them."""

from collections.abc import Callable, Coroutine
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from shared.errors import OnboardingError
from tests.simulation.calls import Callers
from tests.simulation.desk import Desk
from tests.simulation.grid import Delivery, Grid
from tests.simulation.loop import PROCESS, Process
from tests.simulation.network import Network
from tests.simulation.oracles import Oracles
from tests.simulation.queue import Message, WorkQueueSim
from tests.simulation.tables import Storage
from tests.simulation.wire import Line
from tests.simulation.worker import Limits, Variant, Worker, make_parts, make_worker


@dataclass(slots=True)
class Host:
    network: Network
    storage: Storage
    queue: WorkQueueSim
    grid: Grid
    line: Line
    oracles: Oracles
    limits: Limits
    variant: Variant
    callers: Callers | None = None
    workers: list[Worker] = field(default_factory=list)
    runs: int = 0
    deaths: int = 0
    _tasks: dict[object, Process] = field(default_factory=dict)
    _clean: Context = field(default_factory=copy_context)
    _restarts: int = 0

    def start(self, workers: int) -> None:
        self.queue.deliver = self._deliver_message
        self.grid.deliver = self._deliver_event
        for number in range(workers):
            self._start(f"worker{number}")

    @property
    def busy(self) -> bool:
        """Somebody alive works, or a worker is about to come back."""
        return self._restarts > 0 or any(it.is_alive for it in self._tasks.values())

    def kill_one(self) -> None:
        if self.workers:
            self.kill(self.network.rng.choice(self.workers).process)

    def kill(self, process: Process) -> None:
        """The process is gone between two of its steps; another one starts in its place."""
        if not process.is_alive:
            return
        process.is_alive = False
        self.network.journal.note(f"{process.name} is killed", who="host")
        self.workers = [it for it in self.workers if it.process is not process]
        self._restarts += 1
        self.deaths += 1
        self.network.loop.call_later(
            self.network.rng.uniform(1, 30), self._restart, f"{process.name}'", context=self._clean
        )

    def pause_one(self, seconds: float | None = None) -> None:
        if not self.workers:
            return
        process, weather = self.network.rng.choice(self.workers).process, self.network.weather
        if seconds is None:
            seconds = self.network.rng.uniform(0, weather.longest_pause_s)
        process.paused_until = self.network.loop.time() + seconds
        self.network.journal.note(f"{process.name} is paused for {seconds:.0f} s", who="host")

    def sweep(self) -> None:
        if self.workers:
            worker = self.network.rng.choice(self.workers)
            self._spawn(worker, worker.on_sweep(), "sweep")

    def change(self, limits: Limits) -> None:
        """Other settings: every worker starts anew with them."""
        self.limits = limits
        for worker in list(self.workers):
            self.kill(worker.process)

    def outside(self) -> Context:
        return self._clean.copy()

    def ask(self, request: Callable[[Desk], Coroutine[Any, Any, None]], what: str) -> None:
        """Let one of the workers answer a request; nobody does if none is there."""
        if self.workers:
            worker = self.network.rng.choice(self.workers)
            self._spawn(worker, request(worker.desk), what)

    def _restart(self, name: str) -> None:
        self._restarts -= 1
        self._start(name)

    def _start(self, name: str) -> None:
        process = Process(name)
        skew = timedelta(seconds=self.network.rng.uniform(-300, 300))
        parts = make_parts(
            self.line,
            self.storage,
            self.queue,
            oracles=self.oracles,
            limits=self.limits,
            skew=skew,
            callers=self.callers,
        )
        loop = self.network.loop
        self.workers.append(make_worker(process, self.variant(parts), self.oracles, loop))
        self.network.journal.note(f"{name} starts", who="host")

    def _deliver_message(self, message: Message) -> bool:
        if not self.workers:
            return False
        worker, turn = self.network.rng.choice(self.workers), message.turn
        self.runs += 1
        number = self.runs

        async def handle() -> None:
            try:
                await worker.on_message(message.text, number)
            except OnboardingError as exc:
                self.network.journal.note(f"message {message.number} fails: {exc}")
                self.queue.failed(message, turn)
            else:
                self.queue.done(message, turn)

        self._spawn(worker, handle(), f"message {message.number}")
        return True

    def _deliver_event(self, delivery: Delivery) -> None:
        if not self.workers:
            return
        worker = self.network.rng.choice(self.workers)

        async def handle() -> None:
            try:
                await worker.on_event(delivery.text)
            except OnboardingError as exc:
                self.network.journal.note(f"event {delivery.number} fails: {exc}")
            else:
                self.grid.answered(delivery, ok=True)

        self._spawn(worker, handle(), f"event {delivery.number}")

    def _spawn(self, worker: Worker, work: Coroutine[Any, Any, None], what: str) -> None:
        context = self._clean.copy()
        context.run(PROCESS.set, worker.process)
        task = self.network.loop.create_task(work, context=context)
        self._tasks[task] = worker.process

        def ended(_task: object) -> None:
            del self._tasks[task]
            if task.cancelled() or (error := task.exception()) is None:
                return
            if isinstance(error, OnboardingError):
                self.network.journal.note(f"{what} fails: {error}")
            else:
                self.oracles.crashed(f"{what}: {type(error).__name__}: {error}")

        task.add_done_callback(ended, context=context)
