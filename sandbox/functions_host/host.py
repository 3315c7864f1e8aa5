"""One hosted app: its functions, and the listeners that set them off."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from datetime import timedelta
from enum import Enum
from typing import Any, Protocol

from sandbox.functions_host.event_grid import EventGridWebhook
from sandbox.functions_host.functions import QUEUE_TRIGGER, TIMER_TRIGGER, Function, make_function
from sandbox.functions_host.hostjson import HostConfig
from sandbox.functions_host.http import HttpTrigger, http_functions
from sandbox.functions_host.invocations import Invoker
from sandbox.functions_host.keys import Keys
from sandbox.functions_host.outputs import OutputWriter
from sandbox.functions_host.queues import QueueListener, poison_name
from sandbox.functions_host.runtime import IndexedFunction
from sandbox.functions_host.storage import StorageConnections
from sandbox.functions_host.timers import TimerListener

_logger = logging.getLogger("Host.Startup")


class Listener(Protocol):
    """Waits for work; what it has started outlives the cancellation of ``run``."""

    async def run(self) -> None: ...

    def processing(self) -> set[asyncio.Task[None]]: ...

    def is_busy(self) -> bool: ...


class State(Enum):
    """Stopped is what the platform calls a stopped app; ending is this process on its way out."""

    RUNNING = "running"
    STOPPED = "stopped"
    ENDING = "ending"


class FunctionApp:
    """The functions of one app, hosted."""

    def __init__(
        self,
        indexed: Sequence[IndexedFunction],
        *,
        config: HostConfig,
        settings: Mapping[str, str],
        storage: StorageConnections,
        keys: Keys,
    ) -> None:
        self.config = config
        self.keys = keys
        self.functions = tuple(
            sorted((make_function(item, settings) for item in indexed), key=lambda f: f.name)
        )
        self._check_connections(storage)
        self._storage = storage
        outputs = OutputWriter(storage, base64_queues=config.queues.base64)
        self.invoker = Invoker(outputs, config.function_timeout)
        self.http_functions = http_functions(self.functions, config.route_prefix)
        self.http = HttpTrigger(self.http_functions, keys, self.invoker)
        self.event_grid = EventGridWebhook(self.functions, self.invoker)
        self.state = State.STOPPED
        self._listeners: list[Listener] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._manual: set[asyncio.Task[Any]] = set()

    async def prepare(self) -> None:
        """Make the listeners; StartupError when one of them is misconfigured."""
        for function in self.functions:
            if function.disabled:
                continue
            if function.trigger.type == TIMER_TRIGGER:
                self._listeners.append(TimerListener(function, self.invoker))
            if function.trigger.type == QUEUE_TRIGGER:
                self._listeners.append(await self._queue_listener(function))

    def start(self) -> None:
        """Start listening; also after ``stop``."""
        self.state = State.RUNNING
        self._tasks = [asyncio.create_task(_guarded(item)) for item in self._listeners]

    async def stop(self, drain: timedelta, state: State = State.STOPPED) -> None:
        """Stop listening, wait for what is running, and cancel it when the time is up."""
        self.state = state
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        work: list[asyncio.Task[Any]] = [
            task for item in self._listeners for task in item.processing()
        ]
        work += self._manual
        if work:
            _, pending = await asyncio.wait(work, timeout=drain.total_seconds())
            for task in pending:
                task.cancel()

    def find(self, name: str) -> Function | None:
        """A function by its name in any case (ScriptHost.GetFunctionOrNull)."""
        wanted = name.casefold()
        return next((item for item in self.functions if item.name.casefold() == wanted), None)

    def is_busy(self) -> bool:
        """Whether there is work that nobody waits for: of queues, of timers, started by hand."""
        return bool(self._manual) or any(item.is_busy() for item in self._listeners)

    def in_background(self, task: asyncio.Task[Any]) -> None:
        """Keep a manually started invocation alive, and wait for it when stopping."""
        self._manual.add(task)
        task.add_done_callback(self._manual.discard)

    def _check_connections(self, storage: StorageConnections) -> None:
        for function in self.functions:
            for binding in (function.trigger, *function.outputs):
                if binding.type in {QUEUE_TRIGGER, "queue"}:
                    storage.check(binding.text("connection"), "queue")
                if binding.type == "table":
                    storage.check(binding.text("connection"), "table")

    async def _queue_listener(self, function: Function) -> QueueListener:
        service = await self._storage.queues(function.trigger.text("connection"))
        name = function.trigger.text("queueName")
        poison = poison_name(name)
        return QueueListener(
            function,
            service.get_queue_client(name),
            service.get_queue_client(poison) if poison else None,
            options=self.config.queues,
            invoker=self.invoker,
        )


async def _guarded(listener: Listener) -> None:
    try:
        await listener.run()
    except Exception:
        # The real host shuts down ("An unhandled exception has occurred"); a bug here is ours.
        _logger.exception("A listener ended with an unhandled exception.")
        raise
