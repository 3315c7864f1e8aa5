"""The ledger as a test has it: written by runs, read as people read it."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from azure.data.tables.aio import TableClient, TableServiceClient

from shared.adapters.table_history import TableHistory
from shared.adapters.table_ledger import TableLedger
from shared.core.records import DeploymentRecord
from shared.core.resource_ids import AccountId
from shared.core.run_ids import run_id
from shared.core.runs import Run, RunStatus
from shared.core.states import DeploymentState, Verdict
from tests.builders import NOW, a_deployment, an_account, desired_of

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Book:
    ledger: TableLedger
    history: TableHistory
    service: TableServiceClient

    async def record(self, run: Run, *, was_blocked: str = "") -> None:
        await self.ledger.record_run(run)
        await self.ledger.record_end(run, was_blocked=was_blocked)

    async def deployments(self, unit: AccountId) -> list[DeploymentRecord]:
        return [it for it in await self.history.deployments() if it.account == unit.arm_id]

    async def told(self, unit: AccountId) -> list[str]:
        """The events that wait, as type and name, and forget them."""
        found = await self.ledger.outcomes(unit)
        await self.ledger.forget(unit, [it["key"] for it in found])
        return [
            f"{it['type'].rpartition('.')[2]} {it['subject'].rpartition('/')[2]}" for it in found
        ]

    def table(self, name: str) -> TableClient:
        return self.service.get_table_client(name)


def a_run(unit: AccountId, at: datetime = NOW, **changes: Any) -> Run:
    verdicts = desired_of(an_account(a_deployment(), a_deployment("other"))).verdicts
    run = Run((run_id(at, uuid4().hex),), unit, RunStatus.SUCCEEDED, at, at, verdicts=verdicts)
    return replace(run, **changes)


def as_state(verdict: Verdict, state: DeploymentState, **changes: Any) -> Verdict:
    proof = "proof" if state is DeploymentState.VERIFIED else ""
    return replace(verdict, state=state, proof=proof, **changes)


(APPLIED,) = desired_of(an_account(a_deployment())).verdicts
VERIFIED = as_state(APPLIED, DeploymentState.VERIFIED)
