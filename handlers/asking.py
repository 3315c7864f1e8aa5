"""Somebody asks for a run: 202, and where to see what becomes of it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from http import HTTPStatus
from uuid import uuid4

import azure.functions as func

from handlers.http_errors import HttpError, answer_with, not_found
from shared import wiring
from shared.core.naming import unit_hash
from shared.core.outlook import plan_record
from shared.core.records import AcceptedAnswer, PlanRecord, RunLink
from shared.core.resource_ids import AccountId, parse_account_or_deployment
from shared.core.run_ids import run_id
from shared.core.runs import Run, RunStatus
from shared.core.single_flight import Cause, UnitRow
from shared.errors import OnboardingError

# Azure's load balancer gives up an HTTP request after 230 s (learn.microsoft.com/azure/
# azure-functions/functions-scale).
PATIENCE_S = 200


async def accepted(
    req: func.HttpRequest, units: Sequence[AccountId], wish: Cause
) -> func.HttpResponse:
    """Ask for a run of *units* and say where it is; the work is the queue's.

    Raises:
        OrderPending, TooManyRuns: of the only one, it can't be asked for. Of several, the run says
            so of those for which it can't.
    """
    app, now = wiring.app(), datetime.now(UTC)
    id_ = run_id(now, uuid4().hex)
    cause = replace(wish, run_id=id_)
    queued = Run((id_,), units[0], RunStatus.QUEUED, started=now, causes=(cause.noted,))
    refused = await app.intake.all(units, cause)
    if len(refused) == len(units):
        raise refused[units[0]]
    for unit in units:  # after the mark: a run that nobody will do must not wait in the list
        run = replace(queued, unit=unit)
        if no := refused.get(unit):
            run = replace(run, status=RunStatus.FAILED, finished=now, error=str(no))
        await app.ledger.record_queued(run)
    url = f"{req.url.partition('/api/')[0]}/api/runs/{id_}"
    answer = AcceptedAnswer(
        run=RunLink(id=id_, url=url), accounts=tuple(unit.arm_id for unit in units)
    )
    return answer_with(answer, status=HTTPStatus.ACCEPTED, location=url)


def in_time() -> float:
    """Until when, by the app's clock, an answer is worth something."""
    return wiring.app().clock.monotonic() + PATIENCE_S


async def planned(unit: AccountId, wish: Cause, *, until: float) -> PlanRecord:
    """What a run would do now; a unit that can't be looked at in time says why."""
    app = wiring.app()
    try:
        dry = replace(
            await app.state.peek(unit),
            run_ids=("dry run",),  # as for any reimport, what was refused lately is asked again
            go_ahead=wish.go_ahead,
            order=replace(wish.order, digest=""),
        )
        back_to = None
        if wish.order.rollback:
            back_to = await app.ledger.applied_state(unit, wish.order.rollback)
        return plan_record(await app.planner.look(dry, until=until, back_to=back_to))
    except OnboardingError as exc:
        return PlanRecord(
            unit_id=unit_hash(unit), account=unit.arm_id, digest="", mode="", error=str(exc)
        )


def watched_account(field: str, text: str) -> AccountId:
    """The account that *field* of a request names, or that has the deployment it names."""
    unit, deployment = parse_account_or_deployment(text)
    if (deployment is None) != (field == "account"):
        raise HttpError(
            HTTPStatus.BAD_REQUEST,
            "InvalidId",
            f"{field}: that is the id of something else",
            "Send an account's id as account, a deployment's id as deployment.",
        )
    if unit.subscription not in wiring.settings().watched:
        raise HttpError(
            HTTPStatus.NOT_FOUND,
            "NotWatched",
            f"{field}: subscription {unit.subscription} is not watched",
            "Add it to ONRAMP_SUBSCRIPTIONS.",
        )
    return unit


async def there_or_known(unit: AccountId) -> AccountId:
    """Refuse an account that neither ARM has nor we ever had: its row would stay for ever."""
    app = wiring.app()
    is_known = (await app.state.peek(unit)).gen > 0
    if not is_known and not await app.inventory.read(unit, confirm=frozenset(), until=in_time()):
        raise not_found("Account", "Check the id, and that the app's identity may read there.")
    return unit


async def known_unit(id_: str) -> tuple[AccountId, UnitRow]:
    """The unit whose id in the HTTP API is *id_*."""
    for unit, row in await wiring.app().state.units():
        if unit_hash(unit) == id_:
            return unit, row
    raise not_found("Unit", "Take the id from GET /api/units.")
