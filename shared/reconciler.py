"""The walk: observe, desire, plan, guard, apply, record. Everything else is a part of it."""

import logging
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from shared import logs
from shared.applying import Applier
from shared.core.applied import AppliedChange, ChangeStatus
from shared.core.applied_states import (
    AppliedState,
    as_rolled_back,
    drifted,
)
from shared.core.endings import Result, facts, held, judged, left_by
from shared.core.observed import Rules
from shared.core.orders import NO_ORDER
from shared.core.outcomes import still_blocked_by
from shared.core.outlook import Outlook, begun
from shared.core.plan import Action
from shared.core.proofs import Proof, with_proofs
from shared.core.resource_ids import AccountId
from shared.core.runs import Run, RunStatus, after_changes
from shared.core.seen import inventory_fingerprint, missing
from shared.core.single_flight import Cause, Claim, Ending
from shared.core.stands import made_anew
from shared.core.states import DeploymentState, Verdict
from shared.errors import OnboardingError, RetryableError, TerminalError
from shared.metering import metering
from shared.planning import Planner
from shared.ports import Clock, Inventory, Ledger, Outcomes, StateStore, WorkQueue
from shared.proving import Prover
from shared.run_telemetry import run_span, tell_of_end

logger = logging.getLogger(__name__)

_READS = 3  # how often one run starts over when somebody else wrote, before it leaves it for later
_BACKOFF = timedelta(seconds=15), timedelta(minutes=15)  # first, longest
_LONGEST_WAIT = timedelta(hours=1)  # whatever was asked for: the sweep would look anyway
_RUNNING = frozenset({RunStatus.RUNNING})
_OPEN = frozenset({RunStatus.QUEUED, RunStatus.RUNNING, RunStatus.WAITING})
_SOON = timedelta(seconds=1)  # past the moment, for clocks tick in seconds


@dataclass(frozen=True, slots=True)
class Reconciler:
    inventory: Inventory
    planner: Planner
    applier: Applier
    state: StateStore
    ledger: Ledger
    queue: WorkQueue
    outcomes: Outcomes
    clock: Clock
    rules: Rules
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
            claim.run_ids or (claim.owner,),
            unit,
            RunStatus.RUNNING,
            started=self.clock.now(),
            rejections=claim.rejections,
            written={it.name: it.at for it in claim.expected if it.at},
            causes=claim.causes,
            order=claim.order,
            hold=claim.hold,
            epoch=claim.epoch,
        )
        context = logs.log_context(run=run.ids[0], unit=unit.arm_id)
        with context, metering() as meter, run_span(claim, run) as span:
            logs.info(logger, "run started", generation=claim.gen, attempt=claim.attempts + 1)
            claim = await self._tell_of_stopped(claim, run)
            if claim.run_ids and claim.attempts:
                run = replace(run, earlier=await self.ledger.earlier(run))
            if claim.run_ids:
                await self.ledger.record_run(run)
            run = await self._look(run, claim, until)
            ended = replace(run, finished=self.clock.now(), arm_calls=meter.arm_calls)
            tell_of_end(span, ended)
            return await self._end(claim, ended)

    async def _walk(self, run: Run, claim: Claim, until: float) -> Run:
        """One pass; a plan that turns out stale on the way is worth nothing."""
        claim = replace(claim, order=run.order)
        back_to = await self._back_to(claim)
        outlook = await self.planner.look(claim, until=until, back_to=back_to)
        if outlook.held:
            return held(run, claim, outlook, now=self.clock.now())
        run = replace(run, facts=facts(outlook), planned=len(outlook.writes))
        left = await self._left(claim, outlook)
        untouched = outlook.untouched
        new, begins = made_anew(outlook.plan, untouched) - set(claim.stands), claim.order.digest
        if begins:
            order = begun(claim.order, outlook.plan)
            run, claim = replace(run, order=order), replace(claim, order=order)
        if new or begins:
            await self.state.note(claim, new)
        changes = await self.applier.apply(
            outlook.plan, withheld=untouched, until=until, tell=lambda done: self._tell(run, done)
        )
        verdicts, unproven = await self._proven(outlook, changes, until)
        result = Result(outlook, changes, verdicts, unproven, drifted(outlook.plan, left))
        return judged(run, claim, result, now=self.clock.now(), rules=self.rules)

    async def _proven(
        self, outlook: Outlook, changes: tuple[AppliedChange, ...], until: float
    ) -> tuple[tuple[Verdict, ...], bool]:
        """The verdicts in the end, and whether one is still to be proven by a call."""
        wanted = outlook.wanted
        verdicts = after_changes(wanted.verdicts, changes)
        is_stale = any(item.status is ChangeStatus.STALE for item in changes)
        if outlook.is_rolled_back:
            return as_rolled_back(verdicts, outlook.served), False
        if self.prover is None:
            return verdicts, False
        asks = not (is_stale or outlook.observes)
        try:
            proofs = await self.prover.prove(
                outlook.unit, verdicts, wanted.probes, until=until, asks=asks
            )
        except OnboardingError as exc:  # what was written must be told all the same
            logs.warning(logger, "nothing can be proven", detail=str(exc))
            unknown = Proof(proven=False, words=f"not verified yet: {exc}")
            proofs = dict.fromkeys(wanted.probes, unknown)
        return with_proofs(verdicts, proofs)

    async def _back_to(self, claim: Claim) -> AppliedState | None:
        if not claim.order.rollback:
            return None
        state = await self.ledger.applied_state(claim.unit, claim.order.rollback)
        if state is None:
            raise TerminalError("the state to go back to is not known any more")
        return state

    async def _left(self, claim: Claim, outlook: Outlook) -> AppliedState | None:
        """What we left there; only asked for where something may have been changed since."""
        may_differ = any(it.action in (Action.CREATE, Action.UPDATE) for it in outlook.plan)
        if not claim.left or not may_differ:
            return None
        return await self.ledger.applied_state(claim.unit, claim.left)

    async def _tell(self, run: Run, done: Sequence[AppliedChange]) -> None:
        """How far the run is, for those who look meanwhile; not worth failing for."""
        try:
            await self.ledger.record_run(replace(run, changes=(*run.changes, *done)))
        except RetryableError as exc:
            logs.warning(logger, "progress not recorded", detail=str(exc))

    async def _tell_of_stopped(self, claim: Claim, run: Run) -> Claim:
        """Of runs that can't say so themselves: not worth failing for, the next run tells it."""
        stopped = replace(run, finished=run.started)
        cut_short = replace(
            stopped,
            ids=(claim.cut_short,) if claim.cut_short else (),
            status=RunStatus.WAITING,
            error=f"stopped in mid-run, by a restart or a crash; run {run.ids[0]} went on",
        )
        called_off = replace(
            stopped,
            ids=claim.called_off,
            status=RunStatus.FAILED,
            error="called off before it was done",
        )
        try:
            await self.ledger.record_stopped(cut_short, was=_RUNNING)
            await self.ledger.record_stopped(called_off, was=_OPEN)
        except RetryableError as exc:
            logs.warning(logger, "runs that were stopped not recorded", detail=str(exc))
            return replace(claim, called_off=())
        return claim

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
        unanswered = await self._left_open(claim, run)
        answered = tuple(it for it in run.ids if it not in unanswered)
        run = replace(run, ids=answered or (claim.owner,))
        if await self.state.has(claim):  # else it is somebody else's to say how things stand
            await self.ledger.record_end(run, was_blocked=claim.blocked)
        if claim.run_ids or run.is_news:
            await self.ledger.record_run(run)
        waiting = run.status is RunStatus.WAITING
        delay = _delay(claim.attempts, run.wait)
        ending = Ending(
            done=not waiting,
            decided=run.verdicts is not None and not run.is_open,
            unanswered=unanswered,
            wait=delay if run.wait else None,
            mode=run.mode,
            seen=run.seen,
            stands=run.stands,
            rejections=run.rejections,
            order=run.order if waiting else NO_ORDER,
            hold=run.hold,
            blocked=still_blocked_by(run, claim.blocked),
            left=left_by(run, claim.left),
        )
        marked_meanwhile = await self.state.finish(claim, ending)
        if waiting or marked_meanwhile:
            at_once = marked_meanwhile and not run.wait
            await self.queue.send(run.unit, delay=timedelta() if at_once else delay + _SOON)
        write = logs.info if run.status is RunStatus.SUCCEEDED else logs.warning
        write(
            logger,
            "run ended",
            status=run.status.value,
            writes=run.writes,
            quarantined=sum(it.state is DeploymentState.QUARANTINED for it in run.verdicts or ()),
            detail=run.error,
        )
        await self.outcomes.publish(run.unit)
        return run

    async def _left_open(self, claim: Claim, run: Run) -> tuple[str, ...]:
        """The reimports that *run* does not answer: a plan that changed holds nothing else up."""
        is_refused = run.status is RunStatus.HELD and claim.order.agreed
        if not (is_refused and claim.has_other_causes):
            return ()
        unanswered = tuple(it for it in claim.run_ids if it not in claim.order_runs)
        await self.ledger.record_run(
            replace(run, ids=unanswered, status=RunStatus.WAITING, error="")
        )
        await self.state.mark(run.unit, Cause(full=True, go_ahead=claim.go_ahead))
        return unanswered


def _delay(attempts: int, wait: timedelta | None) -> timedelta:
    """Longer from time to time, never shorter than was asked for, and never quite the same."""
    first, longest = _BACKOFF
    own = min(first * (1 << min(attempts, 10)), longest)
    asked = min(wait or timedelta(), _LONGEST_WAIT)
    return max(asked, own) * (1 + random.random() / 10)  # noqa: S311 - spreads retries
