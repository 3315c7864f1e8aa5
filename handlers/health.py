"""GET /api/health: for monitors."""

import asyncio
from http import HTTPStatus

import azure.functions as func

from handlers.http_errors import answer_with, with_json_errors
from shared import wiring
from shared.core.dead_letters import LetterKind
from shared.core.health import Signs, health, last_error
from shared.core.states import DeploymentState

bp = func.Blueprint()

_RECENT = 50  # runs in which an error is looked for


@bp.function_name("health")
@bp.route(route="health", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@with_json_errors
async def get_health(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001 - the trigger's name
    """200 while the app does its work, with what hampers it; 503 when it does not."""
    app = wiring.app()
    sweep, backlog, units, deployments, runs, letters = await asyncio.gather(
        app.history.last_sweep(),
        app.queue.length(),
        app.state.units(),
        app.history.deployments(),
        app.history.runs(limit=_RECENT),
        wiring.dead_letters().count(),
    )
    signs = Signs(
        last_sweep=sweep,
        backlog=backlog,
        unfinished=sum(row.is_dirty for _unit, row in units),
        held=sum(row.hold is not None for _unit, row in units),
        poisoned=letters.get(LetterKind.MESSAGE, 0),
        dead_letters=letters.get(LetterKind.EVENT, 0),
        quarantined=sum(it.state == DeploymentState.QUARANTINED.value for it in deployments),
        last_error=last_error(runs),
    )
    answer = health(signs, app.clock.now())
    is_down = answer.status == "unhealthy"
    return answer_with(answer, status=HTTPStatus.SERVICE_UNAVAILABLE if is_down else HTTPStatus.OK)
