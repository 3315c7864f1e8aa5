"""Reading dead letters: only what names a unit is kept, and nothing that comes makes it fail."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.dead_letters import (
    MAX_BLOB_BYTES,
    MAX_DELIVERIES,
    DeadLetter,
    LetterKind,
    is_letter_id,
    letter_id,
    letter_record,
    poisoned,
    read_blob,
    unreadable_blob,
    why_not,
)
from shared.core.messages import write_message
from shared.errors import InvalidEvent
from tests.builders import NOW, SUBSCRIPTION, UNIT

ROOT = Path(__file__).parents[2]
NAME = "MODEL-ONRAMP/2026/11/23/12/6a3a1c6e-0000-4000-8000-000000000001.json"
SECRET = "dev.user@example.com"
EVENT = {
    "id": "e-1",
    "topic": f"/subscriptions/{SUBSCRIPTION}",
    "subject": f"{UNIT.arm_id}/deployments/gpt-4o",
    "eventType": "Microsoft.Resources.ResourceWriteSuccess",
    "eventTime": "2026-11-23T11:00:00Z",
    "data": {"claims": {"name": SECRET}, "correlationId": "c-1"},
}
ADDED = {
    "deadLetterReason": "MaxDeliveryAttemptsExceeded",
    "deliveryAttempts": 30,
    "lastDeliveryOutcome": "NotFound",
    "publishTime": "2026-11-23T11:00:01Z",
    "lastDeliveryAttemptTime": "2026-11-23T11:55:00Z",
}
CLOUD = {
    "id": "e-1",
    "source": f"/subscriptions/{SUBSCRIPTION}",
    "subject": f"{UNIT.arm_id}/deployments/gpt-4o",
    "type": "Microsoft.Resources.ResourceWriteSuccess",
    "time": "2026-11-23T11:00:00Z",
    "specversion": "1.0",
    "data": {"claims": {"name": SECRET}},
}


def read(*events: Any) -> tuple[DeadLetter, ...]:
    return read_blob(json.dumps(events).encode(), name=NAME, at=NOW)


def cloud(**changes: Any) -> dict[str, Any]:
    return {**CLOUD, **{key.lower(): value for key, value in ADDED.items()}, **changes}


def grid(**changes: Any) -> dict[str, Any]:
    return {**EVENT, **ADDED, **changes}


@pytest.mark.parametrize("event", [grid(), cloud()], ids=["event grid", "cloud events"])
def test_a_letter_says_what_happened_and_why_it_was_given_up(event: dict[str, Any]) -> None:
    (letter,) = read(event)

    assert letter == DeadLetter(
        letter.id,
        LetterKind.EVENT,
        NOW,
        unit=UNIT,
        deployment="gpt-4o",
        operation="ResourceWriteSuccess",
        event_id="e-1",
        event_time="2026-11-23T11:00:00Z",
        reason="MaxDeliveryAttemptsExceeded",
        outcome="NotFound",
        attempts=30,
    )


@pytest.mark.parametrize("event", [grid(), cloud(), grid(subject=7), {"claims": SECRET}])
def test_nothing_personal_is_kept(event: dict[str, Any]) -> None:
    assert SECRET not in repr(read(event))


@pytest.mark.parametrize(
    ("event", "problem"),
    [
        (7, "malformed: not a JSON object"),
        (grid(subject=None), "malformed: no subject"),
        (grid(eventType="Microsoft.Storage.BlobCreated"), "unknown-type: "),
        (grid(subject="/subscriptions/x"), "foreign: "),
        (grid(subject=f"{UNIT.arm_id}/../other"), "foreign: "),
        (grid(data="x" * 100_000), "oversized: "),
    ],
)
def test_an_event_that_names_no_unit_is_recorded_with_its_problem(event: Any, problem: str) -> None:
    good, bad = read(grid(), event)

    assert good.unit == UNIT
    assert bad.unit is None
    assert bad.problem.startswith(problem)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"{}", "not an array"),
        (b"[]", "not an array"),
        (b" " * (MAX_BLOB_BYTES + 1), "more than"),
    ],
    ids=["empty", "no text", "deep", "object", "no events", "long"],
)
def test_a_blob_without_events_is_one_letter_that_says_so(content: bytes, words: str) -> None:
    with pytest.raises(InvalidEvent, match=words) as caught:
        read_blob(content, name=NAME, at=NOW)

    letter = unreadable_blob(caught.value, name=NAME, at=NOW)
    assert letter.unit is None
    assert words in letter.problem
    assert NAME in letter.problem


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from([*EVENT, *ADDED]), inner),
    )
)
def test_whatever_an_event_holds_it_becomes_a_letter(event: Any) -> None:
    (letter,) = read(event)

    assert letter.unit is None or letter.unit == UNIT
    assert letter_record(letter).model_dump_json()


@pytest.mark.parametrize("attempts", [None, "30", True, -1, 10**9, 2.5])
def test_a_number_of_attempts_that_is_none_is_not_believed(attempts: Any) -> None:
    (letter,) = read(grid(deliveryAttempts=attempts))

    assert letter.attempts == 0


def test_what_is_read_again_has_the_same_ids_and_what_is_another_has_others() -> None:
    first, second = read(grid(), grid())
    again = read_blob(json.dumps([grid(), grid()]).encode(), name=NAME, at=NOW)
    (elsewhere,) = read_blob(json.dumps([grid()]).encode(), name=f"{NAME}2", at=NOW)

    assert [it.id for it in again] == [first.id, second.id]
    assert len({first.id, second.id, elsewhere.id}) == 3
    assert all(is_letter_id(it) for it in (first.id, second.id, elsewhere.id))


@given(st.datetimes(datetime(2020, 1, 1), datetime(2300, 1, 1)), st.timedeltas(timedelta(0)))  # noqa: DTZ001
def test_ids_sort_the_newest_first(moment: datetime, later: timedelta) -> None:
    at = moment.replace(tzinfo=UTC)
    newer = at + min(later, timedelta(days=365)) + timedelta(seconds=1)

    assert letter_id(newer, "a") < letter_id(at, "b")


@pytest.mark.parametrize("text", ["", "x", "../x", "' or 1 eq 1", f"{letter_id(NOW, 'a')}\n"])
def test_an_id_of_another_form_is_none(text: str) -> None:
    assert not is_letter_id(text)


def test_a_poisoned_message_names_its_unit() -> None:
    letter = poisoned(write_message(UNIT), message_id="m-1", at=NOW)

    assert (letter.kind, letter.unit) == (LetterKind.MESSAGE, UNIT)
    assert letter.reason == "delivered 5 times"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"unit": 7}', '{"unit": "../x"}', SECRET])
def test_a_message_of_somebody_else_is_recorded_without_its_text(text: str) -> None:
    letter = poisoned(text, message_id="m-1", at=NOW)

    assert letter.unit is None
    assert letter.problem.startswith("not ")
    assert SECRET not in repr(letter)


def test_the_host_gives_a_message_up_after_as_many_deliveries_as_a_letter_says() -> None:
    host = json.loads((ROOT / "host.json").read_text())

    assert host["extensions"]["queues"]["maxDequeueCount"] == MAX_DELIVERIES


@pytest.mark.parametrize(
    ("operation", "written", "deleted"),
    [
        ("ResourceWriteSuccess", "gpt-4o", ""),
        ("ResourceDeleteSuccess", "", "gpt-4o"),
        ("ResourceWriteFailure", "", ""),
    ],
)
def test_a_replay_says_what_the_event_said(operation: str, written: str, deleted: str) -> None:
    (letter,) = read(grid(eventType=f"Microsoft.Resources.{operation}"))

    cause = letter.cause

    assert cause is not None
    assert (cause.written, cause.deleted) == (written, deleted)
    assert cause.at == datetime(2026, 11, 23, 11, tzinfo=UTC)
    assert (cause.full, cause.kind) == (True, "replay")


def test_a_message_tells_no_more_than_its_unit() -> None:
    assert poisoned(write_message(UNIT), message_id="m-1", at=NOW).cause is None


def test_a_replay_is_not_taken_for_a_redelivery() -> None:
    (letter,) = read(grid())

    cause = letter.cause

    assert cause is not None
    assert cause.event_id == ""


@pytest.mark.parametrize(
    ("letter", "watched", "reason"),
    [
        (read(grid())[0], (SUBSCRIPTION,), None),
        (poisoned(write_message(UNIT), message_id="m", at=NOW), (SUBSCRIPTION,), None),
        (read(grid())[0], ("another",), "is not watched"),
        (read(7)[0], (SUBSCRIPTION,), "malformed"),
        (poisoned("x", message_id="m", at=NOW), (SUBSCRIPTION,), "not a message of ours"),
    ],
)
def test_only_what_names_a_watched_unit_can_be_replayed(
    letter: DeadLetter, watched: tuple[str, ...], reason: str | None
) -> None:
    found = why_not(letter, watched)

    assert found is None if reason is None else found is not None and reason in found[0]


def test_the_api_shows_a_letter_in_camel_case() -> None:
    (letter,) = read(grid())

    shown = letter_record(letter).json_body()

    assert shown["account"] == UNIT.arm_id
    assert shown["givenUpAt"] == "2026-11-23T12:00:00.000Z"
    assert shown["replayedAt"] == ""
    assert all("_" not in key for key in shown)
