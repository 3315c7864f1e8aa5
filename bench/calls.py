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
        trips: Round trips in a row: the inventory after what stands, then the levels of writes;
            an API is followed to its end and read back before its policy is written.
        is_promise: A write more than that breaks a promise.
    """

    reads: int
    writes: int
    trips: int
    levels: int = 1
    polls: int = 0
    is_promise: bool = False


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


_LOOK = Bound(bounds.KNOWN_ACCOUNT_READS, 0, 2, is_promise=True)
_CHANGE = Bound(reads=bounds.KNOWN_ACCOUNT_READS, writes=bounds.POLICY_WRITES, trips=3)
_IMPORT = Bound(
    reads=bounds.NEW_ACCOUNT_READS + bounds.READ_BACKS,
    writes=bounds.NEW_ACCOUNT_WRITES,
    trips=6,
    levels=bounds.WRITE_LEVELS,
    polls=bounds.POLLS,
)
_STEPS = (
    Step("new account", _nothing_yet, Bound(bounds.NEW_ACCOUNT_READS, 0, 2, is_promise=True)),
    Step("its first deployment", _first, _IMPORT),
    Step("one more deployment", _second, _CHANGE),
    Step(
        "one of a new kind",
        _new_kind,
        replace(
            _IMPORT,
            reads=bounds.KNOWN_ACCOUNT_READS + bounds.READ_BACKS,
            writes=2 * bounds.SURFACES,  # the document and the policy
        ),
    ),
    Step("another capacity", _capacity, _CHANGE),
    Step("unchanged", _unchanged, Bound(3, 0, 1, is_promise=True)),
    Step("redelivered", _unchanged, Bound(3, 0, 1, is_promise=True)),
    Step("reimport, unchanged", _reimport, _LOOK),
    # Once the list lacks it, it is asked for by itself, and twice: one 404 proves nothing
    # (github.com/hashicorp/terraform-provider-azurerm/issues/32535).
    Step("one deleted", _delete, replace(_CHANGE, reads=bounds.KNOWN_ACCOUNT_READS + 2, trips=5)),
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
    written = Figure(_NAME, f"{title}: writes", len(writes), limit=bound.writes)
    if bound.is_promise:
        written = promise(_NAME, written.name, written.value, limit=bound.writes)
    figures = [
        written,
        Figure(_NAME, f"{title}: reads", reads, limit=bound.reads),
        Figure(_NAME, f"{title}: round trips in a row", depth(calls), limit=bound.trips),
    ]
    if writes:
        levels = depth(writes)
        figures.append(Figure(_NAME, f"{title}: levels of writes", levels, limit=bound.levels))
    if polls:
        figures.append(Figure(_NAME, f"{title}: polls", polls, limit=bound.polls))
    return figures
