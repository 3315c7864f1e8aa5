"""The app, broken on purpose: for each oracle something that it must catch."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from shared.adapters.arm import Arm
from shared.adapters.gateway import ApimGateway
from shared.adapters.gateway_reads import API_VERSION
from shared.adapters.table_state import TableState
from shared.applying import Applier
from shared.core.applied import AppliedChange, ChangeStatus
from shared.core.model import Account, Actual, ActualResource, Wants
from shared.core.naming import unit_hash
from shared.core.plan import Action, Change
from shared.core.resource_ids import AccountId, GatewayId
from shared.core.resource_kinds import ResourceKind
from shared.core.single_flight import Cause, Claim, Ending
from shared.errors import RetryableError, Unavailable
from shared.intake import Intake
from shared.ports import Clock, Gateway, Inventory
from tests.simulation.azure import GATEWAY
from tests.simulation.runs import RUN
from tests.simulation.worker import Parts


def answers_first(parts: Parts) -> Parts:
    """An event is acknowledged before it is in the table."""
    return replace(parts, intake=lambda state, queue: _AnswersFirst(Intake(state, queue)))


def sends_once(parts: Parts) -> Parts:
    """Whoever finds a unit taken forgets about it, and so does whoever gives it back."""
    return replace(parts, state=_Silent(parts.state._service, lease=parts.limits.lease))


def sweeps_nothing(parts: Parts) -> Parts:
    """The sweep only knows what the table says is unfinished."""
    return replace(parts, inventory=_NoAccounts(parts.inventory), gateway=_Nobody(parts.gateway))


def trusts_lists(parts: Parts) -> Parts:
    """What a list doesn't have is gone."""
    return replace(parts, inventory=_Trusting(parts.inventory))


def errors_are_empty(parts: Parts) -> Parts:
    """What can't be read is gone."""
    return replace(parts, inventory=_Blind(parts.inventory))


def adopts(parts: Parts) -> Parts:
    """Whatever stands on our paths is taken for ours."""
    return replace(parts, gateway=_Adopting(parts.gateway))


def writes_globally(parts: Parts) -> Parts:
    return replace(parts, gateway=_Global(parts.gateway, parts.arm))


def patient(parts: Parts) -> Parts:
    """Waits in process for as long as the outside says, however late it gets."""
    return replace(parts, gateway=_Patient(parts.gateway, parts.clock))


def unbounded(parts: Parts) -> Parts:
    gateway = ApimGateway(
        parts.arm, parts.clock, GatewayId.parse(GATEWAY), parallel_reads=50, parallel_writes=50
    )
    return replace(parts, gateway=gateway)


def never_content(parts: Parts) -> Parts:
    """Sees drift where there is none."""
    return replace(parts, gateway=_Forgetful(parts.gateway))


def leaves_backends(parts: Parts) -> Parts:
    return replace(parts, gateway=_Untidy(parts.gateway))


def all_or_nothing(parts: Parts) -> Parts:
    """One change that can't be made stops the others."""
    return replace(parts, applier=_AllOrNothing)


def surprised(parts: Parts) -> Parts:
    """Raises what no handler expects."""
    return replace(parts, inventory=_Surprised(parts.inventory))


class _Silent(TableState):
    async def claim(self, unit: AccountId) -> Claim | timedelta | None:
        claim = await super().claim(unit)
        return claim if isinstance(claim, Claim) else None

    async def finish(self, claim: Claim, ending: Ending) -> bool:
        await super().finish(claim, ending)
        return False


class _AnswersFirst:
    def __init__(self, inner: Intake) -> None:
        self._inner = inner
        self._later: set[asyncio.Task[bool]] = set()

    async def event(self, unit: AccountId, cause: Cause) -> bool:
        self._later.add(asyncio.create_task(self._inner.event(unit, cause)))
        return True

    async def all(self, units: Any, cause: Cause) -> None:
        await self._inner.all(units, cause)


class AnyInventory:
    """Hands everything on; the variants change one call."""

    def __init__(self, inner: Inventory) -> None:
        self.inner = inner

    async def read(
        self, unit: AccountId, *, confirm: frozenset[str], until: float
    ) -> Account | None:
        return await self.inner.read(unit, confirm=confirm, until=until)

    async def accounts(self) -> tuple[AccountId, ...]:
        return await self.inner.accounts()


class AnyGateway:
    """Hands everything on; the variants change one call."""

    def __init__(self, inner: Gateway) -> None:
        self.inner = inner

    async def actual(
        self, unit: AccountId, wants: Wants, *, until: float, known: frozenset[str] = frozenset()
    ) -> Actual:
        return await self.inner.actual(unit, wants, known=known, until=until)

    async def apply(self, change: Change, *, until: float) -> None:
        await self.inner.apply(change, until=until)

    async def owned_units(self, owner: str) -> tuple[AccountId, ...]:
        return await self.inner.owned_units(owner)

    async def operations_in_use(self, *, until: float) -> int:
        return await self.inner.operations_in_use(until=until)

    async def apis_at(self, paths: frozenset[str], *, until: float) -> tuple[ActualResource, ...]:
        return await self.inner.apis_at(paths, until=until)


class _NoAccounts(AnyInventory):
    async def accounts(self) -> tuple[AccountId, ...]:
        return ()


class _Nobody(AnyGateway):
    async def owned_units(self, owner: str) -> tuple[AccountId, ...]:  # noqa: ARG002
        return ()


class _Trusting(AnyInventory):
    async def read(
        self, unit: AccountId, *, confirm: frozenset[str], until: float
    ) -> Account | None:
        del confirm
        return await self.inner.read(unit, confirm=frozenset(), until=until)


class _Blind(AnyInventory):
    async def read(
        self, unit: AccountId, *, confirm: frozenset[str], until: float
    ) -> Account | None:
        try:
            return await self.inner.read(unit, confirm=confirm, until=until)
        except Unavailable:
            return None


class _Surprised(AnyInventory):
    async def read(
        self, unit: AccountId, *, confirm: frozenset[str], until: float
    ) -> Account | None:
        account = await self.inner.read(unit, confirm=confirm, until=until)
        if account is not None and len(account.deployments) > 1:
            raise KeyError("nobody thought of two")
        return account


class _Adopting(AnyGateway):
    async def actual(
        self, unit: AccountId, wants: Wants, *, until: float, known: frozenset[str] = frozenset()
    ) -> Actual:
        actual, run = await self.inner.actual(unit, wants, known=known, until=until), RUN.get()
        mark = f"[model-onramp owner=default unit={unit_hash(run.unit) if run else ''}]"

        def marked(item: ActualResource) -> ActualResource:
            properties = {"description": mark, **item.body["properties"]}
            properties["description"] = properties["description"] or mark
            return replace(item, body={**item.body, "properties": properties})

        found = {path: marked(item) for path, item in actual.resources.items()}
        return replace(actual, resources=found)


class _Global(AnyGateway):
    def __init__(self, inner: Gateway, arm: Arm) -> None:
        super().__init__(inner)
        self._arm = arm

    async def apply(self, change: Change, *, until: float) -> None:
        await self.inner.apply(change, until=until)
        path = f"{GATEWAY}/apis/../policies/policy"
        answer = await self._arm.get(path, api_version=API_VERSION)
        if answer:
            body = {"properties": answer.body["properties"]}
            await self._arm.put(path, body, api_version=API_VERSION, if_match="*", until=until)


class _Patient(AnyGateway):
    def __init__(self, inner: Gateway, clock: Clock) -> None:
        super().__init__(inner)
        self._clock = clock

    async def apply(self, change: Change, *, until: float) -> None:
        del until
        try:
            await self.inner.apply(change, until=float("inf"))
        except RetryableError as exc:
            await self._clock.sleep(exc.retry_after.total_seconds() if exc.retry_after else 1.0)
            await self.inner.apply(change, until=float("inf"))


class _Forgetful(AnyGateway):
    async def actual(
        self, unit: AccountId, wants: Wants, *, until: float, known: frozenset[str] = frozenset()
    ) -> Actual:
        actual = await self.inner.actual(unit, wants, known=known, until=until)

        def without(item: ActualResource) -> ActualResource:
            kept = {k: v for k, v in item.body["properties"].items() if k != "title"}
            return replace(item, body={**item.body, "properties": kept})

        found = {path: without(item) for path, item in actual.resources.items()}
        return replace(actual, resources=found)


class _Untidy(AnyGateway):
    async def apply(self, change: Change, *, until: float) -> None:
        if (change.action, change.kind) != (Action.DELETE, ResourceKind.BACKEND):
            await self.inner.apply(change, until=until)


class _AllOrNothing:
    def __init__(self, gateway: Gateway) -> None:
        self._inner = Applier(gateway)

    async def apply(
        self, plan: Sequence[Change], *, withheld: Any, until: float, tell: Any
    ) -> tuple[AppliedChange, ...]:
        if any(change.action is Action.BLOCKED for change in plan):
            return tuple(AppliedChange(change, ChangeStatus.SKIPPED) for change in plan)
        return await self._inner.apply(plan, withheld=withheld, until=until, tell=tell)
