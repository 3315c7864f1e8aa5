"""An app that Entra guards: a token for its audience, besides the key."""

import base64
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field

import aiohttp
import pytest
from aiohttp import web

from onramp.records import ApplyAnswer, StatusAnswer
from sandbox.processes import listen
from tests.cli.gate import direct_env
from tests.cli.terminal import run
from tests.stage import Stage

CLIENT = "33333333-4444-4555-8666-777777777777"
AUDIENCE = f"api://{CLIENT}"


@dataclass(frozen=True, slots=True)
class Guard:
    """App Service's authentication before an app, set up as in infra/modules/entra.bicep.

    It answers by itself what it does not let through
    (learn.microsoft.com/azure/app-service/overview-authentication-authorization). UNVERIFIED: that
    a wrong token is answered as none is, 401 without a body. No signature is looked at, for tokens
    of the local tenant have none.
    """

    app: str
    session: aiohttp.ClientSession
    tokens: list[str] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        self.tokens.append(token)
        if _audience(token) not in (CLIENT, AUDIENCE):
            return web.Response(status=401)
        body = await request.read()
        headers = {"x-functions-key": request.headers.get("x-functions-key", "")}
        there = f"{self.app}{request.path_qs}"
        async with self.session.request(request.method, there, headers=headers, data=body) as its:
            return web.Response(
                status=its.status, body=await its.read(), content_type=its.content_type
            )


@dataclass(frozen=True, slots=True)
class Guarded:
    env: dict[str, str]
    guard: Guard


@pytest.fixture
async def guarded(stage: Stage, app_env: dict[str, str]) -> AsyncIterator[Guarded]:
    """The app behind Entra, and somebody who is signed in and has a key."""
    app = web.Application()
    async with aiohttp.ClientSession() as session:
        guard = Guard(app_env["ONRAMP_APP"], session)
        app.router.add_route("*", "/{path:.*}", guard.answer)
        async with listen(app) as url:
            signed_in = dict(_identity(direct_env(stage.azure)))
            yield Guarded({**app_env, **signed_in, "ONRAMP_APP": url}, guard)


@pytest.mark.parametrize("audience", [AUDIENCE, f"{AUDIENCE}/.default"])
async def test_a_token_for_the_app_is_sent_besides_the_key(guarded: Guarded, audience: str) -> None:
    ran = await run("status", "--audience", audience, env=guarded.env)

    assert (ran.code, ran.err) == (0, "")
    assert StatusAnswer.model_validate_json(ran.out).app == guarded.env["ONRAMP_APP"]


async def test_a_plan_is_read_and_applied_past_the_guard(stage: Stage, guarded: Guarded) -> None:
    account = await stage.account(tags={"onramp:mode": "observe"})
    await stage.deploy(account)
    await stage.quiet()
    env = {**guarded.env, "ONRAMP_AUDIENCE": AUDIENCE}

    ran = await run("apply", "--account", account, "--yes", env=env)

    (done,) = ApplyAnswer.model_validate_json(ran.out).accounts
    assert (ran.code, done.status) == (0, "succeeded")
    assert len(set(guarded.guard.tokens)) == 1


@pytest.mark.parametrize("given", [(), ("--audience", "api://somebody-else")])
async def test_without_a_token_for_the_app_the_option_is_named(
    guarded: Guarded, given: tuple[str, ...]
) -> None:
    ran = await run("status", *given, env=guarded.env)

    assert (ran.code, ran.out) == (1, "")
    assert "name its --audience" in ran.err


async def test_a_token_alone_does_not_do(guarded: Guarded) -> None:
    ran = await run("status", "--audience", AUDIENCE, env={**guarded.env, "ONRAMP_KEY": ""})

    assert (ran.code, ran.out) == (1, "")
    assert _audience(guarded.guard.tokens[0]) == AUDIENCE
    assert "Set ONRAMP_KEY to a function key" in ran.err


async def test_whoever_is_not_signed_in_is_told_so(guarded: Guarded) -> None:
    nobody = {key: it for key, it in guarded.env.items() if not key.startswith("IDENTITY_")}
    only_az = {"AZURE_TOKEN_CREDENTIALS": "AzureCliCredential", "PATH": ""}

    ran = await run("status", "--audience", AUDIENCE, env={**nobody, **only_az})

    assert (ran.code, guarded.guard.tokens) == (1, [])
    assert "you are not signed in to Azure" in ran.err


async def test_no_token_is_ever_shown(guarded: Guarded) -> None:
    ran = await run("status", "--audience", AUDIENCE, "--debug", env=guarded.env)
    wrong = await run("status", "--audience", "api://x", "--debug", env=guarded.env)

    assert (ran.code, wrong.code) == (0, 1)
    said = ran.out + ran.err + wrong.out + wrong.err
    assert all(it and it not in said for it in guarded.guard.tokens)


def _identity(env: dict[str, str]) -> Iterator[tuple[str, str]]:
    return ((key, it) for key, it in env.items() if key.startswith("IDENTITY_"))


def _audience(token: str) -> str:
    """For whom a token is; "" for what is none."""
    _, _, rest = token.partition(".")
    claims = rest.partition(".")[0]
    if not claims:
        return ""
    padded = claims + "=" * (-len(claims) % 4)
    return str(json.loads(base64.urlsafe_b64decode(padded)).get("aud", ""))
