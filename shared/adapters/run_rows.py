"""Runs as table entities, a row for each unit, and back: pure."""

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate, groupby
from typing import Any, cast

from shared.adapters.deployment_rows import LONGEST_TEXT, items
from shared.adapters.unit_rows import Entity, unit_key
from shared.core.applied import AppliedChange, ChangeStatus
from shared.core.moments import said
from shared.core.naming import unit_hash
from shared.core.outlook import change_record
from shared.core.plan import Action
from shared.core.records import CauseRecord, ChangeRecord, RunAnswer, RunState, UnitRunRecord
from shared.core.resource_ids import AccountId
from shared.core.runs import Run, RunStatus, most_urgent
from shared.core.stories import cause_record

_NO_TRY = UnitRunRecord(unit_id="", account="", status="queued", started="")
# What a list of runs tells of them: not their changes and notes, which are most of it.
BRIEF = [
    *("PartitionKey", "RowKey", "unit", "status", "started", "finished", "writes", "planned"),
    *("arm_calls", "causes", "drifted", "error"),
]


def run_entity(run_id: str, run: Run) -> Entity:
    """The row of *run* under *run_id*, with what earlier tries of it did."""
    before = run.earlier.get(run_id, _NO_TRY)
    made = [it for it in before.changes if it.status == ChangeStatus.APPLIED.value]
    changes, left_out = _fitting([*made, *map(_change_record, run.changes)])
    is_first = before.status == RunStatus.QUEUED.value
    return {
        "PartitionKey": run_id,
        "RowKey": unit_key(run.unit),
        "unit": run.unit.arm_id,
        "epoch": run.epoch,
        "status": run.status.value,
        "started": said(run.started) if is_first else before.started,
        "finished": said(run.finished) if run.finished else "",
        "writes": before.writes + run.writes,
        "planned": before.writes + run.planned,
        "arm_calls": before.arm_calls + run.arm_calls,
        "causes": json.dumps([cause_record(it).json_body() for it in run.causes]),
        "changes": changes,
        "changes_left_out": before.changes_left_out + left_out,
        "drifted": _texts(tuple(dict.fromkeys((*before.drifted, *run.drifted)))),
        "notes": _texts(run.notes),
        "error": run.error[:LONGEST_TEXT],
    }


def stopped_entity(whole: Entity) -> Entity:
    """What changes in the row of a run that did not come to its end; not what it had done.

    With the epoch of who says so: the run itself may wake up yet, and is not to have the last word.
    """
    changes = ("PartitionKey", "RowKey", "epoch", "status", "finished", "error")
    return {key: whole[key] for key in changes}


def run_answers(entities: Iterable[Mapping[str, Any]]) -> list[RunAnswer]:
    """The runs of rows that come sorted, each with all of its units."""
    runs = groupby(entities, key=lambda entity: str(entity["PartitionKey"]))
    return [_run_answer(run_id, [unit_run(it) for it in rows]) for run_id, rows in runs]


def _run_answer(run_id: str, units: list[UnitRunRecord]) -> RunAnswer:
    is_over = all(unit.finished for unit in units)
    return RunAnswer(
        id=run_id,
        status=cast("RunState", most_urgent(unit.status for unit in units)),
        started=min(unit.started for unit in units),
        finished=max(unit.finished for unit in units) if is_over else "",
        writes=sum(unit.writes for unit in units),
        arm_calls=sum(unit.arm_calls for unit in units),
        units=tuple(units),
    )


def unit_run(entity: Mapping[str, Any]) -> UnitRunRecord:
    unit = AccountId.parse(entity["unit"])
    return UnitRunRecord(
        unit_id=unit_hash(unit),
        account=unit.arm_id,
        status=entity["status"],
        started=entity["started"],
        finished=entity.get("finished") or "",
        writes=entity.get("writes") or 0,
        planned=entity.get("planned") or 0,
        arm_calls=entity.get("arm_calls") or 0,
        causes=tuple(CauseRecord(**it) for it in items(entity, "causes")),
        changes=tuple(ChangeRecord(**it) for it in items(entity, "changes")),
        changes_left_out=entity.get("changes_left_out") or 0,
        drifted=tuple(items(entity, "drifted")),
        notes=tuple(items(entity, "notes")),
        error=entity.get("error") or "",
    )


def _change_record(item: AppliedChange) -> ChangeRecord:
    record = change_record(item.change, item)
    is_kept = item.change.action is Action.KEEP
    return record.model_copy(update={"reason": "as it should be"}) if is_kept else record


def _fitting(changes: list[ChangeRecord]) -> tuple[str, int]:
    """As many of *changes* as fit a property, and how many don't; long words go first."""
    brief = [item.model_copy(update={"policy_diff": (), "drift": ()}) for item in changes]
    for some in (changes, brief):
        texts = [json.dumps(item.json_body(), default=str) for item in some]
        fitting = _that_fit(texts)
        if len(fitting) == len(texts):
            break
    return f"[{', '.join(fitting)}]", len(changes) - len(fitting)


def _that_fit(texts: Sequence[str]) -> list[str]:
    """The first of *texts*, as far as a property holds them."""
    ends = accumulate(len(text) + 2 for text in texts)
    return [text for text, end in zip(texts, ends, strict=True) if end <= LONGEST_TEXT]


def _texts(notes: Sequence[str]) -> str:
    return f"[{', '.join(_that_fit([json.dumps(note) for note in notes]))}]"
