"""The work queue: one message, one unit to reconcile."""

import logging

import azure.functions as func

from shared import logs, wiring
from shared.core.messages import QUEUE, read_message
from shared.errors import InvalidId, OnboardingError

logger = logging.getLogger(__name__)
bp = func.Blueprint()


@bp.function_name("reconcile_queue")
@bp.queue_trigger(arg_name="message", queue_name=QUEUE, connection="AzureWebJobsStorage")
async def reconcile_queue(message: func.QueueMessage) -> None:
    """Reconcile; a raise makes the host deliver the message again, and poison it after five times.

    Nothing is lost then: the unit's row stays dirty, and the sweep asks for it again.
    """
    try:
        unit = read_message(message.get_body().decode(errors="replace"))
    except InvalidId as exc:
        logs.error(logger, "message ignored", exc)
        return
    try:
        await wiring.app().reconciler.reconcile(unit)
    except OnboardingError as exc:
        logs.error(logger, "reconcile failed", exc, unit=unit.arm_id)
        raise
