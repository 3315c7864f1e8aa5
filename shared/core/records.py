"""What people and programs are told: the answers of the HTTP API, as the command line reads them.

In JSON the names are in camelCase; moments are ISO 8601 in UTC, "" where there is none.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

type RunState = Literal["queued", "running", "succeeded", "incomplete", "held", "waiting", "failed"]
type Json = dict[str, Any]


class Record(BaseModel):
    """An answer, or a part of one."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        frozen=True,
        extra="ignore",  # a newer app may say more
        defer_build=True,  # the event function never needs them
        # A field with a default is always said, and the document of the API says so.
        json_schema_serialization_defaults_required=True,
    )

    def json_body(self) -> Json:
        return self.model_dump(by_alias=True, mode="json")


class DriftRecord(Record):
    """One field that is not as it should be; of texts that are too long, the beginning."""

    field: str
    desired: Any = None
    actual: Any = None


class ChangeRecord(Record):
    action: str = Field(description="create, update, delete, keep or blocked")
    path: str = Field(description="Below the gateway; of a role assignment its resource id")
    reason: str = ""
    status: str = Field(default="", description="What became of it; empty in a plan")
    detail: str = ""
    drift: tuple[DriftRecord, ...] = ()
    policy_diff: tuple[str, ...] = Field(
        default=(), description="Of a policy: the lines of a unified diff, what stands to desired"
    )


class DecisionRecord(Record):
    """What would become of a deployment."""

    name: str
    state: str
    reason: str


class PlanRecord(Record):
    """What a run would do now."""

    unit_id: str
    account: str
    digest: str = Field(description="Of all that would be written; apply names it")
    mode: str
    held: str = Field(default="", description="Why nothing of it would be done by itself")
    error: str = Field(default="", description="Why there is no plan")
    writes: int = 0
    changes: tuple[ChangeRecord, ...] = ()
    deployments: tuple[DecisionRecord, ...] = ()
    notes: tuple[str, ...] = ()


class PlansAnswer(Record):
    writes: int
    plans: tuple[PlanRecord, ...]


class RunLink(Record):
    id: str
    url: str


class AcceptedAnswer(Record):
    """Somebody's wish was taken in; the run tells what becomes of it."""

    run: RunLink
    accounts: tuple[str, ...]


class CauseRecord(Record):
    """Why a unit was looked at. Of an event only what names it: the rest is personal data."""

    kind: str = Field(description="event, reimport, sweep, release, rollback, call-off or replay")
    event: str = ""
    event_id: str = ""
    deployment: str = ""
    at: str = ""


class UnitRunRecord(Record):
    """A run of one unit."""

    unit_id: str
    account: str
    status: RunState
    started: str
    finished: str = ""
    writes: int = 0
    planned: int = Field(default=0, description="Writes that the plan has")
    arm_calls: int = 0
    causes: tuple[CauseRecord, ...] = ()
    changes: tuple[ChangeRecord, ...] = ()
    changes_left_out: int = Field(default=0, description="Changes too many to be kept")
    drifted: tuple[str, ...] = Field(
        default=(), description="Paths that somebody had changed or deleted by hand"
    )
    notes: tuple[str, ...] = ()
    error: str = ""


class RunAnswer(Record):
    """A run over one unit or more; the status is the first in order of urgency."""

    id: str
    status: RunState
    started: str
    finished: str = ""
    writes: int = 0
    arm_calls: int = 0
    units: tuple[UnitRunRecord, ...]


class SurfaceRecord(Record):
    """Where clients find a deployment."""

    surface: str
    api: str
    tokens_per_minute: int | None = Field(default=None, description="Of its limit in the gateway")


class DeploymentRecord(Record):
    id: str
    unit_id: str
    account: str
    name: str
    state: str
    reason: str
    since: str
    model_format: str = ""
    model_name: str = ""
    model_version: str = ""
    sku: str = ""
    capacity: int = 0
    tokens_per_minute: int = 0
    kind: str = ""
    apis: tuple[str, ...] = ()
    surfaces: tuple[SurfaceRecord, ...] = ()
    event_at: str = ""
    applied_at: str = ""
    verified_at: str = ""
    seconds_to_verified: float | None = Field(
        default=None, description="From the event that told of it to its first good answer"
    )


class SpreadRecord(Record):
    """Of seconds."""

    count: int
    p50: float | None = None
    p95: float | None = None


class DeploymentsAnswer(Record):
    count: dict[str, int] = Field(description="By state, of all that were ever seen")
    time_to_verified: SpreadRecord
    total: int = Field(description="Of those asked for")
    deployments: tuple[DeploymentRecord, ...]
    next: str = ""


class ChapterRecord(Record):
    """What one run meant for a deployment."""

    at: str
    run: str
    causes: tuple[CauseRecord, ...] = ()
    read: Json = Field(default_factory=dict, description="What ARM and the gateway said")
    decided: Json = Field(default_factory=dict, description="What was chosen for it, and by what")
    state_before: str = ""
    state: str
    reason: str
    writes: tuple[ChangeRecord, ...] = ()
    words: str = Field(default="", description="The chapter as a sentence or two")


class WhyAnswer(Record):
    """The story of a deployment, the newest chapter first."""

    deployment: DeploymentRecord
    advice: str = Field(description="What to do now, if anything")
    chapters: tuple[ChapterRecord, ...]


class HoldRecord(Record):
    """Why nothing is done by itself, until somebody releases the unit."""

    kind: str = Field(description="removals or rollback")
    reason: str
    since: str
    digest: str = ""


class UnitRecord(Record):
    id: str
    account: str
    status: str = Field(description="done, marked, running, waiting or held")
    mode: str = ""
    hold: HoldRecord | None = None
    ordered: str = Field(default="", description="force, plan or rollback, until that is done")
    attempts: int = 0
    not_before: str = ""
    causes: tuple[CauseRecord, ...] = Field(default=(), description="What is still to be answered")
    refused: tuple[str, ...] = Field(default=(), description="What API Management refused")


class UnitsAnswer(Record):
    units: tuple[UnitRecord, ...]


class AppliedStateRecord(Record):
    """What stood after a run, to which the unit can be rolled back."""

    id: str
    at: str
    run: str
    deployments: tuple[str, ...]
    resources: int


class StatesAnswer(Record):
    states: tuple[AppliedStateRecord, ...]


class FindingRecord(Record):
    """Something that reaches models past us, or of ours that leads nowhere."""

    kind: str = Field(description="reachable, bypass, unknown-account, unclear or gone")
    api: str
    path: str = ""
    account: str = ""
    host: str = ""
    deployments: tuple[str, ...] = ()
    words: str


class UngovernedAnswer(Record):
    at: str
    findings: tuple[FindingRecord, ...]


class SweepRecord(Record):
    at: str
    age_seconds: float | None = None
    units: int = 0
    problems: tuple[str, ...] = ()


class ErrorRecord(Record):
    at: str
    run: str
    account: str
    message: str


class HealthAnswer(Record):
    """For monitors: 200 while healthy or degraded, 503 when not."""

    status: Literal["healthy", "degraded", "unhealthy"]
    problems: tuple[str, ...]
    last_sweep: SweepRecord | None = None
    backlog: int = Field(description="Messages in the work queue")
    unfinished: int = Field(description="Units that are marked and not done")
    held: int
    poisoned: int = Field(description="Messages given up and not replayed")
    dead_letters: int = Field(description="Events given up and not replayed")
    quarantined: int
    last_error: ErrorRecord | None = None


class DeadLetterRecord(Record):
    """An event or a message that was given up; of an event only what names it."""

    id: str
    kind: Literal["event", "message"]
    account: str = ""
    deployment: str = ""
    operation: str = ""
    event_id: str = ""
    event_time: str = ""
    reason: str = ""
    outcome: str = ""
    attempts: int = 0
    given_up_at: str
    problem: str = Field(default="", description="Why it can't be replayed")
    replayed_at: str = ""
    run: str = ""


class DeadLettersAnswer(Record):
    dead_letters: tuple[DeadLetterRecord, ...]
    next: str = ""


class ReplayAnswer(AcceptedAnswer):
    dead_letters: tuple[str, ...]


class ErrorBody(Record):
    code: str
    message: str
    action: str = Field(description="What to do")


class ErrorAnswer(Record):
    error: ErrorBody
