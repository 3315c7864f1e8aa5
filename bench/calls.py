"""What each kind of event costs on ARM: calls, writes, and round trips that wait for each other.

Answers take their time here, so that what is asked at once can be told from what is asked one
after the other.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from bench import bounds
from bench.bed import ACCOUNTS, EAGER, EMBEDDINGS, Bed, Setup, a_bed, an_event
from bench.figures import Figure, promise
from bench.trace import Call, depth
from sandbox.arm.latency import Latency
from sandbox.client import ACCOUNTS_VERSION

_NAME = "calls"
_ANSWER_S = 0.15
_IMPORT_S = 0.6


class Steady(Latency):
    """Everything takes the same time, so that what was sent at once is answered at once."""

    def request_s(self, operation: str) -> float:
        return 0.0 if "CognitiveServices" in operation and "read" not in operation else _ANSWER_S

    def operation_s(self, operation: str) -> float:
        return _IMPORT_S if operation.endswith("service/apis/write") else 0.0


@dataclass(frozen=True, slots=True)
class Bound:
    """The least it takes.

    Attributes:
        promised: Of "writes" and "reads", those of which one more breaks a promise.
    """

    reads: int
    writes: int
    trips: int
    levels: int = 1
    polls: int = 0
    promised: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Step:
    title: str
    act: Callable[[Bed, str], Awaitable[None]]
    bound: Bound


async def _nothing_yet(bed: Bed, account: str) -> None:
    await bed.account(account.rpartition("/")[2])


async def _first(bed: Bed, account: str) -> None:
    await bed.deploy(account, "gpt-4o")


async def _second(bed: Bed, account: str) -> None:
    await bed.deploy(account, "gpt-4o-eu")


async def _new_kind(bed: Bed, account: str) -> None:
    await bed.deploy(account, "embed", model=EMBEDDINGS)


async def _capacity(bed: Bed, account: str) -> None:
    await bed.deploy(account, "gpt-4o", capacity=25)


async def _unchanged(bed: Bed, account: str) -> None:
    await bed.deliver(an_event(account, "gpt-4o", "the-same-event"))


async def _capacity_again(bed: Bed, account: str) -> None:
    await bed.deploy(account, "gpt-4o", capacity=50)


async def _delete(bed: Bed, account: str) -> None:
    await bed.arm.delete(f"{account}/deployments/gpt-4o-eu", version=ACCOUNTS_VERSION)


async def _reimport(bed: Bed, account: str) -> None:
    await bed.reimport({"account": account})


_NO_WRITE = frozenset({"writes"})
_EMPTY = Bound(bounds.EMPTY_READS, 0, bounds.LOOK_TRIPS, promised=_NO_WRITE)
_FULL = Bound(bounds.FULL_READS, 0, bounds.LOOK_TRIPS, promised=_NO_WRITE)
_SPARED = Bound(reads=3, writes=0, trips=1, promised=_NO_WRITE | {"reads"})
_CHANGE = Bound(bounds.KNOWN_READS, bounds.POLICY_WRITES, bounds.LOOK_TRIPS + 1)
_GONE = replace(
    _CHANGE,
    reads=bounds.KNOWN_READS + bounds.GONE_READS,
    trips=_CHANGE.trips + bounds.GONE_READS,
)
_IMPORT = Bound(
    reads=bounds.KNOWN_READS + bounds.READ_BACKS,
    writes=bounds.IMPORT_WRITES,
    trips=bounds.LOOK_TRIPS + bounds.IMPORT_TRIPS,
    levels=bounds.WRITE_LEVELS,
    polls=bounds.POLLS,
)
_FIRST = replace(
    _IMPORT,
    reads=bounds.FIRST_READS,
    writes=bounds.FIRST_WRITES,
    trips=_IMPORT.trips + 1,  # proof of absence
)
_STEPS = (
    Step("new account", _nothing_yet, _EMPTY),
    Step("its first deployment", _first, _FIRST),
    Step("one more deployment", _second, _CHANGE),
    Step("one of a new kind", _new_kind, _IMPORT),
    Step("another capacity", _capacity, _CHANGE),
    Step("unchanged", _unchanged, _SPARED),
    Step("redelivered", _unchanged, _SPARED),
    Step("reimport, unchanged", _reimport, _FULL),
    Step("one deleted", _delete, _GONE),
    Step("another capacity beside one deleted", _capacity_again, _CHANGE),
)


async def run(setup: Setup) -> list[Figure]:
    figures: list[Figure] = []
    async with a_bed(setup, latency=Steady("realistic"), env=EAGER) as bed:
        await bed.account("warm-up")  # tokens, connections and tables
        await bed.quiet()
        for step in _STEPS:
            setup.say(step.title)
            bed.forget()
            await step.act(bed, f"{ACCOUNTS}/calls")
            await bed.quiet()
            figures += _figures(step, bed.calls)
    return figures


def _figures(step: Step, calls: list[Call]) -> list[Figure]:
    """Polls stand apart: how many there are depends on how long an import takes."""
    bound, title = step.bound, step.title
    writes = [call for call in calls if call.is_write]
    polls = sum(call.is_poll for call in calls)
    reads = len(calls) - len(writes) - polls
    figures = [
        _counted(step, "writes", len(writes), bound.writes),
        _counted(step, "reads", reads, bound.reads),
        Figure(_NAME, f"{title}: round trips in a row", depth(calls), limit=bound.trips),
    ]
    if writes:
        levels = depth(writes)
        figures.append(Figure(_NAME, f"{title}: levels of writes", levels, limit=bound.levels))
    if polls:
        figures.append(Figure(_NAME, f"{title}: polls", polls, limit=bound.polls))
    return figures


def _counted(step: Step, what: str, value: int, limit: int) -> Figure:
    name = f"{step.title}: {what}"
    if what in step.bound.promised:
        return promise(_NAME, name, value, limit=limit)
    return Figure(_NAME, name, value, limit=limit)
