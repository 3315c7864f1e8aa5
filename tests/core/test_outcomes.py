"""What is news to the world, and what is not."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.core.applied import AppliedChange, ChangeStatus
from shared.core.diff import Drift
from shared.core.model import Resource
from shared.core.orders import Hold, Noted
from shared.core.outcome_records import BlockedData, DriftedData, UpdatedData
from shared.core.outcomes import (
    DATA,
    OutcomeType,
    blocked_by,
    deployment_outcomes,
    still_blocked_by,
    telling,
    told_of,
    unit_outcomes,
)
from shared.core.plan import Action, Change
from shared.core.records import DeploymentRecord, SurfaceRecord
from shared.core.runs import Run, RunStatus
from tests.builders import API, BACKEND, UNIT, a_deployment, an_account, desired_of

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
STATES = ("seen", "applied", "verified", "quarantined", "excluded", "retiring", "removed")
ONBOARDED, UPDATED, VERIFIED, QUARANTINED, DRIFTED, RETIRING, REMOVED, RUN_BLOCKED = OutcomeType


def a_record(state: str = "verified", **changes: Any) -> DeploymentRecord:
    record = DeploymentRecord(
        id="unit-gpt-4o",
        unit_id="unit",
        account=UNIT.arm_id,
        name="gpt-4o",
        state=state,
        reason="as it is",
        since="",
        model_name="gpt-4o",
        model_version="1",
        capacity=10,
        surfaces=(SurfaceRecord(surface="azure-openai", api="a", tokens_per_minute=10_000),),
    )
    return record.model_copy(update=changes)


def told(state: str = "verified", *, proof: str = "p", **changes: Any) -> dict[str, Any]:
    if not state:
        return {}
    return dict(telling(a_record(state, **changes), proof=proof))


def a_run(status: RunStatus = RunStatus.SUCCEEDED, **changes: Any) -> Run:
    run = Run(("run-1",), UNIT, status, NOW, NOW)
    held = Hold("removals", changes.get("error", ""), NOW) if status is RunStatus.HELD else None
    return replace(run, **{"hold": held, **changes})


# From the state in a row to each of STATES; the same state means that nothing else changed.
NEWS: dict[str, tuple[tuple[OutcomeType, ...], ...]] = {
    "": ((), (ONBOARDED,), (ONBOARDED, VERIFIED), (QUARANTINED,), (), (RETIRING,), ()),
    "applied": ((), (), (VERIFIED,), (QUARANTINED,), (REMOVED,), (RETIRING,), (REMOVED,)),
    "verified": ((), (), (), (QUARANTINED,), (REMOVED,), (RETIRING,), (REMOVED,)),
    "quarantined": (
        *((), (ONBOARDED,), (ONBOARDED, VERIFIED), ()),
        *((REMOVED,), (RETIRING,), (REMOVED,)),
    ),
    "excluded": ((), (ONBOARDED,), (ONBOARDED, VERIFIED), (QUARANTINED,), (), (RETIRING,), ()),
    "retiring": (
        *((), (ONBOARDED,), (ONBOARDED, VERIFIED), (QUARANTINED,)),
        *((REMOVED,), (), (REMOVED,)),
    ),
    "removed": ((), (ONBOARDED,), (ONBOARDED, VERIFIED), (QUARANTINED,), (), (RETIRING,), ()),
}


@pytest.mark.parametrize(
    ("old", "new", "news"),
    [(old, new, news) for old, row in NEWS.items() for new, news in zip(STATES, row, strict=True)],
)
def test_what_is_told_follows_from_the_state_before_and_after(
    old: str, new: str, news: tuple[OutcomeType, ...]
) -> None:
    assert deployment_outcomes(told(old), told(new)) == news


@pytest.mark.parametrize(
    ("before", "after", "news"),
    [
        (told(), told(capacity=20), (UPDATED,)),
        (told(), told(surfaces=()), (UPDATED,)),
        (told(), told(model_version="2", proof="q"), (UPDATED, VERIFIED)),
        (told(), told("applied", model_version="2", proof=""), (UPDATED,)),
        (told("applied", proof=""), told(), (VERIFIED,)),
        (told(), told(reason="no content safety"), ()),
        (told("retiring"), told("retiring", capacity=0), ()),
        (told("quarantined"), told("quarantined", reason="another"), (QUARANTINED,)),
        # An older version of the app wrote less down.
        ({"state": "verified", "proof": "p"}, told(), ()),
    ],
)
def test_only_what_callers_would_notice_is_an_update(
    before: dict[str, Any], after: dict[str, Any], news: tuple[OutcomeType, ...]
) -> None:
    assert deployment_outcomes(before, after) == news


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("refused: no", "refused: no (asked 1 times, again 12:30Z)"),
        ("refused: no (asked 1 times, again 12:30Z)", "refused: no (asked 2 times, again 13:30Z)"),
        (f"activity {UNIT.subscription}", "activity 99999999-0000-0000-0000-000000000001"),
    ],
)
def test_another_try_at_the_same_is_no_other_reason(before: str, after: str) -> None:
    old, new = told("quarantined", reason=before), told("quarantined", reason=after)

    assert deployment_outcomes(old, new) == ()


def test_an_update_says_what_was_and_what_is() -> None:
    record = a_record(capacity=20)
    before, after = told(), dict(telling(record, proof="p"))

    (event,) = told_of(a_run(), record, before=before, after=after, words="It is larger now.")

    assert isinstance(event.data, UpdatedData)
    assert [(it.field, it.before, it.after) for it in event.data.changed] == [("capacity", 10, 20)]
    assert event.data.json_body()["previousState"] == "verified"
    assert event.data.deployment.capacity == 20
    assert (event.data.words, event.data.advice) == ("It is larger now.", "Nothing.")
    assert event.subject == f"{UNIT.arm_id}/deployments/gpt-4o"


def test_an_event_says_why_anybody_looked_and_names_no_person() -> None:
    cause = Noted("event", "ResourceWriteSuccess", "id-1", "gpt-4o", "then")

    (event, _) = told_of(a_run(causes=(cause,)), a_record(), before={}, after=told(), words="")

    assert event.data.json_body()["causes"] == [
        {
            "kind": "event",
            "event": "ResourceWriteSuccess",
            "eventId": "id-1",
            "deployment": "gpt-4o",
            "at": "then",
        }
    ]


def test_each_event_has_an_id_of_its_own_that_is_the_same_each_time() -> None:
    def ids(run: Run) -> list[str]:
        return [it.id for it in told_of(run, a_record(), before={}, after=told(), words="")]

    later = a_run(finished=NOW + timedelta(minutes=1))

    assert ids(a_run()) == ids(a_run())
    assert len({*ids(a_run()), *ids(later)}) == 4, "a reimport that waits has one id for all runs"


def test_every_event_has_data_of_its_own() -> None:
    assert set(DATA) == set(OutcomeType)


def a_change(path: str, action: Action, *fields: str) -> AppliedChange:
    drift = tuple(Drift(it, 1, 2) for it in fields)
    change = Change(action, path, "", Resource(path, {}), drift=drift)
    return AppliedChange(change, ChangeStatus.APPLIED)


def test_drift_is_told_with_what_it_was_and_whom_it_met() -> None:
    (verdict,) = desired_of(an_account(a_deployment())).verdicts
    changes = (
        a_change(API, Action.UPDATE, "properties.path"),
        a_change(BACKEND, Action.CREATE),
        a_change("apis/other", Action.UPDATE, "properties.path"),
    )
    run = a_run(changes=changes, drifted=(API, BACKEND), verdicts=(verdict,))

    (event,) = unit_outcomes(run, was_blocked="")

    assert (event.type, event.subject) == (DRIFTED, UNIT.arm_id)
    assert isinstance(event.data, DriftedData)
    assert [(it.path, it.what, it.fields) for it in event.data.resources] == [
        (API, "changed", ("properties.path",)),
        (BACKEND, "deleted", ()),
    ]
    assert event.data.deployments == ("gpt-4o",)


def test_drift_of_everything_is_told_in_an_event_that_fits() -> None:
    paths = tuple(f"apis/{number:03}-{'x' * 90}" for number in range(300))
    fields = [f"properties.{'y' * 50}{number}" for number in range(30)]
    changes = tuple(a_change(path, Action.UPDATE, *fields) for path in paths)

    (event,) = unit_outcomes(a_run(changes=changes, drifted=paths), was_blocked="")

    assert isinstance(event.data, DriftedData)
    assert (len(event.data.resources), event.data.resources_left_out) == (25, 275)
    assert len(event.data.model_dump_json()) < 30_000


@pytest.mark.parametrize(
    ("status", "was_blocked", "tells"),
    [
        (RunStatus.HELD, "", True),
        (RunStatus.FAILED, "", True),
        (RunStatus.HELD, "too many", False),
        (RunStatus.HELD, "something else", True),
        (RunStatus.WAITING, "", False),
        (RunStatus.INCOMPLETE, "", False),
        (RunStatus.SUCCEEDED, "", False),
    ],
)
def test_that_nothing_is_done_is_told_once_for_each_reason(
    status: RunStatus, was_blocked: str, *, tells: bool
) -> None:
    run = a_run(status, error="too many")

    found = list(unit_outcomes(run, was_blocked=was_blocked))

    assert [it.type for it in found] == [RUN_BLOCKED] * tells


def test_a_blocked_run_says_what_to_do_and_names_the_plan() -> None:
    hold = Hold("removals", "too many", NOW, "d1935")

    (event,) = unit_outcomes(
        a_run(RunStatus.HELD, error="too many", hold=hold, planned=7), was_blocked=""
    )

    assert isinstance(event.data, BlockedData)
    assert (event.data.digest, event.data.writes_held) == ("d1935", 7)
    assert f"/api/units/{event.data.unit_id}/release" in event.data.action


def test_a_plan_that_became_another_one_blocks_nothing() -> None:
    refused = a_run(RunStatus.HELD, error="look again", hold=None)

    assert list(unit_outcomes(refused, was_blocked="")) == []


def test_a_long_reason_is_the_same_as_the_part_of_it_that_is_remembered() -> None:
    run = a_run(RunStatus.FAILED, error="no " * 1000)

    assert list(unit_outcomes(run, was_blocked=blocked_by(run))) == []


@pytest.mark.parametrize(
    ("status", "remembered"),
    [
        (RunStatus.WAITING, "too many"),  # ARM was down: nobody knows whether the way is free
        (RunStatus.HELD, "now"),
        (RunStatus.SUCCEEDED, ""),
    ],
)
def test_a_reason_is_remembered_until_a_run_found_the_way_free(
    status: RunStatus, remembered: str
) -> None:
    assert still_blocked_by(a_run(status, error="now"), "too many") == remembered
