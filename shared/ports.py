"""What the reconciler and the handlers need of the outside; the adapters fill these in."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Protocol

from shared.core.applied_states import AppliedState
from shared.core.health import UnitSigns
from shared.core.model import Account, Actual, ActualResource, Json, Wants
from shared.core.plan import Change
from shared.core.probes import Probe
from shared.core.proofs import Answer
from shared.core.records import (
    ChapterRecord,
    DeploymentRecord,
    ErrorRecord,
    RunAnswer,
    SweepRecord,
    UnitRunRecord,
)
from shared.core.resource_ids import AccountId
from shared.core.runs import Run, RunStatus
from shared.core.single_flight import Cause, Claim, Ending, UnitRow


class Inventory(Protocol):
    """Accounts and deployments as ARM has them. Never writes."""

    async def read(
        self, unit: AccountId, *, confirm: frozenset[str], until: float
    ) -> Account | None:
        """Observe *unit* with its deployments; None only if it is gone.

        A deployment in *confirm* (lower-cased names) that the list lacks is looked up by itself,
        because lists are silently filtered by permission and lag behind. What is not found is
        looked up once more after a moment, because one replica of ARM can lag behind another.
        """

    async def accounts(self) -> tuple[AccountId, ...]:
        """Every account that may have model deployments, in every subscription we watch."""


class Gateway(Protocol):
    """The API Management service. Every write is complete and read back when it returns."""

    async def actual(
        self, unit: AccountId, wants: Wants, *, until: float, known: frozenset[str] = frozenset()
    ) -> Actual:
        """What stands of *unit*, with ETags, and the facts that *wants* names.

        What was made a moment ago can be missing, for lists lag behind; *known* are paths that
        are asked for by themselves, and :meth:`apply` never creates over what is there.
        """

    async def apply(self, change: Change, *, until: float) -> None:
        """Write *change*, fenced by the ETag it was planned on.

        Args:
            change: A create, update or delete.
            until: No request is started after this moment of the clock's ``monotonic()``.

        Raises:
            StaleRead: somebody wrote since, or what was to be created exists; read and plan again.
            RetryableError: not now.
            Rejected: not as it is.
        """

    async def owned_units(self, owner: str) -> tuple[AccountId, ...]:
        """The accounts that *owner*'s resources in the gateway were made for."""

    async def apis_at(self, paths: frozenset[str], *, until: float) -> tuple[ActualResource, ...]:
        """The APIs, whoever's they are, that clients reach at one of *paths*."""

    async def operations_in_use(self, *, until: float) -> int:
        """How many API operations of the tier's quota are taken, counted lately."""


class GatewayCalls(Protocol):
    """Calls through the gateway, as its clients make them."""

    async def ask(self, probe: Probe, *, until: float) -> Answer:
        """Send *probe* once; no answer is an answer too, of status 0.

        Raises:
            OnboardingError: the gateway could not even be asked.
        """


class StateStore(Protocol):
    """The unit rows that drive single flight, and the ledger of runs and deployments."""

    async def mark(self, unit: AccountId, cause: Cause) -> bool:
        """Note that *unit* may have changed; False when the event was already dealt with.

        Raises:
            OrderPending, TooManyRuns: as `shared.core.marks.marked`.
        """

    async def claim(self, unit: AccountId) -> Claim | timedelta | None:
        """Take *unit* if it is dirty and nobody has it.

        Returns:
            How long to wait, once for every holder, when somebody has it: the holder may be dead.
        """

    async def note(self, claim: Claim, paths: Iterable[str]) -> None:
        """Write down what is about to be made in the gateway, before it is.

        Raises:
            Unavailable: the unit is no longer the claim's.
        """

    async def has(self, claim: Claim) -> bool:
        """Whether the unit is still the claim's."""

    async def finish(self, claim: Claim, ending: Ending) -> bool:
        """Give the unit back, done or to be tried again; True when it was marked meanwhile."""

    async def peek(self, unit: AccountId) -> Claim:
        """What a claim would say, without taking the unit."""

    async def units(self) -> tuple[tuple[AccountId, UnitRow], ...]:
        """Every unit that was ever marked."""

    async def unfinished(self) -> tuple[AccountId, ...]:
        """The units that are marked and not done."""


class Ledger(Protocol):
    """What is written down of runs; it may be lost."""

    async def record_run(self, run: Run) -> None:
        """Write *run* under each of its ids."""

    async def earlier(self, run: Run) -> Mapping[str, UnitRunRecord]:
        """What is told of *run*, by its ids: of tries before this one."""

    async def record_queued(self, run: Run) -> None:
        """Write *run*, which was just asked for, unless it is told of already."""

    async def record_stopped(self, run: Run, *, was: Collection[RunStatus]) -> None:
        """Write how *run* stopped to what is told of it, where that is one of *was*."""

    async def record_end(self, run: Run, *, was_blocked: str) -> None:
        """Write what became of the unit's deployments, where that changed, why, and what to tell.

        Args:
            run: A run that has ended.
            was_blocked: What was told last of why nothing is done for the unit.
        """

    async def proofs(self, unit: AccountId) -> Mapping[str, str]:
        """Fingerprints of what was proven of the unit's deployments, by lower-cased name."""

    async def applied_state(self, unit: AccountId, state_id: str) -> AppliedState | None:
        """What stood at that time; None if it is not known."""

    async def record_sweep(self, sweep: SweepRecord) -> None:
        """Write that the sweep has looked."""

    async def prune(self, before: datetime, *, now: datetime) -> int:
        """Forget what is from before *before*, or some of it; how many rows that were."""


class Outbox(Protocol):
    """What the world is still to be told."""

    async def untold(self) -> frozenset[AccountId]:
        """The accounts of which something is."""

    async def outcomes(self, unit: AccountId) -> tuple[Json, ...]:
        """CloudEvents, the oldest first."""

    async def forget(self, unit: AccountId, ids: Iterable[str]) -> None:
        """They were sent."""


class History(Protocol):
    """What the ledger tells people."""

    async def runs(self, *, limit: int, after: str = "") -> list[RunAnswer]:
        """The newest first, from the one after *after* on; without changes and notes.

        Fewer than *limit* where they have more units than anybody wants to read at once.
        """

    async def run(self, run_id: str) -> RunAnswer | None:
        """The run with all that it did; None when there is none."""

    async def deployments(self) -> list[DeploymentRecord]:
        """Every deployment that was ever seen, with what became of it."""

    async def deployment(self, unit: AccountId, key: str) -> DeploymentRecord | None:
        """The one with this key, which is the end of its id."""

    async def story(self, unit: AccountId, name: str) -> list[ChapterRecord]:
        """What the last hundred runs meant for a deployment, the newest first."""

    async def applied_states(self, unit: AccountId) -> list[AppliedState]:
        """What the unit can go back to, the newest first."""

    async def last_sweep(self) -> SweepRecord | None:
        """None before the first one."""

    async def last_error(self, since: datetime) -> ErrorRecord | None:
        """The newest error of the runs that began since."""

    async def quarantined(self) -> int:
        """How many deployments are."""

    async def unit_signs(self) -> UnitSigns:
        """What the units' rows say of the app's health."""


class WorkQueue(Protocol):
    async def send(self, unit: AccountId, *, delay: timedelta = timedelta()) -> None:
        """Ask for a reconcile of *unit*, not before *delay* has passed."""

    async def length(self) -> int:
        """Messages, those that wait for their time included; about."""


class Outcomes(Protocol):
    """Best effort: nothing here raises."""

    async def publish(self, unit: AccountId) -> None:
        """Tell the world what it is still to be told of *unit*."""

    async def publish_rest(self, but: Collection[AccountId]) -> None:
        """The same of every other account, for which no run may ever come."""


class Clock(Protocol):
    def now(self) -> datetime:
        """Aware, UTC."""

    def monotonic(self) -> float:
        """Seconds, never going back."""

    async def sleep(self, seconds: float) -> None: ...
