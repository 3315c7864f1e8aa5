"""Event Grid: an event only marks its unit and puts it in the queue.

Event Grid waits 30 s for an answer, delivers again after an error, and delays every other event
of the subscription when errors pile up. So nothing here calls ARM or API Management, and an event
that nobody can act on is acknowledged, counted and logged, never raised.
"""

import logging
from collections import Counter

import azure.functions as func

from shared import logs, telemetry, wiring
from shared.core.events import read_event
from shared.core.naming import unit_hash
from shared.errors import InvalidEvent

logger = logging.getLogger(__name__)
bp = func.Blueprint()
ignored: Counter[str] = Counter()  # by reason, since this process started


# The annotation is str because the Functions library hands over one of two classes, whatever the
# annotation says, and its older versions a half-empty one for a CloudEvent.
@bp.function_name("deployment_events")
@bp.event_grid_trigger(arg_name="event")
async def deployment_events(event: str) -> None:
    try:
        hint = read_event(event, subscriptions=frozenset(wiring.settings().watched))
    except InvalidEvent as exc:
        _ignore(exc.reason, str(exc))
        return
    about = {"onramp.unit": unit_hash(hint.unit), "onramp.event": hint.event_type}
    with (
        logs.log_context(
            event_id=hint.event_id, correlation=hint.correlation_id, unit=hint.unit.arm_id
        ),
        telemetry.span("accept event", about),
    ):
        if not await wiring.intake().event(hint.unit, hint.cause):
            _ignore("replayed", "this event was already dealt with")
            return
        logs.info(
            logger,
            "event accepted",
            type=hint.event_type,
            time=hint.event_time,
            deployment=hint.deployment,
        )


def _ignore(reason: str, detail: str) -> None:
    ignored[reason] += 1
    logs.warning(logger, "event ignored", reason=reason, detail=detail, count=ignored[reason])
