"""What holds ``make demo``: its rules file can be used, and it says so when something is wrong."""

import io
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from sandbox import demo
from sandbox.arm.latency import Latency
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


def printed(*what: object) -> str:
    console = Console(file=io.StringIO(), width=WIDTH)
    console.print(*what)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_no_address_and_no_name_is_broken_at_120_columns() -> None:
    rows = [
        {
            "account": f"/accounts/{name.partition('/')[0]}",
            "name": name.partition("/")[2],
            "model_name": "text-embedding-3-small",
            "kind": "embeddings",
            "capacity": 50,
            "state": said.partition(": ")[0],
            "reason": said.partition(": ")[2],
        }
        for name, said in STATES.items()
    ]

    text = printed(gateway_table(list(all_apis().values()), ROLES), state_table(rows))

    assert max(map(len, text.splitlines())) <= WIDTH
    for whole in (
        *(f"/{path} " for path in EXPECTED),
        *(api.backend for api in all_apis().values()),
        *STATES,
        *(part for said in STATES.values() for part in said.partition(": ")[2].split("; ")),
        "trial       410 Gone",
    ):
        assert whole in text


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
    ended = {"event": "run ended", **unit, "status": "succeeded", "detail": ""}

    assert told(
        {**change, "action": "update", "path": "apis/a/policies/policy"},
        {**change, "action": "create", "path": "backends/b"},
        {**change, "action": "create", "path": role},
        {**ended, "writes": 3},
        {**ended, "writes": 0},
        {"event": "something else"},
    ) == [
        "write   create backends/b",
        "write   create role assignment of the gateway on contoso",
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
        "everything that should stand does",
    ):
        assert part in text
