"""How a run ends: what its changes made of what was planned. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from shared.core import rejections
from shared.core.applied import AppliedChange, ChangeStatus
from shared.core.applied_states import applied_state
from shared.core.modes import tagged_mode
from shared.core.observed import Rules
from shared.core.orders import NO_ORDER, Hold, Order
from shared.core.outlook import Outlook
from shared.core.runs import Run, RunStatus, run_status
from shared.core.seen import inventory_fingerprint, missing
from shared.core.single_flight import Claim
from shared.core.stands import what_stands
from shared.core.states import Verdict

_LOOKS = 4  # at what ARM says was written and doesn't show, before it is taken for gone again
_PROOFS = 8  # looks at what does not answer yet, about half an hour; then the sweep's are enough
_OBSERVED = "observed or held, so that not even a force writes: agree to the plan by its digest"


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a plan."""

    outlook: Outlook
    changes: tuple[AppliedChange, ...]
    verdicts: tuple[Verdict, ...]
    is_unproven: bool
    drifted: tuple[str, ...]


def judged(run: Run, claim: Claim, result: Result, *, now: datetime, rules: Rules) -> Run:
    """The run as its changes left it; *run* may have written before, for a plan gone stale."""
    outlook = result.outlook
    patient = claim.attempts < _LOOKS and not outlook.is_rolled_back  # stands, whatever ARM shows
    unseen = missing(outlook.account, claim.expected_names) if patient else ()
    status = _status(claim, result, is_unseen=bool(unseen), is_patient=patient)
    done = status is RunStatus.SUCCEEDED
    written = tuple(item for item in run.changes if item.status is ChangeStatus.APPLIED)
    changes = (*written, *result.changes)
    wrote = any(item.status is ChangeStatus.APPLIED for item in changes)
    is_news = (wrote or not claim.left) and not outlook.observes
    is_forbidden = outlook.observes and claim.order.force and bool(outlook.writes)
    stands = applied_state(run.ids[0], now, result.changes, result.verdicts) if is_news else None
    return replace(
        run,
        status=RunStatus.INCOMPLETE if is_forbidden and done else status,
        error=_OBSERVED if is_forbidden else "",
        changes=changes,
        verdicts=result.verdicts,
        notes=(*outlook.wanted.notes, *(f"ARM does not show {name} yet" for name in unseen)),
        wait=max((item.wait for item in result.changes if item.wait), default=None),
        mode=tagged_mode(outlook.account.tags) if outlook.account else claim.mode,
        seen=inventory_fingerprint(outlook.account, rules) if done else "",
        stands=what_stands(outlook.actual.resources, result.changes),
        rejections=rejections.after(result.changes, claim.rejections, outlook.refused, now),
        drifted=tuple(dict.fromkeys((*run.drifted, *_put_right(result)))),
        order=claim.order
        if _is_too_early(claim, result)
        else _left_of(claim.order, result.changes),
        hold=_hold(claim, outlook, now),
        applied_state=stands,
    )


def held(run: Run, claim: Claim, outlook: Outlook, *, now: datetime) -> Run:
    """Nothing is written. A plan that is no longer the approved one holds nothing else up."""
    hold = claim.hold
    if not claim.order.agreed and (hold is None or hold.digest != outlook.digest):
        hold = Hold("removals", outlook.held, now, outlook.digest)
    return replace(
        run,
        status=RunStatus.HELD,
        error=outlook.held,
        order=NO_ORDER,
        hold=hold,
        planned=len(outlook.writes),
    )


def facts(outlook: Outlook) -> dict[str, str]:
    """What was read besides the deployments, for those who ask why."""
    account, service = outlook.account, outlook.actual.service
    told = {"gatewayTier": service.sku, "mode": outlook.wanted.mode.value}
    if account is None:
        return {**told, "account": "gone"}
    return {
        **told,
        "accountKind": account.kind,
        "location": account.location,
        "accountState": account.provisioning_state,
    }


def left_by(run: Run, before: str) -> str:
    """The applied state that stands after *run*; "" when it wrote and did not come to an end."""
    if run.applied_state is not None:
        return run.applied_state.id
    return "" if run.writes else before


def _status(claim: Claim, result: Result, *, is_unseen: bool, is_patient: bool) -> RunStatus:
    status = run_status(result.changes, result.outlook.wanted.verdicts if is_patient else ())
    if is_unseen:
        return RunStatus.WAITING
    if status is RunStatus.SUCCEEDED and _is_too_early(claim, result):
        return RunStatus.WAITING if is_patient else RunStatus.INCOMPLETE
    if result.is_unproven and status is RunStatus.SUCCEEDED:
        return RunStatus.WAITING if claim.attempts < _PROOFS else RunStatus.INCOMPLETE
    return status


def _is_too_early(claim: Claim, result: Result) -> bool:
    """Somebody ordered writes, and ARM is at work on what they are for: it is kept as it stands."""
    return claim.order.is_for_writes and any(it.is_at_work for it in result.verdicts)


def _put_right(result: Result) -> tuple[str, ...]:
    """Of what drifted; the rest shows in each plan, and would be told with every sweep."""
    done = {it.change.path for it in result.changes if it.status is ChangeStatus.APPLIED}
    return tuple(path for path in result.drifted if path in done)


def _left_of(order: Order, changes: Sequence[AppliedChange]) -> Order:
    """What is left of an order once its plan was begun."""
    if any(item.status is ChangeStatus.STALE for item in changes):
        return order  # all is read anew
    postponed = tuple(it.change.path for it in changes if it.status is ChangeStatus.POSTPONED)
    if not postponed:
        return NO_ORDER
    return replace(order, still=postponed) if order.is_for_writes else order


def _hold(claim: Claim, outlook: Outlook, now: datetime) -> Hold | None:
    """What was rolled back stays so until somebody agrees; the brake's hold ends with its plan."""
    if claim.order.rollback:
        reason = f"{outlook.wanted.notes[-1]}: nothing is written until the account is released"
        return Hold("rollback", reason, now)
    is_over = claim.hold is None or claim.hold.kind == "removals" or claim.order.agreed
    return None if is_over else claim.hold
