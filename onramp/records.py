"""What only the command line tells; the rest it tells in the records of the HTTP API."""

from pydantic import Field

from shared.core.records import (
    ChangeRecord,
    DeadLetterRecord,
    DeploymentsAnswer,
    HealthAnswer,
    Record,
    UnitRecord,
    UnitRunRecord,
)
from shared.core.run_summaries import RunSummary


class ApplyAnswer(Record):
    """What became of each account."""

    accounts: tuple[UnitRunRecord, ...]


class StatusAnswer(Record):
    """All that the app says of itself."""

    app: str
    health: HealthAnswer
    deployments: DeploymentsAnswer
    units: tuple[UnitRecord, ...]
    dead_letters: tuple[DeadLetterRecord, ...]
    runs: tuple[RunSummary, ...]


class ServedApiRecord(Record):
    """An API of ours as it stands on the gateway."""

    surface: str
    api: str
    path: str
    deployments: tuple[str, ...]
    retired: tuple[str, ...] = ()
    products: tuple[str, ...] = ()


class ServedAccountRecord(Record):
    account: str
    apis: tuple[ServedApiRecord, ...] = ()
    error: str = Field(default="", description="Why it could not be read")


class ServedAnswer(Record):
    """What the gateway serves now, read off it."""

    gateway: str
    accounts: tuple[ServedAccountRecord, ...]


class PlaceRecord(Record):
    """A surface on which a deployment is to be served."""

    surface: str
    path: str
    limit: str = ""
    content_safety: str = ""


class DecisionAnswer(Record):
    """What would become of a deployment now, and why."""

    account: str
    name: str
    state: str
    reason: str
    advice: str
    model: str = ""
    kind: str = ""
    provisioning_state: str = ""
    because: tuple[str, ...] = Field(default=(), description="Rules, profiles and tags")
    places: tuple[PlaceRecord, ...] = ()
    notes: tuple[str, ...] = Field(default=(), description="Of the account")
    changes: tuple[ChangeRecord, ...] = Field(
        default=(), description="What of the plan it depends on and is not done yet"
    )


class AdoptionAnswer(Record):
    """What adopt found, and did."""

    api: str
    path: str
    account: str
    case: str = Field(description="ours, mark, replace, resume or elsewhere")
    steps: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    snippet: str = Field(default="", description="What to write into onramp.yaml")
    next_step: str = ""
    undo: str = ""
    done: bool = False


class ValidationAnswer(Record):
    """Whether the files of an installation can be used."""

    valid: bool
    checked: tuple[str, ...]
    problems: tuple[str, ...] = ()
