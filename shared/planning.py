"""Look at a unit and plan: what a run does before it writes, and all that a dry run does."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from shared import telemetry
from shared.core import rejections
from shared.core.applied_states import AppliedState, rolled_back
from shared.core.desired import Desired, desired
from shared.core.guard import Brake, guard, removals_hold
from shared.core.model import ActualResource
from shared.core.modes import Mode
from shared.core.naming import api_id, unit_hash
from shared.core.observed import Observed, Rules
from shared.core.orders import Order
from shared.core.outlook import Outlook, is_rest_of, write_names
from shared.core.plan import Change, make_plan
from shared.core.quota import added_operations, over_quota
from shared.core.resource_ids import AccountId
from shared.core.rulebook import wants
from shared.core.single_flight import Claim
from shared.core.standing import Standing, read_standing, served_names
from shared.core.taken_paths import new_paths, without_taken
from shared.ports import Clock, Gateway, Inventory

_CHANGED = "the plan is no longer the one that was approved: look at it again"


@dataclass(frozen=True, slots=True)
class Planner:
    inventory: Inventory
    gateway: Gateway
    clock: Clock
    rules: Rules
    brake: Brake

    async def look(
        self, claim: Claim, *, until: float, back_to: AppliedState | None = None
    ) -> Outlook:
        """One look. Its order is part of the protocol, after the row that was claimed before it:
        what stands with its ETags, then the inventory, then writes that name those ETags. In any
        other order older state can overwrite newer (docs/architecture.md, Single flight).

        Args:
            claim: What the unit's row knows; for a dry run of a row that nobody claimed.
            until: No request is started after this moment of the clock's ``monotonic()``.
            back_to: What the claim's order wants to go back to.
        """  # noqa: D205
        unit, rules, now = claim.unit, self.rules, self.clock.now()
        with telemetry.span("look"):
            actual = await self.gateway.actual(
                unit, wants(rules.book), known=frozenset(claim.stands), until=until
            )
            standing = read_standing(unit, actual, owner=rules.owner)
            confirm = served_names(standing) | frozenset(claim.expected_names)
            account = await self.inventory.read(unit, confirm=confirm, until=until)
        with telemetry.span("plan"):
            last_mode = Mode(claim.mode) if claim.mode else None
            observed = Observed(
                unit, account, standing, actual.service, now, last_mode, actual.facts
            )
            wanted = desired(observed, rules)
            if back_to:
                is_gone = account is None
                wanted = rolled_back(wanted, back_to, actual.resources, is_gone=is_gone)
            plan = make_plan(
                wanted,
                actual.resources,
                owner=rules.owner,
                unit=unit_hash(unit),
                forces=claim.order.forces,
            )
            holders = await self._holders(plan, until)
            plan = without_taken(plan, holders, owner=rules.owner, unit=unit_hash(unit))
            in_use = await self._in_use(plan, until)  # a call for each API: not for what is blocked
            outlook = Outlook(
                unit,
                account,
                actual,
                wanted,
                guard(plan, unit),
                refused=rejections.withheld(plan, () if claim.run_ids else claim.rejections, now),
                no_room=over_quota(plan, sku=actual.service.sku, in_use=in_use),
                served=_served(back_to, wanted, unit, standing),
                is_rolled_back=back_to is not None or _stays_rolled_back(claim),
            )
        return _permitted(outlook, claim, self.brake)

    async def _holders(self, plan: tuple[Change, ...], until: float) -> Sequence[ActualResource]:
        """APIs at paths that the plan gives to others: it is known before anything is written."""
        paths = new_paths(plan).values()
        return await self.gateway.apis_at(frozenset(paths), until=until) if paths else ()

    async def _in_use(self, plan: tuple[Change, ...], until: float) -> int:
        return await self.gateway.operations_in_use(until=until) if added_operations(plan) else 0


def _served(
    back_to: AppliedState | None, wanted: Desired, unit: AccountId, standing: Standing
) -> frozenset[str]:
    """Of a way back: whom that state served, and whom what is left as it stands still does."""
    if back_to is None:
        return served_names(standing)
    left = {
        surface: api
        for surface, api in standing.items()
        if f"apis/{api_id(unit, surface)}" in wanted.retained
    }
    return frozenset(map(str.lower, back_to.deployments)) | served_names(left)


def _permitted(outlook: Outlook, claim: Claim, brake: Brake) -> Outlook:
    """Whether it may be written, by what was ordered, else by the mode, a hold and the brake."""
    order = claim.order
    if _is_another(outlook, order):
        return replace(outlook, held=_CHANGED)
    if order.agreed or order.rollback:
        return outlook
    if outlook.wanted.mode is Mode.OBSERVE or _stays_rolled_back(claim):
        return replace(outlook, observes=True)
    held = "" if claim.go_ahead else removals_hold(outlook.wanted, brake)
    return replace(outlook, held=held)


def _is_another(outlook: Outlook, order: Order) -> bool:
    """Not the plan that somebody agreed to, or the rest of it; ARM's work on it is waited for."""
    if order.digest:
        return order.digest != outlook.digest
    if not order.approved:
        return False
    if not set(write_names(outlook.plan)) <= set(order.approved):
        return True
    waits = any(it.is_at_work for it in outlook.wanted.verdicts)
    return not waits and not is_rest_of(order, outlook.plan)


def _stays_rolled_back(claim: Claim) -> bool:
    """An agreed plan ends it, as a release does: somebody looked at the way forward."""
    is_held = claim.hold is not None and claim.hold.kind == "rollback"
    return is_held and not claim.order.agreed
