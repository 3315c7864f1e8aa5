"""A deterministic event loop: virtual time, and every await a scheduling point.

Nothing here waits: when no callback is ready, time jumps to the next timer. Of the callbacks that
are ready, the seed picks the next one, so one seed is one interleaving (after FoundationDB and
TigerBeetle, docs.tigerbeetle.com/about/production-ready). There are no sockets and no threads.

A callback belongs to the *process* of the context it was scheduled in. A killed process gets no
callback any more: no `finally`, no `except`, as after a SIGKILL. A paused one gets them late, as
after a long garbage collection or on a starved machine. Whatever it had sent is on its way all the
same.
"""

import asyncio
import contextvars
import heapq
import itertools
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from dataclasses import dataclass
from random import Random
from typing import Any

PROCESS: ContextVar["Process | None"] = ContextVar("process", default=None)


@dataclass(eq=False, slots=True)
class Process:
    name: str
    is_alive: bool = True
    paused_until: float = 0.0


def outside() -> Context:
    """A copy of this context in which callbacks belong to no process: the far end of a call."""
    context = copy_context()
    context.run(PROCESS.set, None)
    return context


class SimLoop:
    """Just enough of an event loop for asyncio's tasks, futures, sleeps and locks."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._self: Any = self  # what asyncio takes for one of its own loops
        self._now = 0.0
        self._ready: list[tuple[asyncio.Handle, Context]] = []
        self._timers: list[tuple[float, int, asyncio.Handle, Context]] = []
        self._number = itertools.count()
        self._frozen: list[tuple[asyncio.Handle, Context]] = []
        self._tasks: list[asyncio.Task[Any]] = []
        self._ended = False
        self.steps = 0
        self.errors: list[str] = []

    def advance(self, until: float, *, is_done: Callable[[], bool] = lambda: False) -> None:
        """Run everything that is due up to the moment *until*, or until *is_done*."""
        outer = asyncio._get_running_loop()
        asyncio._set_running_loop(self._self)
        try:
            while not is_done():
                if not self._ready and not self._wake(until):
                    self._now = max(self._now, until)
                    return
                if self._ready:
                    self._step()
        finally:
            asyncio._set_running_loop(outer)

    def run[T](self, coroutine: Coroutine[Any, Any, T]) -> T:
        task = self.create_task(coroutine)
        self.advance(float("inf"), is_done=task.done)
        return task.result()

    def end(self) -> None:
        """Unwind every task that is left, the frozen ones too."""
        self._ended = True
        self._ready += self._frozen
        self._frozen = []
        left = [task for task in self._tasks if not task.done()]
        for task in left:
            task.cancel()
        self.advance(float("inf"), is_done=lambda: all(task.done() for task in left))
        self.errors.clear()

    def _step(self) -> None:
        index = self._rng.randrange(len(self._ready))
        self._ready[index], self._ready[-1] = self._ready[-1], self._ready[index]
        handle, context = self._ready.pop()
        if handle.cancelled():
            return
        process = context.get(PROCESS)
        if process is not None and not self._ended:
            if not process.is_alive:
                self._frozen.append((handle, context))
                return
            if process.paused_until > self._now:
                self._at(process.paused_until, handle, context)
                return
        self.steps += 1
        handle._run()

    def _wake(self, until: float) -> bool:
        """Let time pass up to the next timer; False if there is none by then."""
        while self._timers and self._timers[0][2].cancelled():
            heapq.heappop(self._timers)
        if not self._timers or self._timers[0][0] > until:
            return False
        self._now = max(self._now, self._timers[0][0])
        while self._timers and self._timers[0][0] <= self._now:
            _, _, handle, context = heapq.heappop(self._timers)
            self._ready.append((handle, context))
        return True

    def _at(self, when: float, handle: asyncio.Handle, context: Context) -> None:
        heapq.heappush(self._timers, (when, next(self._number), handle, context))

    def time(self) -> float:
        return self._now

    def call_soon(
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        context = context or contextvars.copy_context()
        handle = asyncio.Handle(callback, args, self._self, context)
        self._ready.append((handle, context))
        return handle

    def call_later(
        self, delay: float, callback: Callable[..., object], *args: Any, context: Any = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self._now + max(0.0, delay), callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[..., object], *args: Any, context: Any = None
    ) -> asyncio.TimerHandle:
        context = context or contextvars.copy_context()
        handle = asyncio.TimerHandle(when, callback, args, self._self, context)
        self._at(when, handle, context)
        return handle

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Asked for by TimerHandle; a cancelled timer is skipped when its time comes."""

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self._self)

    def create_task[T](
        self,
        coro: Coroutine[Any, Any, T],
        *,
        name: str | None = None,
        context: Context | None = None,
    ) -> asyncio.Task[T]:
        task = asyncio.Task(coro, loop=self._self, name=name, context=context)
        self._tasks.append(task)
        return task

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        self.errors.append(f"{context.get('message')}: {context.get('exception')!r}")

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False
