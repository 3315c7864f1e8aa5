"""POST /api/reimport: look at a deployment, an account or everything again, now."""

import asyncio
from collections.abc import Sequence
from http import HTTPStatus

import azure.functions as func

from handlers.asking import accepted, in_time, planned, there_or_known, watched_account
from handlers.http_errors import HttpError, answer_with, read_body, with_json_errors
from handlers.requests import ReimportBody
from shared import wiring
from shared.core.orders import Order
from shared.core.records import PlanRecord, PlansAnswer
from shared.core.resource_ids import AccountId
from shared.core.single_flight import Cause
from shared.errors import Unavailable

bp = func.Blueprint()

_AT_ONCE = 4  # plans of a dry run over everything


@bp.function_name("reimport")
@bp.route(route="reimport", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@with_json_errors
async def reimport(req: func.HttpRequest) -> func.HttpResponse:
    """Answer 202 with a run to look at, or 200 with what a run would do."""
    body = read_body(ReimportBody, req)
    units = await _units(body)
    order = Order(force=body.force, digest=body.digest or "")
    wish = Cause(full=True, go_ahead=body.allow_removals, order=order)
    if body.dry_run:
        return answer_with(await _plans(units, wish))
    if body.digest and await _digest(units[0], wish) != body.digest:
        raise HttpError(
            HTTPStatus.CONFLICT,
            "PlanChanged",
            "the plan is no longer the one that this digest names",
            "Look at it again with dryRun: true.",
        )
    return await accepted(req, units, wish)


async def _units(body: ReimportBody) -> tuple[AccountId, ...]:
    if body.account is not None:
        return (await there_or_known(watched_account("account", body.account)),)
    if body.deployment is not None:
        return (await there_or_known(watched_account("deployment", body.deployment)),)
    found = await wiring.app().inventory.accounts()
    if not found:
        raise HttpError(
            HTTPStatus.NOT_FOUND,
            "NoAccounts",
            "no account that may have deployments was found in the watched subscriptions",
            "Check ONRAMP_SUBSCRIPTIONS, and that the app's identity may read there.",
        )
    return found


async def _digest(unit: AccountId, wish: Cause) -> str:
    plan = await planned(unit, wish, until=in_time())
    if plan.error:
        raise Unavailable(plan.error)
    return plan.digest


async def _plans(units: Sequence[AccountId], wish: Cause) -> PlansAnswer:
    slots, until = asyncio.Semaphore(_AT_ONCE), in_time()

    async def one(unit: AccountId) -> PlanRecord:
        async with slots:
            return await planned(unit, wish, until=until)

    plans = await asyncio.gather(*map(one, units))
    return PlansAnswer(writes=sum(plan.writes for plan in plans), plans=tuple(plans))
