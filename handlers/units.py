"""GET /api/units and what can be done with one: release it, take it back to an earlier state."""

from http import HTTPStatus

import azure.functions as func

from handlers.asking import accepted, in_time, known_unit, planned
from handlers.http_errors import (
    HttpError,
    answer_with,
    not_found,
    read_body,
    read_nothing,
    with_json_errors,
)
from handlers.requests import ReleaseBody, RollbackBody
from shared import wiring
from shared.core.moments import said
from shared.core.orders import NO_ORDER, Order
from shared.core.records import AppliedStateRecord, PlansAnswer, StatesAnswer, UnitsAnswer
from shared.core.single_flight import Cause
from shared.core.unit_records import unit_record

bp = func.Blueprint()


@bp.function_name("units")
@bp.route(route="units", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@with_json_errors
async def units(req: func.HttpRequest) -> func.HttpResponse:
    """Every account that was ever looked at, and what holds it up."""
    read_nothing(req)
    app = wiring.app()
    found = sorted(await app.state.units(), key=lambda item: item[0])
    now, mode = app.clock.now(), app.settings.mode
    units = (unit_record(unit, row, now, mode) for unit, row in found)
    return answer_with(UnitsAnswer(units=tuple(units)))


@bp.function_name("release")
@bp.route(route="units/{id}/release", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@with_json_errors
async def release(req: func.HttpRequest) -> func.HttpResponse:
    """Let a held unit go on: what the brake stopped is done, what was rolled back goes forward."""
    body = read_body(ReleaseBody, req)
    unit, row = await known_unit(req.route_params.get("id", ""))
    if row.hold is None:
        raise HttpError(
            HTTPStatus.CONFLICT,
            "NotHeld",
            "nothing holds this account",
            "Look at GET /api/units; to have it looked at again, POST /api/reimport.",
        )
    go_ahead = row.hold.kind == "removals" and body.digest is None
    wish = Cause(
        full=True,
        kind="release",
        release=True,
        go_ahead=go_ahead,
        order=Order(digest=body.digest or ""),
    )
    return await accepted(req, (unit,), wish)


@bp.function_name("call_off")
@bp.route(route="units/{id}/order", methods=["DELETE"], auth_level=func.AuthLevel.FUNCTION)
@with_json_errors
async def call_off(req: func.HttpRequest) -> func.HttpResponse:
    """Forget what was ordered and is not done: a force, a digest, the way back to a state.

    What holds the unit goes on to hold it.
    """
    read_nothing(req)
    unit, row = await known_unit(req.route_params.get("id", ""))
    if row.order == NO_ORDER:
        raise HttpError(
            HTTPStatus.CONFLICT,
            "NothingOrdered",
            "nothing is ordered for this account, or it is done",
            "Look at GET /api/units; POST /api/units/{id}/release ends what holds it.",
        )
    return await accepted(req, (unit,), Cause(full=True, kind="call-off", calls_off=True))


@bp.function_name("states")
@bp.route(route="units/{id}/states", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@with_json_errors
async def states(req: func.HttpRequest) -> func.HttpResponse:
    """What the account can be taken back to, the newest first; the first is what stands."""
    read_nothing(req)
    unit, _row = await known_unit(req.route_params.get("id", ""))
    found = await wiring.app().history.applied_states(unit)
    records = (
        AppliedStateRecord(
            id=it.id,
            at=said(it.at),
            run=it.run,
            deployments=it.deployments,
            resources=len(it.resources),
        )
        for it in found
    )
    return answer_with(StatesAnswer(states=tuple(records)))


@bp.function_name("rollback")
@bp.route(route="units/{id}/rollback", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@with_json_errors
async def rollback(req: func.HttpRequest) -> func.HttpResponse:
    """Make the gateway hold what it held then, and hold the account until it is released."""
    body = read_body(RollbackBody, req)
    unit, _row = await known_unit(req.route_params.get("id", ""))
    if await wiring.app().ledger.applied_state(unit, body.state) is None:
        raise not_found("State", "Take the id from GET /api/units/{id}/states.")
    wish = Cause(full=True, kind="rollback", order=Order(rollback=body.state))
    if body.dry_run:
        plan = await planned(unit, wish, until=in_time())
        return answer_with(PlansAnswer(writes=plan.writes, plans=(plan,)))
    return await accepted(req, (unit,), wish)
