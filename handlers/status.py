"""GET /api/runs/{id} and GET /api/deployments: what happened and what stands."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from math import ceil
from typing import Any

import azure.functions as func

from handlers.http_errors import HttpError, json_response, with_json_errors
from shared import wiring
from shared.core.runs import RunStatus

bp = func.Blueprint()

# The first of these that a unit has is the status of the whole.
_PRECEDENCE = (
    RunStatus.RUNNING,
    RunStatus.QUEUED,
    RunStatus.WAITING,
    RunStatus.HELD,
    RunStatus.FAILED,
    RunStatus.INCOMPLETE,
    RunStatus.SUCCEEDED,
)


@bp.function_name("run")
@bp.route(route="runs/{id}", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@with_json_errors
async def run(req: func.HttpRequest) -> func.HttpResponse:
    run_id = req.route_params.get("id", "")
    found = []
    if re.fullmatch(r"[0-9a-f]{32}", run_id):
        found = await wiring.app().history.run(run_id)
    if not found:
        raise HttpError(
            HTTPStatus.NOT_FOUND,
            "RunNotFound",
            "there is no run with this id",
            "Take the id from the answer to POST /api/reimport or from the log.",
        )
    statuses = {unit["status"] for unit in found}
    status = next(item.value for item in _PRECEDENCE if item.value in statuses)
    return json_response({"id": run_id, "status": status, "units": found})


@bp.function_name("deployments")
@bp.route(route="deployments", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@with_json_errors
async def deployments(req: func.HttpRequest) -> func.HttpResponse:
    """All deployments ever seen, or those in ?state=..., with a count of each state."""
    found = await wiring.app().history.deployments()
    counts = Counter(item["state"] for item in found)
    if state := req.params.get("state"):
        found = [item for item in found if item["state"] == state]
    found.sort(key=lambda item: (item["account"], item["name"]))
    return json_response(
        {"count": dict(counts), "time_to_verified": _spread(found), "deployments": found}
    )


def _spread(found: Sequence[Mapping[str, Any]]) -> dict[str, float | int | None]:
    """Seconds from the event that told of a deployment to its first good answer."""
    known = (it["seconds_to_verified"] for it in found)
    seconds = sorted(it for it in known if it is not None)
    ranks = {"p50": 0.5, "p95": 0.95}
    at = {name: seconds[ceil(rank * len(seconds)) - 1] for name, rank in ranks.items() if seconds}
    return {"count": len(seconds), **dict.fromkeys(ranks), **at}
