"""A thousand deployments on fifty accounts, created within a minute.

The accounts are written to side by side and the deployments of one account one after the other, as
the service demands (409 RequestConflict, github.com/Azure/azure-dev/issues/9398). Creating one
takes the service tens of seconds; here it takes what is left of the minute, which is harder on the
app.
"""

import asyncio
from collections import defaultdict
from dataclasses import dataclass
from time import monotonic

from bench import bounds
from bench.bed import ACCOUNTS, Bed, Setup, Watch, a_bed, deployment_body, world_account
from bench.figures import Figure, percentile, promise
from bench.trace import Call
from sandbox.arm.latency import Latency
from sandbox.client import ACCOUNTS_VERSION

_NAME = "storm"
_CREATE = "Microsoft.CognitiveServices/accounts/deployments/write"
_MEMORY = 512 * 2**20
_BOUND = "1.2 x the later of the two bounds"
_EACH, _ONCE = "every event by itself", "one look at each account"


@dataclass(frozen=True, slots=True)
class Size:
    accounts: int
    each: int
    within_s: float
    scale: float  # of the service's times
    refill_s: float  # until ARM's buckets are full again

    @property
    def creating_s(self) -> float:
        """How long a create goes on between its first answer and the one that says it ended."""
        answers_s = bounds.MEAN_JITTER * (1.0 + 0.15) * self.scale
        return max(0.05, self.within_s / self.each - answers_s)


_FULL = Size(accounts=50, each=20, within_s=57.0, scale=1.0, refill_s=20.0)
_QUICK = Size(accounts=4, each=4, within_s=2.0, scale=0.05, refill_s=0.0)


async def run(setup: Setup) -> list[Figure]:
    size = _QUICK if setup.quick else _FULL
    latency = Latency("realistic", scale=size.scale, overrides={_CREATE: size.creating_s})
    names = [f"storm-{i}" for i in range(size.accounts)]
    accounts = [world_account(name, 0) for name in names]
    async with a_bed(setup, accounts=accounts, latency=latency) as bed:
        await bed.reimport({"all": True})  # an app that is warm, and knows its accounts
        sweep = _sweep(bed)
        await asyncio.sleep(size.refill_s)
        bed.forget()
        begun, watch = monotonic(), Watch(bed)
        setup.say(f"{size.accounts * size.each} deployments on {size.accounts} accounts")
        created = await asyncio.gather(*(_create(bed, name, size) for name in names))
        setup.say(f"all created after {watch.seconds():.0f} s; waiting for the app")
        await bed.quiet(every_s=1.0)
        cpu_s = watch.app_cpu_s()
        events = [[at - begun for at in times] for times in created]
        storm = Storm(size, events, bed.calls, begun)
        served = await bed.served()
        return [
            *sweep,
            *_time(storm, cpu_s),
            *_cost(storm),
            *_buckets(bed),
            *_health(bed, storm, served),
        ]


@dataclass(frozen=True, slots=True)
class Storm:
    """What happened; *events* are the seconds at which each account's creates ended."""

    size: Size
    events: list[list[float]]
    calls: list[Call]
    begun: float

    @property
    def writes(self) -> list[Call]:
        return [call for call in self.calls if call.is_write]

    @property
    def makespan_s(self) -> float:
        """From the first create to the answer to the last write."""
        return max((call.ended for call in self.writes), default=self.begun) - self.begun


async def _create(bed: Bed, account: str, size: Size) -> list[float]:
    """Create an account's deployments; when each was ready, which is when its event is raised."""
    ready = []
    for number in range(size.each):
        path = f"{ACCOUNTS}/{account}/deployments/gpt-{number}"
        url = f"{bed.arm.base_url}{path}?api-version={ACCOUNTS_VERSION}"
        async with bed.arm.session.put(url, json=deployment_body()) as response:
            response.raise_for_status()
        ready.append(monotonic() + size.creating_s)
        await asyncio.sleep(size.creating_s)
        await _until_ready(bed, path)
    return ready


async def _until_ready(bed: Bed, path: str) -> None:
    """One account takes one write at a time; timers are not exact to the millisecond."""
    while True:
        found = await bed.arm.get(path, version=ACCOUNTS_VERSION) or {}
        if found.get("properties", {}).get("provisioningState") == "Succeeded":
            return
        await asyncio.sleep(0.05)


def _time(storm: Storm, cpu_s: float) -> list[Figure]:
    firsts, lasts = [it[0] for it in storm.events], [it[-1] for it in storm.events]
    model = bounds.times(storm.size.scale)
    path = bounds.critical_path_s(firsts, lasts, model)
    allowed = bounds.reads_allowed_s(lasts, model)
    makespan = storm.makespan_s
    waits = _waits(storm)
    return [
        Figure(_NAME, "last event", max(lasts), "s", why="since the first create"),
        Figure(_NAME, "bound: critical path", path, "s"),
        Figure(_NAME, "bound: ARM's read limit", allowed, "s"),
        Figure(_NAME, "makespan", makespan, "s", limit=1.2 * max(path, allowed), why=_BOUND),
        Figure(_NAME, "an account's wait after its last event, p50", percentile(waits, 0.5), "s"),
        Figure(_NAME, "an account's wait after its last event, longest", max(waits), "s"),
        Figure(_NAME, "host CPU", cpu_s, "s"),
        Figure(_NAME, "host CPU, share of one core", 100 * cpu_s / max(makespan, 0.001), "%"),
    ]


def _waits(storm: Storm) -> list[float]:
    last: dict[int, float] = defaultdict(float)
    for call in storm.writes:
        for number in range(storm.size.accounts):
            if f"/storm-{number}-" in call.path:
                last[number] = max(last[number], call.ended - storm.begun)
    return [max(0.0, last[number] - times[-1]) for number, times in enumerate(storm.events)]


def _cost(storm: Storm) -> list[Figure]:
    """Beside what it takes if every event is looked at by itself, and if only the last one is."""
    size, writes = storm.size, len(storm.writes)
    reads = len(storm.calls) - writes
    polls = sum(call.is_poll for call in storm.calls)
    first = bounds.FIRST_WRITES * size.accounts
    later = bounds.POLICY_WRITES * size.accounts * (size.each - 1)
    least = bounds.FIRST_READS * size.accounts
    most = least + bounds.KNOWN_READS * size.accounts * (size.each - 1)
    return [
        Figure(_NAME, "writes", writes, limit=first + later, why=_EACH),
        Figure(_NAME, "writes, the least possible", first, why=_ONCE),
        Figure(_NAME, "reads without polls", reads - polls, limit=most, why=_EACH),
        Figure(_NAME, "reads, the least possible", least, why=_ONCE),
        Figure(_NAME, "polls", polls),
    ]


def _sweep(bed: Bed) -> list[Figure]:
    """What a sweep of the same accounts does to the bucket."""
    lowest, overrun = bed.meter.lowest["reads"], bed.meter.overrun["reads"]
    return [
        Figure(_NAME, "reimport of all accounts: lowest level of the reads bucket", lowest),
        Figure(_NAME, "reimport of all accounts: reads past the bucket", overrun, limit=0),
    ]


def _buckets(bed: Bed) -> list[Figure]:
    return [
        figure
        for kind, lowest in bed.meter.lowest.items()
        for figure in (
            Figure(_NAME, f"lowest level of the {kind} bucket", lowest),
            promise(
                _NAME,
                f"{kind} past the bucket",
                bed.meter.overrun[kind],
                why="real ARM answers each with 429",
            ),
        )
    ]


def _health(bed: Bed, storm: Storm, served: int) -> list[Figure]:
    size = storm.size
    failed = sum(attempt.fate != "delivered" for attempt in bed.azure.event_grid.deliveries)
    wanted = size.accounts * size.each * bounds.SURFACES
    errors = sum(call.asked.status >= 400 and call.asked.status != 404 for call in storm.calls)
    peak = bed.host().peak_bytes
    return [
        promise(_NAME, "deployments not served", wanted - served, why="counted once per surface"),
        promise(_NAME, "deliveries that Event Grid had to repeat", failed),
        Figure(_NAME, "answers of ARM that were errors, 404 aside", errors),
        Figure(
            _NAME,
            "peak memory of the host",
            peak / 2**20,
            "MB",
            limit=_MEMORY / 2**20,
            why="smallest Flex Consumption instance",
        ),
    ]
