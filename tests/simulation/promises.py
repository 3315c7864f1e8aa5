"""What people are promised who ask something of the app, each rule by itself.

| oracle    | says                                                                               |
|-----------|------------------------------------------------------------------------------------|
| held      | what is rolled back stays so until somebody agrees; who says held, wrote nothing     |
| released  | a hold that somebody released is gone                                                |
| agreed    | who was told to write one plan writes nothing that it doesn't say                    |
| brake     | no look takes off more than the brake lets pass, unless somebody said so             |
| modes     | observe writes nothing, upsert-only takes nothing off, unless somebody agreed        |
| told      | at rest nobody who was told 202 waits for the end of a run                           |
| true      | a run that succeeded did what it was asked for                                       |

People's words count as soon as they are sent and until the run that they were promised has ended;
what was refused counts never. *True* asks of a force that all was written that served before, of a
plan that each write of it was made, and of a rollback that the gateway serves just what it served
when that state was written down.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from sandbox.arm.store import Entry, Store
from shared.adapters import tables, unit_rows
from shared.core.modes import Mode
from shared.core.orders import Hold
from tests.simulation import truth
from tests.simulation.asks import ASK, FINAL, Ask, Said, said_by
from tests.simulation.azure import ACCOUNTS, GATEWAY
from tests.simulation.journal import Journal
from tests.simulation.runs import CAUSE, Cause, RunInfo
from tests.simulation.tables import Row
from tests.simulation.verified import Verified

type Serving = Mapping[str, truth.Served]
_MODE_TAG = "onramp:mode"


@dataclass(slots=True)
class Promises:
    journal: Journal
    store: Store
    most_removals: int
    versions: Mapping[str, int]
    verified: Verified | None = None
    asks: list[Ask] = field(default_factory=list)
    holds: dict[str, Hold] = field(default_factory=dict)
    modes: dict[str, str] = field(default_factory=dict)  # unit -> when the app saw it last
    _by_id: dict[str, Ask] = field(default_factory=dict)
    _states: dict[tuple[str, str], Serving] = field(default_factory=dict)
    _edited: dict[str, float] = field(default_factory=dict)  # unit -> last change by hand
    _tagged: dict[str, float] = field(default_factory=dict)  # unit -> last change of its mode
    _written: dict[str, tuple[float, Said]] = field(default_factory=dict)  # path -> last write
    _dropped: defaultdict[tuple[int, float], set[str]] = field(
        default_factory=lambda: defaultdict(set)
    )

    @property
    def _now(self) -> float:
        return self.journal.loop.time()

    def serving(self, unit: str) -> Serving:
        found = truth.actual(self.store)
        return {path: it for path, it in found.items() if path.split("/")[0] == unit}

    def goes_back(self, run: RunInfo) -> bool:
        """Somebody asked this run to take its unit back."""
        return any(ask.state for ask in self._asked(run))

    def tagged(self, unit: str) -> None:
        self._tagged[unit] = self._now

    def edited(self, path: str) -> None:
        """Somebody else changed something in the gateway."""
        for unit in self.versions:
            if any(own in path for own in truth.own_ids(unit)):
                self._edited[unit] = self._now

    def written(self, cause: Cause, path: str, before: Entry | None, after: Entry | None) -> None:
        """A run changed an API, a backend or a policy."""
        run, unit = cause.run, cause.run.unit.name
        run.wrote_at = cause.looked_at
        said = said_by(path, after.body if after else None)
        self._written[path] = self._now, said
        is_policy = path.endswith("/policies/policy")
        served = truth.served_by(before).keys() if is_policy else set[str]()
        dropped = served - truth.served_by(after).keys() if served else set[str]()
        self._check_held(run, unit, path, said)
        self._check_agreed(run, path, said)
        self._check_brake(cause, unit, dropped)
        self._check_mode(cause, unit, path, takes=bool(dropped) or after is None)

    def row_written(self, table: str, before: Row | None, after: Row) -> None:
        unit = str(after.values["RowKey"]).rpartition("|")[2]
        match table:
            case tables.UNITS if after.values["PartitionKey"] == unit_rows.PARTITION:
                self._unit_written(unit, before, after)
            case tables.RUNS:
                self._run_written(unit, before, after)
            case tables.STATES:
                self._state_written(after)
            case tables.DEPLOYMENTS if self.verified is not None:
                self.verified.row_written(unit_of(after), before, after)

    def _unit_written(self, unit: str, before: Row | None, after: Row) -> None:
        row, cause = unit_rows.unit_row(after.values), CAUSE.get()
        old = unit_rows.unit_row(before.values if before else None)
        if cause is not None and row.epoch > old.epoch:
            cause.run.ids, cause.run.epoch = old.runs, row.epoch
            cause.run.is_held = old.hold is not None
        if (asking := ASK.get()) is not None:
            self._by_id |= dict.fromkeys(set(row.runs) - set(old.runs), asking)
        self.modes[unit] = row.mode
        if row.hold is None:
            self.holds.pop(unit, None)
        elif row.hold != self.holds.get(unit):
            self.holds[unit] = row.hold
            self.journal.note(f"{unit} is held: {row.hold.kind}")

    def _state_written(self, after: Row) -> None:
        cause = CAUSE.get()
        if cause is None:
            return
        unit = cause.run.unit.name
        if self._edited.get(unit, -1.0) < cause.looked_at:
            self._states[unit, after.values["RowKey"]] = self.serving(unit)

    def _run_written(self, unit: str, before: Row | None, after: Row) -> None:
        id_, status = after.values["PartitionKey"], after.values["status"]
        ask, cause = self._by_id.get(id_), CAUSE.get()
        if ask is None:
            return
        said_last = before.values.get("epoch", 0) if before else 0
        if cause is not None and cause.run.epoch < said_last:
            words = f"run {cause.run.number} says {status} of {_name(ask)}, too late"
            self.journal.violate("told", words)
        if status not in FINAL:
            ask.ended.pop(unit, None)
            if status == "waiting" and all(self._is_done(ask, *it) for it in ask.plan.items()):
                ask.is_done = True
            return
        ask.ended[unit] = status
        if status == "held" and cause is not None and not ask.digest:
            ask.is_passed_on = any(it.digest for it in self._asked(cause.run))
        self.journal.note(f"{_name(ask)} ended for {unit}: {status}")
        if status == "succeeded" and cause is not None:
            self._check_true(ask, unit, cause)

    def ended(self, run: RunInfo, status: str) -> None:
        if status == "held" and run.wrote_at == run.looked_at:
            self.journal.violate("held", f"run {run.number} says held, and wrote")

    def _asked(self, run: RunInfo) -> list[Ask]:
        return [self._by_id[it] for it in run.ids if it in self._by_id]

    def check_told(self) -> None:
        """At rest, after a sweep."""
        for ask in self.asks:
            for unit in ask.units:
                if ask.status == 202 and unit not in ask.ended:
                    self.journal.violate("told", f"{_name(ask)} never ends for {unit}")

    def check_released(self) -> None:
        """At rest."""
        for ask in self.asks:
            for unit in ask.units:
                is_done = ask.frees and ask.ended.get(unit) == "succeeded"
                if is_done and ask.lifts is not None and ask.lifts == self.holds.get(unit):
                    self.journal.violate("released", f"{unit} is held, after {_name(ask)}")

    def _check_held(self, run: RunInfo, unit: str, path: str, said: Said) -> None:
        hold = self.holds.get(unit)
        if hold is None or hold.kind != "rollback":
            return
        if not any(
            ask.may_act(unit) and (ask.frees or ask.state or _says(ask, path, said))
            for ask in self.asks
        ):
            self.journal.violate("held", f"run {run.number} wrote {path} of {unit}")

    def _check_agreed(self, run: RunInfo, path: str, said: Said) -> None:
        for ask in self._asked(run):
            if ask.digest and not ask.is_done and not _says(ask, path, said):
                self.journal.violate("agreed", f"run {run.number}, {_name(ask)}, wrote {path}")

    def _check_brake(self, cause: Cause, unit: str, dropped: set[str]) -> None:
        names = self._dropped[cause.run.number, cause.looked_at]
        names |= dropped
        if not dropped or len(names) <= self.most_removals:
            return
        if not any(ask.may_act(unit) and ask.allows_removals for ask in self.asks):
            taken = ", ".join(sorted(names))
            self.journal.violate("brake", f"run {cause.run.number} took {taken} off {unit}")

    def _check_mode(self, cause: Cause, unit: str, path: str, *, takes: bool) -> None:
        account = self.store.get(f"{ACCOUNTS}/{unit}")
        if account is None or self._tagged.get(unit, -1.0) >= cause.seen_at:
            return
        if any(ask.digest or ask.state for ask in self._asked(cause.run)):
            return
        mode = mode_of(account, cause.run.mode)
        if mode is Mode.OBSERVE or (mode is Mode.UPSERT_ONLY and takes):
            self.journal.violate("modes", f"run {cause.run.number} wrote {path} in {mode.value}")

    def _check_true(self, ask: Ask, unit: str, cause: Cause) -> None:
        is_sure = self._edited.get(unit, -1.0) < ask.sent
        if ask.kind == "rollback":
            then = self._states.get((unit, ask.state))
            if is_sure and then is not None and then != self.serving(unit):
                what = f"serves {self.serving(unit)}, not {then}"
                self.journal.violate("true", f"{_name(ask)} succeeded: {what}")
        for path, said in ask.plan.items():
            if is_sure and not ask.is_done and not self._is_done(ask, path, said):
                self.journal.violate("true", f"{_name(ask)} succeeded without {path}")
        if ask.force:
            self._check_forced(ask, unit, cause)

    def _is_done(self, ask: Ask, path: str, said: Said) -> bool:
        if path.partition("/")[0] not in ("apis", "backends"):
            return True
        entry, (at, wrote) = self.store.get(f"{GATEWAY}/{path}"), self._written.get(path, (-1, 0))
        return said_by(path, entry.body if entry else None) == said or (
            at >= ask.sent and wrote == said
        )

    def _check_forced(self, ask: Ask, unit: str, cause: Cause) -> None:
        account = self.store.get(f"{ACCOUNTS}/{unit}")
        if account is None or self.versions[unit] != cause.run.seen_to:
            return  # the world is not the one that the run saw
        if self.versions[unit] != ask.versions[unit]:
            return  # a surface may have been off when it was written, and be back by the end
        if mode_of(account, cause.run.mode) is Mode.OBSERVE or cause.run.is_held:
            return  # it only says what it would do
        served = ask.before.keys() & truth.expected(self.store).keys() & self.serving(unit).keys()
        for path in sorted(served):
            api, backend = truth.own_ids(unit, path)
            for it in (f"apis/{api}", f"apis/{api}/policies/policy", f"backends/{backend}"):
                if self._written.get(it, (-1.0, None))[0] < ask.sent:
                    self.journal.violate("true", f"{_name(ask)} succeeded without {it}")


def unit_of(row: Row) -> str:
    return str(row.values["PartitionKey"]).rpartition("|")[2]


def mode_of(account: Entry, setting: Mode) -> Mode:
    """A tag goes before the setting, and one that nobody understands is for observe."""
    tag = (account.body.get("tags") or {}).get(_MODE_TAG)
    if tag is None:
        return setting
    known = {mode.value: mode for mode in Mode}
    return known.get(tag, Mode.OBSERVE)


def _says(ask: Ask, path: str, said: Said) -> bool:
    parent = "/".join(path.split("/")[:2])  # what goes takes along what belongs to it
    if said is None and parent in ask.plan and ask.plan[parent] is None:
        return True
    return path in ask.plan and ask.plan[path] == said


def _name(ask: Ask) -> str:
    wish = "force" if ask.force else "plan" if ask.digest else ""
    return f"{ask.kind} {wish} of {ask.sent:.0f} s".replace("  ", " ")
