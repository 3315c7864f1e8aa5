"""A chapter as sentences, for somebody who reads it at three in the morning: pure.

Why anybody looked; what ARM had; what was done; what that means now, and who has to do something.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from shared.core.applied import AppliedChange, ChangeStatus
from shared.core.orders import Noted
from shared.core.plan import Action
from shared.core.states import DeploymentState, Verdict

_MOST_CAUSES = 3
_LONGEST_REASON = 1000
_HAPPENED = {
    "ResourceWriteSuccess": "was written",
    "ResourceWriteFailure": "could not be written",
    "ResourceDeleteSuccess": "was deleted",
}
_ASKED = {
    "reimport": "Somebody asked for a reimport.",
    "sweep": "The sweep looked at everything, as it does from time to time.",
    "release": "Somebody released the account.",
    "call-off": "Somebody called off what was ordered.",
    "rollback": "Somebody took the account back to an earlier state.",
    "replay": "Somebody replayed what had been given up.",
}
_UNASKED = "Nobody told of anything new: a run went on with what was left to do."
_DONE = {
    Action.CREATE: "created",
    Action.UPDATE: "updated",
    Action.DELETE: "deleted",
}
_NOT_DONE = {
    ChangeStatus.REJECTED: "API Management or ARM refused",
    ChangeStatus.BLOCKED: "Left alone, for something of somebody else's is in the way",
    ChangeStatus.SKIPPED: "Not tried, for what it needs does not stand",
    ChangeStatus.POSTPONED: "Put off, to be tried again",
    ChangeStatus.STALE: "Not written, for somebody else wrote at that moment",
    ChangeStatus.PLANNED: "Not written, for the account is only observed",
}
_MEANS = {
    DeploymentState.SEEN: "It waits, and is looked at again by itself: {}.",
    DeploymentState.APPLIED: "The gateway serves it; of note: {}.",
    DeploymentState.VERIFIED: "It answers through the gateway; of note: {}.",
    DeploymentState.QUARANTINED: "It is not onboarded until somebody acts: {}.",
    DeploymentState.EXCLUDED: "Somebody chose that it is not served: {}.",
    DeploymentState.RETIRING: "Its callers get 410 Gone for a while: {}.",
    DeploymentState.REMOVED: "The gateway knows nothing of it any more: {}.",
}
_SERVED = (DeploymentState.APPLIED, DeploymentState.VERIFIED)
_NOTHING = {
    DeploymentState.APPLIED: "Nothing had to be written.",
    DeploymentState.VERIFIED: "Nothing had to be written.",
    DeploymentState.REMOVED: "",  # what was written depends on it no more
}
# How reasons begin where the words above say that already.
_SAID = ("onboarded", "not to be onboarded: ", "not served: ", "; ")


def words(
    causes: Iterable[Noted], verdict: Verdict, writes: Sequence[AppliedChange], *, before: str
) -> str:
    """The chapter of *verdict*.

    Args:
        causes: Of the run.
        verdict: What became of the deployment.
        writes: What became of the changes that it depends on, without what was kept.
        before: Its state before the run; "" for one never seen.
    """
    did = tuple(_did(writes))
    nothing = _NOTHING.get(verdict.state, "Nothing was written.")
    said = (
        *_why(causes),
        _found(verdict),
        *_decided(verdict),
        *(did or filter(None, [nothing])),
        _means(verdict),
        *_stays(verdict, writes, before),
        _moved(verdict, before),
    )
    return " ".join(said)


def _why(causes: Iterable[Noted]) -> Iterator[str]:
    heard = list(dict.fromkeys(map(_heard, causes)))
    yield from heard[:_MOST_CAUSES] or [_UNASKED]
    if len(heard) > _MOST_CAUSES:
        yield f"There were {len(heard) - _MOST_CAUSES} more reasons."


def _heard(cause: Noted) -> str:
    if cause.kind in _ASKED:
        return _ASKED[cause.kind]
    what = _HAPPENED.get(cause.event.rpartition(".")[2], "changed")
    return f"Event Grid said that {cause.deployment or 'the account'} {what}{_at(cause.at)}."


def _at(moment: str) -> str:
    """To the second; the rest is of no use to a reader."""
    day, _, time = moment.partition("T")
    return f" on {day} at {time[:8]}Z" if time else ""


def _found(verdict: Verdict) -> str:
    deployment = verdict.deployment
    if deployment is None:
        return f"ARM has no deployment {verdict.name}."
    model = deployment.model
    size = f"{deployment.sku}, capacity {deployment.capacity}"
    what = f"{model.format} {model.name} {model.version}".strip()
    return f"ARM has {verdict.name}: {what} ({verdict.kind.value}), {size}."


def _did(writes: Sequence[AppliedChange]) -> Iterator[str]:
    applied = [it for it in writes if it.status is ChangeStatus.APPLIED]
    done = [
        f"{word} {_counted(it for it in applied if it.change.action is action)}"
        for action, word in _DONE.items()
        if any(it.change.action is action for it in applied)
    ]
    if done:
        yield f"The app {', '.join(done)}."
    for status, word in _NOT_DONE.items():
        if some := [it for it in writes if it.status is status]:
            yield f"{word}: {_counted(some)}."


def _counted(items: Iterable[AppliedChange]) -> str:
    counts = Counter(item.change.kind.value for item in items)
    return _listed([f"{count} {_plural(kind, count)}" for kind, count in counts.items()])


def _listed(items: Sequence[str]) -> str:
    *most, last = items
    return f"{', '.join(most)} and {last}" if most else last


def _plural(kind: str, count: int) -> str:
    if count == 1 or kind.endswith("s"):
        return kind
    return f"{kind[:-1]}ies" if kind.endswith("y") else f"{kind}s"


def _decided(verdict: Verdict) -> Iterator[str]:
    limits = {
        rule.limit.tokens_per_minute if rule.limit else None for rule in verdict.rules.values()
    }
    if verdict.rules:
        (limit,) = limits if len(limits) == 1 else (None,)
        rate = f", at {limit:,} tokens per minute" if limit else ""
        yield f"That belongs on {_listed(sorted(verdict.rules))}{rate}."


def _means(verdict: Verdict) -> str:
    reason = verdict.reason[:_LONGEST_REASON].rstrip(".")
    for said in _SAID:
        reason = reason.removeprefix(said)
    means = _MEANS[verdict.state]
    return means.format(reason) if reason else means.replace("; of note: {}", "")


def _stays(verdict: Verdict, writes: Sequence[AppliedChange], before: str) -> Iterator[str]:
    """What worries most: whether its callers get answers meanwhile."""
    was_served = before in {it.value for it in _SERVED}
    wrote = any(it.status is ChangeStatus.APPLIED for it in writes)
    if was_served and verdict.state not in _SERVED and writes and not wrote:
        yield "In the gateway it stays as it stood."


def _moved(verdict: Verdict, before: str) -> str:
    state = verdict.state.value
    return f"Still {state}." if state == before else f"Before: {before or 'new'}. Now: {state}."
