"""The timer: events can be lost, and people change things by hand. The sweep is the truth."""

import asyncio
import logging
from collections.abc import Awaitable

import azure.functions as func

from shared import logs, wiring
from shared.core.resource_ids import AccountId
from shared.core.single_flight import Cause
from shared.errors import OnboardingError

logger = logging.getLogger(__name__)
bp = func.Blueprint()


@bp.function_name("sweep")
@bp.timer_trigger(arg_name="timer", schedule="0 */15 * * * *")
async def sweep(timer: func.TimerRequest) -> None:
    """Mark every unit there is: in ARM, in the gateway, or unfinished in the table."""
    app = wiring.app()
    found = await asyncio.gather(
        _units("inventory", app.inventory.accounts()),
        _units("gateway", app.gateway.owned_units(app.settings.owner)),
        _units("table", app.history.unfinished()),
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


async def _units(source: str, found: Awaitable[tuple[AccountId, ...]]) -> tuple[AccountId, ...]:
    """What *source* knows; one that fails hides no unit that another knows."""
    try:
        return await found
    except OnboardingError as exc:
        logs.error(logger, "sweep can't read a source", exc, source=source)
        return ()
