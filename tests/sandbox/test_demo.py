"""What holds ``make demo``: its rules file can be used, and it says so when something is wrong."""

import asyncio
import io
import json
import os
import re
import signal
import textwrap
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from sandbox import demo
from sandbox.arm.latency import Latency
from sandbox.contracts import Json
from sandbox.demo_calls import CALLS, Clients, ClientsFailedError, Outcome, clients
from sandbox.demo_calls import problems as call_problems
from sandbox.demo_tables import Standing, gateway_table, state_table
from sandbox.demo_timeline import Timeline
from sandbox.demo_world import (
    ACCOUNTS,
    DELETED,
    EXPECTED,
    GONE,
    PRODUCTS,
    RESIZED,
    ROLES,
    RULES,
    STATES,
    problems,
    unmeasured,
)
from shared.rules_file import read_rules_file

ROOT = Path(__file__).parents[2]
WIDTH = 120


def an_api(path: str) -> Standing:
    return Standing(
        name=path.replace("/", "-"),
        path=path,
        operations=["Create a chat completion"],
        calls={"messages/count_tokens": 1, "responses": 7},
        backend=f"https://contoso.services.ai.azure.com/{path.partition('/')[2]}",
        identity="https://cognitiveservices.azure.com/",
        deployments=EXPECTED[path],
        gone=GONE[path],
        products=PRODUCTS[path],
    )


def all_apis() -> dict[str, Standing]:
    return {path: an_api(path) for path in EXPECTED}


def test_its_rules_file_can_be_used(tmp_path: Path) -> None:
    file = tmp_path / "onramp.yaml"
    file.write_text(RULES)

    assert [rule.name for rule in read_rules_file(file).rules] == [
        "half of what the capacity allows in dev",
        "prompts are looked at",
    ]


def test_it_deploys_what_it_expects_to_stand() -> None:
    deployed = {f"{name}/{it.name}" for name, (_kind, them) in ACCOUNTS.items() for it in them}

    assert deployed == STATES.keys()
    assert {f"{RESIZED[0]}/{RESIZED[1].name}", "/".join(DELETED)} <= deployed


def test_it_is_content_when_all_is_as_it_should_be() -> None:
    assert problems(all_apis(), ROLES, STATES) == []


BROKEN: Mapping[str, tuple[Mapping[str, object], str]] = {
    "another limit": ({"deployments": {"claude": 1}}, "API contoso/anthropic: expected"),
    "somebody more": ({"deployments": {"claude": 30_000, "x": 0}}, "'x': 0"),
    "somebody gone": ({"gone": ["claude"]}, "410 on contoso/anthropic"),
    "no product": ({"products": []}, "products of contoso/anthropic"),
    "no backend": ({"backend": ""}, "contoso/anthropic leads nowhere"),
    "no identity": ({"identity": ""}, "contoso/anthropic leads nowhere"),
}


@pytest.mark.parametrize(("change", "says"), BROKEN.values(), ids=BROKEN)
def test_it_fails_over_an_api_with(change: Mapping[str, object], says: str) -> None:
    api = replace(an_api("contoso/anthropic"), **change)  # type: ignore[arg-type]

    (problem,) = problems({**all_apis(), api.path: api}, ROLES, STATES)

    assert says in problem


def test_it_fails_over_an_api_or_a_role_or_a_state_that_is_missing() -> None:
    apis, roles, states = all_apis(), dict(ROLES), dict(STATES)
    del apis["contoso/anthropic"], roles["contoso"], states["contoso/novelty"]

    found = problems(apis, roles, states)

    assert [it.partition(":")[0] for it in found] == [
        "API contoso/anthropic",
        "410 on contoso/anthropic",
        "products of contoso/anthropic",
        "roles on contoso",
        "deployment contoso/novelty",
    ]


def printed(*what: object, width: int = WIDTH) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(*what)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def all_known() -> Json:
    """What GET /api/deployments answers when all is as it should be."""
    rows = [
        {
            "account": f"/accounts/{name.partition('/')[0]}",
            "name": name.partition("/")[2],
            "modelName": "text-embedding-3-small",
            "kind": "embeddings",
            "state": said.partition(": ")[0],
            "reason": said.partition(": ")[2],
            "secondsToVerified": None if said.startswith("quarantined") else 12.3,
        }
        for name, said in STATES.items()
    ]
    return {"timeToVerified": {"count": 9, "p50": 12.3, "p95": 45.6}, "deployments": rows}


def test_no_address_and_no_name_is_broken_at_120_columns() -> None:
    text = printed(gateway_table(list(all_apis().values()), ROLES), state_table(all_known()))

    assert max(map(len, text.splitlines())) <= WIDTH
    reasons = (part for said in STATES.values() for part in said.partition(": ")[2].split("; "))
    for whole in (
        *(f"/{path} " for path in EXPECTED),
        *(api.backend for api in all_apis().values()),
        *STATES,
        *(line for reason in reasons for line in textwrap.wrap(reason, 62)),
        "trial       410 Gone",
        "12.3 s",
        "p50 12.3 s, p95 45.6 s, of 9 deployments, 1 of them asked up to the gateway only",
    ):
        assert whole in text


def test_nor_is_one_at_80_columns() -> None:
    apis = list(all_apis().values())
    text = printed(gateway_table(apis, ROLES, width=80), state_table(all_known()), width=80)

    assert max(map(len, text.splitlines())) <= 80
    words = {word for said in STATES.values() for word in said.split()}
    shown = {it.strip(":;") for it in text.split()}
    for whole in (
        *(f"│ /{path} " for path in EXPECTED),
        *(f"│ {api.backend.removeprefix('https://')} " for api in apis),
        "messages/count_tokens, responses (7)",
        "as the gateway, for cognitiveservices.azure.com",
        "trial       410 Gone",
        *STATES,
    ):
        assert whole in text
    assert {it.strip(":;") for it in words} <= shown


async def test_ctrl_c_at_the_end_is_no_failure() -> None:
    waiting = asyncio.create_task(demo.interrupted())
    await asyncio.sleep(0)
    assert not waiting.done()

    os.kill(os.getpid(), signal.SIGINT)

    await asyncio.wait_for(waiting, 120)


def test_it_fails_over_an_answer_whose_moment_is_not_known() -> None:
    known = all_known()
    assert unmeasured(known) == []

    known["deployments"][0]["secondsToVerified"] = None

    assert unmeasured(known) == ["deployment contoso/claude: no first answer"]


OUTCOMES = [Outcome(2, call.status, f"{call.says} And more.") for call in CALLS]


@pytest.mark.parametrize(
    ("number", "change", "says"),
    [
        (0, {"status": 500}, "AzureOpenAI contoso/gpt-4o: expected 200"),
        (1, {"said": "contoso/gpt-4o heard: hello"}, "OpenAI contoso/deepseek"),
        (3, {"status": 200}, "OpenAI contoso/novelty: expected 404"),
        (5, {"answered": 1}, "OpenAI northwind/gpt-4o-mini: expected 429"),
        (5, {"answered": 5, "status": 200}, 'found "Token limit'),
    ],
)
def test_it_fails_over_a_call_that_ends_otherwise(
    number: int, change: Mapping[str, object], says: str
) -> None:
    assert call_problems(OUTCOMES) == []
    outcomes = [*OUTCOMES]
    outcomes[number] = replace(outcomes[number], **change)  # type: ignore[arg-type]

    (problem,) = call_problems(outcomes)

    assert says in problem


def test_it_fails_over_a_call_that_was_not_made() -> None:
    (problem,) = call_problems(OUTCOMES[:-1])

    assert problem.endswith("found 0 was not made")


async def called(callers: Clients, gateway: str) -> list[Outcome]:
    return [outcome async for _call, outcome in callers.call(gateway, "a-key")]


async def test_a_gateway_that_nobody_can_reach_is_an_outcome_too() -> None:
    async with clients() as callers:
        outcomes = await called(callers, "http://127.0.0.1:9")

    assert {(it.answered, it.status) for it in outcomes} == {(0, 0)}
    assert len(call_problems(outcomes)) == len(CALLS)


async def test_clients_that_end_too_early_say_why() -> None:
    async with clients() as callers:
        callers.process.kill()

        with pytest.raises(ClientsFailedError, match="ended: without a word"):
            await called(callers, "http://127.0.0.1:9")


def told(*entries: Mapping[str, object]) -> list[str]:
    console = Console(file=io.StringIO(), width=WIDTH)
    timeline = Timeline(console)
    for entry in entries:
        timeline.log(f"[2026-11-23] INFO Function.User: {json.dumps(entry)}")
    assert isinstance(console.file, io.StringIO)
    return [re.sub(r"^ *[\d.]+s +", "", it) for it in console.file.getvalue().splitlines()]


def test_updates_are_told_when_the_run_ends_and_the_rest_at_once() -> None:
    unit = {"unit": "/subscriptions/s/providers/x/accounts/contoso"}
    change = {"event": "change applied", **unit, "reason": "does not exist"}
    role = "/x/accounts/contoso/providers/Microsoft.Authorization/roleAssignments/1"
    asked = {**unit, "deployment": "claude", "answers": "anthropic 200", "detail": "not yet"}
    ended = {"event": "run ended", **unit, "status": "succeeded", "detail": ""}

    assert told(
        {**change, "action": "update", "path": "apis/a/policies/policy"},
        {**change, "action": "create", "path": "backends/b"},
        {**change, "action": "create", "path": role},
        {"event": "deployment verified", **asked},
        {"event": "deployment not verified", **asked},
        {**ended, "writes": 3},
        {**ended, "writes": 0},
        {"event": "something else"},
    ) == [
        "write   create backends/b",
        "write   create role assignment of the gateway on contoso",
        "gateway   contoso/claude verified: anthropic 200",
        "app       contoso/claude: not yet",
        "app       contoso: run succeeded, 3 writes, policies updated (1)",
        "app       contoso: run succeeded, nothing to write",
    ]


async def test_it_tells_the_story_and_ends_well() -> None:
    console = Console(file=io.StringIO(), width=WIDTH)

    assert await demo.run(ROOT, console=console, latency=Latency()) == 0, console.file

    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    for part in (
        "create role assignment of the gateway on contoso",
        "create products/ai-models\n",
        "contoso/novelty: no enabled surface serves Fabrikam novelty-1 (kind unknown)",
        "contoso/gpt-4o has 40,000 tokens per minute on every API",
        "northwind/trial answers 410 Gone",
        "2 accounts looked at, nothing to write",
        '"contoso/gpt-4o heard: hello"',
        '"contoso/claude heard: hello"',
        "404 No deployment of this name is onboarded on this API. Onboarded: deepseek, gpt-4o",
        "answered 2 times, then 429 Token limit is exceeded.",
        "all that should stand does, and answers",
    ):
        assert part in text
    # Its id is as long as a key, and no key is printed.
    assert re.findall(r"\b[0-9a-f]{32}\b", text) == re.findall(r"202, run (\w+)", text)
