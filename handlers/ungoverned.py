"""GET /api/ungoverned: what reaches models past us."""

import asyncio

import azure.functions as func

from handlers.http_errors import answer_with, read_query, with_json_errors
from handlers.requests import UngovernedQuery
from handlers.sharing import Shared
from shared import wiring
from shared.core.model import Account
from shared.core.moments import said
from shared.core.records import FindingRecord, UngovernedAnswer
from shared.core.resource_ids import AccountId
from shared.core.ungoverned import Finding, ungoverned

bp = func.Blueprint()

_KEPT_S = 600  # it reads the whole gateway, and a board asks every few seconds
_FAILURE_KEPT_S = 15
_PATIENCE_S = 200
_AT_ONCE = 8


@bp.function_name("ungoverned")
@bp.route(route="ungoverned", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@with_json_errors
async def get_ungoverned(req: func.HttpRequest) -> func.HttpResponse:
    """What a look of the last ten minutes found, or one that is under way, or a new one."""
    query = read_query(UngovernedQuery, req)
    return answer_with(await _shared.get(fresh=query.fresh))


async def _look() -> UngovernedAnswer:
    app = wiring.app()
    until = app.clock.monotonic() + _PATIENCE_S
    survey, accounts, deployments = await asyncio.gather(
        app.survey.read(until=until), _accounts(until), app.history.deployments()
    )
    known = {(it.account.lower(), it.name.lower()): it.state for it in deployments}
    found = ungoverned(survey, accounts, known, owner=app.settings.owner)
    return UngovernedAnswer(at=said(app.clock.now()), findings=tuple(map(_record, found)))


async def _accounts(until: float) -> tuple[Account, ...]:
    app, slots = wiring.app(), asyncio.Semaphore(_AT_ONCE)

    async def one(unit: AccountId) -> Account | None:
        async with slots:
            return await app.inventory.read(unit, confirm=frozenset(), until=until)

    found = await asyncio.gather(*map(one, await app.inventory.accounts()))
    return tuple(account for account in found if account is not None)


def _record(finding: Finding) -> FindingRecord:
    return FindingRecord(
        kind=finding.kind.value,
        api=finding.api,
        path=finding.path,
        account=finding.account,
        host=finding.host,
        deployments=finding.deployments,
        words=finding.words,
    )


_shared = Shared(_look, kept_s=_KEPT_S, failure_kept_s=_FAILURE_KEPT_S)
