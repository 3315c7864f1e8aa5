"""What happened in the worlds: runs, and the stories of two deployments."""

from shared.core.records import (
    CauseRecord,
    ChapterRecord,
    DeploymentRecord,
    RunAnswer,
    WhyAnswer,
)
from tests.board.making import a_change, a_run, at


def usual_runs() -> tuple[RunAnswer, ...]:
    made = (
        a_change("backends/fabrikam-azure-openai-1f0c2b3a4d5e-ai-endpoint", reason="is missing"),
        a_change("apis/fabrikam-azure-openai-1f0c2b3a4d5e", reason="is missing"),
        a_change("apis/fabrikam-azure-openai-1f0c2b3a4d5e/policies/policy", reason="is missing"),
    )
    started = a_run("fabrikam", "event", *made, minutes=0.6, status="running", calls=14,
                    deployment="gpt-4.1", planned=4)  # fmt: skip
    accounts = ("contoso", "fabrikam", "northwind")
    plain = [
        a_run(
            accounts[number % 3],
            "event" if number % 5 else "sweep",
            *made[: number % 4],
            minutes=50 + number * 173,
            took=1.2 + number % 7,
            calls=7 + (number * 5) % 13 + (24 if number % 11 == 4 else 0),
            deployment=("gpt-4o", "gpt-5-mini", "gpt-4o-mini")[number % 3] if number % 5 else "",
        )
        for number in range(30)
    ]
    return (started, *plain)


def bad_runs() -> tuple[RunAnswer, ...]:
    refused = a_change("apis/fabrikam-azure-openai-1f0c2b3a4d5e/policies/policy", "update",
                       status="rejected", detail="'llm-token-limit' is not allowed here",
    )  # fmt: skip
    return (
        a_run("fabrikam", "event", refused, minutes=12, status="incomplete", deployment="gpt-4.1"),
        a_run("northwind", "event", minutes=60, status="held", calls=5, planned=9,
              deployment="gpt-4o-mini"),
        a_run("fabrikam", "reimport", minutes=7, status="failed", calls=2,
              error="ARM answered 403 AuthorizationFailed: the app may not read this account"),
    )  # fmt: skip


def story(deployment: DeploymentRecord) -> WhyAnswer:
    read = {
        "model": "OpenAI gpt-4o 2024-11-20",
        "sku": "GlobalStandard",
        "provisioning": "Succeeded",
    }
    decided = {"surfaces": ["azure-openai", "azure-openai-v1"], "by": "defaults"}
    chapter = ChapterRecord(
        at=at(days=6, hours=2),
        run="4" * 32,
        causes=(CauseRecord(kind="event", event="ResourceWriteSuccess", deployment="gpt-4o"),),
        read=read,
        decided=decided,
        state_before="seen",
        state="verified",
        reason="onboarded",
        writes=(a_change("apis/contoso-azure-openai-83e5d6f649e0", reason="is missing"),),
        words="It was new. An API was written for it, and it answered on both surfaces.",
    )
    return WhyAnswer(deployment=deployment, advice="", chapters=(chapter,))


def story_of_novelty(deployment: DeploymentRecord) -> WhyAnswer:
    causes = (CauseRecord(kind="event", event="ResourceWriteSuccess", deployment="novelty"),)
    chapter = ChapterRecord(
        at=at(hours=4),
        run="5" * 32,
        causes=causes,
        read={"model": "Fabrikam novelty-1 1", "provisioning": "Succeeded", "capabilities": {}},
        decided={"kind": "unknown", "surfaces": []},
        state_before="seen",
        state="quarantined",
        reason=deployment.reason,
        words="ARM names no capability of the model that a surface serves, so nothing was written.",
    )
    seen = chapter.model_copy(
        update={"at": at(hours=4, seconds=9), "state": "seen", "state_before": "", "reason": "",
                "words": "It was there, and ARM was still creating it.", "decided": {}}
    )  # fmt: skip
    advice = "Enable a surface that serves it in onramp.yaml, or exclude it there."
    return WhyAnswer(deployment=deployment, advice=advice, chapters=(chapter, seen))
