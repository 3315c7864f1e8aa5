"""The walk: observe, desire, plan, guard, apply, record. Everything else is a part of it."""

import logging
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import uuid4

from shared import logs
from shared.applying import Applier
from shared.core.desired import Rules, desired, unit_paths
from shared.core.guard import guard
from shared.core.model import Actual
from shared.core.naming import unit_hash
from shared.core.plan import make_plan
from shared.core.policy_documents import onboarded_names
from shared.core.resource_ids import AccountId
from shared.core.resource_kinds import ResourceKind, kind_of
from shared.core.runs import ChangeStatus, Run, RunStatus, after_changes, run_status
from shared.core.single_flight import Claim
from shared.errors import RetryableError, TerminalError
from shared.ports import Clock, Gateway, Inventory, Outcomes, StateStore, WorkQueue

logger = logging.getLogger(__name__)

_READS = 3  # how often one run starts over when somebody else wrote, before it leaves it for later
_BACKOFF = timedelta(seconds=15), timedelta(minutes=15)  # first, longest


@dataclass(frozen=True, slots=True)
class Reconciler:
    inventory: Inventory
    gateway: Gateway
    applier: Applier
    state: StateStore
    queue: WorkQueue
    outcomes: Outcomes
    clock: Clock
    rules: Rules
    run_deadline: timedelta

    async def reconcile(self, unit: AccountId) -> Run | None:
        """Make the gateway hold what *unit* needs; None if nothing is to be done, or not by us."""
        until = self.clock.monotonic() + self.run_deadline.total_seconds()
        claim = await self.state.claim(unit)
        if claim is None:
            return None
        ids = claim.run_ids or (uuid4().hex,)
        with logs.log_context(run=ids[0], unit=unit.arm_id):
            logs.info(logger, "run started", generation=claim.gen, attempt=claim.attempts + 1)
            try:
                run = Run(ids, unit, RunStatus.RUNNING, started=self.clock.now())
                run = await self._until_read_and_written(run, until)
                return await self._end(claim, replace(run, finished=self.clock.now()))
            except Exception:  # storage is down, or a bug: the next one need not wait for the lease
                await self.state.finish(claim, done=False)
                raise

    async def _walk(self, run: Run, until: float) -> Run:
        """One pass. Its order is part of the protocol, after the row that was claimed before it:
        what stands with its ETags, then the inventory, then writes that name those ETags. In any
        other order older state can overwrite newer (docs/architecture.md, Single flight).
        """  # noqa: D205
        unit, rules = run.unit, self.rules
        actual = await self.gateway.actual(unit_paths(unit))
        served = _served(actual)
        account = await self.inventory.read(unit, confirm=served)
        wanted = desired(unit, account, onboarded=served, service=actual.service, rules=rules)
        plan = make_plan(
            wanted.resources, actual.resources, owner=rules.owner, unit=unit_hash(unit)
        )
        changes = await self.applier.apply(guard(plan, unit), until=until)
        verdicts = after_changes(wanted.verdicts, changes)
        written = tuple(item for item in run.changes if item.status is ChangeStatus.APPLIED)
        return replace(
            run,
            status=run_status(changes, verdicts),
            changes=(*written, *changes),
            verdicts=verdicts,
            notes=wanted.notes,
            wait=max((item.wait for item in changes if item.wait), default=None),
        )

    async def _until_read_and_written(self, run: Run, until: float) -> Run:
        try:
            for _ in range(_READS):
                run = await self._walk(run, until)
                if not run.is_stale:
                    break
        except RetryableError as exc:
            return replace(run, status=RunStatus.WAITING, error=str(exc), wait=exc.retry_after)
        except TerminalError as exc:
            return replace(run, status=RunStatus.FAILED, error=str(exc))
        return run

    async def _end(self, claim: Claim, run: Run) -> Run:
        """Record, give the unit back, and ask for what is left to do."""
        await self.state.record(run)
        waiting = run.status is RunStatus.WAITING
        marked_meanwhile = await self.state.finish(claim, done=not waiting)
        if marked_meanwhile:
            await self.queue.send(run.unit, delay=run.wait or timedelta())
        elif waiting:
            await self.queue.send(run.unit, delay=_delay(claim.attempts, run.wait))
        write = logs.info if run.status is RunStatus.SUCCEEDED else logs.warning
        write(logger, "run ended", status=run.status.value, writes=run.writes, detail=run.error)
        await self.outcomes.publish(run)
        return run


def _served(actual: Actual) -> frozenset[str]:
    """The deployments that the gateway serves now, read off our own policies in it."""
    policies = (
        resource.body.get("properties", {}).get("value", "")
        for path, resource in actual.resources.items()
        if kind_of(path) is ResourceKind.API_POLICY
    )
    return frozenset().union(*map(onboarded_names, policies))


def _delay(attempts: int, wait: timedelta | None) -> timedelta:
    first, longest = _BACKOFF
    return max(wait or timedelta(), min(first * (1 << min(attempts, 10)), longest))
