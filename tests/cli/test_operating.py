"""What an operator orders of a deployed app: release, call off, take back, do again."""

import pytest

from onramp.records import ApplyAnswer
from shared.core.orders import Order
from shared.core.records import AcceptedAnswer, UngovernedAnswer
from shared.core.resource_ids import AccountId
from shared.core.single_flight import Cause
from tests.cli.gate import Gate
from tests.cli.terminal import on_terminal, run
from tests.stage import Stage


def name_of(account: str) -> str:
    return account.rpartition("/")[2]


@pytest.fixture
async def account(stage: Stage) -> str:
    """One with a state to go back to: of before its second deployment."""
    made = await stage.account()
    for name in ("gpt-4o", "later"):
        await stage.deploy(made, name)
        await stage.quiet()
    return made


# A run is told as ended a moment before its account is given back, with what holds it: where the
# next command depends on that, `quiet` comes first.


async def served(stage: Stage, account: str) -> set[str]:
    return {name for api in (await stage.served(account)).values() for name in api.deployments}


async def test_an_account_is_taken_back_and_released(
    stage: Stage, app_env: dict[str, str], account: str
) -> None:
    name = name_of(account)

    back = await on_terminal("rollback", name, env=app_env, answer="y")
    after_back = await served(stage, account)
    await stage.quiet()
    status = await run("status", "--text", env=app_env)
    forward = await on_terminal("release", name, env=app_env, answer="y")
    await stage.quiet()
    again = await run("release", name, "--yes", env=app_env)

    assert (back.code, after_back) == (0, {"gpt-4o"})
    assert "it goes back to >" in back.out
    assert "~ update" in back.out.partition("[y/N]")[0]
    assert f"go ahead: python -m onramp release {name}" in status.out
    assert "/api/" not in status.out
    assert (forward.code, await served(stage, account)) == (0, {"gpt-4o", "later"})
    assert "~ update" in forward.out.partition("[y/N]")[0]
    assert (again.code, again.err.splitlines()[0]) == (1, f"error: nothing holds {name}")


async def test_whoever_does_not_agree_orders_nothing(
    stage: Stage, app_env: dict[str, str], account: str
) -> None:
    stage.writes()

    shown = await on_terminal("rollback", account, "--json", env=app_env, answer="n")
    unasked = await run("rollback", account, env=app_env)

    assert (shown.code, unasked.code, stage.writes()) == (1, 1, [])
    assert "~ update" in shown.out
    assert "nobody to ask" in unasked.err


async def test_a_state_is_named_or_all_are_told(
    stage: Stage, app_env: dict[str, str], account: str
) -> None:
    wrong = await run("rollback", account, "--to", "no-such", "--yes", env=app_env)
    states = [it.split()[0] for it in wrong.err.splitlines()[2:]]
    right = await run("rollback", account, "--to", states[-1], "--yes", env=app_env)

    assert (wrong.code, len(states)) == (1, 2)
    (done,) = ApplyAnswer.model_validate_json(right.out).accounts
    assert (right.code, done.status) == (0, "succeeded")
    assert "rollback" in {it.kind for it in done.causes}  # beside the timer's, at each quarter
    assert await served(stage, account) == {"gpt-4o"}


async def test_a_mass_deletion_is_released_by_the_digest_that_was_read(
    stage: Stage, app_env: dict[str, str]
) -> None:
    account = await stage.account()
    names = [f"chat-{number}" for number in range(5)]
    for name in names:
        await stage.deploy(account, name)
    await stage.quiet()
    for name in names:
        await stage.delete(f"{account}/deployments/{name}")
    await stage.quiet()
    assert len(await served(stage, account)) == 5

    other = await run("release", account, "--digest", "0" * 16, env=app_env)
    held = await served(stage, account)
    await stage.quiet()
    this = await on_terminal("release", account, env=app_env, answer="y")

    assert (other.code, len(held)) == (1, 5)
    assert this.code == 0
    assert await served(stage, account) == set()


async def test_what_was_ordered_is_called_off(
    stage: Stage, app_env: dict[str, str], account: str
) -> None:
    nothing = await run("release", account, "--call-off", env=app_env)
    stage.writes()
    async with stage.somebody_at_work(account):
        await stage.state.mark(AccountId.parse(account), Cause(full=True, order=Order(force=True)))
        off = await run("release", account, "--call-off", env=app_env)

    assert nothing.code == 1
    assert "nothing is ordered for this account" in nothing.err
    assert "/api/" not in nothing.err
    assert off.code == 0
    assert AcceptedAnswer.model_validate_json(off.out).accounts == (account,)
    assert "goes on to hold it" in off.err
    assert stage.writes() == []


@pytest.mark.parametrize(
    ("letter", "what"),
    [((), "there is nothing that can be replayed"), (("../units",), "there is no letter")],
)
async def test_what_nobody_gave_up_is_not_done_again(
    app_env: dict[str, str], letter: tuple[str, ...], what: str
) -> None:
    ran = await run("replay", *letter, env=app_env)

    assert (ran.code, ran.out) == (1, "")
    assert what in ran.err
    assert "/api/" not in ran.err
    assert "python -m onramp status --json" in ran.err


@pytest.mark.parametrize("command", [("release", "x"), ("rollback", "x"), ("replay",)])
async def test_without_an_app_there_is_nobody_who_remembers(
    gate: Gate, command: tuple[str, ...]
) -> None:
    yes = () if command == ("replay",) else ("--yes",)

    ran = await run(*command, *yes, env=gate.env)

    assert ran.code == 1
    assert "only a deployed app" in ran.err


async def shadow(gate: Gate, account: str) -> str:
    """An API of somebody's own that leads to the account."""
    await gate.own(
        f"apis/pilot-{account}",
        {
            "displayName": "Pilot",
            "path": f"pilot-{account}",
            "protocols": ["https"],
            "serviceUrl": f"https://{account}.openai.azure.com/openai",
        },
    )
    operation = {"displayName": "any", "method": "POST", "urlTemplate": "/any"}
    await gate.own(f"apis/pilot-{account}/operations/any", operation)
    return f"pilot-{account}"


async def test_what_goes_past_is_listed_with_and_without_an_app(
    gate: Gate, stage: Stage, app_env: dict[str, str]
) -> None:
    account = await gate.account("gpt-4o", "parked")
    theirs = await stage.account()
    await stage.deploy(theirs)
    await stage.quiet()
    before = await run("ungoverned", env=gate.env)
    await run("apply", "--account", account, "--yes", env=gate.env)
    await shadow(gate, account)
    await shadow(Gate(stage.azure, stage.arm), name_of(theirs))

    direct = await run("ungoverned", env=gate.env)
    text = await run("ungoverned", "--text", env=gate.env)
    by_app = await run("ungoverned", "--fresh", env=app_env)

    assert f"pilot-{account}" not in before.out
    assert (direct.code, by_app.code) == (2, 2)
    of = UngovernedAnswer.model_validate_json(direct.out).findings
    kinds = {it.kind: it.deployments for it in of if it.api == f"pilot-{account}"}
    assert kinds == {"bypass": ("gpt-4o", "parked")}
    assert f"! bypass  pilot-{account}" in text.out
    apis = {it.api for it in UngovernedAnswer.model_validate_json(by_app.out).findings}
    assert f"pilot-{name_of(theirs)}" in apis
