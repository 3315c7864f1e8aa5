"""The data of the outcome events: what docs/outcome-events.schema.json is made from."""

from typing import Any

from pydantic import Field

from shared.core.records import CauseRecord, DeploymentRecord, Record


class OutcomeData(Record):
    """What every event says; the event's source is the gateway's resource id."""

    run: str = Field(description="The run that found it or did it: GET /api/runs/{run}")
    unit_id: str = Field(description="Names the account in the HTTP API: /api/units/{unitId}")
    account: str = Field(description="Resource id of the account, in lower case")
    causes: tuple[CauseRecord, ...] = Field(
        default=(), description="Why the run looked; the last few, and none that names a person"
    )


class DeploymentData(OutcomeData):
    """Of one deployment, as it is after the run."""

    deployment: DeploymentRecord = Field(
        description="As in GET /api/deployments; its story: GET /api/deployments/{id}/why"
    )
    previous_state: str = Field(
        default="", description="The state that was told of last; empty for a new deployment"
    )
    words: str = Field(default="", description="What the run heard, found, did and what it means")
    advice: str = Field(default="", description="What to do now, if anything")


class ChangedField(Record):
    """What is different for its callers."""

    field: str = Field(description="A member of deployment")
    before: Any = None
    after: Any = None


class UpdatedData(DeploymentData):
    changed: tuple[ChangedField, ...]


class DriftedResource(Record):
    path: str = Field(description="Below the gateway; of a role assignment its resource id")
    what: str = Field(description="changed or deleted, by somebody else")
    fields: tuple[str, ...] = Field(default=(), description="What differed, the first few")


class DriftedData(OutcomeData):
    """Somebody changed what is ours; it is as it should be again."""

    resources: tuple[DriftedResource, ...] = Field(description="The first 25")
    resources_left_out: int = 0
    deployments: tuple[str, ...] = Field(
        default=(), description="Names of those that depend on the resources; the first 25"
    )


class BlockedData(OutcomeData):
    """Nothing is written for the account until somebody acts."""

    status: str = Field(description="held: it waits for a yes; failed: something must be changed")
    reason: str
    action: str = Field(description="What to do")
    writes_held: int = Field(default=0, description="Writes that wait")
    digest: str = Field(default="", description="Of the plan that is held, for apply")
