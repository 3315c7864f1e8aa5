"""The way in: mark the unit's row, then put the unit in the queue; in this order, always.

A mark without a message is found by the sweep. A message without a mark would do nothing.
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from shared import telemetry
from shared.core.resource_ids import AccountId
from shared.core.single_flight import Cause
from shared.errors import OrderPending, TooManyRuns
from shared.ports import StateStore, WorkQueue

_AT_ONCE = 8
# A look takes about ten reads; ARM allows 250 at once and 25 a second
# (learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling).
_UNITS_AT_ONCE = 20
_UNITS_PER_SECOND = 2


@dataclass(frozen=True, slots=True)
class Intake:
    state: StateStore
    queue: WorkQueue

    async def event(self, unit: AccountId, cause: Cause) -> bool:
        """Take in an event; False when it was dealt with before."""
        fresh = await self.state.mark(unit, replace(cause, trace=telemetry.traceparent()))
        if fresh:
            await self.queue.send(unit)
        return fresh

    async def all(
        self, units: Iterable[AccountId], cause: Cause
    ) -> Mapping[AccountId, OrderPending | TooManyRuns]:
        """Ask for a reconcile of each of *units*, spread so that ARM need not throttle.

        Returns:
            The units that were not asked, and why.
        """
        slots = asyncio.Semaphore(_AT_ONCE)
        refused: dict[AccountId, OrderPending | TooManyRuns] = {}

        async def ask(number: int, unit: AccountId) -> None:
            async with slots:
                try:
                    await self.state.mark(unit, traced)
                except (OrderPending, TooManyRuns) as exc:
                    refused[unit] = exc
                    return
                late = max(0, number - _UNITS_AT_ONCE) // _UNITS_PER_SECOND
                await self.queue.send(unit, delay=timedelta(seconds=late))

        about = {"onramp.run": cause.run_id} if cause.run_id else {}
        with telemetry.span(f"accept {cause.noted.kind}", about):
            traced = replace(cause, trace=telemetry.traceparent())
            await asyncio.gather(*(ask(number, unit) for number, unit in enumerate(units)))
        return refused
