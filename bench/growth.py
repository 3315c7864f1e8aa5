"""What one more deployment costs where few stand already, and where thousands do."""

from dataclasses import dataclass

from bench.bed import ACCOUNTS, EAGER, Bed, Setup, Watch, a_bed, world_account
from bench.bounds import SURFACES
from bench.figures import Figure, promise
from sandbox.arm.latency import Latency
from sandbox.world import WorldAccount

_NAME = "growth"
_SIZES = (10, 100, 1000, 5000)
_QUICK_SIZES = (5, 25)
_EACH = 20  # deployments on an account
_PROBE = "probe"
_READ_S = 0.165  # sandbox/arm/latency.py, at its mean
_NOISE = 1.25  # of CPU time between two runs on one machine


class SlowReads(Latency):
    """Reads take what they take the service, so that their rate is a real one; writes nothing.

    With real writes the onboarding of thousands would take the bench hours.
    """

    def request_s(self, operation: str) -> float:
        return _READ_S if operation.endswith("/read") else 0.0

    def operation_s(self, operation: str) -> float:  # noqa: ARG002 - its name is the base's
        return 0.0


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one event, with *standing* other deployments there."""

    standing: int
    reads: float
    writes: float
    cpu_ms: float
    seconds: float
    memory_mb: float
    sweep_reads: float  # per account, of a reimport of everything
    sweep_overrun: float  # reads for which ARM's bucket was empty then
    missing: int  # deployments that are not served, counted once per surface


async def run(setup: Setup) -> list[Figure]:
    sizes, events = (_QUICK_SIZES, 3) if setup.quick else (_SIZES, 25)
    costs = []
    for standing in sizes:
        setup.say(f"{standing} deployments: onboarding them")
        env = EAGER if setup.quick else {}
        latency = Latency() if setup.quick else SlowReads("realistic")
        async with a_bed(setup, accounts=_accounts(standing), latency=latency, env=env) as bed:
            watch = Watch(bed)
            await bed.reimport({"all": True})
            setup.say(f"{standing} deployments: took {watch.seconds():.0f} s; {events} events now")
            costs.append(await _cost(bed, standing, events))
    return _figures(costs)


def _accounts(standing: int) -> list[WorldAccount]:
    """The account that gets the events is the same at every size."""
    full, rest = divmod(standing, _EACH)
    sizes = [_EACH] * full + [rest] * bool(rest)
    others = [world_account(f"other-{i}", count) for i, count in enumerate(sizes)]
    return [world_account(_PROBE, _EACH), *others]


async def _cost(bed: Bed, standing: int, events: int) -> Cost:
    bed.forget()
    await bed.reimport({"all": True})
    accounts = len(bed.azure.world.accounts)
    sweep_reads, sweep_overrun = len(bed.calls) / accounts, bed.meter.overrun["reads"]
    bed.forget()
    watch = Watch(bed)
    for number in range(events):
        await bed.deploy(f"{ACCOUNTS}/{_PROBE}", f"more-{number}")
        await bed.quiet(every_s=0.05)
    writes = sum(call.is_write for call in bed.calls)
    return Cost(
        standing=standing,
        reads=(len(bed.calls) - writes) / events,
        writes=writes / events,
        cpu_ms=watch.app_cpu_s() / events * 1000,
        seconds=watch.seconds() / events,
        memory_mb=bed.host().peak_bytes / 2**20,
        sweep_reads=sweep_reads,
        sweep_overrun=sweep_overrun,
        missing=(standing + _EACH + events) * SURFACES - await bed.served(),
    )


def _figures(costs: list[Cost]) -> list[Figure]:
    least = costs[0]
    figures: list[Figure] = []
    for cost in costs:
        title, is_first = f"{cost.standing} deployments", cost is least
        figures += [
            Figure(_NAME, f"{title}: reads per event", cost.reads, limit=least.reads),
            Figure(_NAME, f"{title}: writes per event", cost.writes, limit=least.writes),
            Figure(
                _NAME,
                f"{title}: host CPU per event",
                cost.cpu_ms,
                "ms",
                limit=None if is_first else least.cpu_ms * _NOISE,
                why="" if is_first else "1.25 x the smallest",
            ),
            promise(_NAME, f"{title}: not served", cost.missing, why="counted once per surface"),
            Figure(_NAME, f"{title}: until all is quiet", cost.seconds, "s"),
            Figure(_NAME, f"{title}: reads per account of a reimport", cost.sweep_reads),
            Figure(
                _NAME,
                f"{title}: reads of that past the bucket",
                cost.sweep_overrun,
                limit=0,
                why="real ARM answers each with 429",
            ),
            Figure(_NAME, f"{title}: peak memory of the host", cost.memory_mb, "MB"),
        ]
    return figures
