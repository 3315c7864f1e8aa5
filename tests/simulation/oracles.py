"""What must hold, each rule by itself, and most of them at the very moment they could break.

| oracle          | says                                                                         |
|-----------------|------------------------------------------------------------------------------|
| clean-is-right  | a unit that counts as done is served as the world has it: no event was lost    |
| awake           | without deaths and failing storage, every unit that is marked gets its run     |
| converges       | a sweep at rest makes it so for every unit, whatever happened before           |
| leaves-nothing  | nothing of ours stands for a surface that serves nobody                        |
| rests           | at rest another sweep writes nothing, and asks a bounded number of questions   |
| foreign         | the app writes only its unit's own, marked resources                           |
| stale           | no write lands after a newer observation of its unit was written or done       |
| keeps           | no deployment that ARM has had all along drops out of a policy                 |
| deadline        | no write starts, and nobody sleeps, past the run's time                        |
| parallel        | a process has at most so many writes under way                                 |
| crashes         | nothing is raised but what the handlers know                                   |

*Foreign* allows what API Management can't prevent: it has no If-None-Match, so a create overwrites
what somebody else put there between our look and our write.

*Stale*, precisely: each pass of a run sees its unit between two versions of it, from when it first
asks to when the last answer is there. A write is stale if, when it takes effect, another pass whose
first question came after all that this one saw has already written the same resource, or belongs
to a run that ended as done.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from sandbox.arm.store import Entry, Store
from shared.adapters.tables import UNITS
from shared.core.resource_ids import AccountId
from tests.simulation import truth
from tests.simulation.azure import ACCOUNTS, GATEWAY
from tests.simulation.journal import Journal
from tests.simulation.loop import PROCESS
from tests.simulation.promises import Promises
from tests.simulation.runs import CAUSE, Cause, RunInfo
from tests.simulation.tables import START, Row

# At rest: the service, the roles on the account, the lists of APIs and backends, three paths and an
# operation list for each of three surfaces, the account, its deployments, and a second look at an
# account that is gone.
MOST_CALLS_A_UNIT = 19
_SHORT_S = 11.0
_OURS = ("service/apis", "service/backends", "service/apis/policies")


@dataclass(slots=True)
class Oracles:
    journal: Journal
    store: Store
    parallel_writes: int
    patience_s: float  # how long a request may take, beyond which nothing of a run may go on
    most_removals: int
    versions: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    excused: set[str] = field(default_factory=set)  # accounts that only a sweep can put right
    writes: int = 0
    calls: int = 0
    promises: Promises = field(init=False)
    _under_way: Counter[str] = field(default_factory=Counter)
    _newest: dict[str, int] = field(default_factory=dict)  # path -> newest version acted on

    def __post_init__(self) -> None:
        self.promises = Promises(self.journal, self.store, self.most_removals, self.versions)

    def changed(self, before: Entry | None, after: Entry | None) -> None:
        """A change of the store, in the context of what caused it."""
        entry = after or before
        if entry is None:
            return
        if entry.id.lower().startswith(f"{ACCOUNTS}/".lower()):
            unit = _account_in(entry.id)
            self.versions[unit] += 1
            if _tags(before) != _tags(after):
                self.promises.tagged(unit)
            return
        cause = CAUSE.get()
        kind = entry.type.partition("/")[2].lower()
        if not entry.id.lower().startswith(f"{GATEWAY}/".lower()):
            return
        path = entry.id[len(GATEWAY) + 1 :]
        if cause is None:
            self.promises.edited(path)
            return
        self._check_foreign(cause, path, before, after)
        if kind in _OURS:
            self._check_stale(cause, path)
            self._check_kept(cause, path, before, after)
            self.promises.written(cause, path, before, after)

    def row_written(self, table: str, before: Row | None, after: Row) -> None:
        """A unit's row says that more of it is done: what its run saw was acted on."""
        self.promises.row_written(table, before, after)
        cause = CAUSE.get()
        if table != UNITS or before is None or cause is None:
            return
        if after.values["done"] <= before.values["done"]:
            return
        for api in truth.own_ids(cause.run.unit.name):
            for path in (f"apis/{api}", f"apis/{api}/policies/policy", f"backends/{api}"):
                self._newest[path] = max(self._newest.get(path, -1), cause.seen_from)

    def request(self, run: RunInfo | None, method: str, path: str) -> None:
        """A request leaves the app."""
        if run is None:
            return
        run.calls += 1
        self.calls += 1
        if method == "GET":
            return
        self.writes += 1
        if self.journal.loop.time() > run.until:
            self.journal.violate("deadline", f"run {run.number} starts {method} {path} too late")

    @contextmanager
    def writing(self, method: str) -> Iterator[None]:
        """While a request is under way."""
        process = PROCESS.get()
        if method == "GET" or process is None:
            yield
            return
        self._under_way[process.name] += 1
        if self._under_way[process.name] > self.parallel_writes:
            self.journal.violate("parallel", f"{process.name} has more writes at once than allowed")
        try:
            yield
        finally:
            self._under_way[process.name] -= 1

    def sleeps(self, run: RunInfo | None, seconds: float) -> None:
        """Short sleeps between two reads are nobody's harm, however late they are."""
        if run is None or seconds <= _SHORT_S:
            return
        left = run.until + self.patience_s - self.journal.loop.time()
        if seconds > left:
            self.journal.violate("deadline", f"run {run.number} sleeps {seconds:.0f} s, has {left}")

    def crashed(self, what: str) -> None:
        self.journal.violate("crashes", what)

    def _check_foreign(
        self, cause: Cause, path: str, before: Entry | None, after: Entry | None
    ) -> None:
        parts = path.split("/")
        own = truth.own_ids(cause.run.unit.name)
        if len(parts) < 2 or parts[1] not in own:
            self.journal.violate("foreign", f"run {cause.run.number} wrote {path}")
            return
        if len(parts) > 2:
            return
        if after is not None and not truth.is_ours(after):
            self.journal.violate("foreign", f"run {cause.run.number} left {path} unmarked")
        if before is not None and not truth.is_ours(before) and _born(before) < cause.looked_at:
            self.journal.violate("foreign", f"run {cause.run.number} took over {path}")

    def _check_stale(self, cause: Cause, path: str) -> None:
        newest = self._newest.get(path, -1)
        if cause.seen_to < newest:
            self.journal.violate(
                "stale",
                f"{path} by run {cause.run.number}, which saw version {cause.seen_to} of "
                f"{cause.run.unit.name}; version {newest} was acted on before",
            )
        self._newest[path] = max(newest, cause.seen_from)

    def _check_kept(
        self, cause: Cause, path: str, before: Entry | None, after: Entry | None
    ) -> None:
        if not path.endswith("/policies/policy"):
            return
        unit = cause.run.unit.name
        if self.promises.goes_back(cause.run):
            return
        if not any(it.startswith(f"{unit}/") for it in truth.expected(self.store)):
            return  # an account that was made anew without a subdomain serves nobody
        dropped = truth.served_by(before).keys() - truth.served_by(after).keys()
        for deployment in truth.deployments_of(self.store, unit):
            if deployment.name.lower() in dropped and _born(deployment) < cause.seen_at:
                self.journal.violate(
                    "keeps", f"run {cause.run.number} dropped {unit}/{deployment.name}"
                )

    def check_clean_is_right(self, dirty: set[AccountId]) -> None:
        """At rest, before any sweep."""
        names = {unit.name for unit in dirty} | self.excused
        self._compare("clean-is-right", excused=names)

    def check_awake(self, dirty: set[AccountId]) -> None:
        """At rest, before any sweep, if nobody died and storage never failed."""
        for unit in sorted(dirty):
            self.journal.violate("awake", f"{unit.name} waits, and nobody will come for it")

    def check_converged(self) -> None:
        """At rest, after a sweep."""
        self._compare("converges", excused=set())

    def check_leaves_nothing(self) -> None:
        """At rest, after a sweep when the grace period of everything has passed."""
        spoiled = {name for path in self._blocked() for name in truth.own_ids(path.split("/")[0])}
        for name in truth.leftovers(self.store):
            if name not in spoiled:
                self.journal.violate("leaves-nothing", f"{name} still stands")

    def check_rest(self, *, writes: int, calls: int, units: int) -> None:
        """After a sweep at rest: what it wrote and asked."""
        if writes:
            self.journal.violate("rests", f"{writes} writes although all was well")
        if calls > units * MOST_CALLS_A_UNIT:
            self.journal.violate("rests", f"{calls} calls for {units} units at rest")

    def _compare(self, oracle: str, *, excused: set[str]) -> None:
        wanted, found, blocked = (
            truth.expected(self.store),
            truth.actual(self.store),
            self._blocked(),
        )
        for path in sorted(wanted.keys() | found.keys()):
            if path.split("/")[0] in excused or path in blocked:
                continue
            if wanted.get(path) != found.get(path):
                self.journal.violate(
                    oracle, f"{path}: should be {wanted.get(path)}, is {found.get(path)}"
                )

    def _blocked(self) -> set[str]:
        return truth.blocked(self.store)


def _tags(entry: Entry | None) -> object:
    return entry.body.get("tags") if entry else None


def _born(entry: Entry) -> float:
    """The moment of its creation."""
    return (entry.created_at - START).total_seconds()


def _account_in(resource_id: str) -> str:
    return resource_id[len(ACCOUNTS) + 1 :].split("/", maxsplit=1)[0].lower()
