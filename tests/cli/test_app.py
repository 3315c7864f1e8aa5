"""By way of a deployed app."""

import json
import re
from typing import Any

import pytest

from onramp.records import ApplyAnswer, StatusAnswer
from shared.core.records import PlansAnswer, WhyAnswer
from tests.cli.terminal import on_terminal, run
from tests.stage import Stage


def name_of(account: str) -> str:
    return account.rpartition("/")[2]


@pytest.fixture
async def account(stage: Stage) -> str:
    """One that the app only observes, so that all of its plan is still to be done."""
    made = await stage.account(tags={"onramp:mode": "observe"})
    await stage.deploy(made)
    await stage.quiet()
    stage.writes()
    return made


async def test_a_plan_of_the_app_is_applied_as_it_was_read(
    stage: Stage, app_env: dict[str, str], account: str
) -> None:
    planned = await run("plan", "--account", name_of(account), env=app_env)
    plan = PlansAnswer.model_validate_json(planned.out).plans[0]
    writes = stage.writes()
    applied = await run("apply", "--account", account, "--digest", plan.digest, env=app_env)
    again = await run("plan", "--deployment", f"{name_of(account)}/gpt-4o", env=app_env)

    done = ApplyAnswer.model_validate_json(applied.out).accounts[0]
    assert (planned.code, writes, applied.code, again.code) == (2, [], 0, 0)
    assert done.writes == plan.writes
    await stage.told(account, "gpt-4o", state="verified")


async def test_on_a_terminal_the_run_is_followed_to_its_end(
    stage: Stage, app_env: dict[str, str], account: str
) -> None:
    ran = await on_terminal("apply", "--account", account, env=app_env, answer="y")

    assert ran.code == 0
    assert "✓ applied" in ran.out
    assert "✓ succeeded" in ran.out
    await stage.told(account, "gpt-4o", state="verified")


async def test_status_and_why_tell_what_the_app_knows(
    stage: Stage, app_env: dict[str, str]
) -> None:
    account = await stage.account()
    await stage.deploy(account)
    await stage.told(account, "gpt-4o", state="verified")
    what = f"{name_of(account)}/gpt-4o"

    status = await run("status", "--account", name_of(account), env=app_env)
    text = await run(
        "status", "--account", name_of(account), "--deployments", "--text", env=app_env
    )
    why = await run("why", what, env=app_env)
    story = await on_terminal("why", what, env=app_env)

    told = StatusAnswer.model_validate_json(status.out)
    assert [(it.name, it.state) for it in told.deployments.deployments] == [("gpt-4o", "verified")]
    (*_, first) = WhyAnswer.model_validate_json(why.out).chapters
    assert re.search(rf"✓ verified +{re.escape(what)}", text.out)
    assert "What to do" in story.out
    assert first.words in " ".join(story.out.split())


async def test_no_key_is_ever_shown(app_env: dict[str, str]) -> None:
    key = app_env["ONRAMP_KEY"]
    wrong = {**app_env, "ONRAMP_KEY": f"{key}x"}

    for command, env in (("status", app_env), ("status", wrong), ("plan", wrong)):
        ran = await run(command, "--debug", env=env)
        assert key not in ran.out + ran.err
    helped = await run("plan", "--help", env=app_env)
    assert key not in helped.out


async def test_ctrl_c_ends_it_at_once(stage: Stage, app_env: dict[str, str], account: str) -> None:
    twice = ("[y/N]", "stopped")
    ran = await on_terminal("apply", "--account", account, env=app_env, interrupt_at=twice)

    assert (ran.code, stage.writes()) == (130, [])
    assert ran.out.rstrip().endswith("stopped")
    assert "Traceback" not in ran.out


@pytest.mark.parametrize(
    ("option", "what"),
    [("--account", "is called nosuch"), ("--deployment", "has never seen nosuch/gpt-4o")],
)
async def test_a_name_that_is_not_there_is_no_answer(
    app_env: dict[str, str], option: str, what: str
) -> None:
    named = "nosuch/gpt-4o" if option == "--deployment" else "nosuch"

    ran = await run("status", option, named, env=app_env)

    assert (ran.code, ran.out) == (1, "")
    assert what in ran.err


async def test_whoever_agrees_has_seen_what_to_also_where_the_answer_is_json(
    stage: Stage, app_env: dict[str, str], account: str
) -> None:
    ran = await on_terminal("apply", "--account", account, "--json", env=app_env, answer="n")

    assert (ran.code, stage.writes()) == (1, [])
    assert "+ create" in ran.out.partition("[y/N]")[0]


@pytest.mark.parametrize("command", [("plan",), ("status",)])
async def test_a_pipe_gets_json_alone(app_env: dict[str, str], command: tuple[str, ...]) -> None:
    ran = await run(*command, env=app_env)

    answer: dict[str, Any] = json.loads(ran.out)
    assert answer
    assert ran.err == ""
