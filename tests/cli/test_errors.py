"""What goes wrong is told in a line, and what to do about it in another."""

import asyncio
import json
import re
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from socket import socket

import aiohttp
import pytest
from aiohttp import web

from onramp.app_client import AppClient
from onramp.connection import chosen
from onramp.errors import CliError
from sandbox.processes import listen
from shared.core.records import HealthAnswer
from shared.core.resource_ids import AccountId
from tests.cli.gate import Gate
from tests.cli.terminal import ROOT, Ran, on_terminal, run, shell


@asynccontextmanager
async def an_app(status: int, body: str = "") -> AsyncIterator[str]:
    """Something that answers like this whatever it is asked."""

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(status=status, text=body, content_type="application/json")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    async with listen(app) as url:
        yield url


def is_two_lines(ran: Ran, what: str, do: str) -> bool:
    lines = ran.err.splitlines()
    return (ran.code, ran.out) == (1, "") and what in lines[0] and do in lines[-1]


@pytest.mark.parametrize(
    ("status", "body", "what", "do"),
    [
        (401, "", "the app refused the key", "az functionapp keys list"),
        (403, "", "may not be called from here", "access restrictions"),
        (404, "", "no model-onramp at this address", "--app"),
        (502, "", "does not answer", "log"),
        (503, "", "starts just now", "Try again"),
        (418, "<html>", "answered 418", "log"),
        (200, "{}", "something else than this version knows", "own version"),
        (
            409,
            '{"error": {"code": "PlanChanged", "message": "it changed", "action": "Look again."}}',
            "it changed",
            "Look again.",
        ),
    ],
)
async def test_what_an_app_refuses(status: int, body: str, what: str, do: str) -> None:
    async with an_app(status, body) as url:
        ran = await run("plan", env={"ONRAMP_APP": url, "ONRAMP_KEY": "made-up"})

    assert is_two_lines(ran, what, do), ran


@pytest.mark.parametrize(
    ("app", "what"),
    [
        ("https://no-such-app.invalid", "there is no host no-such-app.invalid"),
        ("http://127.0.0.1:9", "can't be reached"),
        ("http://onramp.azurewebsites.net", "is no address of an app"),
    ],
)
async def test_an_address_where_no_app_is(app: str, what: str) -> None:
    ran = await run("status", env={"ONRAMP_APP": app})

    assert is_two_lines(ran, what, ""), ran


async def test_an_app_that_never_answers() -> None:
    with socket() as door:
        door.bind(("127.0.0.1", 0))
        door.listen()
        url = f"http://127.0.0.1:{door.getsockname()[1]}"
        patience = aiohttp.ClientTimeout(total=0.05)
        async with aiohttp.ClientSession(timeout=patience) as session:
            with pytest.raises(CliError, match="did not answer in time"):
                await AppClient(session, url).get("health", HealthAnswer)


async def test_nobody_is_signed_in(gate: Gate) -> None:
    env = {key: it for key, it in gate.env.items() if not key.startswith("IDENTITY_")}
    only_here = {"AZURE_TOKEN_CREDENTIALS": "AzureCliCredential", "PATH": ""}

    ran = await run("plan", env={**env, **only_here})

    assert is_two_lines(ran, "you are not signed in to Azure", "az login"), ran


@pytest.mark.parametrize(
    ("said", "what", "do"),
    [
        (
            "AADSTS65001: The user has not consented. Trace ID: 1 Run az login --scope api://x",
            "Entra gives no token: AADSTS65001: The user has not consented",
            "Authorized client applications",
        ),
        ("AADSTS500011: There is no resource principal api://x.", "AADSTS500011", "--audience"),
        ("AADSTS70043: The refresh token has expired.", "AADSTS70043", "Run az login again"),
        ("Please run 'az login' to setup account.", "you are not signed in", "Run az login"),
    ],
)
async def test_what_entra_says_is_told(
    gate: Gate, tmp_path: Path, said: str, what: str, do: str
) -> None:
    tool = tmp_path / "az"
    tool.write_text(f'#!/bin/sh\necho "ERROR: {said}" >&2\nexit 1\n')
    tool.chmod(0o755)
    env = {key: it for key, it in gate.env.items() if not key.startswith("IDENTITY_")}
    only_az = {"AZURE_TOKEN_CREDENTIALS": "AzureCliCredential", "PATH": f"{tmp_path}:/bin"}

    ran = await run("plan", env={**env, **only_az})

    assert is_two_lines(ran, what, do), ran
    assert "Trace ID" not in ran.err


async def test_a_token_that_arm_does_not_take_is_no_missing_role(gate: Gate) -> None:
    said = {"code": "ExpiredAuthenticationToken", "message": "The access token expired."}
    gate.azure.arm.faults.add({"path": "/apim-onramp$"}, {"status": 401, **said})

    ran = await run("plan", env=gate.env)

    assert is_two_lines(ran, "does not take your sign-in: ExpiredAuthenticationToken", "az login")
    assert "role" not in ran.err


async def test_an_arm_that_is_not_there_is_named(gate: Gate) -> None:
    nobody = {"ONRAMP_ARM_ENDPOINT": "http://127.0.0.1:9"}

    ran = await run("plan", env={**gate.env, **nobody})

    assert is_two_lines(ran, "127.0.0.1:9 can't be reached", "--arm-endpoint"), ran


async def test_what_only_a_person_can_do_is_told_on_a_pipe_as_well(gate: Gate) -> None:
    account = await gate.account("gpt-4o")
    await run("apply", "--account", account, "--yes", env={**gate.env, "ONRAMP_OWNER": "other"})

    ran = await run("apply", "--account", account, "--yes", env=gate.env)

    assert (ran.code, json.loads(ran.out)) == (1, {"accounts": []})
    assert f"error: {account}: apis/{account}-azure-openai-" in ran.err
    assert "is blocked: " in ran.err


async def test_a_command_for_somebody_else_can_be_copied(gate: Gate) -> None:
    account = await gate.account("gpt-4o")
    no = {"status": 403, "code": "AuthorizationFailed", "message": "no"}
    gate.azure.arm.faults.add({"method": "PUT", "path": "/roleAssignments/"}, no)

    ran = await on_terminal("apply", "--account", account, "--yes", "--text", env=gate.env)

    (line,) = [it for it in ran.out.splitlines() if it.strip().startswith("az role assignment")]
    assert re.fullmatch(r" +az role .* --role [\w-]{36} --scope /\S+/accounts/\S+", line.rstrip())


@pytest.mark.parametrize(
    ("wrong", "what", "help_"),
    [
        ("plann", "No such command 'plann'", "python -m onramp --help tells more"),
        ("--json plan", "No such option: --json", "python -m onramp --help tells more"),
        ("plan extra", "unexpected extra argument", "python -m onramp plan --help tells more"),
        ("adopt --yes", "Missing argument 'API'", "python -m onramp adopt --help tells more"),
    ],
)
async def test_wrong_usage_names_the_help_that_helps(wrong: str, what: str, help_: str) -> None:
    ran = await run(*wrong.split(), env={})

    assert is_two_lines(ran, what, help_), ran


@pytest.mark.parametrize(
    ("where", "code", "what"),
    [
        (">/dev/full", 1, "the answer can't be written: No space left on device"),
        (">&-", 1, "stdout is closed"),
        ("| true", 0, ""),
    ],
)
async def test_an_answer_that_has_nowhere_to_go(
    tmp_path: Path, where: str, code: int, what: str
) -> None:
    (tmp_path / "onramp.yaml").write_text("defaults: {onboard: false}\n")

    ran = await shell(f"-m onramp validate onramp.yaml {where}", cwd=tmp_path)

    assert (ran.code, what in ran.err) == (code, True), ran
    assert "bug" not in ran.err


async def test_ctrl_c_while_it_is_still_imported_just_ends_it(tmp_path: Path) -> None:
    """Whatever the import is at, and whatever it makes of errors: Python ignores some itself."""
    (tmp_path / "typer.py").write_text(
        "import contextlib, time\n"
        "print('imported', flush=True)\n"
        "with contextlib.suppress(BaseException):\n"
        "    time.sleep(120)\n"
    )
    env = {"PYTHONPATH": f"{tmp_path}:{ROOT}"}

    ran = await on_terminal("--version", env=env, cwd=tmp_path, interrupt_at="imported")

    assert (ran.code, ran.out.split()) == (-signal.SIGINT, ["imported"])


def test_not_all_known_accounts_are_listed_and_that_is_told() -> None:
    group = "/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/rg"
    ids = (f"{group}/providers/Microsoft.CognitiveServices/accounts/a-{it:02}" for it in range(12))

    with pytest.raises(CliError) as raised:
        chosen(tuple(map(AccountId.parse, ids)), "b")

    assert "a-09 and 2 more." in raised.value.do


@pytest.mark.parametrize(
    ("options", "what", "do"),
    [
        (("--gateway", "{gateway}x"), "there is no gateway", "az apim list"),
        (("--gateway", "apim"), "ONRAMP_GATEWAY_ID: expected /subscriptions", "Correct"),
        (("--subscriptions", "mine"), "is no subscription id", "Correct"),
        (("--rules", "no-such.yaml"), "can't be read", "docs/settings.md"),
        (("--account", "no-such"), "no watched account is called no-such", "resource id"),
        (("--account", "/nope"), "not the id of a Cognitive Services account", "resource id"),
        (("--deployment", "gpt-4o"), "names no deployment", "account/deployment"),
        (("--account", "a", "--all"), "exclude each other", "Name one"),
        (("--nonsense",), "No such option", "--help"),
        (("--app", "https://x", "--gateway", "{gateway}"), "both an app", "is meant"),
    ],
)
async def test_options_that_mean_nothing(
    gate: Gate, options: tuple[str, ...], what: str, do: str
) -> None:
    given = [it.format(gateway=gate.azure.gateway_id) for it in options]

    ran = await run("plan", *given, env=gate.env)

    assert (ran.code, ran.out) == (1, "")
    assert what in ran.err
    assert do in ran.err.splitlines()[-1]
    assert "Traceback" not in ran.err


async def test_neither_app_nor_gateway() -> None:
    ran = await run("plan", env={})

    assert is_two_lines(ran, "neither an app nor a gateway", "ONRAMP_GATEWAY_ID"), ran


async def test_the_command_line_goes_before_the_environment(gate: Gate) -> None:
    env = {**gate.env, "ONRAMP_APP": "https://no-such-app.invalid"}

    ran = await run("status", "--gateway", gate.azure.gateway_id, env=env)

    assert ran.code == 0


async def test_debug_shows_the_traceback(gate: Gate) -> None:
    ran = await run("plan", "--gateway", "apim", "--debug", env=gate.env)

    assert "Traceback" in ran.err


async def test_validate_tells_each_problem_and_its_place(tmp_path: Path) -> None:
    file = tmp_path / "onramp.yaml"
    file.write_text("defaults: {pth: x, onboard: maybe}\n")

    bad = await run("validate", str(file), "--text", env={})
    file.write_text("defaults: {onboard: false}\n")
    good, here = await asyncio.gather(
        run("validate", str(file), env={}), run("validate", "--text", env={}, cwd=tmp_path)
    )

    assert (bad.code, good.code, here.code) == (1, 0, 0)
    assert "defaults.pth: is no setting: did you mean path?" in bad.out
    assert "defaults.onboard: must be true or false" in bad.out
    assert '"valid": true' in good.out
    assert "✓ onramp.yaml" in here.out


async def test_validate_checks_the_settings_as_well(tmp_path: Path) -> None:
    env = {"ONRAMP_GATEWAY_ID": "nonsense", "ONRAMP_TYPO": "1"}

    ran = await run("validate", "--settings", "--text", env=env, cwd=tmp_path)

    assert ran.code == 1
    assert "ONRAMP_GATEWAY_ID: expected" in ran.out
    assert "ONRAMP_TYPO is no setting" in ran.out
