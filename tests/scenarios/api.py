"""The HTTP API as an operator uses it."""

import asyncio
from typing import Any

from sandbox.contracts import Json
from shared.core.naming import unit_hash
from shared.core.resource_ids import AccountId
from tests.stage import Stage

_PATIENCE_S = 120
UNDER_WAY = ("queued", "running")


async def an_account(stage: Stage) -> str:
    """With one deployment, onboarded and at rest, and its writes forgotten."""
    account = await stage.account()
    await stage.deploy(account)
    await stage.quiet()
    stage.writes()
    return account


async def get(stage: Stage, path: str, **params: str) -> Any:
    async with stage.app.get(f"/api/{path}", params=params) as response:
        answer = await response.json()
        assert response.status == 200, answer
        return answer


async def post(stage: Stage, path: str, body: Json | None = None) -> tuple[int, Any]:
    async with stage.app.post(f"/api/{path}", json=body or {}) as response:
        return response.status, await response.json()


async def plan_of(stage: Stage, account: str, **wishes: Any) -> Any:
    """The plan of one account."""
    status, answer = await post(stage, "reimport", {"account": account, "dryRun": True, **wishes})
    assert status == 200, answer
    (plan,) = answer["plans"]
    assert answer["writes"] == plan["writes"]
    return plan


async def ordered(stage: Stage, path: str, body: Json | None = None, *, but: str = "") -> Any:
    """Ask for a run, and wait for what becomes of the one account that it is of."""
    status, answer = await post(stage, path, body)
    assert status == 202, answer
    await stage.quiet(but=but)
    return await ended(stage, answer["run"]["id"])


async def ended(stage: Stage, run: str) -> Any:
    async with asyncio.timeout(_PATIENCE_S):
        while (found := await get(stage, f"runs/{run}"))["status"] in UNDER_WAY:  # noqa: ASYNC110 - asked over HTTP
            await asyncio.sleep(0.05)
    (unit,) = found["units"]
    assert (unit["status"], unit["writes"]) == (found["status"], found["writes"])
    return unit


async def unit_of(stage: Stage, account: str) -> Any:
    units = (await get(stage, "units"))["units"]
    return next(it for it in units if it["id"] == id_of(account))


async def states_of(stage: Stage, account: str) -> Any:
    return (await get(stage, f"units/{id_of(account)}/states"))["states"]


def id_of(account: str) -> str:
    return unit_hash(AccountId.parse(account))


def paths(changes: list[Json], *actions: str) -> list[str]:
    """What is created, updated or deleted, or only what *actions* name, in its order."""
    wanted = actions or ("create", "update", "delete")
    return [it["path"] for it in changes if it["action"] in wanted]
