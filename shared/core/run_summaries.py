"""A run as a list tells it: one over hundreds of accounts must not fill the page: pure."""

from collections import Counter

from pydantic import Field

from shared.core.records import CauseRecord, Record, RunAnswer, RunState, UnitRunRecord

ENOUGH = 2000  # accounts that one page of runs tells of; the rest is for the next
_MOST = 20  # accounts of a run, and causes


class UnitRunSummary(Record):
    """What became of one account in a run, as far as a list tells it."""

    unit_id: str
    account: str
    status: RunState
    started: str
    finished: str = ""
    drifted: tuple[str, ...] = Field(default=(), description="As in the run itself")
    error: str = ""


class RunSummary(Record):
    """A run as a list tells it; GET /api/runs/{id} has each account, its changes and its notes."""

    id: str
    status: RunState
    started: str
    finished: str = ""
    writes: int = 0
    planned: int = Field(default=0, description="Writes that its plans have")
    arm_calls: int = 0
    causes: tuple[CauseRecord, ...] = Field(
        default=(), description="Of all its accounts, each once; 20 at most"
    )
    count: dict[str, int] = Field(default_factory=dict, description="Its accounts, by status")
    errors: int = Field(default=0, description="Accounts with an error")
    units: tuple[UnitRunSummary, ...] = Field(
        description="20 accounts at most: those with an error first, then those with drift, then "
        "those that are not over"
    )
    left_out: tuple[str, ...] = Field(default=(), description="Unit ids of its other accounts")


class RunsAnswer(Record):
    """The newest first; fewer than asked for where they are of thousands of accounts."""

    runs: tuple[RunSummary, ...]
    next: str = Field(default="", description="Send it as `after` for the page that follows")


def run_summary(run: RunAnswer) -> RunSummary:
    units = sorted(run.units, key=_urgency)
    causes = dict.fromkeys(cause for unit in units for cause in unit.causes)
    return RunSummary(
        id=run.id,
        status=run.status,
        started=run.started,
        finished=run.finished,
        writes=run.writes,
        planned=sum(unit.planned for unit in units),
        arm_calls=run.arm_calls,
        causes=tuple(causes)[:_MOST],
        count=dict(Counter(unit.status for unit in units)),
        errors=sum(bool(unit.error) for unit in units),
        units=tuple(
            UnitRunSummary.model_validate(it, from_attributes=True) for it in units[:_MOST]
        ),
        left_out=tuple(unit.unit_id for unit in units[_MOST:]),
    )


def _urgency(unit: UnitRunRecord) -> tuple[bool, bool, bool]:
    return not unit.error, not unit.drifted, bool(unit.finished)
