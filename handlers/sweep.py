"""The timer: events can be lost, and people change things by hand. The sweep is the truth."""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable
from datetime import datetime, timedelta

import azure.functions as func

from shared import logs, telemetry, wiring
from shared.core.dead_letters import LetterKind
from shared.core.moments import said
from shared.core.records import SweepRecord
from shared.core.resource_ids import AccountId
from shared.core.single_flight import Cause
from shared.core.states import DeploymentState
from shared.errors import OnboardingError

logger = logging.getLogger(__name__)
bp = func.Blueprint()


@bp.function_name("sweep")
@bp.timer_trigger(arg_name="timer", schedule="0 */15 * * * *")
@telemetry.traced("sweep")
async def sweep(timer: func.TimerRequest) -> None:
    """Mark every unit there is: in ARM, in the gateway, or unfinished in the table."""
    app, problems = wiring.app(), list[str]()
    found = await asyncio.gather(
        _units("inventory", app.inventory.accounts(), problems),
        _units("gateway", app.gateway.owned_units(app.settings.owner), problems),
        _units("table", app.state.unfinished(), problems),
    )
    units = {unit for units in found for unit in units}
    watched = {unit for unit in units if unit.subscription in app.settings.watched}
    logs.info(
        logger,
        "sweep",
        units=len(watched),
        unwatched=len(units - watched),
        late=timer.past_due,
    )
    await app.intake.all(watched, Cause(full=True))
    record = SweepRecord(at=said(app.clock.now()), units=len(watched), problems=tuple(problems))
    await app.ledger.record_sweep(record)  # what follows may be cut short, and can wait
    await _collect(problems)
    await _prune(problems)
    await app.outcomes.publish_rest(watched)
    await _tell_figures(app)
    await app.ledger.record_sweep(record.model_copy(update={"problems": tuple(problems)}))


async def _units(
    source: str, found: Awaitable[tuple[AccountId, ...]], problems: list[str]
) -> tuple[AccountId, ...]:
    """What *source* knows; one that fails hides no unit that another knows."""
    try:
        return await found
    except OnboardingError as exc:
        logs.error(logger, "sweep can't read a source", exc, source=source)
        problems.append(f"{source}: {exc}")
        return ()


async def _tell_figures(app: wiring.App) -> None:
    if not telemetry.is_heard():
        return
    before, found = await asyncio.gather(app.history.last_sweep(), app.history.deployments())
    if before is not None:
        age = app.clock.now() - datetime.fromisoformat(before.at)
        telemetry.record(telemetry.SWEEP_AGE, age.total_seconds())
    count = Counter(deployment.state for deployment in found)
    for state in DeploymentState:  # those that nothing is in any more as well
        telemetry.record(telemetry.DEPLOYMENTS, count[state.value], {"state": state.value})


async def _collect(problems: list[str]) -> None:
    """Events that Event Grid gave up; what they told of was just marked with everything else."""
    try:
        if count := await wiring.dead_letters().collect():
            logs.warning(logger, "dead letters found", count=count)
            telemetry.record(telemetry.DEAD_LETTERS, count, {"kind": LetterKind.EVENT.value})
    except OnboardingError as exc:
        logs.error(logger, "dead letters can't be read", exc)
        problems.append(f"dead letters: {exc}")


async def _prune(problems: list[str]) -> None:
    """What is long past; the next sweep goes on where there is more."""
    app = wiring.app()
    now = app.clock.now()
    try:
        if count := await app.ledger.prune(now - timedelta(days=app.settings.keep_days), now=now):
            logs.info(logger, "old records removed", count=count)
    except OnboardingError as exc:
        logs.error(logger, "old records can't be removed", exc)
        problems.append(f"old records: {exc}")
