"""What is written for each world is what its golden file says.

The files are there to be read: a change of them is a change of what people find in their gateway.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import validate

from sandbox.arm.apim.policies import Scope
from sandbox.arm.apim.policy_check import check_policy
from shared.core.resource_kinds import ResourceKind
from tests.builders import an_account
from tests.golden.making import document_of, looks, policy_of, text_of, writes
from tests.golden.worlds import NO_ROLES, WORLDS, Step, World, model

FOLDER = Path(__file__).parent / "worlds"
SCOPES: dict[ResourceKind, Scope] = {
    ResourceKind.API_POLICY: "api",
    ResourceKind.OPERATION_POLICY: "handshake",
}
each_world = pytest.mark.parametrize("world", WORLDS.values(), ids=WORLDS)


@each_world
def test_what_is_written_is_what_the_golden_file_says(world: World, regenerate: bool) -> None:
    file, text = FOLDER / f"{world.name}.golden", text_of(world)
    if regenerate:
        file.write_text(text)

    assert file.is_file(), "run pytest tests/golden --regenerate, and read what it wrote"
    assert text == file.read_text()


def test_every_golden_file_has_its_world(regenerate: bool) -> None:
    orphans = [file for file in FOLDER.iterdir() if file.stem not in WORLDS]
    if regenerate:
        for file in orphans:
            file.unlink()
        orphans = []

    assert orphans == []


@each_world
def test_every_document_is_valid_and_shown_as_it_is_sent(world: World) -> None:
    for text in filter(None, map(document_of, writes(world))):
        document = json.loads(text)

        validate(document)
        assert json.dumps(document) == text


@each_world
def test_every_policy_can_be_saved_on_the_tier(world: World) -> None:
    for change in writes(world):
        if text := policy_of(change):
            assert check_policy(text, scope=SCOPES[change.kind], tier=world.sku) == []


@each_world
def test_what_stands_is_not_written_again(world: World) -> None:
    again = replace(world, then=(Step("nothing happens", world.account),))

    _first, second = looks(again)

    assert [change.path for change in second.writes] == []


@pytest.mark.parametrize(
    "changed",
    [{"endpoints": {}}, {"tags": {"onramp:profile": "misspelt"}}],
    ids=["facts-missing", "bad-tag"],
)
def test_what_is_kept_keeps_the_right_to_call(changed: dict[str, Any]) -> None:
    deployments = (model("gpt-4o"),)
    world = World(
        "kept",
        "Nobody can tell what is right, so everything stays as it stands.",
        an_account(*deployments),
        facts=NO_ROLES,
        then=(Step("ARM lacks a fact", an_account(*deployments, **changed)),),
    )

    _first, second = looks(world)

    assert [change.path for change in second.writes] == []
