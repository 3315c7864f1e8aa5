"""Every call of the SDKs that people use reaches one operation of ours, or deliberately none."""

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from shared.core.surfaces import SURFACES, DeploymentIn
from tests.clients.calls import KEY, Call
from tests.clients.recorder import Captured, recording
from tests.clients.routing import Match, matches
from tests.clients.table import CALLS

ROOT = Path(__file__).parents[2]
COVERED = [pytest.param(it, id=f"{n}-{it}") for n, it in enumerate(CALLS) if it.operation]
NOT_COVERED = [pytest.param(it, id=f"{n}-{it}") for n, it in enumerate(CALLS) if not it.operation]


@dataclass(frozen=True, slots=True)
class Driven:
    """What became of all calls, by their number in the table."""

    captured: Mapping[str, list[Captured]]
    ends: Mapping[int, str | None]

    def request(self, call: Call) -> Captured:
        number = CALLS.index(call)
        assert self.ends[number] is None, self.ends[number]
        [request] = self.captured[str(number)]
        return request


@pytest.fixture(scope="session")
async def driven(tmp_path_factory: pytest.TempPathFactory) -> Driven:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path_factory.mktemp("home")),
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # else its import downloads a price list
    }
    async with recording() as recorder:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-W", "ignore", "-m", "tests.clients.drive", recorder.url),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=ROOT,
            env=environment,
        )
        try:
            out, err = await asyncio.wait_for(process.communicate(), 600)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    assert process.returncode == 0, err.decode()
    lines = [line for line in out.decode().splitlines() if line.startswith("[")]
    return Driven(recorder.captured, dict(json.loads(line) for line in lines))


def matched(request: Captured) -> Match:
    [match] = matches(request)
    return match


@pytest.mark.parametrize("call", COVERED)
def test_a_call_reaches_one_operation_of_the_right_surface(driven: Driven, call: Call) -> None:
    match = matched(driven.request(call))

    assert (match.surface.name, match.operation.id) == (call.surface, call.operation)


@pytest.mark.parametrize("call", COVERED)
def test_a_call_names_its_deployment_where_the_operation_says(driven: Driven, call: Call) -> None:
    request = driven.request(call)

    assert matched(request).deployment(request) == call.deployment


@pytest.mark.parametrize("call", COVERED)
def test_a_call_sends_its_key_where_the_surface_takes_it(driven: Driven, call: Call) -> None:
    request = driven.request(call)

    key_header = matched(request).surface.key_header
    sent = {request.headers.get(key_header), request.headers.get("authorization")}
    assert sent & {KEY, f"Bearer {KEY}"}


@pytest.mark.parametrize("call", COVERED)
def test_a_call_sends_the_media_type_of_the_operation(driven: Driven, call: Call) -> None:
    request = driven.request(call)

    media = request.headers.get("content-type", "").partition(";")[0] if request.body else None
    assert media == matched(request).operation.request


@pytest.mark.parametrize("call", NOT_COVERED)
def test_a_call_that_is_not_covered_reaches_nothing(driven: Driven, call: Call) -> None:
    assert matches(driven.request(call)) == []


def test_every_operation_is_called_by_a_client() -> None:
    called = {(it.surface, it.operation) for it in CALLS if it.operation}
    ours = {(surface.name, it.id) for surface in SURFACES.values() for it in surface.operations}

    # No SDK has it.
    assert ours - called == {("azure-ai", "images-generations-create")}


def test_langchain_names_its_deployment_in_the_path_alone(driven: Driven) -> None:
    [call] = [it for it in CALLS if it.client == "AzureChatOpenAI()"]

    request = driven.request(call)

    assert request.json["model"] is None
    assert matched(request).operation.deployment_in is DeploymentIn.PATH


def test_forms_name_their_deployment_in_a_part_of_one_line(driven: Driven) -> None:
    """What the policy looks for, for it can't parse a form."""
    forms = [
        driven.request(it) for it in CALLS if it.client.startswith("OpenAI(") and "edits" in str(it)
    ]

    for request in forms:
        assert b'; name="model"\r\n\r\nmy-deployment\r\n' in request.body
    assert forms
