"""What the HTTP API says in four states of the world, built from the records that it is made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from shared.core.records import (
    ChapterRecord,
    DeadLetterRecord,
    DeadLettersAnswer,
    DeploymentRecord,
    DeploymentsAnswer,
    DriftRecord,
    FindingRecord,
    HealthAnswer,
    HoldRecord,
    RunAnswer,
    SpreadRecord,
    SweepRecord,
    UngovernedAnswer,
    UnitRecord,
    UnitsAnswer,
    WhyAnswer,
)
from shared.core.run_summaries import RunsAnswer, run_summary
from tests.board.happenings import bad_runs, story, story_of_novelty, usual_runs
from tests.board.making import (
    a_change,
    a_deployment,
    a_run,
    a_unit,
    account_id,
    at,
    healthy,
    unserved,
)

HOSTILE = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>&amp;\'"`'


@dataclass(frozen=True, slots=True)
class World:
    health: HealthAnswer
    deployments: tuple[DeploymentRecord, ...] = ()
    runs: tuple[RunAnswer, ...] = ()
    units: tuple[UnitRecord, ...] = ()
    findings: tuple[FindingRecord, ...] = ()
    letters: tuple[DeadLetterRecord, ...] = ()
    stories: Mapping[str, WhyAnswer] = field(default_factory=dict)

    def deployments_answer(self) -> DeploymentsAnswer:
        states = [it.state for it in self.deployments]
        return DeploymentsAnswer(
            count={state: states.count(state) for state in set(states)},
            time_to_verified=_spread(self.deployments),
            total=len(self.deployments),
            deployments=self.deployments,
        )

    def runs_answer(self) -> RunsAnswer:
        return RunsAnswer(runs=tuple(map(run_summary, self.runs)))

    def units_answer(self) -> UnitsAnswer:
        return UnitsAnswer(units=self.units)

    def letters_answer(self) -> DeadLettersAnswer:
        return DeadLettersAnswer(dead_letters=self.letters)

    def ungoverned_answer(self) -> UngovernedAnswer:
        return UngovernedAnswer(at=at(minutes=3), findings=self.findings)


def empty() -> World:
    return World(healthy(last_sweep=SweepRecord(at=at(minutes=3))))


def busy() -> World:
    """Everything is as it should be, with a little on its way."""
    found = (
        a_deployment("contoso", "gpt-4o", seconds_to_verified=2.0, event_at=at(days=6, hours=2)),
        a_deployment(
            "contoso",
            "vectors",
            "text-embedding-3-large",
            kind="embeddings",
            model_version="1",
            limit=120_000,
            seconds_to_verified=2.4,
            event_at=at(days=6),
        ),
        a_deployment(
            "contoso",
            "claude",
            "claude-sonnet-4-5",
            model_format="Anthropic",
            model_version="20250929",
            kind="messages",
            surfaces=("anthropic",),
            limit=40_000,
            seconds_to_verified=4.8,
            event_at=at(days=4, hours=7),
        ),
        a_deployment(
            "contoso",
            "deepseek",
            "DeepSeek-V3.1",
            model_format="DeepSeek",
            model_version="1",
            surfaces=("azure-openai-v1", "azure-ai"),
            limit=20_000,
            seconds_to_verified=3.1,
            event_at=at(days=3, hours=20),
        ),
        a_deployment(
            "fabrikam",
            "gpt-5-mini",
            model_version="2025-08-07",
            limit=250_000,
            seconds_to_verified=1.9,
            event_at=at(days=3),
        ),
        a_deployment(
            "fabrikam",
            "voice",
            "gpt-realtime",
            kind="realtime",
            model_version="2025-08-28",
            surfaces=("realtime", "realtime-v1"),
            limit=6_000,
            seconds_to_verified=38.0,
            event_at=at(days=2, hours=3),
        ),
        a_deployment(
            "fabrikam",
            "image",
            "gpt-image-1",
            kind="image",
            model_version="2025-04-15",
            limit=0,
            capacity=3,
            seconds_to_verified=12.6,
            event_at=at(days=1, hours=8),
        ),
        unserved(
            "fabrikam",
            "gpt-4.1",
            "applied",
            "not verified yet on azure-openai: asked again in a minute",
            since=at(seconds=40),
            event_at=at(seconds=55),
            model_version="2025-04-14",
            limit=50_000,
            surfaces=("azure-openai", "azure-openai-v1"),
        ),
        a_deployment("northwind", "gpt-4o-mini", limit=500, seconds_to_verified=2.8,
                     model_version="2024-07-18", event_at=at(hours=9)),
        unserved("northwind", "trial", "retiring", "gone; the gateway answers 410 until tomorrow",
                 event_at=at(hours=7), limit=1_000, surfaces=("azure-openai",)),
        unserved("northwind", "internal", "excluded", "the rule 'internal' says not to serve it",
                 event_at=at(hours=8)),
    )  # fmt: skip
    return World(
        healthy(backlog=1, unfinished=1),
        deployments=tuple(_verified_when_it_took(it) for it in found),
        runs=usual_runs(),
        units=(a_unit("contoso"), a_unit("fabrikam", status="running"), a_unit("northwind")),
        stories={found[0].id: story(found[0])},
    )


def troubled() -> World:
    """All that can need somebody, at once."""
    before = busy()
    novelty = unserved(
        "contoso", "novelty", "quarantined",
        "no enabled surface serves Fabrikam novelty-1 (kind unknown)",
        since=at(hours=4), model_format="Fabrikam", model_version="1", kind="unknown",
    )  # fmt: skip
    denied = unserved(
        "fabrikam", "gpt-4.1", "quarantined",
        "rejected: apis/fabrikam-azure-openai-1f0c2b3a4d5e/policies/policy: One or more fields "
        "contain incorrect values: 'llm-token-limit' is not allowed in this gateway",
        since=at(minutes=12), model_version="2025-04-14", limit=50_000,
    )  # fmt: skip
    taken = unserved(
        "northwind", "summaries", "quarantined",
        "blocked: apis/northwind-azure-openai-77aa01: the path northwind/openai belongs to an API "
        "that we did not make", since=at(days=2), model_version="2024-07-18",
    )  # fmt: skip
    sound = tuple(it for it in before.deployments if it.name not in {"gpt-4.1", "internal"})
    api = "apis/contoso-azure-openai-83e5d6f649e0"
    drifted = a_run(
        "contoso", "sweep",
        a_change(
            api, "update", reason="drift in 1 field",
            drift=(DriftRecord(field="properties.subscriptionRequired", desired=True,
                               actual=False),),
        ),
        a_change(
            f"{api}/policies/policy", "update", reason="the policy differs",
            drift=(DriftRecord(field="properties.value", desired="<policies>…",
                               actual="<policies>…"),),
            policy_diff=("--- stands", "+++ desired", "@@ -4,3 +4,3 @@", " <inbound>",
                         '-  <llm-token-limit tokens-per-minute="999999" />',
                         '+  <llm-token-limit tokens-per-minute="10000" />'),
        ),
        minutes=18, calls=19, drifted=(api, f"{api}/policies/policy"),
    )  # fmt: skip
    return World(
        healthy(
            last_sweep=SweepRecord(
                at=at(minutes=74), units=3, problems=("northwind: ARM answered 429",)
            ),
            backlog=7, unfinished=2, held=1, poisoned=1, dead_letters=1, quarantined=3,
        ),
        deployments=(novelty, denied, taken, *sound),
        runs=tuple(sorted((drifted, *bad_runs(), *before.runs[1:]),
                          key=lambda it: it.started, reverse=True)),
        units=(
            a_unit("contoso"),
            a_unit("fabrikam", status="waiting", attempts=4, not_before=at(minutes=-4),
                   refused=("apis/fabrikam-azure-openai-1f0c2b3a4d5e/policies/policy",)),
            a_unit("northwind", status="held", hold=HoldRecord(
                kind="removals", since=at(hours=1),
                reason="would take off 6 of the 8 deployments served, which is more than 50 %")),
        ),
        findings=(
            FindingRecord(kind="reachable", api="legacy-openai", path="legacy/openai",
                          account=account_id("contoso"), deployments=("gpt-4o", "vectors"),
                          words="It reaches deployments of contoso past their limits."),
            FindingRecord(kind="gone", api="wizard-llm", path="wizard", host="old.openai.azure.com",
                          words="The account that it leads to is gone."),
        ),
        letters=(
            DeadLetterRecord(id="8f1d0a2b3c4-00000000000000a1", kind="event",
                             account=account_id("contoso"), deployment="gpt-4o", attempts=30,
                             reason="MaxDeliveryAttemptsExceeded", given_up_at=at(hours=3)),
            DeadLetterRecord(id="8f1d0a2b3c4-00000000000000a2", kind="message",
                             account=account_id("northwind"), attempts=5,
                             reason="the table did not answer", given_up_at=at(hours=2)),
        ),
        stories={novelty.id: story_of_novelty(novelty)},
    )  # fmt: skip


def hostile() -> World:
    """Names and reasons that want to be markup, and one that is far too long."""
    bad = unserved("contoso", HOSTILE, "quarantined", HOSTILE, model_format=HOSTILE)
    long = a_deployment("contoso", "x" * 64, "y" * 120, surfaces=("azure-openai" * 4,))
    change = a_change(HOSTILE, "update", detail=HOSTILE, policy_diff=(HOSTILE,),
                      drift=(DriftRecord(field=HOSTILE, desired=HOSTILE, actual=HOSTILE),),
    )  # fmt: skip
    chapter = ChapterRecord(at=at(hours=1), run=HOSTILE, state="quarantined", reason=HOSTILE,
                            read={HOSTILE: HOSTILE}, words=HOSTILE, writes=(change,))  # fmt: skip
    return World(
        healthy(last_sweep=SweepRecord(at=at(minutes=3), problems=(HOSTILE,))),
        deployments=(bad, long),
        runs=(
            a_run(
                "contoso",
                "sweep",
                change,
                minutes=2,
                deployment=HOSTILE,
                notes=(HOSTILE,),
                drifted=(HOSTILE,),
                error=HOSTILE,
            ),
        ),
        letters=(
            DeadLetterRecord(
                id=HOSTILE, kind="event", account=HOSTILE, reason=HOSTILE, given_up_at=HOSTILE
            ),
        ),
        units=(a_unit("contoso", refused=(HOSTILE,)),),
        findings=(FindingRecord(kind=HOSTILE, api=HOSTILE, words=HOSTILE),),
        stories={bad.id: WhyAnswer(deployment=bad, advice=HOSTILE, chapters=(chapter,))},
    )


def with_verified(world: World, name: str) -> World:
    """*world* a moment later: one more deployment has answered."""
    later = tuple(
        it.model_copy(update={"state": "verified", "reason": "onboarded", "verified_at": at()})
        if it.name == name
        else it
        for it in world.deployments
    )
    new = a_run("fabrikam", "event", minutes=0.1, took=1, calls=7, deployment=name)
    return replace(world, deployments=later, runs=(new, *world.runs))


WORLDS = {"empty": empty, "busy": busy, "troubled": troubled}


def _verified_when_it_took(it: DeploymentRecord) -> DeploymentRecord:
    if it.seconds_to_verified is None:
        return it
    verified = datetime.fromisoformat(it.event_at) + timedelta(seconds=it.seconds_to_verified)
    return it.model_copy(update={"verified_at": verified.isoformat().replace("+00:00", "Z")})


def _spread(found: Sequence[DeploymentRecord]) -> SpreadRecord:
    known = sorted(it.seconds_to_verified for it in found if it.seconds_to_verified is not None)
    if not known:
        return SpreadRecord(count=0)
    ranks = {"p50": known[(len(known) - 1) // 2], "p95": known[-1]}
    return SpreadRecord(count=len(known), **ranks)
