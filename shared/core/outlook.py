"""What a run would do, as a value that people can read and name.

The digest names a plan by what it writes, so that somebody can say yes to this very plan and to no
other. A moment in a policy (since when a deployment is gone) does not count: it moves on by itself.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import unified_diff
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from shared.core.applied import AppliedChange
from shared.core.diff import Drift
from shared.core.model import Account, Actual
from shared.core.modes import Mode
from shared.core.naming import unit_hash
from shared.core.plan import WRITES, Change
from shared.core.records import ChangeRecord, DecisionRecord, DriftRecord, PlanRecord
from shared.core.resource_ids import AccountId
from shared.core.resource_kinds import POLICIES
from shared.core.runs import after_changes

if TYPE_CHECKING:
    from shared.core.desired import Desired

_MOMENT = re.compile(r"\w{3}, \d{2} \w{3} \d{4} [\d:]{8} GMT")
_LONGEST_VALUE = 300
_POLICY = "properties.value"


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
    said = (
        json.dumps([change.path, change.desired.body if change.desired else None], sort_keys=True)
        for change in plan
        if change.action in WRITES
    )
    return ("", *(sha256(_MOMENT.sub("", it).encode()).hexdigest()[:12] for it in said))


def plan_record(outlook: Outlook) -> PlanRecord:
    """The plan for people: the changes in their order, and what becomes of the deployments."""
    withheld = tuple(outlook.withheld.values())
    verdicts = after_changes(outlook.wanted.verdicts, withheld)
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
            DecisionRecord(name=it.name, state=it.state.value, reason=it.reason) for it in verdicts
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
        reason=change.reason,
        status=became.status.value if became else "",
        detail=became.detail if became else "",
        drift=tuple(
            _drift_record(item)
            for item in change.drift
            if not (is_policy and item.field == _POLICY)
        ),
        policy_diff=_policy_diff(change) if is_policy and not brief else (),
    )


def _drift_record(item: Drift) -> DriftRecord:
    return DriftRecord(field=item.field, desired=_short(item.desired), actual=_short(item.actual))


def _short(value: Any) -> Any:
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return value if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]} ..."


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
