"""One invocation from its start line to its end line, with timeout, outputs and retries."""

import asyncio
import logging
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from sandbox.functions_host.functions import Function
from sandbox.functions_host.outputs import OutputWriter
from sandbox.functions_host.runtime import Datum, Outcome, invoke


@dataclass(frozen=True, slots=True)
class Trigger:
    """What set a function off: the value of its trigger parameter, and what goes with it.

    ``metadata`` reaches the app's converter; ``data`` fills ``{expressions}`` of output bindings.
    """

    value: Datum
    reason: str
    metadata: Mapping[str, Datum] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)


class Invoker:
    """Runs invocations and knows which are running."""

    def __init__(self, outputs: OutputWriter, timeout: timedelta | None) -> None:
        self._outputs = outputs
        self._timeout = timeout
        self._running: dict[str, str] = {}
        self._abandoned: set[asyncio.Task[Outcome]] = set()

    def function_of(self, invocation_id: str | None) -> str | None:
        """The name of the function that a running invocation is of."""
        return self._running.get(invocation_id or "")

    async def invoke(self, function: Function, trigger: Trigger) -> Outcome:
        """Run once, and again by the function's retry policy; the last outcome counts."""
        outcome = await self._invoke_once(function, trigger)
        for delay in function.retry.delays() if function.retry else ():
            if outcome.error is None:
                break
            await asyncio.sleep(delay.total_seconds())
            outcome = await self._invoke_once(function, trigger)
        return outcome

    async def _invoke_once(self, function: Function, trigger: Trigger) -> Outcome:
        invocation_id, started = str(uuid.uuid4()), time.monotonic()
        logger = logging.getLogger(f"Function.{function.name}")
        about = {"host_invocation": invocation_id, "host_function": function.name}
        logger.info(
            "Executing 'Functions.%s' (Reason='%s', Id=%s)",
            *(function.name, trigger.reason, invocation_id),
            extra=about,
        )
        outcome = await self._run(invocation_id, function, trigger)
        failed = outcome.error is not None
        logger.log(
            logging.ERROR if failed else logging.INFO,
            "Executed 'Functions.%s' (%s, Id=%s, Duration=%dms)%s",
            *(function.name, "Failed" if failed else "Succeeded", invocation_id),
            *((time.monotonic() - started) * 1000, _reason(outcome)),
            extra=about,
        )
        return outcome

    async def _run(self, invocation_id: str, function: Function, trigger: Trigger) -> Outcome:
        call = invoke(
            invocation_id,
            function.function_id,
            inputs=[(function.trigger.name, trigger.value)],
            metadata=dict(trigger.metadata),
        )
        # A task of its own: contexts stay apart, and a timeout cannot be refused by the app.
        task = asyncio.create_task(call)
        self._running[invocation_id] = function.name
        try:
            outcome = await self._within_timeout(task, invocation_id, function.name)
        except asyncio.CancelledError:
            task.cancel()
            raise
        finally:
            self._running.pop(invocation_id)
        if outcome.error is not None:
            return outcome
        return await self._written(function, outcome, trigger)

    async def _within_timeout(
        self, task: asyncio.Task[Outcome], invocation_id: str, name: str
    ) -> Outcome:
        seconds = None if self._timeout is None else self._timeout.total_seconds()
        done, _ = await asyncio.wait({task}, timeout=seconds)
        if done:
            return _settled(task)
        # The real host cancels, waits a grace period and then restarts the worker, which also ends
        # every other invocation on it (WebScriptHostExceptionHandler.OnTimeoutExceptionAsync).
        # Here only this one ends; a thread of a synchronous function cannot be stopped.
        task.cancel()
        self._abandoned.add(task)
        task.add_done_callback(self._forget)
        return Outcome(
            error=f"Timeout value of {self._timeout} exceeded by function 'Functions.{name}' "
            f"(Id: '{invocation_id}'). Initiating cancellation."
        )

    def _forget(self, task: asyncio.Task[Outcome]) -> None:
        self._abandoned.discard(task)
        _settled(task)

    async def _written(self, function: Function, outcome: Outcome, trigger: Trigger) -> Outcome:
        try:
            await self._outputs.write(function, outcome, trigger.data)
        except Exception as exc:  # noqa: BLE001 - any failed output fails the invocation, not the host
            return replace(outcome, error=f"Error while handling output bindings: {exc!r}")
        return outcome


def _settled(task: asyncio.Task[Outcome]) -> Outcome:
    if task.cancelled():
        return Outcome(error="the function was cancelled")
    exc = task.exception()
    return task.result() if exc is None else Outcome(error=repr(exc))


def _reason(outcome: Outcome) -> str:
    if outcome.error is None:
        return ""
    return f" {outcome.error}" + (f"\n{outcome.trace.rstrip()}" if outcome.trace else "")
