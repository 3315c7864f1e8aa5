"""GET /api/runs and /api/runs/{id}: what the app did, and is doing."""

import azure.functions as func

from handlers.http_errors import (
    answer_with,
    not_found,
    read_nothing,
    read_query,
    with_json_errors,
)
from handlers.requests import RunsQuery
from shared import wiring
from shared.core.run_ids import is_run_id
from shared.core.run_summaries import ENOUGH, RunsAnswer, run_summary

bp = func.Blueprint()


@bp.function_name("runs")
@bp.route(route="runs", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@with_json_errors
async def runs(req: func.HttpRequest) -> func.HttpResponse:
    """The newest first, in short."""
    query = read_query(RunsQuery, req)
    found = await wiring.app().history.runs(limit=query.limit + 1, after=query.after or "")
    page = found[: query.limit]
    is_last = len(found) <= query.limit and sum(len(run.units) for run in found) < ENOUGH
    answer = RunsAnswer(
        runs=tuple(map(run_summary, page)), next="" if is_last or not page else page[-1].id
    )
    return answer_with(answer)


@bp.function_name("run")
@bp.route(route="runs/{id}", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@with_json_errors
async def run(req: func.HttpRequest) -> func.HttpResponse:
    """One run as far as it has come, change by change."""
    read_nothing(req)
    id_ = req.route_params.get("id", "")
    found = await wiring.app().history.run(id_) if is_run_id(id_) else None
    if found is None:
        raise not_found("Run", "Take the id from GET /api/runs or from POST /api/reimport.")
    return answer_with(found)
