"""Dead letters: what was given up is recorded, listed, replayed, or let go."""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from http import HTTPStatus

import azure.functions as func

from handlers.asking import accepted
from handlers.http_errors import (
    HttpError,
    answer_with,
    not_found,
    read_nothing,
    read_query,
    with_json_errors,
)
from handlers.requests import DeadLettersQuery
from shared import logs, telemetry, wiring
from shared.core.dead_letters import POISON_QUEUE, DeadLetter, LetterKind, letter_record, why_not
from shared.core.records import AcceptedAnswer, DeadLettersAnswer, ReplayAnswer
from shared.core.single_flight import Cause
from shared.errors import OnboardingError

logger = logging.getLogger(__name__)
bp = func.Blueprint()
_AT_A_TIME = 200  # letters in one replay


@bp.function_name("poisoned")
@bp.queue_trigger(arg_name="message", queue_name=POISON_QUEUE, connection="AzureWebJobsStorage")
async def poisoned(message: func.QueueMessage) -> None:
    """Record what `reconcile_queue` could not do, so that the message may go.

    A raise leaves the message where it is. The host makes no poison queue of a poison queue: it
    tries again after ten minutes, five times in all, and then leaves the message until it expires
    (QueueListenerFactory.cs, QueueProcessor.cs in Azure/azure-sdk-for-net). Nothing but the record
    is lost then: the unit's row is still dirty, and the sweep asks for it again.
    """
    letter = await wiring.dead_letters().record_message(
        message.get_body().decode(errors="replace"),
        message_id=message.id or "",
        at=message.insertion_time or datetime.now(UTC),
    )
    telemetry.record(telemetry.DEAD_LETTERS, 1, {"kind": LetterKind.MESSAGE.value})
    unit = letter.unit.arm_id if letter.unit else ""
    logs.warning(logger, "message poisoned", unit=unit, letter=letter.id, problem=letter.problem)


@bp.function_name("dead_letters")
@bp.route(route="dead-letters", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@with_json_errors
async def dead_letters(req: func.HttpRequest) -> func.HttpResponse:
    """What was given up, the newest first, what no sweep has found yet included."""
    query = read_query(DeadLettersQuery, req)
    await _collect()
    found, following = await wiring.dead_letters().page(
        query.limit, after=query.after or "", replayed=query.replayed
    )
    return answer_with(
        DeadLettersAnswer(dead_letters=tuple(map(letter_record, found)), next=following)
    )


async def _collect() -> None:
    """Whoever was woken by one wants to see it; what is recorded can be shown without it."""
    try:
        await wiring.dead_letters().collect()
    except OnboardingError as exc:
        logs.error(logger, "dead letters can't be read", exc)


@bp.function_name("replay_dead_letter")
@bp.route(route="dead-letters/{id}/replay", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@with_json_errors
async def replay_dead_letter(req: func.HttpRequest) -> func.HttpResponse:
    """Mark the unit again, as the event would have done; 202 with the run."""
    read_nothing(req)
    letter = await _letter(req)
    if reason := why_not(letter, wiring.settings().watched):
        raise HttpError(HTTPStatus.CONFLICT, "NotReplayable", *reason)
    return await _replayed(req, [letter])


@bp.function_name("replay_dead_letters")
@bp.route(route="dead-letters/replay", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@with_json_errors
async def replay_dead_letters(req: func.HttpRequest) -> func.HttpResponse:
    """Replay, in one run, all that can be and has not been."""
    read_nothing(req)
    watched = wiring.settings().watched
    letters: list[DeadLetter] = []
    after = ""
    while len(letters) < _AT_A_TIME:
        found, after = await wiring.dead_letters().page(_AT_A_TIME, after=after, replayed=False)
        letters += [it for it in found if why_not(it, watched) is None]
        if not after:
            break
    if not letters:
        raise HttpError(
            HTTPStatus.CONFLICT,
            "NotReplayable",
            "there is nothing that can be replayed",
            "GET /api/dead-letters?replayed=false says what is there, and what its problem is.",
        )
    return await _replayed(req, letters[:_AT_A_TIME])


@bp.function_name("forget_dead_letter")
@bp.route(route="dead-letters/{id}", methods=["DELETE"], auth_level=func.AuthLevel.FUNCTION)
@with_json_errors
async def forget_dead_letter(req: func.HttpRequest) -> func.HttpResponse:
    """Let go of one that nobody will replay, so that monitors need not name it for ever."""
    read_nothing(req)
    letter = await _letter(req)
    await wiring.dead_letters().forget(letter.id)
    return func.HttpResponse(status_code=HTTPStatus.NO_CONTENT)


async def _letter(req: func.HttpRequest) -> DeadLetter:
    found = await wiring.dead_letters().get(req.route_params.get("id", ""))
    if found is None:
        raise not_found("Letter", "Take the id from GET /api/dead-letters.")
    return found


async def _replayed(req: func.HttpRequest, letters: Sequence[DeadLetter]) -> func.HttpResponse:
    """Tell each unit what its events told, then ask for a run of all of them.

    A letter counts as replayed when the run is in the queue: whoever dies before that replays it
    again, which does no harm.
    """
    for letter in letters:
        if letter.unit is not None and letter.cause is not None:
            await wiring.app().state.mark(letter.unit, letter.cause)
    units = tuple(dict.fromkeys(it.unit for it in letters if it.unit is not None))
    response = await accepted(req, units, Cause(full=True, kind="replay"))
    told = AcceptedAnswer.model_validate_json(response.get_body())
    for letter in letters:
        await wiring.dead_letters().mark_replayed(letter.id, told.run.id)
    logs.info(logger, "dead letters replayed", run=told.run.id, letters=len(letters))
    answer = ReplayAnswer(
        run=told.run, accounts=told.accounts, dead_letters=tuple(it.id for it in letters)
    )
    return answer_with(answer, status=HTTPStatus.ACCEPTED, location=told.run.url)
