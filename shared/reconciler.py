"""The walk: observe, desire, plan, guard, apply, record. Everything else is a part of it."""

import logging
import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import uuid4

from shared import logs
from shared.applying import Applier
from shared.core import rejections
from shared.core.applied import AppliedChange, ChangeStatus
from shared.core.desired import Desired, desired
from shared.core.guard import Brake, check_removals, guard
from shared.core.model import Service
from shared.core.modes import Mode
from shared.core.naming import unit_hash
from shared.core.observed import Observed, Rules
from shared.core.plan import WRITES, Change, make_plan
from shared.core.proofs import with_proofs
from shared.core.quota import added_operations, over_quota
from shared.core.resource_ids import AccountId
from shared.core.rulebook import wants
from shared.core.runs import Run, RunStatus, after_changes, run_status
from shared.core.seen import inventory_fingerprint, missing
from shared.core.single_flight import Claim, Ending
from shared.core.standing import read_standing, served_names
from shared.core.stands import made_anew, what_stands
from shared.core.states import Verdict
from shared.errors import Held, RetryableError, TerminalError
from shared.ports import Clock, Gateway, Inventory, Outcomes, StateStore, WorkQueue
from shared.proving import Prover

logger = logging.getLogger(__name__)

_READS = 3  # how often one run starts over when somebody else wrote, before it leaves it for later
_LOOKS = 4  # at what ARM says was written and doesn't show, before it is taken for gone again
_PROOFS = 8  # looks at what does not answer yet, about half an hour; then the sweep's are enough
_BACKOFF = timedelta(seconds=15), timedelta(minutes=15)  # first, longest
_LONGEST_WAIT = timedelta(hours=1)  # whatever was asked for: the sweep would look anyway
_SOON = timedelta(seconds=1)  # past the moment, for clocks tick in seconds


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
    brake: Brake
    run_deadline: timedelta
    prover: Prover | None = None  # None: nobody wants proof

    async def reconcile(self, unit: AccountId) -> Run | None:
        """Make the gateway hold what *unit* needs; None if nothing is to be done, or not by us."""
        until = self.clock.monotonic() + self.run_deadline.total_seconds()
        claim = await self.state.claim(unit)
        if isinstance(claim, timedelta):  # if its holder is dead, somebody must come back for it
            await self.queue.send(unit, delay=claim + _SOON)
            return None
        if claim is None:
            return None
        run = Run(
            claim.run_ids or (uuid4().hex,),
            unit,
            RunStatus.RUNNING,
            started=self.clock.now(),
            rejections=claim.rejections,
            written={it.name: it.at for it in claim.expected if it.at},
        )
        with logs.log_context(run=run.ids[0], unit=unit.arm_id):
            logs.info(logger, "run started", generation=claim.gen, attempt=claim.attempts + 1)
            if claim.run_ids:
                await self.state.record_run(run)
            run = await self._look(run, claim, until)
            return await self._end(claim, replace(run, finished=self.clock.now()))

    async def _walk(self, run: Run, claim: Claim, until: float) -> Run:
        """One pass. Its order is part of the protocol, after the row that was claimed before it:
        what stands with its ETags, then the inventory, then writes that name those ETags. In any
        other order older state can overwrite newer (docs/architecture.md, Single flight).
        """  # noqa: D205
        unit, rules, now = run.unit, self.rules, self.clock.now()
        actual = await self.gateway.actual(
            unit, wants(rules.book), known=frozenset(claim.stands), until=until
        )
        standing = read_standing(unit, actual, owner=rules.owner)
        confirm = served_names(standing) | frozenset(claim.expected_names)
        account = await self.inventory.read(unit, confirm=confirm, until=until)
        last_mode = Mode(claim.mode) if claim.mode else None
        observed = Observed(unit, account, standing, actual.service, now, last_mode, actual.facts)
        wanted = desired(observed, rules)
        check_removals(wanted, self.brake, go_ahead=claim.go_ahead)
        plan = guard(
            make_plan(wanted, actual.resources, owner=rules.owner, unit=unit_hash(unit)), unit
        )
        refused = rejections.withheld(plan, () if claim.run_ids else claim.rejections, now)
        no_room = await self._no_room(plan, actual.service, until)
        held = {**no_room, **refused, **(_planned(plan) if wanted.mode is Mode.OBSERVE else {})}
        if new := made_anew(plan, held) - set(claim.stands):
            await self.state.note(claim, new)
        changes = await self.applier.apply(plan, withheld=held, until=until)
        patient = claim.attempts < _LOOKS
        unseen = missing(account, claim.expected_names) if patient else ()
        status = run_status(changes, wanted.verdicts if patient else ())
        status = RunStatus.WAITING if unseen else status
        verdicts, unproven = await self._proven(unit, wanted, changes, until)
        if unproven and status is RunStatus.SUCCEEDED:
            is_early = claim.attempts < _PROOFS
            status = RunStatus.WAITING if is_early else RunStatus.INCOMPLETE
        done = status is RunStatus.SUCCEEDED
        written = tuple(item for item in run.changes if item.status is ChangeStatus.APPLIED)
        return replace(
            run,
            status=status,
            changes=(*written, *changes),
            verdicts=verdicts,
            notes=(*wanted.notes, *(f"ARM does not show {name} yet" for name in unseen)),
            wait=max((item.wait for item in changes if item.wait), default=None),
            mode=wanted.mode.value,
            seen=inventory_fingerprint(account, rules) if done else "",
            stands=what_stands(actual.resources, changes),
            rejections=rejections.after(changes, claim.rejections, refused, now),
        )

    async def _proven(
        self,
        unit: AccountId,
        wanted: Desired,
        changes: tuple[AppliedChange, ...],
        until: float,
    ) -> tuple[tuple[Verdict, ...], bool]:
        """The verdicts in the end, and whether one is still to be proven by a call."""
        verdicts = after_changes(wanted.verdicts, changes)
        is_stale = any(item.status is ChangeStatus.STALE for item in changes)
        if self.prover is None or is_stale or wanted.mode is Mode.OBSERVE:
            return verdicts, False
        proofs = await self.prover.prove(unit, verdicts, wanted.probes, until=until)
        return with_proofs(verdicts, proofs)

    async def _no_room(
        self, plan: tuple[Change, ...], service: Service, until: float
    ) -> Mapping[str, AppliedChange]:
        if not added_operations(plan):
            return {}
        in_use = await self.gateway.operations_in_use(until=until)
        return over_quota(plan, sku=service.sku, in_use=in_use)

    async def _look(self, run: Run, claim: Claim, until: float) -> Run:
        try:
            if not claim.full and await self._is_as_it_was(claim, until):
                return replace(run, status=RunStatus.SUCCEEDED, seen=claim.seen)
            for _ in range(_READS):
                run = await self._walk(run, claim, until)
                if not run.is_stale:
                    break
        except RetryableError as exc:
            return replace(run, status=RunStatus.WAITING, error=str(exc), wait=exc.retry_after)
        except Held as exc:
            return replace(run, status=RunStatus.HELD, error=str(exc))
        except TerminalError as exc:
            return replace(run, status=RunStatus.FAILED, error=str(exc))
        except Exception as exc:
            # A bug, or an answer nobody thought of: it must show, and must not poison the message.
            logger.exception("a run broke")
            error = f"unexpected {type(exc).__name__}: see 'a run broke' in the log"
            return replace(run, status=RunStatus.WAITING, error=error)
        return run

    async def _is_as_it_was(self, claim: Claim, until: float) -> bool:
        """Whether ARM says just what it said when the gateway was last seen to agree with it.

        Spares the reads of the gateway for a redelivered event or one that changes nothing here.
        What people change in the gateway by hand is the sweep's to find.
        """
        account = await self.inventory.read(claim.unit, confirm=frozenset(), until=until)
        return inventory_fingerprint(account, self.rules) == claim.seen and not missing(
            account, claim.expected_names
        )

    async def _end(self, claim: Claim, run: Run) -> Run:
        """Record, give the unit back, and ask for what is left to do."""
        await self.state.record_deployments(run)
        if claim.run_ids or run.is_news:
            await self.state.record_run(run)
        waiting = run.status is RunStatus.WAITING
        delay = _delay(claim.attempts, run.wait)
        ending = Ending(
            done=not waiting,
            decided=run.verdicts is not None,
            wait=delay if run.wait else None,
            mode=run.mode,
            seen=run.seen,
            stands=run.stands,
            rejections=run.rejections,
        )
        marked_meanwhile = await self.state.finish(claim, ending)
        if waiting or marked_meanwhile:
            at_once = marked_meanwhile and not run.wait
            await self.queue.send(run.unit, delay=timedelta() if at_once else delay + _SOON)
        write = logs.info if run.status is RunStatus.SUCCEEDED else logs.warning
        write(logger, "run ended", status=run.status.value, writes=run.writes, detail=run.error)
        await self.outcomes.publish(run)
        return run


def _planned(plan: tuple[Change, ...]) -> dict[str, AppliedChange]:
    return {
        change.path: AppliedChange(change, ChangeStatus.PLANNED)
        for change in plan
        if change.action in WRITES
    }


def _delay(attempts: int, wait: timedelta | None) -> timedelta:
    """Longer from time to time, never shorter than was asked for, and never quite the same."""
    first, longest = _BACKOFF
    own = min(first * (1 << min(attempts, 10)), longest)
    asked = min(wait or timedelta(), _LONGEST_WAIT)
    return max(asked, own) * (1 + random.random() / 10)  # noqa: S311 - spreads retries
