"""A takeover that ended half way: what is left of it is seen, and nothing is lost by it."""

from pathlib import Path

import pytest

from onramp.adoption import ASIDE
from sandbox.client import GATEWAY_VERSION
from shared.core.ownership import Mark
from tests.cli.gate import Gate
from tests.cli.terminal import on_terminal, run
from tests.cli.test_adopt import adopt, by_hand, ours


async def in_product(gate: Gate, api: str, product: str) -> str:
    """The link that ours is to have as well, below the product."""
    await gate.own(f"products/{product}", {"displayName": product})
    await gate.arm.put(
        f"{gate.azure.gateway_id}/products/{product}/apis/{api}", {}, version=GATEWAY_VERSION
    )
    return f"products/{product}/apis/"


async def path_of(gate: Gate, api: str) -> str:
    found = await gate.at(f"apis/{api}")
    return str(found["path"]) if found else ""


async def test_one_that_the_app_finished_still_lacks_its_product_and_gets_no_more(
    gate: Gate,
) -> None:
    account = await gate.account("gpt-4o")
    name, mine = f"wizard-{account}", ours(account)
    await by_hand(gate, name, f"{account}/openai{ASIDE}", leads_to=account)
    link = await in_product(gate, name, f"p-{account}")
    await run("apply", "--account", account, "--yes", env=gate.env)
    refusal = {"status": 400, "code": "ValidationError", "message": "not that product"}
    gate.azure.arm.faults.add({"method": "PUT", "path": f"/{link}{mine}$", "count": 1}, refusal)

    failed = await run("adopt", name, "--account", account, "--yes", env=gate.env)
    stands = await path_of(gate, mine)
    gate.writes()
    answer = await adopt(gate, name, account)
    again = await adopt(gate, name, account)

    assert (failed.code, stands) == (1, f"{account}/openai")
    assert (answer.case, answer.done, again.case) == ("resume", True, "ours")
    assert gate.writes() == [f"PUT {gate.azure.gateway_id}/{link}{mine}"]


async def test_one_without_its_policy_is_not_called_ours(gate: Gate) -> None:
    account = await gate.account("gpt-4o")
    name, policy = f"wizard-{account}", f"apis/{ours(account)}/policies/policy"
    await by_hand(gate, name, f"{account}/openai{ASIDE}", leads_to=account)
    await adopt(gate, name, account)
    await gate.arm.delete(f"{gate.azure.gateway_id}/{policy}", version=GATEWAY_VERSION)

    answer = await adopt(gate, name, account)

    assert (answer.case, answer.done) == ("resume", True)
    assert await gate.at(policy) is not None


async def test_a_second_ctrl_c_does_not_keep_the_other_from_moving_back(gate: Gate) -> None:
    account = await gate.account("gpt-4o")
    name, path = f"wizard-{account}", f"{account}/openai"
    await by_hand(gate, name, path, leads_to=account)
    making = {"method": "PUT", "path": f"/apis/{ours(account)}$", "count": 1}
    gate.azure.arm.faults.add(making, {"timeout": "before", "seconds": 30})
    gate.azure.arm.faults.add({"method": "PATCH", "path": f"/{name}$", "nth": 2}, {"delay": 0.5})

    stopped = await on_terminal(
        *("adopt", name, "--account", account),
        env=gate.env,
        answer="y",
        interrupt_at=("running", "please wait"),
    )

    assert (stopped.code, await path_of(gate, name)) == (130, path)
    assert f"{name} is at /{path}, as before." in stopped.out


@pytest.mark.parametrize("stood", ["nothing", "at another path"])
async def test_ours_goes_back_to_what_it_was(gate: Gate, tmp_path: Path, stood: str) -> None:
    account = await gate.account("gpt-4o")
    name, mine, rules = f"wizard-{account}", ours(account), tmp_path / "onramp.yaml"
    if stood == "at another path":
        await run("apply", "--account", account, "--yes", env=gate.env)
    rules.write_text(f"defaults: {{path: old-{account}}}\n")
    path = f"old-{account}/openai"
    await by_hand(gate, name, path, leads_to=account)
    link = await in_product(gate, name, f"q-{account}")
    before = await path_of(gate, mine)
    refusal = {"status": 400, "code": "ValidationError", "message": "not that product"}
    gate.azure.arm.faults.add({"method": "PUT", "path": f"/{link}{mine}$", "count": 1}, refusal)

    failed = await run(
        "adopt", name, "--account", account, "--yes", "--rules", str(rules), env=gate.env
    )

    assert failed.code == 1
    assert (await path_of(gate, name), await path_of(gate, mine)) == (path, before)


async def test_undoing_it_leaves_what_stood_beside_it(gate: Gate, tmp_path: Path) -> None:
    account = await gate.account("gpt-4o")
    name, path, rules = f"wizard-{account}", f"{account}/openai", tmp_path / "onramp.yaml"
    await by_hand(gate, name, path, leads_to=account)
    await run("apply", "--account", account, "--yes", env=gate.env)

    answer = await adopt(gate, name, account)
    rules.write_text("defaults: {surfaces: [azure-openai-v1]}\n")
    await run("apply", "--account", account, "--yes", "--rules", str(rules), env=gate.env)

    assert answer.undo.startswith(f"set surfaces: [azure-openai-v1] for {account} in onramp.yaml")
    beside = ours(account).replace("azure-openai", "azure-openai-v1")
    assert (await path_of(gate, ours(account)), await path_of(gate, beside)) == ("", f"{path}/v1")


@pytest.mark.parametrize("whose", ["", "its backend"])
async def test_what_another_installation_has_is_refused_with_its_name(
    gate: Gate, whose: str
) -> None:
    account = await gate.account("gpt-4o")
    name = ours(account)
    api = {"displayName": name, "path": f"{account}/openai"}
    backend = {"url": f"https://{account}.openai.azure.com", "protocol": "http"}
    marked = {"description": str(Mark("team-b", name[-12:]))}
    await gate.own(f"apis/{name}", {**api, **({} if whose else marked)})
    await gate.own(f"backends/{name}-ai-endpoint", {**backend, **marked})
    gate.writes()

    ran = await run("adopt", name, "--account", account, "--yes", env=gate.env)

    assert (ran.code, gate.writes()) == (1, [])
    assert "team-b" in ran.err


async def test_a_revision_is_refused_before_anything_is_written(gate: Gate) -> None:
    account = await gate.account("gpt-4o")
    await by_hand(gate, f"x-{account}", f"{account}/openai", leads_to=account)
    await by_hand(gate, f"x-{account};rev=2", f"{account}/openai", leads_to=account)
    gate.writes()

    ran = await run("adopt", f"x-{account};rev=2", "--account", account, "--yes", env=gate.env)

    assert (ran.code, gate.writes()) == (1, [])
    assert "is one revision of an API" in ran.err


async def test_what_callers_lose_is_shown_before_anybody_agrees(gate: Gate) -> None:
    account = await gate.account("gpt-4o")
    name = f"open-{account}"
    await by_hand(gate, name, f"{account}/openai", leads_to=account)
    policy = "<policies><inbound><base /><ip-filter action='forbid'><address>10.0.0.1</address>"
    await gate.own(
        f"apis/{name}/policies/policy",
        {"format": "xml", "value": f"{policy}</ip-filter></inbound></policies>"},
    )
    operation = {"displayName": "mine", "method": "GET", "urlTemplate": "/mine"}
    await gate.own(f"apis/{name}/operations/mine", operation)

    ran = await on_terminal(
        *("adopt", name, "--account", account, "--json"), env=gate.env, answer="n", columns=200
    )

    assert ran.code == 1
    before = ran.out.partition("[y/N]")[0]
    assert 'Ours lacks what its policy says: <ip-filter action="forbid">.' in before
    assert "Ours lacks operations of it: GET /mine." in before
