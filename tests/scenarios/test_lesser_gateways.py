"""Gateways that lack something, or are nearly full: the rest goes on, and the reason is told."""

from pathlib import Path

from sandbox.local_azure import Options
from sandbox.world import World
from tests.scenarios.equipped import uncallable
from tests.stage import EMBEDDINGS, ROOT, a_stage, an_app_with_rules

EVERYTHING = {
    "defaults": {
        "token_metric": "on",
        "semantic_cache": "on",
        "content_safety": {"backend": "safety"},
        "products": ["starter"],
    }
}
REALTIME = {"format": "OpenAI", "name": "gpt-realtime", "version": "2025-08-28"}

IN_USE = 2_995  # operations; Developer has 3,000


def a_gateway(sku: str) -> World:
    return World.model_validate({"gateways": [{"name": "apim-onramp", "sku": sku}]})


async def test_on_consumption_features_are_left_out_and_realtime_is_parked(
    tmp_path: Path,
) -> None:
    options = an_app_with_rules(tmp_path, EVERYTHING, world=a_gateway("Consumption"))
    async with a_stage(options) as stage:
        account = await stage.account()
        await stage.deploy(account)
        await stage.deploy(account, "vectors", model=EMBEDDINGS)
        await stage.deploy(account, "talker", model=REALTIME)
        await stage.quiet()
        (unit,) = (await stage.reimport({"account": account}))["units"]

        served = await stage.served(account)
        without_limits = {"gpt-4o": 0, "vectors": 0}
        assert {path: api.deployments for path, api in served.items()} == {
            "openai": without_limits,
            "openai/v1": without_limits,
        }
        assert unit["notes"] == [
            "no token metric: the gateway has no Application Insights logger",
            "no semantic cache: the gateway has no external cache",
            "not in product starter: there is none",
        ]
        assert (unit["status"], unit["writes"]) == ("succeeded", 0)
        chat, talker = [await stage.deployment(account, it) for it in ("gpt-4o", "talker")]
        assert chat["reason"] == (
            "onboarded; no token limit: tier Consumption has none; "
            "no content safety: tier Consumption has none"
        )
        assert (talker["state"], talker["reason"]) == (
            "quarantined",
            (
                "tier Consumption has no WebSocket APIs, which OpenAI gpt-realtime "
                "(kind realtime) needs"
            ),
        )


async def test_an_api_that_the_tier_has_no_room_for_is_not_written_and_the_rest_is() -> None:
    async with a_stage(Options(app_dir=ROOT)) as stage:
        huge = {"displayName": "huge", "path": "huge", "protocols": ["https"]}
        await stage.own("apis/huge", {"properties": huge})
        stage.azure.arm.faults.add(
            {"method": "GET", "path": "/apis/huge/operations$"},
            {"status": 200, "body": {"value": [], "count": IN_USE}},
        )
        full, fits = await stage.account(), await stage.account()
        await stage.quiet()
        stage.writes()

        await stage.deploy(full)
        await stage.quiet()

        written = stage.writes()
        assert not [it for it in written if " apis/" in it]
        assert len([it for it in written if "PUT backends/" in it]) == 2
        told = await stage.deployment(full, "gpt-4o")
        assert told["state"] == "quarantined"
        assert f"and {IN_USE} of the 3000 of tier Developer are in use" in told["reason"]
        assert "remove APIs or choose a larger tier" in told["reason"]

        await stage.deploy(fits, "vectors", model=EMBEDDINGS)
        await stage.quiet()

        # One API of three operations fits, and for the other there is no room any more.
        assert len(await stage.served(fits)) == 1
        run = await stage.reimport({"account": full})
        assert run["status"] == "incomplete"


async def test_a_gateway_without_an_identity_is_told_so(tmp_path: Path) -> None:
    world = World.model_validate({"gateways": [{"name": "apim-onramp", "identity": "None"}]})
    options = an_app_with_rules(tmp_path, {}, world=world)
    async with a_stage(options) as stage:
        account, reason = await uncallable(stage, "acct")
        (unit,) = (await stage.reimport({"account": account}, but=account))["units"]

        assert "not verified yet on azure-openai: HTTP" in reason
        assert unit["notes"] == [
            "the gateway has no system-assigned identity, so the account will refuse its calls"
        ]
        path = f"{account}/providers/Microsoft.Authorization/roleAssignments"
        assert not [it for it in stage.writes() if path.lower() in it.lower()]
