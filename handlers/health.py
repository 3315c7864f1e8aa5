"""GET /api/health: for monitors."""

import asyncio
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

import azure.functions as func

from handlers.http_errors import answer_with, read_nothing, with_json_errors
from shared import wiring
from shared.core.dead_letters import LetterKind
from shared.core.health import Signs, health

bp = func.Blueprint()

_NEWS = timedelta(days=7)  # an error of longer ago is none
_LOADED = datetime.now(UTC)  # this process; the app may be older, and is no younger


@bp.function_name("health")
@bp.route(route="health", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@with_json_errors
async def get_health(req: func.HttpRequest) -> func.HttpResponse:
    """200 while the app does its work, with what hampers it; 503 when it does not."""
    read_nothing(req)
    app = wiring.app()
    now = app.clock.now()
    sweep, backlog, units, quarantined, last_error, letters = await asyncio.gather(
        app.history.last_sweep(),
        app.queue.length(),
        app.history.unit_signs(),
        app.history.quarantined(),
        app.history.last_error(now - _NEWS),
        wiring.dead_letters().count(),
    )
    signs = Signs(
        last_sweep=sweep,
        backlog=backlog,
        unfinished=units.unfinished,
        held=units.held,
        poisoned=letters.get(LetterKind.MESSAGE, 0),
        dead_letters=letters.get(LetterKind.EVENT, 0),
        quarantined=quarantined,
        last_error=last_error,
        up_since=min(filter(None, (_LOADED, units.touched))),
    )
    answer = health(signs, now)
    is_down = answer.status == "unhealthy"
    return answer_with(answer, status=HTTPStatus.SERVICE_UNAVAILABLE if is_down else HTTPStatus.OK)
