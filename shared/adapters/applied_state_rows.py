"""An applied state to a table entity and back: pure."""

import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from shared.adapters.unit_rows import Entity, unit_key
from shared.core.applied_states import AppliedState
from shared.core.model import Resource
from shared.core.resource_ids import AccountId

# A binary property holds 64 KiB, an entity 1 MiB (learn.microsoft.com/rest/api/storageservices/
# understanding-the-table-service-data-model). Policies shrink to about a tenth.
_CHUNK, _CHUNKS = 60_000, 15


def state_entity(unit: AccountId, state: AppliedState) -> Entity | None:
    """None if it is too large to be kept; then nobody can go back to it."""
    body = json.dumps([asdict(it) for it in state.resources])
    packed = zlib.compress(body.encode(), level=9)
    chunks = [packed[start : start + _CHUNK] for start in range(0, len(packed), _CHUNK)]
    if len(chunks) > _CHUNKS:
        return None
    return {
        "PartitionKey": unit_key(unit),
        "RowKey": state.id,
        "run": state.run,
        "at": state.at.isoformat(),
        "deployments": json.dumps(state.deployments),
        "retained": json.dumps(state.retained),
        "chunks": len(chunks),
        **{f"resources{number}": chunk for number, chunk in enumerate(chunks)},
    }


def applied_state(entity: Mapping[str, Any]) -> AppliedState:
    packed = b"".join(entity[f"resources{number}"] for number in range(int(entity["chunks"])))
    resources = json.loads(zlib.decompress(packed))
    return AppliedState(
        run=entity["run"],
        at=datetime.fromisoformat(entity["at"]),
        deployments=tuple(json.loads(entity["deployments"])),
        resources=tuple(map(_resource, resources)),
        retained=tuple(json.loads(entity["retained"])),
    )


def _resource(item: Mapping[str, Any]) -> Resource:
    return Resource(
        path=item["path"],
        body=item["body"],
        operations=tuple((name, method, url) for name, method, url in item["operations"]),
        needs=tuple(item["needs"]),
    )
