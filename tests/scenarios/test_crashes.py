"""Real processes, killed at random moments in a storm of events and faults: the end is the same."""

import asyncio
import random
from typing import Any

from azure.data.tables import UpdateMode

from sandbox.arm.faults import Faults
from sandbox.event_grid.options import Chaos
from sandbox.event_grid.options import Options as EventGridOptions
from sandbox.local_azure import Options
from tests.stage import EMBEDDINGS, ROOT, Stage, a_stage

KILLS = 4
PATIENCE_S = 240
# A run that is killed keeps its unit for as long as it could have gone on writing.
QUICK = {
    "ONRAMP_RUN_DEADLINE_S": "5",
    "ONRAMP_REQUEST_TIMEOUT_S": "3",
    "ONRAMP_GRACE_HOURS": "0",
    "AzureFunctionsJobHost__extensions__queues__visibilityTimeout": "00:00:01",
}


async def storm(stage: Stage) -> dict[str, list[dict[str, int]]]:
    """Create, resize and delete; what each surface must serve in the end, by account."""
    accounts = [await stage.account() for _ in range(4)]
    for account in accounts:
        await stage.deploy(account, "stays", capacity=5)
        await stage.deploy(account, "goes")
    for account in accounts:
        await stage.deploy(account, "embed", model=EMBEDDINGS, capacity=7)
        await stage.deploy(account, "stays", capacity=9)
        await stage.delete(f"{account}/deployments/goes")
    await stage.delete(accounts[0])
    left = {"stays": 9_000, "embed": 7_000}
    return {accounts[0]: [], **{account: [left, left] for account in accounts[1:]}}


async def kill_at_random(stage: Stage, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(KILLS):
        await asyncio.sleep(chance.uniform(0.2, 1.5))
        await stage.azure.host.kill()
        await stage.azure.host.start()


async def found(stage: Stage, accounts: list[str]) -> dict[str, list[dict[str, int]]]:
    """What each surface of each account serves."""
    served = {account: await stage.served(account) for account in accounts}
    return {
        account: [dict(api.deployments) for _, api in sorted(apis.items())]
        for account, apis in served.items()
    }


async def test_a_host_that_is_killed_again_and_again_ends_where_it_would_have_anyway() -> None:
    options = Options(
        app_dir=ROOT,
        app_env=QUICK,
        faults=Faults(seed=7),
        event_grid=EventGridOptions(
            time_scale=0.01,
            chaos=Chaos(duplicate=0.3, drop=0.2, reorder_s=0.5, seed=7),
        ),
    )
    async with a_stage(options) as stage:
        faults = stage.azure.arm.faults
        on_gateway = {"method": "PUT", "path": "/Microsoft.ApiManagement/"}
        busy = {"status": 409, "code": "Conflict", "message": "Operation on the API is in progress"}
        faults.add({**on_gateway, "probability": 0.2}, busy)
        faults.add({**on_gateway, "probability": 0.1}, {"drop": "after"})
        faults.add({"path": "/service/", "probability": 0.05}, {"status": 500})

        wanted, _ = await asyncio.gather(storm(stage), kill_at_random(stage, seed=7))
        faults.clear()

        async with asyncio.timeout(PATIENCE_S):
            while await found(stage, list(wanted)) != wanted:
                await stage.invoke("sweep")
                await asyncio.sleep(2)
        assert await found(stage, list(wanted)) == wanted


async def runs(stage: Stage) -> list[dict[str, Any]]:
    async with stage.app.get("/api/runs") as response:
        found: list[dict[str, Any]] = (await response.json())["runs"]
        return found


async def outlive_the_lease(stage: Stage) -> None:
    """As if the time had passed for which a dead run keeps its unit."""
    units = stage.tables.get_table_client("onrampunits")
    held = [it async for it in units.list_entities() if it.get("owner")]
    assert held
    for row in held:
        await units.update_entity({**row, "lease_s": 0}, UpdateMode.MERGE)


async def test_a_run_that_was_killed_is_not_running_for_ever() -> None:
    async with a_stage() as stage:
        # Backends and APIs are written, and told of, before the policies are.
        stage.azure.arm.faults.add({"method": "PUT", "path": "/policies/policy$"}, {"delay": 600})
        account = await stage.account()
        await stage.quiet()
        await stage.deploy(account)
        async with asyncio.timeout(PATIENCE_S):
            while not await runs(stage):  # noqa: ASYNC110 - asked over HTTP
                await asyncio.sleep(0.05)
        await stage.azure.host.kill()
        stage.azure.arm.faults.clear()
        await outlive_the_lease(stage)
        await stage.azure.host.start()
        await stage.sweep()  # the message that the dead run had comes back in ten minutes

        later, first = await runs(stage)

        assert (later["status"], first["status"]) == ("succeeded", "waiting")
        assert await stage.states(account) == {"gpt-4o": "verified"}
        assert first["finished"]
        assert f"run {later['id']} went on" in first["units"][0]["error"]
