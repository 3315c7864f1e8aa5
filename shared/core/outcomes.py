"""What the world is told of a run: pure. Described in docs/outcome-events.md.

What is told compares with what was told last of the same deployment, not with the run before: a
deployment that is only waited for in between is no news. The rows, first to last in the order in
which they are sent; *served* is applied or verified:

| told last                       | now                 | event       |
|---------------------------------|---------------------|-------------|
| anything but served             | served              | Onboarded   |
| served                          | served, otherwise   | Updated     |
| not verified, or another proof  | verified            | Verified    |
| anything, or another reason     | quarantined         | Quarantined |
| anything else                   | retiring            | Retiring    |
| served, quarantined or retiring | removed or excluded | Removed     |
| anything                        | seen                | none        |

Each event's id follows from the run, the moment and what it tells, so one that is sent twice is
known by it.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from hashlib import sha256
from typing import Any

from shared.core.naming import unit_hash
from shared.core.outcome_records import (
    BlockedData,
    ChangedField,
    DeploymentData,
    DriftedData,
    DriftedResource,
    OutcomeData,
    UpdatedData,
)
from shared.core.plan import Action
from shared.core.records import DeploymentRecord
from shared.core.runs import Run, RunStatus
from shared.core.states import DeploymentState
from shared.core.stories import advice_on, cause_record

PREFIX = "ModelOnramp."


class OutcomeType(Enum):
    ONBOARDED = "Onboarded"  # the gateway serves it now, and did not before
    UPDATED = "Updated"  # it goes on being served, otherwise
    VERIFIED = "Verified"  # it has answered a call through the gateway
    QUARANTINED = "Quarantined"  # somebody must change something
    DRIFTED = "Drifted"  # somebody had changed our resources by hand
    RETIRING = "Retiring"  # gone from ARM: its callers get 410
    REMOVED = "Removed"  # the gateway serves it no more, by choice or because it is gone
    RUN_BLOCKED = "RunBlocked"  # nothing of the account is done until somebody acts


DATA: Mapping[OutcomeType, type[OutcomeData]] = {
    OutcomeType.ONBOARDED: DeploymentData,
    OutcomeType.UPDATED: UpdatedData,
    OutcomeType.VERIFIED: DeploymentData,
    OutcomeType.QUARANTINED: DeploymentData,
    OutcomeType.DRIFTED: DriftedData,
    OutcomeType.RETIRING: DeploymentData,
    OutcomeType.REMOVED: DeploymentData,
    OutcomeType.RUN_BLOCKED: BlockedData,
}

type Told = Mapping[str, Any]
_SERVED = (DeploymentState.APPLIED.value, DeploymentState.VERIFIED.value)
_VERIFIED, _QUARANTINED = DeploymentState.VERIFIED.value, DeploymentState.QUARANTINED.value
_RETIRING = DeploymentState.RETIRING.value
_OFF = (DeploymentState.REMOVED.value, DeploymentState.EXCLUDED.value)
# What makes a deployment another one to its callers.
SERVING = (
    *("modelFormat", "modelName", "modelVersion"),
    *("sku", "capacity", "tokensPerMinute", "surfaces"),
)
_COMPARED = ("state", "reason", *SERVING)
# What a reason counts or names anew with each try is no other reason.
_PASSING = re.compile(
    r" \(asked \d+ times, again [\d:]+Z\)|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
)
_LONGEST_REASON = 1000
_MOST = 25  # resources, and names, in an event: together they fit its row (30,000 characters)
_MOST_FIELDS = 8

_ACTIONS = {
    RunStatus.HELD: "Look at the plan, then release the account if it is right: "
    "POST /api/units/{unit}/release. If it is not, put right what the reason names.",
    RunStatus.FAILED: "Put right what the reason names; the change is noticed by itself, "
    "by the next sweep at the latest.",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    type: OutcomeType
    subject: str  # resource id of the deployment, or of the account
    time: datetime
    data: OutcomeData

    @property
    def id(self) -> str:
        """The moment counts: a reimport that waits has one id for all of its runs."""
        text = f"{self.data.run} {self.time.isoformat()} {self.type.value} {self.subject}"
        return sha256(text.encode()).hexdigest()[:32]


def telling(record: DeploymentRecord, *, proof: str) -> Told:
    """What there is to tell of a deployment, to be compared with what will be."""
    body = record.json_body()
    return {**{key: body[key] for key in _COMPARED}, "proof": proof}


def was_served(told: Told) -> bool:
    return told.get("state") in _SERVED


def deployment_outcomes(before: Told, after: Told) -> tuple[OutcomeType, ...]:
    """What became news; *before* is empty for a deployment that was never told of."""
    old, new = before.get("state", ""), after["state"]
    is_served, served_before = was_served(after), was_served(before)
    another_proof = before.get("proof") != after.get("proof")
    another_reason = _matter(before) != _matter(after)
    rows = (
        (OutcomeType.ONBOARDED, is_served and not served_before),
        (OutcomeType.UPDATED, is_served and served_before and bool(_changed(before, after))),
        (OutcomeType.VERIFIED, new == _VERIFIED and (old != _VERIFIED or another_proof)),
        (OutcomeType.QUARANTINED, new == _QUARANTINED and (old != _QUARANTINED or another_reason)),
        (OutcomeType.RETIRING, new == _RETIRING and old != _RETIRING),
        (OutcomeType.REMOVED, new in _OFF and old in (*_SERVED, _QUARANTINED, _RETIRING)),
    )
    return tuple(type_ for type_, holds in rows if holds)


def told_of(
    run: Run, record: DeploymentRecord, *, before: Told, after: Told, words: str
) -> Iterator[Outcome]:
    """The events on one deployment; *words* are its story of this run."""
    subject = f"{run.unit.arm_id}/deployments/{record.name}"
    data = {
        **_common(run),
        "deployment": record,
        "previous_state": before.get("state", ""),
        "words": words,
        "advice": advice_on(record.state),
    }
    for type_ in deployment_outcomes(before, after):
        if type_ is OutcomeType.UPDATED:
            data["changed"] = _changed(before, after)
        yield Outcome(type_, subject, _time(run), DATA[type_].model_validate(data))


def unit_outcomes(run: Run, *, was_blocked: str) -> Iterator[Outcome]:
    """What a run tells of its account; *was_blocked* is what was told of that before."""
    if run.drifted:
        yield Outcome(OutcomeType.DRIFTED, run.unit.arm_id, _time(run), _drifted(run))
    blocked = blocked_by(run)
    if blocked and blocked != was_blocked:
        data = BlockedData(
            **_common(run),
            status=run.status.value,
            reason=blocked,
            action=_ACTIONS[run.status].format(unit=unit_hash(run.unit)),
            writes_held=run.planned if run.status is RunStatus.HELD else 0,
            digest=run.hold.digest if run.hold else "",
        )
        yield Outcome(OutcomeType.RUN_BLOCKED, run.unit.arm_id, _time(run), data)


def blocked_by(run: Run) -> str:
    """Why nothing is done, in the length in which it is remembered; "" if something is.

    A plan that became another one is refused to whoever wanted it, and holds nothing up.
    """
    is_refused = run.status is RunStatus.HELD and (run.hold is None or run.hold.reason != run.error)
    return run.error[:_LONGEST_REASON] if run.status in _ACTIONS and not is_refused else ""


def still_blocked_by(run: Run, was_blocked: str) -> str:
    """What is to be remembered: a run that only waits did not find the way free."""
    return was_blocked if run.status is RunStatus.WAITING else blocked_by(run)


def _common(run: Run) -> dict[str, Any]:
    return {
        "run": run.ids[0],
        "unit_id": unit_hash(run.unit),
        "account": run.unit.arm_id,
        "causes": tuple(map(cause_record, run.causes)),
    }


def _time(run: Run) -> datetime:
    return run.finished or run.started


def _matter(told: Told) -> str:
    return _PASSING.sub("", str(told.get("reason", "")))


def _changed(before: Told, after: Told) -> tuple[ChangedField, ...]:
    """Of what *before* knows: an older version of the app told less."""
    return tuple(
        ChangedField(field=key, before=before[key], after=after[key])
        for key in SERVING
        if key in before and before[key] != after[key]
    )


def _drifted(run: Run) -> DriftedData:
    written = {it.change.path: it.change for it in run.changes}
    resources = tuple(
        DriftedResource(
            path=path,
            what="deleted" if written[path].action is Action.CREATE else "changed",
            fields=tuple(it.field for it in written[path].drift[:_MOST_FIELDS]),
        )
        for path in run.drifted
        if path in written
    )
    touched = {it.path for it in resources}
    names = sorted(it.name for it in run.verdicts or () if touched & set(it.resources))
    return DriftedData(
        **_common(run),
        resources=resources[:_MOST],
        resources_left_out=max(len(resources) - _MOST, 0),
        deployments=tuple(names[:_MOST]),
    )
