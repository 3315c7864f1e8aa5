"""GET /api/deployments and /api/deployments/{id}/why: what stands, and how that came."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from math import ceil
from typing import Any

import azure.functions as func

from handlers.http_errors import (
    answer_with,
    not_found,
    read_nothing,
    read_query,
    with_json_errors,
)
from handlers.requests import DeploymentsQuery
from shared import wiring
from shared.core.naming import unit_hash
from shared.core.records import DeploymentRecord, DeploymentsAnswer, SpreadRecord, WhyAnswer
from shared.core.resource_ids import AccountId
from shared.core.stories import advice_on

bp = func.Blueprint()

_KEY = re.compile(r"[a-z0-9][a-z0-9._~-]*", re.ASCII)  # of what else is kept there, none
# What nobody knows comes last, or first where the last come first.
_SORTED_BY: dict[str, Callable[[DeploymentRecord], Any]] = {
    "account": lambda it: (it.account, it.name),
    "name": lambda it: (it.name, it.account),
    "state": lambda it: (it.state, it.account, it.name),
    "since": lambda it: it.since,
    "secondsToVerified": lambda it: (it.seconds_to_verified is None, it.seconds_to_verified or 0),
}


@bp.function_name("deployments")
@bp.route(route="deployments", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@with_json_errors
async def deployments(req: func.HttpRequest) -> func.HttpResponse:
    """All deployments ever seen, or those asked for, with a count of each state."""
    query = read_query(DeploymentsQuery, req)
    every = await wiring.app().history.deployments()
    found = [item for item in every if _is_wanted(item, query)]
    found.sort(key=_SORTED_BY[query.sort.removeprefix("-")], reverse=query.sort.startswith("-"))
    start = int(query.after)
    end = start + query.limit
    answer = DeploymentsAnswer(
        count=dict(Counter(item.state for item in every)),
        time_to_verified=_spread(found),
        total=len(found),
        deployments=tuple(found[start:end]),
        next=str(end) if end < len(found) else "",
    )
    return answer_with(answer)


@bp.function_name("why")
@bp.route(route="deployments/{id}/why", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@with_json_errors
async def why(req: func.HttpRequest) -> func.HttpResponse:
    """The story of a deployment: what was heard, read, decided and written, run by run."""
    read_nothing(req)
    item = await _known(req.route_params.get("id", ""))
    if item is None:
        raise not_found("Deployment", "Take the id from GET /api/deployments.")
    chapters = await wiring.app().history.story(AccountId.parse(item.account), item.name)
    return answer_with(
        WhyAnswer(deployment=item, advice=advice_on(item.state), chapters=tuple(chapters))
    )


async def _known(id_: str) -> DeploymentRecord | None:
    unit_id, _, key = id_.partition("-")
    if _KEY.fullmatch(key):
        for unit, _row in await wiring.app().state.units():
            if unit_hash(unit) == unit_id:
                return await wiring.app().history.deployment(unit, key)
    return None


def _is_wanted(item: DeploymentRecord, query: DeploymentsQuery) -> bool:
    account, name = query.account.lower(), query.name.lower()
    has_account = account in ("", item.account.lower(), item.account.lower().rpartition("/")[2])
    has_name = name in item.name.lower() or name in item.model_name.lower()
    return has_account and has_name and (not query.state or item.state in query.state)


def _spread(found: Sequence[DeploymentRecord]) -> SpreadRecord:
    """Seconds from the event that told of a deployment to its first good answer."""
    seconds = sorted(it.seconds_to_verified for it in found if it.seconds_to_verified is not None)
    if not seconds:
        return SpreadRecord(count=0)
    p50, p95 = (seconds[ceil(rank * len(seconds)) - 1] for rank in (0.5, 0.95))
    return SpreadRecord(count=len(seconds), p50=p50, p95=p95)
