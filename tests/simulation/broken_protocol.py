"""Single flight, broken on purpose: the variants that look as good and lose updates.

A sets done to the generation at the end, B has a lease shorter than a run, C fixes the generation
after the inventory was read, E looks at the lease before each write, F lets a stale finisher mark
again, G reads the inventory before the ETags. `unfenced_create` is the app itself with B's lease:
no ETag can fence what does not exist yet, so only a long lease does.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.adapters.table_state import TableState
from shared.core.model import Account, Actual, Wants
from shared.core.plan import Change
from shared.core.resource_ids import AccountId
from shared.core.single_flight import Cause, Claim, Ending, UnitRow
from shared.errors import StaleRead
from shared.ports import Gateway, Inventory
from tests.simulation.broken_app import AnyGateway
from tests.simulation.runs import RUN
from tests.simulation.worker import Parts

_SHORT = timedelta(seconds=3)
_NAMES = frozenset({"gpt-4o", "embed", "llama", "audio"})


def boolean_dirty(parts: Parts) -> Parts:
    return replace(parts, state=_BooleanDirty(parts.state._service, lease=parts.limits.lease))


def short_lease(parts: Parts) -> Parts:
    """Unfenced, too."""
    return unfenced_create(replace(parts, gateway=_Unfenced(parts.gateway)))


def late_generation(parts: Parts) -> Parts:
    state = _LateGeneration(parts.state._service, lease=parts.limits.lease)
    return replace(parts, state=state, inventory=_Looks(parts.inventory, state))


def looks_first(parts: Parts) -> Parts:
    state = _Owning(parts.state._service, lease=_SHORT)
    return replace(parts, state=state, gateway=_LooksFirst(_Unfenced(parts.gateway), state))


def stale_finisher_marks(parts: Parts) -> Parts:
    state = _MarksAgain(parts.state._service, lease=2 * _SHORT)
    return replace(parts, state=state, gateway=_Unfenced(parts.gateway))


def inventory_first(parts: Parts) -> Parts:
    early = _Early(parts.inventory, parts.gateway)
    return unfenced_create(replace(parts, inventory=early, gateway=early))


def unfenced_create(parts: Parts) -> Parts:
    return replace(parts, state=TableState(parts.state._service, lease=_SHORT))


class _Looking(TableState):
    def __init__(self, service: object, *, lease: timedelta) -> None:
        super().__init__(service, lease=lease)  # type: ignore[arg-type]
        self.generation: dict[AccountId, int] = {}

    async def look(self, unit: AccountId) -> UnitRow:
        found = UnitRow()

        def step(row: UnitRow, _now: datetime) -> UnitRow:
            nonlocal found
            found = row
            return row

        await self._swap(unit, step)
        self.generation[unit] = found.gen
        return found


class _BooleanDirty(_Looking):
    async def finish(self, claim: Claim, ending: Ending) -> bool:
        now = await self.look(claim.unit)
        return await super().finish(replace(claim, gen=now.gen), ending)


class _LateGeneration(_Looking):
    async def finish(self, claim: Claim, ending: Ending) -> bool:
        late = self.generation.get(claim.unit, claim.gen)
        return await super().finish(replace(claim, gen=late), ending)


class _MarksAgain(_Looking):
    async def finish(self, claim: Claim, ending: Ending) -> bool:
        now = await self.look(claim.unit)
        if (now.owner, now.epoch) != (claim.owner, claim.epoch):
            return await self.mark(claim.unit, Cause(full=True))
        return await super().finish(claim, ending)


class _Owning(_Looking):
    def __init__(self, service: object, *, lease: timedelta) -> None:
        super().__init__(service, lease=lease)
        self._owner: dict[AccountId, str] = {}

    async def claim(self, unit: AccountId) -> Claim | timedelta | None:
        claim = await super().claim(unit)
        if isinstance(claim, Claim):
            self._owner[unit] = claim.owner
        return claim

    async def owns(self, unit: AccountId) -> bool:
        return (await self.look(unit)).owner == self._owner.get(unit)


class _Unfenced(AnyGateway):
    """No If-Match on any write."""

    async def apply(self, change: Change, *, until: float) -> None:
        await self.inner.apply(replace(change, actual=None), until=until)


class _LooksFirst(AnyGateway):
    def __init__(self, inner: Gateway, state: _Owning) -> None:
        super().__init__(inner)
        self._state = state

    async def apply(self, change: Change, *, until: float) -> None:
        run = RUN.get()
        if run and not await self._state.owns(run.unit):
            raise StaleRead("somebody else has the unit")
        await self.inner.apply(change, until=until)


@dataclass(frozen=True, slots=True)
class _Looks:
    inner: Inventory
    state: _LateGeneration

    async def read(
        self, unit: AccountId, *, confirm: frozenset[str], until: float
    ) -> Account | None:
        account = await self.inner.read(unit, confirm=confirm, until=until)
        await self.state.look(unit)
        return account

    async def accounts(self) -> tuple[AccountId, ...]:
        return await self.inner.accounts()


class _Early(AnyGateway):
    """Inventory and gateway in one: the inventory that counts is read before the ETags."""

    def __init__(self, inventory: Inventory, gateway: Gateway) -> None:
        super().__init__(gateway)
        self._inventory = inventory
        self._seen: dict[object, Account | None] = {}

    async def actual(
        self, unit: AccountId, wants: Wants, *, until: float, known: frozenset[str] = frozenset()
    ) -> Actual:
        run = RUN.get()
        if run:
            self._seen[run] = await self._inventory.read(run.unit, confirm=_NAMES, until=until)
        return await self.inner.actual(unit, wants, known=known, until=until)

    async def read(
        self, unit: AccountId, *, confirm: frozenset[str], until: float
    ) -> Account | None:
        run = RUN.get()
        if run in self._seen:
            return self._seen.pop(run)
        return await self._inventory.read(unit, confirm=confirm, until=until)

    async def accounts(self) -> tuple[AccountId, ...]:
        return await self._inventory.accounts()
