"""A unit's row to a table entity and back: pure."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from shared.core.model import Json
from shared.core.orders import Hold, Noted, Order
from shared.core.rejections import Rejection
from shared.core.resource_ids import AccountId
from shared.core.single_flight import Expected, UnitRow

type Entity = dict[str, Any]

PARTITION = "unit"
_REJECTIONS = 40  # that surely fit a property; the others are asked again with the next look


def unit_key(unit: AccountId) -> str:
    """The unit as a table key: slashes are forbidden there."""
    return f"{unit.subscription}|{unit.resource_group}|{unit.name}"


def unit_of(key: str) -> AccountId:
    return AccountId(*key.split("|"))


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
        causes=tuple(Noted(**it) for it in json.loads(entity.get("causes", "[]"))),
        order=_order(json.loads(entity.get("order") or "{}")),
        order_gen=int(entity.get("order_gen", 0)),
        order_runs=tuple(json.loads(entity.get("order_runs", "[]"))),
        called_off=tuple(json.loads(entity.get("called_off", "[]"))),
        hold=_hold(json.loads(entity.get("hold") or "null")),
        release_gen=int(entity.get("release_gen", 0)),
        blocked=entity.get("blocked", ""),
        left=entity.get("left", ""),
    )


def unit_entity(unit: AccountId, row: UnitRow, *, nonce: str) -> Entity:
    return {
        "PartitionKey": PARTITION,
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
        "rejections": json.dumps([_rejection_json(item) for item in row.rejections[:_REJECTIONS]]),
        "causes": json.dumps([asdict(it) for it in row.causes]),
        "order": json.dumps(asdict(row.order)),
        "order_gen": row.order_gen,
        "order_runs": json.dumps(row.order_runs),
        "called_off": json.dumps(row.called_off),
        "hold": json.dumps(_hold_json(row.hold)),
        "release_gen": row.release_gen,
        "blocked": row.blocked[:1000],
        "left": row.left,
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


def _order(item: Json) -> Order:
    lists = {key: tuple(value) for key, value in item.items() if isinstance(value, list)}
    return Order(**{**item, **lists})


def _hold(item: Json | None) -> Hold | None:
    return Hold(**{**item, "since": datetime.fromisoformat(item["since"])}) if item else None


def _hold_json(item: Hold | None) -> Json | None:
    return {**asdict(item), "since": item.since.isoformat()} if item else None
