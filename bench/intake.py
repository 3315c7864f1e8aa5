"""How fast the Event Grid handler takes events in, and that it asks nothing of ARM.

The queue trigger is off, so what is measured is one delivery: host, handler, the unit's row and
the queue message. The events are sent as Event Grid sends them, one in a request.
"""

import asyncio
from time import perf_counter
from uuid import uuid4

from bench.bed import ACCOUNTS, Bed, Setup, Watch, a_bed, an_event
from bench.figures import Figure, percentile, promise
from sandbox.contracts import Json

_NAME = "intake"
_OFF = {"AzureWebJobs.reconcile_queue.Disabled": "true"}
_NEEDED_PER_S = 1000 / 60  # the storm's thousand within a minute
# learn.microsoft.com/azure/event-grid/delivery-and-retry: it waits 30 seconds for an answer
_WAITS_MS = 30_000


async def run(setup: Setup) -> list[Figure]:
    events = 60 if setup.quick else 2000
    figures: list[Figure] = []
    async with a_bed(setup, env=_OFF) as bed:
        await _deliver(bed, events=20, accounts=5, at_once=2)  # connections, tables, tokens
        bed.forget()
        for title, accounts, at_once in (
            ("50 accounts, 1 at a time", 50, 1),
            ("50 accounts, 16 at a time", 50, 16),
            ("1 account, 16 at a time", 1, 16),
        ):
            setup.say(f"{events} events: {title}")
            figures += await _measure(bed, title, events=events, accounts=accounts, at_once=at_once)
        calls = len(bed.calls)
    figures.append(promise(_NAME, "calls to ARM and API Management", calls))
    return figures


async def _measure(
    bed: Bed, title: str, *, events: int, accounts: int, at_once: int
) -> list[Figure]:
    watch = Watch(bed)
    times, refused = await _deliver(bed, events=events, accounts=accounts, at_once=at_once)
    seconds, cpu_s = watch.seconds(), watch.app_cpu_s()
    p50, p99 = (percentile(times, share) * 1000 for share in (0.5, 0.99))
    return [
        Figure(
            _NAME,
            f"{title}: events",
            events / seconds,
            "/s",
            limit=_NEEDED_PER_S,
            sense="at least",
            why="the storm's rate",
        ),
        Figure(_NAME, f"{title}: p50", p50, "ms"),
        Figure(_NAME, f"{title}: p99", p99, "ms", limit=_WAITS_MS, why="Event Grid waits 30 s"),
        Figure(_NAME, f"{title}: host CPU per event", cpu_s / events * 1000, "ms"),
        Figure(_NAME, f"{title}: refused", refused, limit=0, why="Event Grid sends them again"),
    ]


async def _deliver(
    bed: Bed, *, events: int, accounts: int, at_once: int
) -> tuple[list[float], int]:
    """Post *events* to the host; seconds that each took, and how many it refused."""
    waiting = (
        an_event(f"{ACCOUNTS}/intake-{i % accounts}", f"gpt-{i}", uuid4().hex)
        for i in range(events)
    )
    times: list[float] = []
    statuses: list[int] = []

    async def sender() -> None:
        for event in waiting:
            started = perf_counter()
            statuses.append(await _post(bed, event))
            times.append(perf_counter() - started)

    await asyncio.gather(*(sender() for _ in range(at_once)))
    return times, sum(status >= 300 for status in statuses)


async def _post(bed: Bed, event: Json) -> int:
    url = bed.azure.host.event_grid_url("deployment_events")
    headers = {"aeg-event-type": "Notification"}
    async with bed.http.post(url, json=[event], headers=headers) as response:
        await response.read()
        return response.status
