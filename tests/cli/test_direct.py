"""On a gateway with one's own sign-in: no app, no storage."""

import json

import pytest

from onramp.records import ApplyAnswer, DecisionAnswer, ServedAnswer
from shared.core.records import PlansAnswer
from tests.cli.gate import Gate
from tests.cli.terminal import on_terminal, run


async def test_a_pipeline_plans_applies_and_plans_again(gate: Gate) -> None:
    account = await gate.account("gpt-4o")

    planned = await run("plan", "--account", account, env=gate.env)
    assert gate.writes() == []
    applied = await run("apply", "--account", account, "--yes", env=gate.env)
    again = await run("plan", "--account", account, env=gate.env)

    plans = PlansAnswer.model_validate_json(planned.out)
    done = ApplyAnswer.model_validate_json(applied.out).accounts[0]
    assert (planned.code, applied.code, again.code) == (2, 0, 0)
    assert (planned.err, applied.err, again.err) == ("", "", "")
    assert done.writes == done.planned == plans.writes > 0
    assert [it.path for it in done.changes] == [it.path for it in plans.plans[0].changes]


async def test_json_is_in_camel_case_as_the_http_api_says_it(gate: Gate) -> None:
    account = await gate.account("gpt-4o")

    ran = await run("plan", "--account", account, env=gate.env)

    (plan,) = json.loads(ran.out)["plans"]
    assert {"unitId", "digest", "changes"} <= plan.keys()
    assert "policyDiff" in plan["changes"][0]


async def test_on_a_terminal_it_asks_and_shows_what_became_of_it(gate: Gate) -> None:
    account = await gate.account("gpt-4o")

    ran = await on_terminal("apply", "--account", account, env=gate.env, answer="y")

    assert ran.code == 0
    assert "+ create" in ran.out
    assert "on 1 account? [y/N]" in ran.out
    assert "✓ applied" in ran.out
    assert "changes written." in ran.out
    assert "\x1b[32m" in ran.out


async def test_whoever_does_not_say_yes_has_nothing_written(gate: Gate) -> None:
    account = await gate.account("gpt-4o")

    ran = await on_terminal("apply", "--account", account, env=gate.env, answer="n")

    assert (ran.code, gate.writes()) == (1, [])


async def test_a_digest_is_of_one_plan_alone(gate: Gate) -> None:
    account = await gate.account("gpt-4o")
    planned = await run("plan", "--account", account, env=gate.env)
    digest = PlansAnswer.model_validate_json(planned.out).plans[0].digest

    other = await run("apply", "--account", account, "--digest", "0" * 16, env=gate.env)
    nothing = gate.writes()
    this = await run("apply", "--account", account, "--digest", digest, env=gate.env)

    assert (other.code, nothing) == (1, [])
    assert "none that --digest names" in other.err
    assert this.code == 0


async def test_what_takes_off_too_much_waits_for_a_word(gate: Gate) -> None:
    names = [f"chat-{number}" for number in range(6)]
    account = await gate.account(*names)
    await run("apply", "--account", account, "--yes", env=gate.env)
    for name in names:
        await gate.undeploy(account, name)
    zero = {"ONRAMP_GRACE_HOURS": "0"}

    gate.writes()
    refused = await run("apply", "--account", account, "--yes", "--text", env={**gate.env, **zero})
    untouched = gate.writes()
    allowed = await run(
        "apply", "--account", account, "--yes", "--allow-removals", env={**gate.env, **zero}
    )

    assert "! held: would take 6 of 6 deployments off the gateway" in refused.out
    assert (refused.code, untouched) == (1, [])
    assert "use --allow-removals" in refused.err
    assert allowed.code == 0


async def test_a_path_that_another_api_has_is_known_before_anything_is_written(gate: Gate) -> None:
    account = await gate.account("gpt-4o")
    await gate.own(
        "apis/hand-made", {"displayName": "x", "path": f"{account}/openai", "protocols": ["https"]}
    )
    gate.writes()

    planned = await run("plan", "--account", account, env=gate.env)
    asked = await run("why", f"{account}/gpt-4o", "--text", env=gate.env)
    assert gate.writes() == []
    applied = await run("apply", "--account", account, "--yes", "--text", env=gate.env)

    words = f"path {account}/openai is taken by API hand-made (adopt takes it over)"
    (plan,) = PlansAnswer.model_validate_json(planned.out).plans
    blocked = [it for it in plan.changes if it.action == "blocked"]
    assert {it.reason for it in blocked} == {words}
    assert [it.state for it in plan.deployments] == ["quarantined"]
    assert words in plan.deployments[0].reason
    assert "! quarantined" in asked.out
    assert words in " ".join(asked.out.split())
    assert (planned.code, applied.code) == (2, 1)
    assert "blocked" in applied.out
    assert "ValidationError" not in applied.out
    assert await gate.at("apis/hand-made") is not None


async def test_something_refused_is_a_failure_and_says_why(gate: Gate) -> None:
    account = await gate.account("gpt-4o")
    error = {"code": "ValidationError", "message": "a name of no kind"}
    match = {"method": "PUT", "path": f"/backends/{account}-azure-openai-[0-9a-f]+-ai-endpoint$"}
    gate.azure.arm.faults.add(match, {"status": 400, "body": {"error": error}})

    ran = await run("apply", "--account", account, "--yes", "--text", env=gate.env)

    assert ran.code == 1
    assert "x rejected" in ran.out
    assert "a name of no kind" in " ".join(ran.out.split())


async def test_what_an_observed_account_would_get_is_not_told_as_applied(gate: Gate) -> None:
    account = await gate.account("gpt-4o", tags={"onramp:mode": "observe"})

    planned = await run("plan", "--account", account, env=gate.env)
    asked = await run("why", f"{account}/gpt-4o", env=gate.env)

    (plan,) = PlansAnswer.model_validate_json(planned.out).plans
    decision = DecisionAnswer.model_validate_json(asked.out)
    assert [it.state for it in plan.deployments] == [decision.state] == ["seen"]
    assert "the account is only observed" in decision.reason
    assert "mode observe" in decision.notes[0]
    assert "mode" in decision.advice


async def test_status_reads_what_stands_off_the_gateway(gate: Gate) -> None:
    account = await gate.account("gpt-4o")
    await run("apply", "--account", account, "--yes", env=gate.env)

    ran = await run("status", "--account", account, env=gate.env)
    text = await run("status", "--account", account, "--text", env=gate.env)

    (served,) = ServedAnswer.model_validate_json(ran.out).accounts
    assert {it.surface: it.deployments for it in served.apis} == {
        "azure-openai": ("gpt-4o",),
        "azure-openai-v1": ("gpt-4o",),
    }
    assert f"/{account}/openai/v1" in text.out


async def test_why_names_the_decision_its_cause_and_its_places(gate: Gate) -> None:
    account = await gate.account("gpt-4o", tags={"onramp:skip": "true"})

    ran = await run("why", f"{account}/gpt-4o", env=gate.env)
    text = await run("why", f"{account}/GPT-4o", "--text", env=gate.env)

    answer = DecisionAnswer.model_validate_json(ran.out)
    assert (ran.code, answer.state) == (0, "excluded")
    assert "tag onramp:skip" in text.out
    assert "o excluded" in text.out


async def test_rules_are_those_of_the_file(
    gate: Gate, tmp_path_factory: pytest.TempPathFactory
) -> None:
    account = await gate.account("gpt-4o")
    rules = tmp_path_factory.mktemp("rules") / "onramp.yaml"
    rules.write_text("defaults: {path: 'ai/{account}'}\n")

    ran = await run("why", f"{account}/gpt-4o", "--rules", str(rules), env=gate.env)

    places = DecisionAnswer.model_validate_json(ran.out).places
    assert {it.path for it in places} == {f"ai/{account}/openai", f"ai/{account}/openai/v1"}
