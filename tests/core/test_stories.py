"""Chapters, as an operator reads them at three in the morning."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shared.core.applied import AppliedChange, ChangeStatus
from shared.core.applied_states import as_rolled_back
from shared.core.model import Deployment, Resource
from shared.core.orders import Noted
from shared.core.plan import Action, Change
from shared.core.records import ChapterRecord
from shared.core.runs import Run, RunStatus, after_changes
from shared.core.standing import Standing
from shared.core.states import DeploymentState, Verdict
from shared.core.stories import advice_on, chapter
from tests.builders import (
    API,
    API_V1,
    BACKEND,
    BACKEND_V1,
    UNIT,
    a_deployment,
    an_account,
    desired_of,
    serving,
)

NOW = datetime(2026, 11, 23, 3, tzinfo=UTC)
WRITTEN = Noted(
    "event",
    "ResourceWriteSuccess",
    "1",
    "gpt-4o",
    "2026-11-23T02:59:58.123456+00:00",
)
DELETED = replace(WRITTEN, event="ResourceDeleteSuccess")
SWEEP = Noted("sweep")
POLICY, POLICY_V1 = f"{API}/policies/policy", f"{API_V1}/policies/policy"


def change(
    action: Action, path: str, status: ChangeStatus = ChangeStatus.APPLIED, detail: str = ""
) -> AppliedChange:
    return AppliedChange(Change(action, path, "", Resource(path, {})), status, detail)


def verdict_on(*deployments: Deployment, standing: Standing | None = None) -> Verdict:
    (verdict,) = desired_of(an_account(*deployments), standing=standing).verdicts
    return verdict


MADE = tuple(change(Action.CREATE, it) for it in (BACKEND, BACKEND_V1, API, API_V1)) + tuple(
    change(Action.CREATE, it) for it in (POLICY, POLICY_V1)
)
UPDATED = tuple(change(Action.UPDATE, it) for it in (POLICY, POLICY_V1))
REFUSED = (
    change(Action.UPDATE, POLICY, ChangeStatus.REJECTED, "ValidationError: no such element"),
    change(Action.KEEP, POLICY_V1, ChangeStatus.KEPT),
)
BUSY = (change(Action.UPDATE, POLICY, ChangeStatus.POSTPONED, "HTTP 409: ServiceLocked"),)
THEIRS = (change(Action.BLOCKED, API, ChangeStatus.BLOCKED, "exists without our owner mark"),)
PLANNED = (change(Action.CREATE, API, ChangeStatus.PLANNED),)
SERVED = replace(verdict_on(a_deployment()), state=DeploymentState.VERIFIED)
UNPROVEN = replace(
    SERVED,
    state=DeploymentState.APPLIED,
    reason="onboarded; not verified yet on azure-openai: the gateway does not know our key yet",
)
BIGGER = replace(
    verdict_on(a_deployment(capacity=20, tokens_per_minute=20_000)),
    state=DeploymentState.VERIFIED,
    reason="onboarded; no content safety: the gateway has no backend content-safety",
)
UNKNOWN = verdict_on(a_deployment(capabilities={}))
RETIRING = verdict_on(standing=serving("gpt-4o"))
GONE = replace(RETIRING, state=DeploymentState.REMOVED, reason="ARM no longer has it")
SKIPPED = verdict_on(a_deployment(tags={"onramp:skip": "true"}))
CREATING = verdict_on(a_deployment(provisioning_state="Creating"))
(TAKEN_BACK,) = as_rolled_back((SERVED,), frozenset())


@dataclass(frozen=True, slots=True)
class Case:
    causes: tuple[Noted, ...]
    verdict: Verdict
    changes: Sequence[AppliedChange] = ()
    before: str = "verified"


# As in stories.txt, which was read by people.
CASES = {
    "onboarded": Case((WRITTEN,), SERVED, MADE, ""),
    "not proven yet": Case((WRITTEN,), UNPROVEN, MADE, ""),
    "another capacity": Case((WRITTEN,), BIGGER, UPDATED),
    "a model that no surface serves": Case((WRITTEN,), UNKNOWN, (), ""),
    "deleted": Case((DELETED,), RETIRING, UPDATED),
    "the grace period is over": Case((SWEEP,), GONE, (), "retiring"),
    "excluded by a tag": Case((replace(WRITTEN, deployment="", at=""),), SKIPPED, UPDATED),
    "excluded, and API Management refuses": Case((SWEEP,), SKIPPED, REFUSED),
    "ARM is not ready": Case((WRITTEN,), CREATING, (), ""),
    "a refused write": Case((SWEEP,), SERVED, REFUSED),
    "API Management is busy": Case((Noted("reimport"),), SERVED, BUSY),
    "somebody else's API": Case((Noted("replay", WRITTEN.event, "1", "gpt-4o"),), SERVED, THEIRS),
    "only observed": Case((SWEEP,), SERVED, PLANNED, ""),
    "released": Case((Noted("release"), Noted("release"), SWEEP), SERVED),
    "taken back": Case((Noted("rollback"),), TAKEN_BACK, UPDATED),
    "what was left to do": Case((), SERVED, (), "applied"),
    "many causes": Case((WRITTEN, DELETED, SWEEP, Noted("reimport"), Noted("release")), SERVED),
}


def told(case: Case) -> ChapterRecord:
    paths = tuple(it.change.path for it in case.changes)
    verdict = replace(case.verdict, resources=paths if case.verdict.rules else ())
    (verdict,) = after_changes((verdict,), case.changes)
    run = Run(("r",), UNIT, RunStatus.SUCCEEDED, NOW, NOW, tuple(case.changes), (verdict,))
    return chapter(replace(run, causes=case.causes), verdict, before=case.before, at="now")


def golden() -> dict[str, str]:
    """By the name of the case, as one line."""
    text = Path(__file__).with_name("stories.txt").read_text(encoding="utf-8")
    chapters = (it.partition("\n") for it in text.strip().split("\n\n"))
    return {name: words.replace("\n", " ") for name, _, words in chapters}


@pytest.mark.parametrize("name", CASES)
def test_a_chapter_says_why_what_was_done_and_what_now(name: str) -> None:
    assert told(CASES[name]).words == golden()[name]


def test_the_golden_file_has_no_other_chapters() -> None:
    assert list(golden()) == list(CASES)


def test_a_chapter_has_data_besides_the_words() -> None:
    found = told(CASES["a refused write"]).json_body()

    assert (found["stateBefore"], found["state"]) == ("verified", "quarantined")
    assert found["causes"][0]["kind"] == "sweep"
    assert found["read"]["deployment"]["capacity"] == 10
    assert found["decided"]["surfaces"]["azure-openai"]["tokensPerMinute"] == 10_000
    assert [(it["status"], it["detail"]) for it in found["writes"]] == [
        ("rejected", "ValidationError: no such element")
    ]


def test_a_long_reason_is_cut() -> None:
    verdict = replace(SERVED, reason="why " * 1000)

    found = told(Case((SWEEP,), verdict))

    assert (len(found.reason), len(found.words) < 1500) == (1000, True)


def test_there_is_advice_for_every_state() -> None:
    assert all(advice_on(state.value) for state in DeploymentState)
