"""What a run would do, as a value that people can read and name.

The digest names a plan by what it writes, so that somebody can say yes to this very plan and to no
other. A moment in a policy (since when a deployment is gone) does not count: it moves on by itself.
"""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import unified_diff
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from shared.core.applied import AppliedChange, ChangeStatus, foreseen
from shared.core.applied_states import as_rolled_back
from shared.core.diff import Drift, cut
from shared.core.model import Account, Actual, Resource
from shared.core.modes import Mode
from shared.core.naming import unit_hash
from shared.core.orders import Order
from shared.core.plan import WRITES, Action, Change
from shared.core.records import ChangeRecord, DecisionRecord, DriftRecord, PlanRecord
from shared.core.resource_ids import AccountId
from shared.core.resource_kinds import POLICIES, ResourceKind
from shared.core.runs import after_changes
from shared.core.states import Verdict

if TYPE_CHECKING:
    from shared.core.desired import Desired

_MOMENT = re.compile(r"\w{3}, \d{2} \w{3} \d{4} [\d:]{8} GMT")
_LONGEST_VALUE = 300
_POLICY = "properties.value"
# learn.microsoft.com/azure/role-based-access-control/built-in-roles/ai-machine-learning
_ROLES = {
    "a97b65f3-24c7-4388-baec-2e87135dc908": "Cognitive Services User",
    "5e0bd9bd-7b93-4f28-af87-19fc36ad61bd": "Cognitive Services OpenAI User",
}


@dataclass(frozen=True, slots=True)
class Outlook:
    """A look at a unit, and what a run would make of it.

    Attributes:
        account: None when ARM confirmed that it is gone.
        refused: Changes that were refused lately and are not tried, as they will be recorded;
            *no_room* alike, for which the tier has none.
        served: Deployments, lower-cased, that the gateway serves, or did in a state to go back to.
        held: Why nothing of it is written by itself; "" when it is.
        observes: Nothing is written: it is only said what would be.
    """

    unit: AccountId
    account: Account | None
    actual: Actual
    wanted: "Desired"
    plan: tuple[Change, ...]
    refused: Mapping[str, AppliedChange] = field(default_factory=dict)
    no_room: Mapping[str, AppliedChange] = field(default_factory=dict)
    served: frozenset[str] = frozenset()
    held: str = ""
    observes: bool = False
    is_rolled_back: bool = False

    @property
    def withheld(self) -> Mapping[str, AppliedChange]:
        return {**self.no_room, **self.refused}

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """As a run that may write would leave them, if nothing more is refused."""
        found = after_changes(self.wanted.verdicts, foreseen(self.plan, self.untouched))
        return as_rolled_back(found, self.served) if self.is_rolled_back else found

    @property
    def untouched(self) -> Mapping[str, AppliedChange]:
        """What is not tried, as it will be recorded."""
        planned = {
            it.path: AppliedChange(it, ChangeStatus.PLANNED, "the account is only observed")
            for it in self.writes
        }
        return {**self.withheld, **(planned if self.observes else {})}

    @property
    def writes(self) -> tuple[Change, ...]:
        return tuple(change for change in self.plan if change.action in WRITES)

    @property
    def digest(self) -> str:
        return plan_digest(self.unit, self.plan)


def plan_digest(unit: AccountId, plan: Sequence[Change]) -> str:
    """A name for what *plan* writes, 16 hex digits."""
    said = [
        [
            change.action.value,
            change.path,
            change.desired.body if change.desired else None,
            sorted(item.field for item in change.drift),
        ]
        for change in plan
        if change.action in WRITES
    ]
    text = _MOMENT.sub("", json.dumps([unit.arm_id, said], sort_keys=True))
    return sha256(text.encode()).hexdigest()[:16]


def write_names(plan: Sequence[Change]) -> tuple[str, ...]:
    """A name for each thing that *plan* writes, however much of it is done; "" for the plan."""
    writes = (change for change in plan if change.action in WRITES)
    return ("", *(_name(it.path, it.desired) for it in writes))


def begun(order: Order, plan: Sequence[Change]) -> Order:
    """An order for *plan*, which won't be the same when half of it is written."""
    still = tuple(change.path for change in plan if change.action in WRITES)
    return replace(order, digest="", approved=write_names(plan), still=still)


def is_rest_of(order: Order, plan: Sequence[Change]) -> bool:
    """Whether *plan* lacks nothing of what was agreed to but what is done.

    What stands as it did, because a deployment is gone or at work, does not show what was written
    there: without proof nobody is told that it was.
    """
    found, approved = {change.path: change for change in plan}, set(order.approved)
    return all(_is_left_or_done(path, found.get(path), approved) for path in order.still)


def _is_left_or_done(path: str, change: Change | None, approved: Collection[str]) -> bool:
    if change is None:
        return _name(path, None) in approved  # it was to go, and is gone
    stands = change.action is Action.KEEP and change.desired is not None
    return change.action in WRITES or (stands and _name(path, change.desired) in approved)


def _name(path: str, desired: Resource | None) -> str:
    said = json.dumps([path, desired.body if desired else None], sort_keys=True)
    return sha256(_MOMENT.sub("", said).encode()).hexdigest()[:12]


def plan_record(outlook: Outlook) -> PlanRecord:
    """The plan for people: the changes in their order, and what becomes of the deployments."""
    return PlanRecord(
        unit_id=unit_hash(outlook.unit),
        account=outlook.unit.arm_id,
        digest=outlook.digest,
        mode=Mode.OBSERVE.value if outlook.observes else outlook.wanted.mode.value,
        held=outlook.held,
        writes=len(outlook.writes),
        changes=tuple(
            change_record(change, outlook.withheld.get(change.path)) for change in outlook.plan
        ),
        deployments=tuple(
            DecisionRecord(name=it.name, state=it.state.value, reason=it.reason)
            for it in outlook.verdicts
        ),
        notes=outlook.wanted.notes,
    )


def change_record(
    change: Change, became: AppliedChange | None = None, *, brief: bool = False
) -> ChangeRecord:
    """A change with its drift and, unless *brief*, a policy's as lines that a person can read."""
    is_policy = change.kind in POLICIES
    return ChangeRecord(
        action=change.action.value,
        path=change.path,
        reason=_reason(change),
        status=became.status.value if became else "",
        detail=became.detail if became else "",
        drift=tuple(
            _drift_record(item)
            for item in change.drift
            if not (is_policy and item.field == _POLICY)
        ),
        policy_diff=_policy_diff(change) if is_policy and not brief else (),
    )


def _reason(change: Change) -> str:
    """With what an assignment is of: its path names the account and no role."""
    found = change.desired or change.actual
    if change.kind is not ResourceKind.ROLE_ASSIGNMENT or found is None:
        return change.reason
    definition = str((found.body.get("properties") or {}).get("roleDefinitionId") or "")
    role = definition.rpartition("/")[2].lower()
    return f"role {_ROLES.get(role, role)} for the gateway: {change.reason}"


def _drift_record(item: Drift) -> DriftRecord:
    desired, actual = _text(item.desired), _text(item.actual)
    if max(len(desired), len(actual)) <= _LONGEST_VALUE:
        return DriftRecord(field=item.field, desired=item.desired, actual=item.actual)
    desired, actual = cut(desired, actual, _LONGEST_VALUE)
    return DriftRecord(field=item.field, desired=desired, actual=actual)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _policy_diff(change: Change) -> tuple[str, ...]:
    if change.action not in WRITES:
        return ()
    stands = _policy_lines(change.actual.body if change.actual else {})
    wanted = _policy_lines(change.desired.body if change.desired else {})
    return tuple(unified_diff(stands, wanted, "stands", "desired", lineterm=""))


def _policy_lines(body: Mapping[str, Any]) -> list[str]:
    """Without what the service rewrites: line ends, indentation and empty lines."""
    text = str((body.get("properties") or {}).get("value") or "")
    return [line.strip() for line in text.splitlines() if line.strip()]
