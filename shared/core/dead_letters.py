"""Dead letters: events and messages that were given up, kept so that they can be replayed.

    event     Event Grid could not deliver it and wrote it to the container of dead letters
    message   the host gave it up after five deliveries and moved it to the poison queue

An event carries the claims of whoever called ARM. Of each letter only what names a unit is kept;
the rest of it, and whatever can't be read, never gets this far.
"""

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from hashlib import sha256
from typing import Any

from shared.core.events import Hint, read_event
from shared.core.messages import QUEUE, read_message
from shared.core.moments import said
from shared.core.records import DeadLetterRecord
from shared.core.resource_ids import AccountId
from shared.core.run_ids import until_the_end
from shared.core.single_flight import Cause
from shared.errors import InvalidEvent, InvalidId

# Where the host moves a message in the end: learn.microsoft.com/azure/azure-functions/
# functions-bindings-storage-queue-trigger, "Poison messages".
POISON_QUEUE = f"{QUEUE}-poison"
MAX_DELIVERIES = 5  # maxDequeueCount in host.json; what is poisoned no longer says how often
# An event has 1 MB at most, and so has an array of them when it is published
# (learn.microsoft.com/azure/event-grid/event-schema). How many share a blob is UNVERIFIED.
MAX_BLOB_BYTES = 8 * 1024 * 1024
_INSTEAD = "Send POST /api/reimport for the account, or for all: ARM is read anew then."
_ID = re.compile(r"[0-9a-f]{11}-[0-9a-f]{16}")


class LetterKind(Enum):
    EVENT = "event"
    MESSAGE = "message"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Something that was given up.

    Attributes:
        id: Its place in time, the newest first, and what it was read from: the same thing read
            again has the same id.
        unit: None when the letter does not name one.
        operation: Of an event: what had happened.
        reason: Why it was given up.
        outcome: Of an event: what became of the last attempt to deliver it.
        problem: Why it can't be replayed; empty when it can.
    """

    id: str
    kind: LetterKind
    given_up_at: datetime
    unit: AccountId | None = None
    deployment: str = ""
    operation: str = ""
    event_id: str = ""
    event_time: str = ""
    reason: str = ""
    outcome: str = ""
    attempts: int = 0
    problem: str = ""
    replayed_at: datetime | None = None
    run_id: str = ""

    @property
    def cause(self) -> Cause | None:
        """What the event told the unit's row; None where the letter tells no more than a unit.

        The event's id stays out: a unit that has heard of it would take this for a redelivery.
        """
        if self.unit is None or not self.operation:
            return None
        hint = Hint(self.unit, self.deployment, "", self.operation, self.event_time, "")
        return replace(hint.cause, full=True, kind="replay")


def read_blob(content: bytes, *, name: str, at: datetime) -> tuple[DeadLetter, ...]:
    """The letters in a blob of Event Grid's: an array of events, each with why it was given up.

    learn.microsoft.com/azure/event-grid/delivery-and-retry shows them. Where the events are
    CloudEvents, the names that Event Grid adds are in lower case.

    Raises:
        InvalidEvent: it holds no events.
    """
    if len(content) > MAX_BLOB_BYTES:
        raise InvalidEvent("oversized", f"more than {MAX_BLOB_BYTES} bytes")
    try:
        events = json.loads(content)
    except (ValueError, RecursionError) as exc:
        raise InvalidEvent("malformed", "not JSON") from exc
    if not isinstance(events, list) or not events:
        raise InvalidEvent("malformed", "not an array of events")
    return tuple(
        _event_letter(event, letter_id(at, name, str(number)), at)
        for number, event in enumerate(events)
    )


def unreadable_blob(exc: InvalidEvent, *, name: str, at: datetime) -> DeadLetter:
    """What is recorded of a blob that holds no events, so that somebody looks at it."""
    problem = f"{exc.reason}: {exc}; the blob is kept: {_plain(name, 300)}"
    return DeadLetter(letter_id(at, name), LetterKind.EVENT, at, problem=problem)


def poisoned(text: str, *, message_id: str, at: datetime) -> DeadLetter:
    """A message that the host moved to the poison queue."""
    return DeadLetter(
        letter_id(at, message_id),
        LetterKind.MESSAGE,
        at,
        reason=f"delivered {MAX_DELIVERIES} times",
        attempts=MAX_DELIVERIES,
        **_unit_of(text),
    )


def why_not(letter: DeadLetter, watched: Collection[str]) -> tuple[str, str] | None:
    """Why *letter* can't be replayed, and what to do; None when it can.

    Args:
        letter: Any.
        watched: The subscriptions that we watch now; a letter can never widen them.
    """
    if letter.unit is None:
        return letter.problem or "it names no account", _INSTEAD
    if letter.unit.subscription not in watched:
        return (
            f"subscription {letter.unit.subscription} is not watched",
            "Add it to ONRAMP_SUBSCRIPTIONS.",
        )
    return None


def letter_id(at: datetime, *source: str) -> str:
    """Sorts the newest first, as table rows come in the order of their keys."""
    return f"{until_the_end(at)}-{sha256('|'.join(source).encode()).hexdigest()[:16]}"


def is_letter_id(text: str) -> bool:
    return _ID.fullmatch(text) is not None


def letter_record(letter: DeadLetter) -> DeadLetterRecord:
    """A letter as people are told of it."""
    return DeadLetterRecord(
        id=letter.id,
        kind=letter.kind.value,
        account=letter.unit.arm_id if letter.unit else "",
        deployment=letter.deployment,
        operation=letter.operation,
        event_id=letter.event_id,
        event_time=letter.event_time,
        reason=letter.reason,
        outcome=letter.outcome,
        attempts=letter.attempts,
        given_up_at=_text(letter.given_up_at),
        problem=letter.problem,
        replayed_at=_text(letter.replayed_at),
        run=letter.run_id,
    )


def _event_letter(event: object, its_id: str, at: datetime) -> DeadLetter:
    if not isinstance(event, dict):
        return DeadLetter(its_id, LetterKind.EVENT, at, problem="malformed: not a JSON object")
    added = {key.lower(): value for key, value in event.items()}
    attempts = added.get("deliveryattempts")
    return DeadLetter(
        its_id,
        LetterKind.EVENT,
        at,
        reason=_plain(added.get("deadletterreason")),
        outcome=_plain(added.get("lastdeliveryoutcome")),
        attempts=attempts if type(attempts) is int and 0 <= attempts < 1000 else 0,
        **_identity(event),
    )


def _identity(event: dict[str, Any]) -> dict[str, Any]:
    """What names the event. Whether its subscription is watched is asked when it is replayed."""
    subject = event.get("subject")
    named = subject.lower().split("/")[2:3] if isinstance(subject, str) else ()
    try:
        hint = read_event(json.dumps(event), subscriptions=frozenset(named))
    except InvalidEvent as exc:
        return {"problem": f"{exc.reason}: {exc}"}
    return {
        "unit": hint.unit,
        "deployment": hint.deployment or "",
        "operation": hint.event_type,
        "event_id": hint.event_id,
        "event_time": hint.event_time,
    }


def _unit_of(text: str) -> Mapping[str, Any]:
    try:
        return {"unit": read_message(text)}
    except InvalidId as exc:
        return {"problem": str(exc)}


def _plain(value: object, length: int = 100) -> str:
    text = value if isinstance(value, str) else ""
    return "".join(c for c in text if c.isprintable())[:length]


def _text(moment: datetime | None) -> str:
    return said(moment) if moment else ""
