"""A stage on a thread of its own, for clients that block: schemathesis calls with requests."""

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.stage import Stage, a_stage


@dataclass(frozen=True, slots=True)
class ThreadedStage:
    stage: Stage
    loop: asyncio.AbstractEventLoop

    def do[T](self, step: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(step, self.loop).result()


@contextmanager
def threaded_stage() -> Iterator[ThreadedStage]:
    """The app in the local Azure, while this thread is free to wait."""
    ready, over = Future[ThreadedStage](), threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(_hold(ready, over)))
    thread.start()
    try:
        yield ready.result()
    finally:
        over.set()
        thread.join()


async def _hold(ready: Future[ThreadedStage], over: threading.Event) -> None:
    try:
        async with a_stage() as stage:
            ready.set_result(ThreadedStage(stage, asyncio.get_running_loop()))
            await asyncio.to_thread(over.wait)
    except BaseException as exc:
        if not ready.done():
            ready.set_exception(exc)
        raise
