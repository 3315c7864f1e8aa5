"""Records as the HTTP API gives them, with what matters in a test said and the rest usual."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from shared.core.health import Signs, health
from shared.core.records import (
    CauseRecord,
    ChangeRecord,
    DeploymentRecord,
    HealthAnswer,
    RunAnswer,
    RunState,
    SurfaceRecord,
    SweepRecord,
    UnitRecord,
    UnitRunRecord,
)

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
_GROUP = "/subscriptions/3f1c2d5e-0000-4000-8000-5a6b7c8d9e0f/resourceGroups/rg-ai"


def at(*, days: float = 0, hours: float = 0, minutes: float = 0, seconds: float = 0) -> str:
    """A moment before NOW."""
    before = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    return (NOW - before).isoformat().replace("+00:00", "Z")


def account_id(name: str) -> str:
    return f"{_GROUP}/providers/Microsoft.CognitiveServices/accounts/{name}"


def an_id(*words: str) -> str:
    return sha256("/".join(words).encode()).hexdigest()[:24]


def healthy(**changes: Any) -> HealthAnswer:
    """What the app says of itself, in its own words."""
    sweep = SweepRecord(at=at(minutes=3), units=3)
    known = dict.fromkeys(
        ("backlog", "unfinished", "held", "poisoned", "dead_letters", "quarantined"), 0
    )
    signs: dict[str, Any] = {"last_sweep": sweep, "last_error": None, **known, **changes}
    return health(Signs(**signs), NOW)


def a_deployment(account: str, name: str, model: str = "", **more: Any) -> DeploymentRecord:
    """A verified chat deployment, unless said otherwise."""
    surfaces = more.pop("surfaces", ("azure-openai", "azure-openai-v1"))
    limit = more.pop("limit", 10_000)
    shown = tuple(
        SurfaceRecord(surface=it, api=f"{account}-{it}-83e5d6f649e0", tokens_per_minute=limit)
        for it in surfaces
    )
    values = {
        "state": "verified",
        "reason": "onboarded",
        "since": at(hours=5),
        "kind": "chat",
        "model_format": "OpenAI",
        "model_version": "2024-11-20",
        "sku": "GlobalStandard",
        "capacity": limit // 1000,
        "event_at": at(hours=5),
        "verified_at": at(hours=5),
        "seconds_to_verified": 2.0,
    }
    return DeploymentRecord(
        id=an_id(account, name),
        unit_id=an_id(account),
        account=account_id(account),
        name=name,
        model_name=model or name,
        tokens_per_minute=limit,
        surfaces=shown,
        apis=tuple(it.api for it in shown),
        **(values | more),
    )


def unserved(account: str, name: str, state: str, reason: str, **more: Any) -> DeploymentRecord:
    nothing = {"surfaces": (), "seconds_to_verified": None, "verified_at": ""}
    return a_deployment(account, name, state=state, reason=reason, **(nothing | more))


def a_unit(account: str, **changes: Any) -> UnitRecord:
    known = {"status": "done", "mode": "sync", **changes}
    return UnitRecord(id=an_id(account), account=account_id(account), **known)


def a_change(path: str, action: str = "create", **more: Any) -> ChangeRecord:
    return ChangeRecord(action=action, path=path, **({"status": "applied"} | more))


def a_run(  # what a run may differ in
    account: str,
    cause: str,
    *changes: ChangeRecord,
    minutes: float,
    status: RunState = "succeeded",
    took: float = 3.4,
    calls: int = 12,
    deployment: str = "",
    **more: Any,
) -> RunAnswer:
    started = at(minutes=minutes)
    finished = "" if status in {"queued", "running"} else at(minutes=minutes - took / 60)
    event = "Microsoft.Resources.ResourceWriteSuccess" if cause == "event" else ""
    writes = sum(it.status == "applied" for it in changes)
    why = CauseRecord(kind=cause, event=event, deployment=deployment, at=started)
    unit = UnitRunRecord(
        unit_id=an_id(account),
        account=account_id(account),
        status=status,
        started=started,
        finished=finished,
        writes=writes,
        planned=more.pop("planned", len(changes)),
        arm_calls=calls,
        causes=(why,),
        changes=changes,
        **more,
    )
    return RunAnswer(
        id=sha256(f"{account}{minutes}".encode()).hexdigest()[:32],
        status=status,
        started=started,
        finished=finished,
        writes=writes,
        arm_calls=calls,
        units=(unit,),
    )
