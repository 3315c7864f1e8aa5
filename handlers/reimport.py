"""POST /api/reimport: look at a deployment, an account or everything again, now."""

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Self
from uuid import uuid4

import azure.functions as func
from pydantic import BaseModel, ConfigDict, model_validator

from handlers.http_errors import HttpError, json_response, with_json_errors
from shared import wiring
from shared.core.resource_ids import AccountId, parse_account_or_deployment
from shared.core.runs import Run, RunStatus
from shared.core.single_flight import Cause

bp = func.Blueprint()


class ReimportBody(BaseModel):
    """What to look at: exactly one of the three."""

    model_config = ConfigDict(extra="forbid", strict=True)

    deployment: str | None = None
    account: str | None = None
    all: bool = False
    allow_removals: bool = False  # however many deployments that takes off the gateway

    @model_validator(mode="after")
    def _one_of_three(self) -> Self:
        if sum((self.deployment is not None, self.account is not None, self.all)) != 1:
            raise ValueError("name exactly one of deployment, account, all")
        return self


@bp.function_name("reimport")
@bp.route(route="reimport", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@with_json_errors
async def reimport(req: func.HttpRequest) -> func.HttpResponse:
    """Answer 202 with a run to look at; the work is the queue's."""
    app = wiring.app()
    body = ReimportBody.model_validate_json(req.get_body() or b"{}")
    units = await _units(app, body)
    run_id = uuid4().hex
    now = datetime.now(UTC)
    for unit in units:  # before the mark, or it could overwrite what the run says at its end
        await app.state.record_run(Run((run_id,), unit, RunStatus.QUEUED, started=now))
    cause = Cause(run_id=run_id, full=True, go_ahead=body.allow_removals)
    await app.intake.all(units, cause)
    url = f"{req.url.partition('/reimport')[0]}/runs/{run_id}"
    answer = {"run": {"id": run_id, "url": url}, "accounts": [unit.arm_id for unit in units]}
    return json_response(answer, status=HTTPStatus.ACCEPTED, location=url)


async def _units(app: wiring.App, body: ReimportBody) -> tuple[AccountId, ...]:
    if body.all:
        return await app.inventory.accounts()
    field, text = ("account", body.account) if body.account else ("deployment", body.deployment)
    unit, deployment = parse_account_or_deployment(text or "")
    if (deployment is None) != (field == "account"):
        raise HttpError(
            HTTPStatus.BAD_REQUEST,
            "InvalidId",
            f"{field}: that is the id of something else",
            "Send an account's id as account, a deployment's id as deployment.",
        )
    if unit.subscription not in app.settings.watched:
        raise HttpError(
            HTTPStatus.NOT_FOUND,
            "NotWatched",
            f"{field}: subscription {unit.subscription} is not watched",
            "Add it to ONRAMP_SUBSCRIPTIONS.",
        )
    return (unit,)
