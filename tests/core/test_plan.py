from dataclasses import replace
from typing import Any

import pytest

from shared.core.desired import Desired
from shared.core.guard import Brake, guard, removals_hold
from shared.core.model import ActualResource, Resource
from shared.core.modes import Mode
from shared.core.naming import unit_hash
from shared.core.plan import Action, Change, make_plan
from shared.errors import GuardRefused
from tests.builders import UNIT, a_deployment, an_account, an_embedding, as_actual, desired_of

DESIRED = desired_of(an_account(a_deployment()))
NOTHING = desired_of(None)
WANTED = DESIRED.resources
STANDING = {resource.path: as_actual(resource) for resource in WANTED}
API, BACKEND, POLICY = (
    next(r.path for r in WANTED if r.path.startswith(start) and r.path.endswith(end))
    for start, end in (("apis", "openai-" + unit_hash(UNIT)), ("backends", ""), ("apis", "policy"))
)


def plan(desired: Desired, actual: dict[str, ActualResource]) -> list[tuple[Action, str]]:
    changes = make_plan(desired, actual, owner="default", unit=unit_hash(UNIT))
    return [(change.action, change.path) for change in changes]


def test_nothing_is_written_when_nothing_changed() -> None:
    assert {action for action, _ in plan(DESIRED, STANDING)} == {Action.KEEP}


def test_all_is_created_where_nothing_stands_and_policies_come_last() -> None:
    found = plan(DESIRED, {})

    assert {action for action, _ in found} == {Action.CREATE}
    assert [path.endswith("policy") for _, path in found] == [False] * 4 + [True] * 2


def test_all_goes_when_nothing_is_needed_and_backends_go_last() -> None:
    found = plan(NOTHING, STANDING)

    assert {action for action, _ in found} == {Action.DELETE}
    assert [path.split("/")[0] for _, path in found] == ["apis"] * 2 + ["backends"] * 2


def test_writes_come_before_deletes() -> None:
    more = desired_of(an_account(a_deployment(), an_embedding()))
    only_v1 = replace(more, resources=tuple(r for r in more.resources if "openai-v1" in r.path))

    actions = [action for action, _ in plan(only_v1, STANDING)]

    assert actions.index(Action.UPDATE) < actions.index(Action.DELETE)
    assert actions[-1] is Action.DELETE


@pytest.mark.parametrize(
    ("path", "properties", "field"),
    [
        (BACKEND, {"url": "https://elsewhere.example"}, "properties.url"),
        (BACKEND, {"credentials": None}, "properties.credentials.managedIdentity.resource"),
        (API, {"path": "elsewhere"}, "properties.path"),
        (API, {"serviceUrl": None}, "properties.serviceUrl"),
        (API, {"subscriptionRequired": False}, "properties.subscriptionRequired"),
        (POLICY, {"value": "<policies><inbound /></policies>"}, "properties.value"),
        (POLICY, {"value": "not xml"}, "properties.value"),
    ],
)
def test_what_was_changed_by_hand_is_put_right(
    path: str, properties: dict[str, Any], field: str
) -> None:
    (wanted,) = (resource for resource in WANTED if resource.path == path)
    actual = {**STANDING, path: as_actual(wanted, **properties)}

    changes = make_plan(DESIRED, actual, owner="default", unit=unit_hash(UNIT))

    (update,) = (change for change in changes if change.action is Action.UPDATE)
    assert (update.path, [item.field for item in update.drift]) == (path, [field])


def test_an_operation_that_was_added_or_removed_by_hand_is_put_right() -> None:
    actual = {**STANDING, API: replace(STANDING[API], operations=())}

    assert (Action.UPDATE, API) in plan(DESIRED, actual)


def test_a_changed_document_is_seen_by_the_fingerprint_in_the_mark() -> None:
    description = STANDING[API].body["properties"]["description"]
    before, _, after = description.partition("content=")
    other = f"{before}content={'0' * 16}{after[16:]}"
    (wanted,) = (resource for resource in WANTED if resource.path == API)

    assert (Action.UPDATE, API) in plan(
        DESIRED, {**STANDING, API: as_actual(wanted, description=other)}
    )


@pytest.mark.parametrize(
    ("description", "reason"),
    [
        (None, "exists without our owner mark"),
        ("somebody's own API", "exists without our owner mark"),
        ("[model-onramp owner=default unit=00000000]", "exists without our owner mark"),
        (f"[model-onramp owner=default unit={'0' * 12}]", "exists for another account"),
        (
            f"[model-onramp owner=other unit={unit_hash(UNIT)}]",
            "exists for the installation other",
        ),
    ],
)
def test_what_is_not_ours_is_reported_and_never_written(
    description: str | None, reason: str
) -> None:
    (wanted,) = (resource for resource in WANTED if resource.path == API)
    actual = {**STANDING, API: as_actual(wanted, description=description, path="theirs")}

    changes = make_plan(DESIRED, actual, owner="default", unit=unit_hash(UNIT))
    found = {it.path: (it.action, it.reason) for it in changes}

    assert found[API] == found[f"{API}/policies/policy"] == (Action.BLOCKED, reason)
    assert found[BACKEND][0] is Action.KEEP


def test_nothing_is_made_in_what_is_not_ours() -> None:
    (wanted,) = (resource for resource in WANTED if resource.path == API)
    theirs = {API: as_actual(wanted, description="mine", path="theirs")}

    found = {path: action for action, path in plan(DESIRED, theirs)}

    assert found[API] is found[f"{API}/policies/policy"] is Action.BLOCKED


def test_what_is_not_ours_is_never_deleted() -> None:
    foreign = {API: replace(STANDING[API], body={"properties": {"description": "mine"}})}

    assert plan(NOTHING, foreign) == []


@pytest.mark.parametrize(
    "path",
    [
        "apis/../policies/policy",
        "apis/./policies/policy",
        "apis/somebody-elses",
        "backends/..",
    ],
)
def test_the_guard_refuses_a_write_outside_the_units_own_paths(path: str) -> None:
    change = Change(Action.UPDATE, path, "a bug", Resource(path, {}))

    with pytest.raises(GuardRefused):
        guard([change], UNIT)


@pytest.mark.parametrize(
    ("lost", "served", "held"),
    [
        (0, 0, False),
        (1, 1, False),
        (4, 4, False),
        (2, 5, False),
        (3, 5, True),  # more than half
        (10, 100, False),
        (11, 100, True),  # more than ten
    ],
)
def test_a_run_that_takes_off_more_than_an_accident_may_is_held(
    lost: int, served: int, *, held: bool
) -> None:
    names = frozenset(f"d{number}" for number in range(lost))
    found = replace(DESIRED, lost=names, served=served)
    brake = Brake(most=10, most_percent=50)

    words = removals_hold(found, brake)

    assert bool(words) is held
    assert not held or f"{lost} of {served} deployments" in words


def test_upsert_only_deletes_nothing() -> None:
    nothing = replace(NOTHING, mode=Mode.UPSERT_ONLY)

    assert {action for action, _ in plan(nothing, STANDING)} == {Action.KEEP}


def test_what_still_answers_for_the_gone_is_left_as_it_stands() -> None:
    retained = replace(NOTHING, retained=frozenset(STANDING))

    assert {action for action, _ in plan(retained, STANDING)} == {Action.KEEP}


def test_the_guard_lets_a_plan_of_the_units_own_paths_pass() -> None:
    changes = make_plan(DESIRED, {}, owner="default", unit=unit_hash(UNIT))

    assert guard(changes, UNIT) == changes
