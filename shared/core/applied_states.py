"""What stood after a run, so that a unit can go back to it and drift can be told from news."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from shared.core.applied import AppliedChange, ChangeStatus
from shared.core.model import Resource
from shared.core.modes import Mode
from shared.core.plan import Action, Change
from shared.core.resource_kinds import ResourceKind, kind_of
from shared.core.run_ids import until_the_end
from shared.core.states import DeploymentState, Verdict

if TYPE_CHECKING:
    from shared.core.desired import Desired  # not with the ports, which every event imports

_STANDS = frozenset({ChangeStatus.APPLIED, ChangeStatus.KEPT})
_REFUSED = frozenset({ChangeStatus.REJECTED, ChangeStatus.SKIPPED, ChangeStatus.BLOCKED})
_FOR_GOOD = frozenset({ResourceKind.ROLE_ASSIGNMENT, ResourceKind.NAMED_VALUE})
_SERVED = frozenset({DeploymentState.APPLIED, DeploymentState.VERIFIED})


@dataclass(frozen=True, slots=True)
class AppliedState:
    """What a unit had in the gateway.

    Attributes:
        run: The run that applied it; a reimport that was tried again may have applied several.
        deployments: Names of those that were served.
        retained: Paths that stood as they were, because nobody could tell what is right; and those
            where something of others was in the way. What stands there now, somebody put there.
    """

    run: str
    at: datetime
    deployments: tuple[str, ...]
    resources: tuple[Resource, ...]
    retained: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """32 hex digits, the newest first."""
        return until_the_end(self.at) + self.run[-21:]


def applied_state(
    run: str, at: datetime, changes: Sequence[AppliedChange], verdicts: Sequence[Verdict]
) -> AppliedState | None:
    """What stands now; None while something is still to be written."""
    unsettled = {ChangeStatus.POSTPONED, ChangeStatus.STALE, ChangeStatus.PLANNED}
    if any(item.status in unsettled for item in changes):
        return None
    stands = [item.change for item in changes if item.status in _STANDS]
    return AppliedState(
        run,
        at,
        tuple(sorted(it.name for it in verdicts if it.state in _SERVED)),
        tuple(it.desired for it in stands if it.desired is not None),
        tuple(it.change.path for it in changes if _stays(it)),
    )


def _stays(item: AppliedChange) -> bool:
    """Not as we want it: nobody could tell what is right, or it was refused.

    Nor what others hold: once that was moved away, ours serves its callers (onramp adopt), and a
    way back that took ours off would leave them nothing.
    """
    if item.status is ChangeStatus.KEPT:
        return item.change.desired is None
    if item.status is ChangeStatus.BLOCKED:
        return True
    return item.change.actual is not None and item.status in _REFUSED


def rolled_back(
    wanted: "Desired", state: AppliedState, actual: Iterable[str], *, is_gone: bool = False
) -> "Desired":
    """As it was then, whatever ARM says now; taking off what came later is meant.

    But for the right to call the account, and its key: nobody may have had to give it then. And an
    account that *is_gone* can't be given any: that would be tried for ever.
    """
    stands = frozenset(actual)
    kept = {path for path in stands if kind_of(path) in _FOR_GOOD}
    right = ResourceKind.ROLE_ASSIGNMENT
    return replace(
        wanted,
        resources=tuple(
            it for it in state.resources if not (is_gone and kind_of(it.path) is right)
        ),
        retained=frozenset(state.retained) | kept,
        mode=Mode.SYNC,
        lost=frozenset(),
        probes={},
        notes=(
            *wanted.notes,
            *_untold(state, stands),
            f"rolled back to what stood at {state.at:%Y-%m-%d %H:%M}Z",
        ),
    )


def _untold(state: AppliedState, stands: frozenset[str]) -> Iterator[str]:
    told = {it.path for it in state.resources}
    for path in sorted(stands & frozenset(state.retained) - told):
        if kind_of(path) is ResourceKind.API:
            yield f"{path} stays as it stands: that state does not say what it was like"


def as_rolled_back(verdicts: Sequence[Verdict], served: frozenset[str]) -> tuple[Verdict, ...]:
    """What becomes of deployments while their account stays as it was once.

    Args:
        verdicts: As they would be without that.
        served: The names, lower-cased, that the gateway serves all the same.
    """
    state = {True: DeploymentState.APPLIED, False: DeploymentState.EXCLUDED}
    words = {
        True: "served as it was: the account is rolled back",
        False: "not served: the account is rolled back; release it to go on",
    }
    past = (DeploymentState.RETIRING, DeploymentState.REMOVED)
    return tuple(
        verdict
        if verdict.state in past
        else replace(
            verdict,
            state=state[verdict.name.lower() in served],
            reason=words[verdict.name.lower() in served],
        )
        for verdict in verdicts
    )


def drifted(plan: Sequence[Change], last: AppliedState | None) -> tuple[str, ...]:
    """What somebody changed or deleted by hand: it should be as we left it, and is not."""
    left = {it.path: it for it in last.resources} if last else {}
    return tuple(
        change.path
        for change in plan
        if change.action in (Action.CREATE, Action.UPDATE)
        and change.desired is not None
        and (change.drift or change.action is Action.CREATE)
        and change.path in left
        and _same(left[change.path], change.desired)
    )


def _same(one: Resource, other: Resource) -> bool:
    return (one.body, one.operations) == (other.body, other.operations)
