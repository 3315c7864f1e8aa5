"""What people order, hold and believe, broken on purpose: for each promise what breaks it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from shared.adapters.table_history import TableHistory
from shared.adapters.table_ledger import TableLedger
from shared.adapters.table_state import TableState
from shared.core.applied_states import AppliedState
from shared.core.guard import Brake
from shared.core.model import Account
from shared.core.orders import NO_ORDER
from shared.core.probes import Probe
from shared.core.proofs import Answer
from shared.core.resource_ids import AccountId
from shared.core.single_flight import Cause, Claim, Ending, UnitRow
from tests.simulation.broken_app import AnyInventory
from tests.simulation.worker import Parts


def forgets_holds(parts: Parts) -> Parts:
    """Whoever claims the unit doesn't look whether it is held."""
    return _with_state(parts, _ForgetsHolds)


def stays_held(parts: Parts) -> Parts:
    """A release is taken in, and lifts nothing."""
    return _with_state(parts, _StaysHeld)


def agrees_to_anything(parts: Parts) -> Parts:
    """A plan that somebody said yes to is as good as any other."""
    return _with_state(parts, _AgreesToAnything)


def takes_every_order(parts: Parts) -> Parts:
    """Whoever comes second may order as well, and nobody tells the first."""
    return _with_state(parts, _TakesEveryOrder)


def tries_once(parts: Parts) -> Parts:
    """What is tried again by itself is nobody's order any more."""
    return _with_state(parts, _TriesOnce)


def forgets_whom_to_tell(parts: Parts) -> Parts:
    return _with_state(parts, _ForgetsWhomToTell)


def has_no_brake(parts: Parts) -> Parts:
    return replace(parts, limits=replace(parts.limits, brake=Brake(most=1000, most_percent=100)))


def goes_back_to_any(parts: Parts) -> Parts:
    """Back is back: to what stood last."""
    return replace(parts, ledger=_GoesBackToAny(parts.state._service))


def sees_no_tags(parts: Parts) -> Parts:
    return replace(parts, inventory=_SeesNoTags(parts.inventory))


def believes(parts: Parts) -> Parts:
    """What stands will surely answer."""
    return replace(parts, calls=_Believes())


def forgets_proofs(parts: Parts) -> Parts:
    return replace(parts, ledger=_ForgetsProofs(parts.state._service))


def _with_state(parts: Parts, state: type[TableState]) -> Parts:
    return replace(parts, state=state(parts.state._service, lease=parts.limits.lease))


class _Claiming(TableState):
    """Hands a claim on, changed."""

    def changed(self, claim: Claim) -> Claim:
        return claim

    async def claim(self, unit: AccountId) -> Claim | timedelta | None:
        claim = await super().claim(unit)
        return self.changed(claim) if isinstance(claim, Claim) else claim


class _ForgetsHolds(_Claiming):
    def changed(self, claim: Claim) -> Claim:
        return replace(claim, hold=None)


class _AgreesToAnything(_Claiming):
    def changed(self, claim: Claim) -> Claim:
        agreed = replace(claim, order=NO_ORDER, hold=None, go_ahead=True)
        return agreed if claim.order.agreed else claim


class _TakesEveryOrder(TableState):
    async def mark(self, unit: AccountId, cause: Cause) -> bool:
        is_fresh = await super().mark(unit, replace(cause, order=NO_ORDER))
        if cause.order != NO_ORDER:
            await self._swap(
                unit, lambda row, _now: replace(row, order=cause.order, order_gen=row.gen)
            )
        return is_fresh


class _Afterwards(TableState):
    """Spoils the row once a run has given it back."""

    def spoilt(self, row: UnitRow, ending: Ending) -> UnitRow:  # noqa: ARG002 - the variants do
        return row

    async def finish(self, claim: Claim, ending: Ending) -> bool:
        was_marked = await super().finish(claim, ending)
        await self._swap(claim.unit, lambda row, _now: self.spoilt(row, ending))
        return was_marked


class _StaysHeld(TableState):
    async def mark(self, unit: AccountId, cause: Cause) -> bool:
        return await super().mark(unit, replace(cause, release=False))


class _TriesOnce(_Afterwards):
    def spoilt(self, row: UnitRow, ending: Ending) -> UnitRow:
        return row if ending.done else replace(row, order=NO_ORDER)


class _ForgetsWhomToTell(_Afterwards):
    def spoilt(self, row: UnitRow, ending: Ending) -> UnitRow:
        return row if ending.done else replace(row, runs=())


class _GoesBackToAny(TableLedger):
    async def applied_state(self, unit: AccountId, state_id: str) -> AppliedState | None:
        del state_id
        newest = await TableHistory(self._tables._service).applied_states(unit)
        return newest[0] if newest else None


class _ForgetsProofs(TableLedger):
    async def proofs(self, unit: AccountId) -> Mapping[str, str]:  # noqa: ARG002 - of nobody
        return {}


class _Believes:
    async def ask(self, probe: Probe, *, until: float) -> Answer:  # noqa: ARG002 - nobody is asked
        return Answer(200)


class _SeesNoTags(AnyInventory):
    async def read(
        self, unit: AccountId, *, confirm: frozenset[str], until: float
    ) -> Account | None:
        account = await self.inner.read(unit, confirm=confirm, until=until)
        return replace(account, tags={}) if account else None
