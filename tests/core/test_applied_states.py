"""What stood once: to go back to it, and to tell what somebody changed by hand from news."""

from dataclasses import replace
from datetime import timedelta

import pytest

from shared.core.applied import AppliedChange, ChangeStatus
from shared.core.applied_states import (
    AppliedState,
    applied_state,
    as_rolled_back,
    drifted,
    rolled_back,
)
from shared.core.desired import Desired
from shared.core.model import ActualResource
from shared.core.model_kinds import ModelKind
from shared.core.modes import Mode
from shared.core.naming import role_assignment_path, unit_hash
from shared.core.plan import Action, Change, make_plan
from shared.core.states import DeploymentState, Verdict
from shared.core.taken_paths import without_taken
from tests.builders import (
    API,
    BACKEND,
    NOW,
    UNIT,
    a_deployment,
    an_account,
    as_actual,
    desired_of,
)

DESIRED = desired_of(an_account(a_deployment()))
GROWN = desired_of(an_account(a_deployment(), a_deployment("second")))
STANDING = {it.path: as_actual(it) for it in DESIRED.resources}
LEFT = AppliedState("r1", NOW, ("gpt-4o",), DESIRED.resources)
POLICY = f"{API}/policies/policy"
KEPT, APPLIED = ChangeStatus.KEPT, ChangeStatus.APPLIED


def plan(desired: Desired, actual: dict[str, ActualResource]) -> tuple[Change, ...]:
    return make_plan(desired, actual, owner="default", unit=unit_hash(UNIT))


def became(changes: tuple[Change, ...], status: ChangeStatus) -> tuple[AppliedChange, ...]:
    return tuple(AppliedChange(it, KEPT if it.action is Action.KEEP else status) for it in changes)


def a_verdict(name: str, state: DeploymentState) -> Verdict:
    return Verdict(name, state, "because", ModelKind.CHAT)


def test_a_state_has_all_that_stands_and_who_is_served() -> None:
    verdicts = (
        a_verdict("b", DeploymentState.VERIFIED),
        a_verdict("a", DeploymentState.APPLIED),
        a_verdict("c", DeploymentState.QUARANTINED),
        a_verdict("d", DeploymentState.RETIRING),
    )

    state = applied_state("r1", NOW, became(plan(DESIRED, {}), APPLIED), verdicts)

    assert state is not None
    assert state.deployments == ("a", "b")
    assert {it.path: it for it in state.resources} == {it.path: it for it in DESIRED.resources}
    assert state.retained == ()


@pytest.mark.parametrize(
    ("status", "is_one"),
    [
        (ChangeStatus.APPLIED, True),
        (ChangeStatus.REJECTED, True),
        (ChangeStatus.BLOCKED, True),
        (ChangeStatus.SKIPPED, True),
        (ChangeStatus.POSTPONED, False),
        (ChangeStatus.STALE, False),
        (ChangeStatus.PLANNED, False),
    ],
)
def test_only_what_is_settled_is_a_state(status: ChangeStatus, is_one: bool) -> None:
    first, *rest = became(plan(DESIRED, {}), APPLIED)
    changes = (replace(first, status=status), *rest)

    state = applied_state("r1", NOW, changes, ())

    assert (state is not None) is is_one
    if state is not None:
        stands = first.change.path in {it.path for it in state.resources}
        assert stands is (status is APPLIED)


def test_what_was_deleted_is_in_no_state_and_what_was_kept_blindly_is_retained() -> None:
    kept_blindly = replace(desired_of(None), retained=frozenset({API}))

    state = applied_state("r1", NOW, became(plan(kept_blindly, STANDING), APPLIED), ())

    assert state is not None
    assert state.resources == ()
    assert set(state.retained) == {API, POLICY}


def test_going_back_wants_what_stood_then_and_may_take_off_what_came_later() -> None:
    careful = replace(GROWN, mode=Mode.UPSERT_ONLY, lost=frozenset({"gpt-4o"}))

    wanted = rolled_back(careful, LEFT, STANDING)

    assert wanted.resources == LEFT.resources
    assert (wanted.mode, wanted.lost, wanted.probes) == (Mode.SYNC, frozenset(), {})
    assert wanted.notes[-1] == "rolled back to what stood at 2026-11-23 12:00Z"
    stands = {it.path: as_actual(it) for it in GROWN.resources}
    updates = [it.path for it in plan(wanted, stands) if it.action is not Action.KEEP]
    assert all(path.endswith("/policies/policy") for path in updates)
    assert len(updates) == 2


@pytest.mark.parametrize(
    ("state", "served", "becomes"),
    [
        (DeploymentState.VERIFIED, True, DeploymentState.APPLIED),
        (DeploymentState.SEEN, True, DeploymentState.APPLIED),
        (DeploymentState.QUARANTINED, True, DeploymentState.APPLIED),
        (DeploymentState.VERIFIED, False, DeploymentState.EXCLUDED),
        (DeploymentState.RETIRING, False, DeploymentState.RETIRING),
        (DeploymentState.REMOVED, True, DeploymentState.REMOVED),
    ],
)
def test_what_becomes_of_a_deployment_whose_account_is_rolled_back(
    state: DeploymentState, served: bool, becomes: DeploymentState
) -> None:
    names = frozenset({"gpt-4o"} if served else ())

    (verdict,) = as_rolled_back((a_verdict("GPT-4o", state),), names)

    assert verdict.state is becomes
    assert ("rolled back" in verdict.reason) is (state is not becomes)


@pytest.mark.parametrize(
    ("actual", "last", "found"),
    [
        (STANDING, LEFT, ()),
        ({**STANDING, BACKEND: as_actual(DESIRED.resources[0], title="x")}, None, ()),
        ({path: it for path, it in STANDING.items() if path != POLICY}, LEFT, (POLICY,)),
        ({}, replace(LEFT, resources=()), ()),
    ],
    ids=["as-we-left-it", "nobody-remembers", "deleted", "never-made-by-us"],
)
def test_what_differs_from_what_we_left_has_drifted(
    actual: dict[str, ActualResource], last: AppliedState | None, found: tuple[str, ...]
) -> None:
    assert drifted(plan(DESIRED, actual), last) == found


def test_a_changed_field_has_drifted() -> None:
    backend = next(it for it in DESIRED.resources if it.path == BACKEND)
    actual = {**STANDING, BACKEND: as_actual(backend, title="by hand")}

    assert drifted(plan(DESIRED, actual), LEFT) == (BACKEND,)


def test_what_we_ourselves_want_otherwise_now_has_not_drifted() -> None:
    assert drifted(plan(GROWN, STANDING), LEFT) == ()


def test_what_is_only_forced_has_not_drifted() -> None:
    forced = make_plan(DESIRED, STANDING, owner="default", unit=unit_hash(UNIT), forces=bool)

    assert {it.action for it in forced} == {Action.UPDATE}
    assert drifted(forced, LEFT) == ()


def test_what_was_refused_stays_as_it_stands_when_somebody_goes_back() -> None:
    """Else it would be taken off, for it is ours and the state does not want it."""
    changes = tuple(
        replace(it, status=ChangeStatus.REJECTED) if it.change.path == POLICY else it
        for it in became(plan(GROWN, STANDING), APPLIED)
    )

    state = applied_state("r1", NOW, changes, ())

    assert state is not None
    assert POLICY in state.retained
    back = rolled_back(GROWN, state, STANDING)
    assert Action.DELETE not in {it.action for it in plan(back, STANDING)}


def test_going_back_never_takes_the_right_to_call() -> None:
    role = role_assignment_path(UNIT, "principal", "definition")

    assert role in rolled_back(GROWN, LEFT, (*STANDING, role)).retained


def test_two_states_of_one_run_have_names_of_their_own() -> None:
    later = replace(LEFT, run="r" * 32, at=NOW + timedelta(seconds=1))
    first = replace(later, at=NOW)

    assert len(first.id) == len(later.id) == 32
    assert later.id < first.id


def test_what_took_the_place_of_something_in_the_way_stays_when_somebody_goes_back() -> None:
    """The other API was moved away (onramp adopt): without ours its callers have nothing."""
    theirs = ActualResource("apis/theirs", {"properties": {"path": "contoso/openai"}}, "")
    was = without_taken(plan(DESIRED, {}), [theirs], owner="default", unit=unit_hash(UNIT))
    blocked = {it.path for it in was if it.action is Action.BLOCKED}
    assert API in blocked

    changes = tuple(
        replace(it, status=ChangeStatus.BLOCKED) if it.change.path in blocked else it
        for it in became(was, APPLIED)
    )
    state = applied_state("r1", NOW, changes, ())

    assert state is not None
    wanted = rolled_back(DESIRED, state, STANDING)
    assert {it.path: it.action for it in plan(wanted, STANDING)} == dict.fromkeys(
        STANDING, Action.KEEP
    )
    assert wanted.notes[-2].startswith(f"{API} stays as it stands")
    assert wanted.notes[-1].startswith("rolled back to")
    assert not any("stays" in it for it in rolled_back(DESIRED, state, ()).notes)
