"""What is written down of runs and deployments, as table entities and back: pure."""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import count
from typing import Any

from shared.adapters.batches import Key
from shared.adapters.deployment_rows import (
    LONGEST_TEXT,
    changed_deployments,
    deployment_key,
    deployment_record,
    waited,
)
from shared.adapters.unit_rows import Entity, unit_key
from shared.core.model import Json
from shared.core.model_kinds import ModelKind
from shared.core.moments import said
from shared.core.outcomes import PREFIX, Outcome, Told, telling, told_of, unit_outcomes, was_served
from shared.core.records import (
    ChapterRecord,
    SweepRecord,
)
from shared.core.resource_ids import AccountId
from shared.core.run_ids import until_the_end
from shared.core.runs import Run
from shared.core.states import DeploymentState, Verdict
from shared.core.stories import chapter

FIRST_OTHER = "~"  # deployments sort before it, what else stands in their partition after it
EVENT_ROWS, STORY_ROWS = "~event|", "~story|"
BEHIND = "~"  # with it, the end of a beginning's rows
SWEEP = "sweep"


def story_key(key: str) -> str:
    """The beginning of the keys of a deployment's chapters."""
    return f"{STORY_ROWS}{key}|"


def ended(
    run: Run, before: Mapping[str, Mapping[str, Any]], *, was_blocked: str, tells: bool
) -> list[list[Entity]]:
    """The rows that the end of *run* changes; those of one list belong in one transaction.

    Args:
        run: With what became of its plan.
        before: The unit's deployment rows as they stand, by row key.
        was_blocked: What was told last of why nothing is done for the unit.
        tells: Whether somebody listens to outcome events.
    """
    at = said(run.finished or run.started)
    verdicts = {deployment_key(verdict.name): verdict for verdict in run.verdicts or ()}
    changed = changed_deployments(run, before, verdicts, at)
    numbers, groups = count(), _put_right(run, before, verdicts, changed, at)
    for row in changed:
        old = before.get(row["RowKey"], {})
        verdict = verdicts.get(row["RowKey"]) or _gone(row)
        told = _told(old)
        now = told if _is_pending(verdict, told) else _telling(row)
        story = chapter(run, verdict, before=str(old.get("state", "")), at=at)
        group = [{**row, "told": json.dumps(now)}, _chapter_entity(run, row, story)]
        if tells and now is not told:
            record = deployment_record(row)
            outcomes = told_of(run, record, before=told, after=now, words=story.words)
            group += [_event_entity(run.unit, it, next(numbers)) for it in outcomes]
        groups.append(group)
    if tells:
        of_unit = unit_outcomes(run, was_blocked=was_blocked)
        groups.append([_event_entity(run.unit, it, next(numbers)) for it in of_unit])
    return [group for group in groups if group]


def _put_right(
    run: Run,
    before: Mapping[str, Mapping[str, Any]],
    verdicts: Mapping[str, Verdict],
    changed: Iterable[Entity],
    at: str,
) -> list[list[Entity]]:
    """Chapters of deployments that only stayed as they were: what was done by hand is undone."""
    drifted, told = set(run.drifted), {row["RowKey"] for row in changed}
    return [
        [_chapter_entity(run, dict(row), chapter(run, verdicts[key], before=row["state"], at=at))]
        for key, row in before.items()
        if key in verdicts and key not in told and drifted & set(verdicts[key].resources)
    ]


def _telling(row: Mapping[str, Any]) -> Told:
    return telling(deployment_record(row), proof=row.get("proof") or "")


def _told(row: Mapping[str, Any]) -> Told:
    """What was told last; an older version wrote less down, and none of that is news."""
    if not row:
        return {}
    if row.get("told"):
        told: Told = json.loads(row["told"])
        return told
    older = _telling(row)
    return older if "surfaces" in row else {k: v for k, v in older.items() if k != "surfaces"}


def _is_pending(verdict: Verdict, told: Told) -> bool:
    """Nothing is news of what is only waited for: it stands as it stood."""
    is_kept = verdict.keeps and not verdict.rules and was_served(told)
    return verdict.state is DeploymentState.SEEN or bool(is_kept)


def _chapter_entity(run: Run, row: Entity, story: ChapterRecord) -> Entity:
    key = f"{story_key(row['RowKey'])}{until_the_end(run.finished or run.started)}"
    return {"PartitionKey": row["PartitionKey"], "RowKey": key, "chapter": _fitting(story)}


def _fitting(whole: ChapterRecord) -> str:
    """The chapter as text, without its details where they are too many.

    In ASCII, so that a character is what Table Storage counts as one.
    """
    brief = whole.model_copy(update={"writes": ()})
    briefest = brief.model_copy(update={"decided": {}, "read": {}, "causes": ()})
    for record in (whole, brief, briefest):
        text = json.dumps(record.json_body(), default=str)
        if len(text) <= LONGEST_TEXT:
            break
    return text


def chapter_record(entity: Mapping[str, Any]) -> ChapterRecord:
    return ChapterRecord.model_validate_json(entity["chapter"])


def _event_entity(unit: AccountId, outcome: Outcome, number: int) -> Entity:
    """An event to be sent; the rows of a run sort in the order of their numbers."""
    event = {
        "id": outcome.id,
        "type": f"{PREFIX}{outcome.type.value}",
        "subject": outcome.subject,
        "time": said(outcome.time),
        "data": outcome.data.json_body(),
    }
    key = f"{EVENT_ROWS}{event['time']}|{number:04}|{outcome.id}"
    return {"PartitionKey": unit_key(unit), "RowKey": key, "event": json.dumps(event)}


def past(keys: Iterable[Key], before: datetime) -> Iterator[Key]:
    """Of events and chapters, sorted, those from before *before*; never the newest chapter."""
    last_event, last_chapter = f"{EVENT_ROWS}{said(before)}", until_the_end(before)
    newest = ("", "")
    for partition, key in keys:
        beginning, _, end = key.rpartition("|")
        if key.startswith(EVENT_ROWS):
            is_past = key < last_event
        else:
            is_past = newest == (partition, beginning) and end > last_chapter
            newest = (partition, beginning)
        if is_past:
            yield partition, key


def event(entity: Mapping[str, Any]) -> Json:
    """An event that is still to be sent; ``key`` is its row's."""
    return {**json.loads(entity["event"]), "key": entity["RowKey"]}


def first_answers(
    groups: Iterable[list[Entity]], before: Mapping[str, Mapping[str, Any]]
) -> list[float]:
    """Seconds to the first good answer, of the deployments that have it only since this run."""
    fresh = [
        row
        for row in (group[0] for group in groups)
        if row.get("verified_at", "") != before.get(row["RowKey"], {}).get("verified_at", "")
    ]
    return [seconds for row in fresh if (seconds := waited(row)) is not None]


def sweep_entity(sweep: SweepRecord) -> Entity:
    return {"PartitionKey": SWEEP, "RowKey": "last", "sweep": sweep.model_dump_json()}


def _gone(row: Entity) -> Verdict:
    """On a deployment that nothing is left of, neither in ARM nor in the gateway."""
    kind = ModelKind(row.get("kind") or ModelKind.UNKNOWN.value)
    return Verdict(row["name"], DeploymentState.REMOVED, row["reason"], kind)
