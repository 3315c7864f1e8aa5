"""Taking over an API that somebody made by hand, or by the portal's wizard."""

from pathlib import Path

import pytest

from onramp.adoption import ASIDE
from onramp.records import AdoptionAnswer
from sandbox.client import GATEWAY_VERSION
from shared.core.naming import api_id
from shared.core.ownership import read_mark
from shared.core.resource_ids import AccountId
from tests.cli.gate import Gate
from tests.cli.terminal import on_terminal, run
from tests.stage import GROUP


def ours(account: str) -> str:
    """The id of our API for Azure OpenAI."""
    unit = AccountId.parse(f"{GROUP}/providers/Microsoft.CognitiveServices/accounts/{account}")
    return api_id(unit, "azure-openai")


async def by_hand(gate: Gate, name: str, path: str, *, leads_to: str) -> None:
    url = f"https://{leads_to}.openai.azure.com/openai"
    await gate.own(f"apis/{name}", {"displayName": name, "path": path, "serviceUrl": url})


async def adopt(gate: Gate, name: str, account: str, *more: str) -> AdoptionAnswer:
    ran = await run("adopt", name, "--account", account, "--yes", *more, env=gate.env)
    assert (ran.code, ran.err) == (0, "")
    return AdoptionAnswer.model_validate_json(ran.out)


async def test_an_api_with_our_very_id_gets_our_mark_and_the_next_plan_owns_it(gate: Gate) -> None:
    account = await gate.account("gpt-4o")
    name = ours(account)
    await by_hand(gate, name, "anywhere", leads_to=account)
    await gate.own(
        f"apis/{name}", {"displayName": "x", "path": "anywhere", "description": "Ask me"}
    )
    gate.writes()

    blocked = await run("plan", "--account", account, "--text", env=gate.env)
    answer = await adopt(gate, name, account)
    written = gate.writes()
    applied = await run("apply", "--account", account, "--yes", env=gate.env)

    assert "! blocked" in blocked.out
    assert (answer.case, answer.done) == ("mark", True)
    assert written == [f"PATCH {gate.azure.gateway_id}/apis/{name}"]
    assert applied.code == 0
    found = await gate.at(f"apis/{name}")
    assert found is not None
    assert found["path"] == f"{account}/openai"


async def test_the_mark_leaves_what_people_wrote_and_comes_once(gate: Gate) -> None:
    account = await gate.account("gpt-4o")
    name = ours(account)
    properties = {"displayName": "x", "path": f"{account}/hand", "description": "Ask Jane"}
    await gate.own(f"apis/{name}", properties)

    await adopt(gate, name, account)
    again = await adopt(gate, name, account)

    found = await gate.at(f"apis/{name}")
    assert found is not None
    assert found["description"].startswith("Ask Jane [model-onramp owner=default")
    assert read_mark(found["description"]) is not None
    assert (again.case, again.done) == ("ours", False)


async def test_an_api_on_our_path_moves_aside_and_ours_takes_its_place(gate: Gate) -> None:
    account = await gate.account("gpt-4o")
    name, path = f"wizard-{account}", f"{account}/openai"
    await by_hand(gate, name, path, leads_to=account)
    await gate.own(f"products/starter-{account}", {"displayName": account})
    link = f"products/starter-{account}/apis/{name}"
    await gate.arm.put(f"{gate.azure.gateway_id}/{link}", {}, version=GATEWAY_VERSION)
    scope = f"{gate.azure.gateway_id}/apis/{name}"
    await gate.own(f"subscriptions/team-{account}", {"displayName": "Team One", "scope": scope})

    shown = await run("adopt", name, "--account", account, "--dry-run", "--text", env=gate.env)
    untouched = gate.writes()
    answer = await adopt(gate, name, account)
    again = await adopt(gate, name, account)

    assert (shown.code, untouched) == (0, [])
    assert "Team One" in shown.out
    assert "lines of policy" in shown.out
    assert "--full" not in shown.out
    assert f"set: {{products: [starter-{account}]}}" in shown.out
    assert (answer.case, answer.done, again.case) == ("replace", True, "ours")
    aside, mine = await gate.at(f"apis/{name}"), await gate.at(f"apis/{ours(account)}")
    assert aside is not None
    assert mine is not None
    assert (aside["path"], mine["path"]) == (f"{path}{ASIDE}", path)
    assert await gate.at(f"products/starter-{account}/apis/{ours(account)}") is not None


async def test_what_fails_is_taken_back(gate: Gate) -> None:
    account = await gate.account("gpt-4o")
    name, path = f"wizard-{account}", f"{account}/openai"
    await by_hand(gate, name, path, leads_to=account)
    refusal = {"status": 400, "code": "ValidationError", "message": "no such policy"}
    match = {"method": "PUT", "path": f"/apis/{ours(account)}/policies/policy", "count": 1}
    gate.azure.arm.faults.add(match, refusal)

    failed = await run("adopt", name, "--account", account, "--yes", "--text", env=gate.env)
    back, half = await gate.at(f"apis/{name}"), await gate.at(f"apis/{ours(account)}")
    answer = await adopt(gate, name, account)

    assert failed.code == 1
    assert "no such policy" in failed.err
    assert f"{name} is at /{path}, as before." in failed.err
    assert back is not None
    assert (back["path"], half) == (path, None)
    assert answer.done


async def test_ctrl_c_while_ours_is_made_puts_the_other_back(gate: Gate) -> None:
    account = await gate.account("gpt-4o")
    name, path = f"wizard-{account}", f"{account}/openai"
    await by_hand(gate, name, path, leads_to=account)
    match = {"method": "PUT", "path": f"/apis/{ours(account)}$", "count": 1}
    gate.azure.arm.faults.add(match, {"timeout": "before", "seconds": 30})

    stopped = await on_terminal(
        "adopt", name, "--account", account, env=gate.env, answer="y", interrupt_at="running"
    )

    back, half = await gate.at(f"apis/{name}"), await gate.at(f"apis/{ours(account)}")
    moved = [it for it in gate.writes() if it == f"PATCH {gate.azure.gateway_id}/apis/{name}"]
    assert (stopped.code, len(moved)) == (130, 2)
    assert back is not None
    assert (back["path"], half) == (path, None)


async def test_one_that_was_moved_aside_before_a_crash_is_gone_on_with(gate: Gate) -> None:
    account = await gate.account("gpt-4o")
    name, path = f"wizard-{account}", f"{account}/openai"
    await by_hand(gate, name, f"{path}{ASIDE}", leads_to=account)

    answer = await adopt(gate, name, account)

    assert (answer.case, answer.done) == ("resume", True)
    mine = await gate.at(f"apis/{ours(account)}")
    assert mine is not None
    assert mine["path"] == path


async def test_for_any_other_path_the_choice_to_make_is_told_and_it_is_right(
    gate: Gate, tmp_path: Path
) -> None:
    account = await gate.account("gpt-4o")
    name = f"old-{account}"
    await by_hand(gate, name, f"old/{account}/openai", leads_to=account)

    ran = await run("adopt", name, "--account", account, "--yes", env=gate.env)

    answer = AdoptionAnswer.model_validate_json(ran.out)
    assert (ran.code, answer.case, answer.done, gate.writes()) == (2, "elsewhere", False, [])
    rules = tmp_path / "onramp.yaml"
    rules.write_text(answer.snippet)
    with_it = await run(
        "adopt", name, "--account", account, "--dry-run", "--rules", str(rules), env=gate.env
    )
    assert AdoptionAnswer.model_validate_json(with_it.out).case == "replace"


@pytest.mark.parametrize("path", ["{account}/openai", "fabrikam/openai"])
async def test_an_api_that_leads_elsewhere_is_not_taken_over(gate: Gate, path: str) -> None:
    account = await gate.account("gpt-4o")
    await by_hand(gate, f"x-{account}", path.format(account=account), leads_to="fabrikam")
    gate.writes()

    ran = await run("adopt", f"x-{account}", "--account", account, "--yes", env=gate.env)

    assert (ran.code, gate.writes()) == (1, [])
    assert f"leads to fabrikam.openai.azure.com, not to {account}" in ran.err


async def test_on_a_terminal_it_asks_first(gate: Gate) -> None:
    account = await gate.account("gpt-4o")
    await by_hand(gate, f"y-{account}", f"{account}/openai", leads_to=account)

    ran = await on_terminal("adopt", f"y-{account}", "--account", account, env=gate.env, answer="n")

    assert (ran.code, gate.writes()) == (1, [])
    assert "Nothing was written." in ran.out


async def test_with_nobody_to_ask_nothing_is_done(gate: Gate) -> None:
    ran = await run("adopt", "any", "--account", "any", env=gate.env)

    assert (ran.code, gate.writes()) == (1, [])
    assert "there is nobody to ask" in ran.err
