"""A path of clients that another API has: known before anything is written."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import pytest

from shared.core.desired import Desired
from shared.core.model import Actual, ActualResource
from shared.core.naming import unit_hash
from shared.core.outlook import Outlook, plan_record
from shared.core.plan import Action, Change, make_plan
from shared.core.taken_paths import new_paths, without_taken
from tests.builders import (
    API,
    API_V1,
    BACKEND,
    RULES,
    SERVICE,
    UNIT,
    a_deployment,
    an_account,
    as_actual,
    choosing,
    desired_of,
)

ACCOUNT = an_account(a_deployment())
DESIRED = desired_of(ACCOUNT)
MOVED = desired_of(ACCOUNT, rules=choosing(path="elsewhere"))
STANDING = {it.path: as_actual(it) for it in DESIRED.resources}
POLICY = f"{API}/policies/policy"
MARK = "[model-onramp owner={} unit={}]"


def plan(
    desired: Desired = DESIRED, actual: Mapping[str, ActualResource] = MappingProxyType({})
) -> tuple[Change, ...]:
    return make_plan(desired, actual, owner="default", unit=unit_hash(UNIT))


def an_api(path: str, name: str = "theirs", description: str = "") -> ActualResource:
    return ActualResource(
        f"apis/{name}", {"properties": {"path": path, "description": description}}, '"1"'
    )


def taken(changes: Sequence[Change], *holders: ActualResource) -> dict[str, tuple[Action, str]]:
    found = without_taken(changes, holders, owner=RULES.owner, unit=unit_hash(UNIT))
    assert [it.path for it in found] == [it.path for it in changes]
    return {it.path: (it.action, it.reason) for it in found}


def test_only_what_is_made_or_moved_needs_a_path() -> None:
    assert new_paths(plan()) == {API: "contoso/openai", API_V1: "contoso/openai/v1"}
    assert new_paths(plan(MOVED, STANDING)) == {
        API: "elsewhere/openai",
        API_V1: "elsewhere/openai/v1",
    }
    assert new_paths(plan(DESIRED, STANDING)) == {}
    by_hand = {**STANDING, API: replace(STANDING[API], operations=())}
    assert new_paths(plan(DESIRED, by_hand)) == {}


def test_an_api_on_a_taken_path_is_blocked_with_all_that_belongs_to_it_and_nothing_else() -> None:
    before = {it.path: (it.action, it.reason) for it in plan()}

    found = taken(plan(), an_api("Contoso/OpenAI/"))

    words = "path contoso/openai is taken by API theirs (adopt takes it over)"
    assert found[API] == found[POLICY] == (Action.BLOCKED, words)
    assert {path: it for path, it in found.items() if it != before[path]}.keys() == {API, POLICY}
    assert found[BACKEND][0] is Action.CREATE


def test_a_move_to_a_taken_path_is_blocked_and_shows_why() -> None:
    changes = plan(MOVED, STANDING)

    found = without_taken(
        changes, [an_api("elsewhere/openai")], owner="default", unit=unit_hash(UNIT)
    )

    (api,) = [it for it in found if it.path == API]
    assert (api.action, api.drift) == (Action.BLOCKED, ())
    assert {it.path: it.action for it in found}[API_V1] is Action.UPDATE


@pytest.mark.parametrize(
    ("description", "words"),
    [
        ("", "API theirs (adopt takes it over)"),
        (MARK.format("default", "0" * 12), "API theirs of another account: give one of them"),
        (MARK.format("team-b", unit_hash(UNIT)), "API theirs of the installation team-b: give"),
    ],
    ids=["by-hand", "another-account", "another-installation"],
)
def test_the_reason_says_whose_it_is_and_what_to_do(description: str, words: str) -> None:
    found = taken(plan(), an_api("contoso/openai", description=description))

    assert words in found[API][1]


@pytest.mark.parametrize(
    "other",
    [
        an_api("contoso"),
        an_api("contoso/openai/v2"),
        an_api("contoso/openai", description=MARK.format("default", unit_hash(UNIT))),
    ],
    ids=["above", "beside", "our-own-which-goes"],
)
def test_another_path_or_our_own_api_is_in_nobody_s_way(other: ActualResource) -> None:
    assert taken(plan(), other) == taken(plan())


def test_of_several_versions_on_one_path_the_first_is_named() -> None:
    found = taken(plan(), an_api("contoso/openai", "b-v2"), an_api("contoso/openai", "a-v1"))

    assert "taken by API a-v1 " in found[API][1]


def test_the_plan_says_what_a_run_would_say_of_the_deployment() -> None:
    changes = without_taken(
        plan(), [an_api("contoso/openai")], owner="default", unit=unit_hash(UNIT)
    )

    record = plan_record(Outlook(UNIT, ACCOUNT, Actual(SERVICE), DESIRED, changes))

    (deployment,) = record.deployments
    assert deployment.state == "quarantined"
    assert deployment.reason == (
        f"blocked: {API}: path contoso/openai is taken by API theirs (adopt takes it over)"
    )
    assert record.writes == 4
