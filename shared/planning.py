"""Look at a unit and plan: what a run does before it writes, and all that a dry run does."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from shared import telemetry
from shared.core import rejections
from shared.core.applied import AppliedChange
from shared.core.applied_states import AppliedState, rolled_back
from shared.core.desired import desired
from shared.core.guard import Brake, guard, removals_hold
from shared.core.model import Service
from shared.core.modes import Mode
from shared.core.naming import unit_hash
from shared.core.observed import Observed, Rules
from shared.core.outlook import Outlook, plan_digest, write_names
from shared.core.plan import Change, make_plan
from shared.core.quota import added_operations, over_quota
from shared.core.rulebook import wants
from shared.core.single_flight import Claim
from shared.core.standing import read_standing, served_names
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
            wanted = rolled_back(wanted, back_to, actual.resources) if back_to else wanted
            plan = make_plan(
                wanted,
                actual.resources,
                owner=rules.owner,
                unit=unit_hash(unit),
                forces=claim.order.forces,
            )
            outlook = Outlook(
                unit,
                account,
                actual,
                wanted,
                guard(plan, unit),
                refused=rejections.withheld(plan, () if claim.run_ids else claim.rejections, now),
                no_room=await self._no_room(plan, actual.service, until),
                served=frozenset(map(str.lower, back_to.deployments))
                if back_to
                else served_names(standing),
                is_rolled_back=back_to is not None or _stays_rolled_back(claim),
            )
        return _permitted(outlook, claim, self.brake)

    async def _no_room(
        self, plan: tuple[Change, ...], service: Service, until: float
    ) -> Mapping[str, AppliedChange]:
        if not added_operations(plan):
            return {}
        in_use = await self.gateway.operations_in_use(until=until)
        return over_quota(plan, sku=service.sku, in_use=in_use)


def _permitted(outlook: Outlook, claim: Claim, brake: Brake) -> Outlook:
    """Whether it may be written, by what was ordered, else by the mode, a hold and the brake."""
    order = claim.order
    is_another = order.digest and order.digest != plan_digest(outlook.unit, outlook.plan)
    adds = order.approved and not set(write_names(outlook.plan)) <= set(order.approved)
    if is_another or adds:
        return replace(outlook, held=_CHANGED)
    if order.agreed or order.rollback:
        return outlook
    if outlook.wanted.mode is Mode.OBSERVE or _stays_rolled_back(claim):
        return replace(outlook, observes=True)
    held = "" if claim.go_ahead else removals_hold(outlook.wanted, brake)
    return replace(outlook, held=held)


def _stays_rolled_back(claim: Claim) -> bool:
    """An agreed plan ends it, as a release does: somebody looked at the way forward."""
    is_held = claim.hold is not None and claim.hold.kind == "rollback"
    return is_held and not claim.order.agreed
