"""What the tier has room for: API operations are counted before they are written.

What the service does to an import beyond its quota is not published, and an API that was imported
in part would be worse than none.
"""

from collections.abc import Mapping, Sequence

from shared.core.applied import AppliedChange, ChangeStatus
from shared.core.model import ActualResource, Resource
from shared.core.plan import WRITES, Action, Change
from shared.core.tiers import OPERATION_QUOTA


def added_operations(plan: Sequence[Change]) -> int:
    """How many more operations there would be, what the plan deletes not counted."""
    return sum(max(0, _growth(change)) for change in plan if _is_growing(change))


def over_quota(plan: Sequence[Change], *, sku: str, in_use: int) -> Mapping[str, AppliedChange]:
    """The changes that there is no room for, as they will be recorded; first come, first served."""
    quota = OPERATION_QUOTA.get(sku.lower())
    found: dict[str, AppliedChange] = {}
    for change in filter(_is_growing, plan):
        growth = _growth(change)
        if quota is None or in_use + growth <= quota:
            in_use += growth
            continue
        detail = (
            f"needs {growth} more API operations, and {in_use} of the {quota} of tier {sku} are in "
            "use: remove APIs or choose a larger tier"
        )
        found[change.path] = AppliedChange(change, ChangeStatus.REJECTED, detail)
    return found


def _is_growing(change: Change) -> bool:
    return change.action in WRITES - {Action.DELETE} and _growth(change) > 0


def _growth(change: Change) -> int:
    return operations_of(change.desired) - operations_of(change.actual)


def operations_of(api: Resource | ActualResource | None) -> int:
    """A WebSocket API has the one that the service makes for it."""
    if api is None:
        return 0
    is_websocket = (api.body.get("properties") or {}).get("type") == "websocket"
    return 1 if is_websocket else len(api.operations)
