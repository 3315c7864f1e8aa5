"""What the command line took over is not taken off by an app that goes back to before."""

from sandbox.client import GATEWAY_VERSION
from tests.cli.gate import direct_env
from tests.cli.terminal import run
from tests.scenarios.api import id_of, ordered, post, states_of
from tests.stage import Stage


async def test_going_back_to_before_an_api_was_adopted_leaves_it_to_its_callers(
    stage: Stage,
) -> None:
    account = await stage.account()
    name = account.rpartition("/")[2]
    theirs = {
        "displayName": "theirs",
        "path": f"{name}/openai",
        "serviceUrl": f"https://{name}.openai.azure.com/openai",
        "protocols": ["https"],
    }
    await stage.arm.put(
        f"{stage.azure.gateway_id}/apis/theirs-{name}",
        {"properties": theirs},
        version=GATEWAY_VERSION,
    )
    await stage.deploy(account)
    await stage.quiet()
    before = await stage.deployment(account, "gpt-4o")
    (state,) = [it["id"] for it in await states_of(stage, account)]

    adopted = await run(
        "adopt", f"theirs-{name}", "--account", account, "--yes", env=direct_env(stage.azure)
    )
    await stage.reimport({"account": account})
    served = await stage.served(account)
    after = await stage.deployment(account, "gpt-4o")
    back = f"units/{id_of(account)}/rollback"
    _, planned = await post(stage, back, {"state": state, "dryRun": True})
    done = await ordered(stage, back, {"state": state})

    assert before["state"] == "quarantined"
    assert f"is taken by API theirs-{name} (adopt takes it over)" in before["reason"]
    assert (adopted.code, after["state"]) == (0, "verified")
    (plan,) = planned["plans"]
    assert "delete" not in {it["action"] for it in plan["changes"]}
    assert any("stays as it stands" in it for it in plan["notes"])
    assert [(it["state"], it["name"]) for it in plan["deployments"]] == [("applied", "gpt-4o")]
    assert done["status"] == "succeeded"
    assert await stage.served(account) == served
    assert (await stage.deployment(account, "gpt-4o"))["state"] == "applied"
