"""What a run meant for one deployment, so that somebody can ask why: pure."""

from typing import Any

from shared.core.applied import AppliedChange, ChangeStatus
from shared.core.orders import Noted
from shared.core.outlook import change_record
from shared.core.plan import Action
from shared.core.records import CauseRecord, ChapterRecord
from shared.core.resource_kinds import ResourceKind
from shared.core.runs import Run
from shared.core.states import DeploymentState, Verdict
from shared.core.story_words import words

_LONGEST_REASON = 1000
_MOST_WRITES = 20
_THERE = tuple(
    it.value for it in (DeploymentState.APPLIED, DeploymentState.VERIFIED, DeploymentState.RETIRING)
)
_ADVICE = {
    DeploymentState.SEEN: "Nothing: it is looked at again by itself.",
    DeploymentState.APPLIED: "If it does not answer soon, do what its reason says.",
    DeploymentState.VERIFIED: "Nothing.",
    DeploymentState.QUARANTINED: "Change what its reason says; the change is noticed by itself, "
    "or ask for a reimport.",
    DeploymentState.EXCLUDED: "Change the rule or the tag that its reason names, if it should "
    "be served.",
    DeploymentState.RETIRING: "Deploy it again under the same name, if callers still need it.",
    DeploymentState.REMOVED: "Deploy it again under the same name, if callers still need it.",
}


def advice_on(state: str) -> str:
    return _ADVICE[DeploymentState(state)]


def chapter(run: Run, verdict: Verdict, *, before: str, at: str) -> ChapterRecord:
    """What *run* read, decided, wrote and found for the deployment of *verdict*.

    Args:
        run: Has ended.
        verdict: Of the same run, proofs included.
        before: Its state before the run; "" for one never seen.
        at: When the run ended, ISO 8601.
    """
    writes = _writes(run, verdict, before)
    return ChapterRecord(
        at=at,
        run=run.ids[0],
        causes=tuple(map(cause_record, run.causes)),
        read=_read(run, verdict),
        decided=_decided(verdict),
        state_before=before,
        state=verdict.state.value,
        reason=verdict.reason[:_LONGEST_REASON],
        writes=tuple(change_record(it.change, it, brief=True) for it in writes[:_MOST_WRITES]),
        words=words(run.causes, verdict, writes, before=before),
    )


def _writes(run: Run, verdict: Verdict, before: str) -> list[AppliedChange]:
    """What became of the changes that it depends on; where it is taken off, of what does that."""
    written = [it for it in run.changes if it.status is not ChangeStatus.KEPT]
    if not verdict.resources and before in _THERE:
        return [
            it
            for it in written
            if it.change.kind in (ResourceKind.API, ResourceKind.API_POLICY)
            and it.change.action in (Action.UPDATE, Action.DELETE)
        ]
    return [it for it in written if it.change.path in verdict.resources]


def cause_record(cause: Noted) -> CauseRecord:
    return CauseRecord(
        kind=cause.kind,
        event=cause.event,
        event_id=cause.event_id,
        deployment=cause.deployment,
        at=cause.at,
    )


def _read(run: Run, verdict: Verdict) -> dict[str, Any]:
    deployment = verdict.deployment
    if deployment is None:
        return {**run.facts, "deployment": None}
    return {
        **run.facts,
        "deployment": {
            "model": f"{deployment.model.format} {deployment.model.name}",
            "version": deployment.model.version,
            "sku": deployment.sku,
            "capacity": deployment.capacity,
            "provisioningState": deployment.provisioning_state,
            "capabilities": sorted(deployment.capabilities),
            "tokensPerMinute": deployment.tokens_per_minute,
        },
    }


def _decided(verdict: Verdict) -> dict[str, Any]:
    return {
        "kind": verdict.kind.value,
        "because": list(verdict.because),
        "surfaces": {
            name: {
                "tokensPerMinute": rule.limit.tokens_per_minute if rule.limit else None,
                "contentSafety": rule.safety is not None,
                "semanticCache": rule.is_cached,
            }
            for name, rule in sorted(verdict.rules.items())
        },
        "keptAsItStands": sorted(verdict.keeps),
    }
