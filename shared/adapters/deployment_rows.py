"""A deployment's row to a table entity and back: pure."""

import json
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any

from shared.adapters.unit_rows import Entity, unit_key
from shared.core.moments import said
from shared.core.naming import api_id, unit_hash
from shared.core.records import (
    DeploymentRecord,
    SurfaceRecord,
)
from shared.core.resource_ids import AccountId, is_deployment_name
from shared.core.runs import Run
from shared.core.states import DeploymentState, Verdict

# A string property holds at most 32 Ki characters (learn.microsoft.com/azure/storage/tables).
LONGEST_TEXT = 30_000
_PAST = (DeploymentState.RETIRING.value, DeploymentState.REMOVED.value)
_REACHED = {
    DeploymentState.APPLIED: ("applied_at",),
    DeploymentState.VERIFIED: ("applied_at", "verified_at"),
}
_ITS_OWN = ("Timestamp", "etag", "since", "told")
_MOMENTS = ("event_at", "applied_at", "verified_at")
_IDENTITY = (
    *("name", "model_format", "model_name", "model_version"),
    *("sku", "capacity", "tokens_per_minute", "kind"),
)


def deployment_key(name: str) -> str:
    """A name outside the allowlist may have characters that no table key can have."""
    if is_deployment_name(name):
        return name.lower()
    return f"invalid~{sha256(name.encode()).hexdigest()[:16]}"


def changed_deployments(
    run: Run,
    before: Mapping[str, Mapping[str, Any]],
    verdicts: Mapping[str, Verdict],
    at: str,
) -> list[Entity]:
    """The deployment rows that *run* changes; what ARM no longer has is kept as removed."""
    if run.verdicts is None:
        return []
    fresh = [
        {
            **_deployment_entity(run.unit, verdict, before.get(key, {})),
            **_times(verdict, before.get(key, {}), at, _began(run, verdict)),
        }
        for key, verdict in verdicts.items()
    ]
    gone = [_removed(row) for key, row in before.items() if key not in verdicts]
    changed = [row for row in (*fresh, *gone) if not _same(row, before.get(row["RowKey"]))]
    return [{**row, "since": _since(row, before.get(row["RowKey"]), at)} for row in changed]


def deployment_record(entity: Mapping[str, Any]) -> DeploymentRecord:
    unit = AccountId.parse(entity["account"])
    known = {key: entity[key] for key in (*_IDENTITY, *_MOMENTS) if entity.get(key)}
    return DeploymentRecord.model_validate(
        {
            **known,
            "id": deployment_id(unit, entity["RowKey"]),
            "unit_id": unit_hash(unit),
            "account": unit.arm_id,
            "state": entity["state"],
            "reason": entity["reason"],
            "since": entity["since"],
            "apis": items(entity, "apis"),
            "surfaces": items(entity, "surfaces"),
            "seconds_to_verified": waited(entity),
        }
    )


def deployment_id(unit: AccountId, key: str) -> str:
    """What names a deployment in the HTTP API."""
    return f"{unit_hash(unit)}-{key}"


def waited(row: Mapping[str, Any]) -> float | None:
    """Seconds from the event that told of the deployment to its first good answer."""
    began, over = _moment(row.get("event_at")), _moment(row.get("verified_at"))
    return round((over - began).total_seconds(), 1) if began and over else None


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
        "surfaces": json.dumps([it.json_body() for it in _surfaces(unit, verdict)]),
        "proof": verdict.proof,
    }


def _surfaces(unit: AccountId, verdict: Verdict) -> list[SurfaceRecord]:
    limits = {
        name: rule.limit.tokens_per_minute if rule.limit else None
        for name, rule in verdict.rules.items()
    }
    names = sorted({*limits, *verdict.keeps})
    return [
        SurfaceRecord(surface=it, api=api_id(unit, it), tokens_per_minute=limits.get(it))
        for it in names
    ]


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
        "event_at": known.get("event_at") or said(written),
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
    kept = {key: value for key, value in row.items() if key not in _ITS_OWN}
    return {
        **kept,
        "state": DeploymentState.REMOVED.value,
        "reason": "ARM no longer has it",
        "apis": "[]",
        "surfaces": "[]",
        "proof": "",
    }


def _same(row: Entity, before: Mapping[str, Any] | None) -> bool:
    return before is not None and all(before.get(key) == value for key, value in row.items())


def _since(row: Entity, before: Mapping[str, Any] | None, now: str) -> str:
    """Since when the deployment is in its state."""
    same_state = before is not None and before.get("state") == row["state"]
    return str(before["since"]) if same_state and before else now


def items(entity: Mapping[str, Any], key: str) -> list[Any]:
    found: list[Any] = json.loads(entity.get(key) or "[]")
    return found


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
