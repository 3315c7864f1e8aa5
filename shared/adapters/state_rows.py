"""Table entities to values and back: pure."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from shared.core.applied import AppliedChange, ChangeStatus
from shared.core.model import Json
from shared.core.rejections import Rejection
from shared.core.resource_ids import AccountId, is_deployment_name
from shared.core.runs import Run
from shared.core.single_flight import Expected, UnitRow
from shared.core.states import DeploymentState, Verdict

type Entity = dict[str, Any]

_PAST = (DeploymentState.RETIRING.value, DeploymentState.REMOVED.value)
_REACHED = {
    DeploymentState.APPLIED: ("applied_at",),
    DeploymentState.VERIFIED: ("applied_at", "verified_at"),
}

# A string property holds at most 32 Ki characters (learn.microsoft.com/azure/storage/tables).
_LONGEST_TEXT = 30_000
_IDENTITY = (
    *("name", "model_format", "model_name", "model_version"),
    *("sku", "capacity", "tokens_per_minute", "kind"),
)
_SYSTEM = frozenset({"PartitionKey", "RowKey", "Timestamp", "etag"})


def unit_key(unit: AccountId) -> str:
    """The unit as a table key: slashes are forbidden there."""
    return f"{unit.subscription}|{unit.resource_group}|{unit.name}"


def deployment_key(name: str) -> str:
    """A name outside the allowlist may have characters that no table key can have."""
    if is_deployment_name(name):
        return name.lower()
    return f"invalid {sha256(name.encode()).hexdigest()[:16]}"


def unit_row(entity: Mapping[str, Any] | None) -> UnitRow:
    if entity is None:
        return UnitRow()
    return UnitRow(
        gen=int(entity["gen"]),
        done=int(entity["done"]),
        owner=entity.get("owner", ""),
        epoch=int(entity.get("epoch", 0)),
        attempts=int(entity.get("attempts", 0)),
        lease_start=_moment(entity.get("lease_start")),
        lease=timedelta(seconds=int(entity.get("lease_s", 0))),
        full_gen=int(entity.get("full_gen", 0)),
        go_ahead_gen=int(entity.get("go_ahead_gen", 0)),
        woken=int(entity.get("woken", 0)),
        not_before=_moment(entity.get("not_before")),
        mode=entity.get("mode", ""),
        seen=entity.get("seen", ""),
        events=tuple(json.loads(entity.get("events", "[]"))),
        runs=tuple(json.loads(entity.get("runs", "[]"))),
        expected=_expected(json.loads(entity.get("expected", "[]"))),
        stands=tuple(json.loads(entity.get("stands", "[]"))),
        rejections=tuple(map(_rejection, json.loads(entity.get("rejections", "[]")))),
    )


def unit_entity(unit: AccountId, row: UnitRow, *, nonce: str) -> Entity:
    return {
        "PartitionKey": "unit",
        "RowKey": unit_key(unit),
        "unit": unit.arm_id,
        "gen": row.gen,
        "done": row.done,
        "owner": row.owner,
        "epoch": row.epoch,
        "attempts": row.attempts,
        "lease_start": row.lease_start.isoformat() if row.lease_start else "",
        "lease_s": int(row.lease.total_seconds()),
        "full_gen": row.full_gen,
        "go_ahead_gen": row.go_ahead_gen,
        "woken": row.woken,
        "not_before": row.not_before.isoformat() if row.not_before else "",
        "mode": row.mode,
        "seen": row.seen,
        "events": json.dumps(row.events),
        "runs": json.dumps(row.runs),
        "expected": json.dumps(
            [[it.name, it.at.isoformat() if it.at else ""] for it in row.expected]
        ),
        "stands": json.dumps(row.stands),
        "rejections": json.dumps([_rejection_json(item) for item in row.rejections]),
        "nonce": nonce,
    }


def _expected(items: list[list[str]]) -> tuple[Expected, ...]:
    return tuple(Expected(name, _moment(at)) for name, at in items)


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _rejection(item: Json) -> Rejection:
    return Rejection(**{**item, "again": datetime.fromisoformat(item["again"])})


def _rejection_json(item: Rejection) -> Json:
    return {**asdict(item), "again": item.again.isoformat(), "detail": item.detail[:500]}


def run_entity(run_id: str, run: Run) -> Entity:
    changes, left_out = _fitting([_change_json(item) for item in run.changes])
    return {
        "PartitionKey": run_id,
        "RowKey": unit_key(run.unit),
        "unit": run.unit.arm_id,
        "status": run.status.value,
        "started": _time(run.started),
        "finished": _time(run.finished) if run.finished else "",
        "writes": run.writes,
        "changes": changes,
        "changes_left_out": left_out,
        "notes": json.dumps(run.notes),
        "error": run.error[:_LONGEST_TEXT],
    }


def run_json(entity: Mapping[str, Any]) -> Json:
    run = {key: value for key, value in entity.items() if key not in _SYSTEM}
    return {
        **run,
        "changes": json.loads(run.get("changes") or "[]"),
        "notes": json.loads(run.get("notes") or "[]"),
    }


def changed_deployments(run: Run, before: Mapping[str, Mapping[str, Any]]) -> list[Entity]:
    """The deployment rows that *run* changes; the ones that ARM no longer has are kept as removed.

    Args:
        run: A run that read the inventory.
        before: The unit's rows as they stand, by row key.
    """
    now = _time(run.finished or run.started)
    verdicts = {deployment_key(verdict.name): verdict for verdict in run.verdicts or ()}
    fresh = [
        {
            **_deployment_entity(run.unit, verdict, before.get(key, {})),
            **_times(verdict, before.get(key, {}), now, _began(run, verdict)),
        }
        for key, verdict in verdicts.items()
    ]
    gone = [_removed(row) for key, row in before.items() if key not in verdicts]
    changed = [row for row in (*fresh, *gone) if not _same(row, before.get(row["RowKey"]))]
    return [{**row, "since": _since(row, before.get(row["RowKey"]), now)} for row in changed]


def deployment_json(entity: Mapping[str, Any]) -> Json:
    row = {key: value for key, value in entity.items() if key not in _SYSTEM}
    row.pop("proof", None)
    return {**row, "apis": json.loads(row.get("apis") or "[]"), **_waited(row)}


def _waited(row: Mapping[str, Any]) -> Json:
    """From the event that told of the deployment to its first good answer."""
    began, ended = _moment(row.get("event_at")), _moment(row.get("verified_at"))
    seconds = (ended - began).total_seconds() if began and ended else None
    return {"seconds_to_verified": round(seconds, 1) if seconds is not None else None}


def _deployment_entity(unit: AccountId, verdict: Verdict, before: Mapping[str, Any]) -> Entity:
    apis = sorted({path.split("/")[1] for path in verdict.resources if path.startswith("apis/")})
    return {
        "PartitionKey": unit_key(unit),
        "RowKey": deployment_key(verdict.name),
        "account": unit.arm_id,
        **_what_it_is(verdict, before),
        "state": verdict.state.value,
        "reason": verdict.reason[:1000],
        "apis": json.dumps(apis),
        "proof": verdict.proof,
    }


def _began(run: Run, verdict: Verdict) -> datetime:
    """A run for another event may find a deployment before its own event is here."""
    return run.written.get(verdict.name.lower(), run.started)


def _times(verdict: Verdict, before: Mapping[str, Any], now: str, written: datetime) -> Entity:
    """When this life of the deployment began, by its event if one told, and how far it has come."""
    is_over = verdict.state.value in _PAST
    is_new = before.get("state") in (None, *_PAST) and not is_over
    known = {} if is_new else before
    reached = _REACHED.get(verdict.state, ())
    return {
        "event_at": known.get("event_at") or _time(written),
        "applied_at": known.get("applied_at") or (now if "applied_at" in reached else ""),
        "verified_at": known.get("verified_at") or (now if "verified_at" in reached else ""),
    }


def _what_it_is(verdict: Verdict, before: Mapping[str, Any]) -> Entity:
    """The deployment itself; what was known of it when ARM no longer has it."""
    deployment = verdict.deployment
    if deployment is None:
        return {"name": verdict.name, **{key: before[key] for key in _IDENTITY if key in before}}
    return {
        "name": verdict.name,
        "model_format": deployment.model.format,
        "model_name": deployment.model.name,
        "model_version": deployment.model.version,
        "sku": deployment.sku,
        "capacity": deployment.capacity,
        "tokens_per_minute": deployment.tokens_per_minute or 0,
        "kind": verdict.kind.value,
    }


def _removed(row: Mapping[str, Any]) -> Entity:
    kept = {key: value for key, value in row.items() if key not in ("Timestamp", "etag", "since")}
    return {
        **kept,
        "state": DeploymentState.REMOVED.value,
        "reason": "ARM no longer has it",
        "apis": "[]",
        "proof": "",
    }


def _same(row: Entity, before: Mapping[str, Any] | None) -> bool:
    return before is not None and all(before.get(key) == value for key, value in row.items())


def _since(row: Entity, before: Mapping[str, Any] | None, now: str) -> str:
    """Since when the deployment is in its state."""
    same_state = before is not None and before.get("state") == row["state"]
    return str(before["since"]) if same_state and before else now


def _change_json(item: AppliedChange) -> Json:
    detail = {"detail": item.detail} if item.detail else {}
    reason = "as it should be" if item.status is ChangeStatus.KEPT else item.change.reason
    return {
        "action": item.change.action.value,
        "path": item.change.path,
        "status": item.status.value,
        "reason": reason,
        **detail,
    }


def _fitting(items: list[Json]) -> tuple[str, int]:
    """As many of *items* as fit a property, and how many don't."""
    for count in range(len(items), -1, -1):
        text = json.dumps(items[:count])
        if len(text) <= _LONGEST_TEXT:
            return text, len(items) - count
    return "[]", len(items)


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
