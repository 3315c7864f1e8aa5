"""Plans for people: what they say, and the digest that names them."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from shared.core.applied import AppliedChange, ChangeStatus
from shared.core.desired import Desired
from shared.core.diff import Drift
from shared.core.model import Actual, ActualResource
from shared.core.modes import Mode
from shared.core.naming import unit_hash
from shared.core.outlook import Outlook, change_record, plan_digest, plan_record
from shared.core.plan import make_plan
from shared.core.resource_ids import AccountId
from tests.builders import (
    API,
    BACKEND,
    FACTS,
    SERVICE,
    UNIT,
    a_deployment,
    an_account,
    as_actual,
    desired_of,
)

ACCOUNT = an_account(a_deployment())
DESIRED = desired_of(ACCOUNT)
STANDING = {it.path: as_actual(it) for it in DESIRED.resources}
OTHER = AccountId(UNIT.subscription, UNIT.resource_group, "fabrikam")
POLICY = f"{API}/policies/policy"


def outlook(
    desired: Desired = DESIRED,
    actual: Mapping[str, ActualResource] | None = None,
    *,
    force: bool = False,
    **more: Any,
) -> Outlook:
    stands = {} if actual is None else actual
    plan = make_plan(desired, stands, owner="default", unit=unit_hash(UNIT), forces=lambda _: force)
    return Outlook(UNIT, ACCOUNT, Actual(SERVICE, stands), desired, plan, **more)


def with_policy(old: str, new: str, of: Desired = DESIRED) -> Desired:
    """*of* with another text in the policy of one API."""

    def changed(body: Any) -> Any:
        properties = body["properties"]
        return {
            **body,
            "properties": {**properties, "value": properties["value"].replace(old, new)},
        }

    return replace(
        of,
        resources=tuple(
            replace(it, body=changed(it.body)) if it.path == POLICY else it for it in of.resources
        ),
    )


def tampered(path: str, **properties: Any) -> dict[str, ActualResource]:
    resource = next(it for it in DESIRED.resources if it.path == path)
    return {**STANDING, path: as_actual(resource, **properties)}


FIRST = outlook().digest
GONE = "Mon, 23 Nov 2026 12:00:00 GMT"
LATER = "Tue, 24 Nov 2026 07:30:00 GMT"


def test_a_digest_is_the_same_for_the_same_plan() -> None:
    assert outlook().digest == FIRST
    assert len(FIRST) == 16
    assert int(FIRST, 16) >= 0


@pytest.mark.parametrize(
    "other",
    [
        outlook(actual=STANDING),
        outlook(actual=tampered(BACKEND, title="by hand")),
        outlook(actual=STANDING, force=True),
        outlook(desired_of(an_account(a_deployment(capacity=25, tokens_per_minute=25_000)))),
        outlook(desired_of(None), STANDING),
    ],
    ids=["nothing-to-do", "an-update", "forced", "another-limit", "deletions"],
)
def test_another_plan_has_another_digest(other: Outlook) -> None:
    assert other.digest != FIRST


def test_the_same_plan_of_another_account_has_another_digest() -> None:
    assert plan_digest(OTHER, outlook().plan) != FIRST


def test_another_field_that_differs_is_another_plan() -> None:
    digests = {
        outlook(actual=tampered(BACKEND, **{field: "by hand"})).digest
        for field in ("title", "description", "url")
    }

    assert len(digests) == 3


def test_a_moment_in_a_policy_makes_no_other_plan() -> None:
    before = with_policy("<inbound>", f"<inbound><!-- gone since {GONE} -->")
    after = with_policy(GONE, LATER, before)

    assert outlook(after).digest == outlook(before).digest
    assert outlook(with_policy(GONE, "now", before)).digest != outlook(before).digest


def test_what_is_kept_and_what_nobody_may_write_is_in_no_digest() -> None:
    theirs = replace(STANDING[API], body={"properties": {"description": "mine"}})

    found = outlook(actual={**STANDING, API: theirs})

    assert "blocked" in {it.action.value for it in found.plan}
    assert found.digest == outlook(actual=STANDING).digest


@pytest.mark.parametrize(
    ("more", "mode", "held"),
    [
        ({}, "sync", ""),
        ({"observes": True}, "observe", ""),
        ({"held": "would take 3 of 3 off"}, "sync", "would take 3 of 3 off"),
    ],
)
def test_a_plan_says_whether_it_is_written(more: Any, mode: str, held: str) -> None:
    record = plan_record(outlook(**more))

    assert (record.mode, record.held) == (mode, held)
    assert record.writes == len(record.changes) == 6
    assert (record.digest, record.unit_id) == (FIRST, unit_hash(UNIT))


def test_a_change_that_was_refused_lately_says_so_and_what_that_means() -> None:
    first = next(it for it in outlook().plan if it.path == API)
    refused = {API: AppliedChange(first, ChangeStatus.REJECTED, "no room for it")}

    record = plan_record(outlook(refused=refused))

    (change,) = [it for it in record.changes if it.path == API]
    assert (change.action, change.status, change.detail) == ("create", "rejected", "no room for it")
    (deployment,) = record.deployments
    assert deployment.state == "quarantined"
    assert "no room for it" in deployment.reason


def test_a_plan_s_mode_is_the_account_s() -> None:
    wanted = replace(DESIRED, mode=Mode.UPSERT_ONLY)

    assert plan_record(outlook(wanted)).mode == "upsert-only"


def test_a_value_that_is_too_long_is_shown_by_its_beginning() -> None:
    found = outlook(actual=tampered(BACKEND, title="x" * 1000))
    change = next(it for it in found.plan if it.path == BACKEND)

    (drift,) = change_record(change).drift

    assert drift.actual == "x" * 300 + " ..."


def test_a_policy_s_new_lines_and_indentation_are_no_difference() -> None:
    stands = as_actual(next(it for it in DESIRED.resources if it.path == POLICY))
    text = stands.body["properties"]["value"].replace("<inbound>", "\r\n\r\n    <inbound>\r\n")
    wanted = with_policy("10000", "25000")
    actual = {**STANDING, POLICY: replace(stands, body={"properties": {"value": text}})}

    change = next(it for it in outlook(wanted, actual).plan if it.path == POLICY)
    diff = change_record(change).policy_diff

    changed = [it for it in diff if it[0] in "+-" and it[:3] not in ("+++", "---")]
    assert len(changed) == 2
    assert [("10000" in it, "25000" in it) for it in changed] == [(True, False), (False, True)]


def test_a_policy_that_is_kept_has_no_lines() -> None:
    change = next(it for it in outlook(actual=STANDING).plan if it.path == POLICY)

    assert change_record(change).policy_diff == ()


def blocked_by_id() -> dict[str, ActualResource]:
    """Somebody's own API has the very id that ours would have."""
    return {API: replace(STANDING[API], body={"properties": {"description": "mine"}})}


def rejected(path: str) -> dict[str, AppliedChange]:
    change = next(it for it in outlook().plan if it.path == path)
    return {path: AppliedChange(change, ChangeStatus.REJECTED, "no room for it")}


@pytest.mark.parametrize(
    ("found", "state", "words"),
    [
        (outlook(), "applied", "onboarded"),
        (outlook(actual=STANDING), "applied", "onboarded"),
        (outlook(actual=STANDING, observes=True), "applied", "onboarded"),
        (outlook(observes=True), "seen", f"planned: {API}: the account is only observed"),
        (outlook(actual=blocked_by_id()), "quarantined", f"blocked: {API}: exists without our"),
        (outlook(refused=rejected(BACKEND)), "quarantined", f"skipped: {POLICY}: needs {BACKEND}"),
        (outlook(is_rolled_back=True), "excluded", "not served: the account is rolled back"),
        (
            outlook(is_rolled_back=True, served=frozenset({"gpt-4o"})),
            "applied",
            "served as it was: the account is rolled back",
        ),
    ],
    ids=["new", "kept", "kept-observed", "observed", "blocked", "needs-refused", "off", "back"],
)
def test_what_becomes_of_a_deployment_is_what_a_run_would_make_of_it(
    found: Outlook, state: str, words: str
) -> None:
    (deployment,) = plan_record(found).deployments

    assert deployment.state == state
    assert deployment.reason.startswith(words)


def test_long_values_are_shown_where_they_differ() -> None:
    wanted, (change,) = (
        "x" * 400,
        [it for it in outlook(actual=STANDING).plan if it.path == BACKEND],
    )
    drift = Drift("properties.title", f"{wanted} ours", f"{wanted} theirs")

    (shown,) = change_record(replace(change, drift=(drift,))).drift

    assert shown.desired.endswith("x ours")
    assert shown.actual.endswith("x theirs")
    assert shown.desired.startswith("... x")
    assert len(shown.desired) < 310


def test_a_role_assignment_says_which_role_it_is_of() -> None:
    wanted = desired_of(ACCOUNT, facts=replace(FACTS, roles=()))

    (change,) = [it for it in outlook(wanted).plan if "roleAssignments" in it.path]

    assert (
        change_record(change).reason
        == "role Cognitive Services User for the gateway: does not exist"
    )
