from random import Random

import pytest

from sandbox.event_grid.retry import Response, delay_s, is_final, probation_s, response


def _delay(attempt: int, status: int | None, *, azure_resource: bool = False) -> float:
    failed = response(status) if status else Response("TimedOut")
    return delay_s(attempt, failed, azure_resource=azure_resource, random=Random(1))


@pytest.mark.parametrize(
    ("attempt", "expected_s"),
    [
        (1, 10),
        (2, 30),
        (3, 60),
        (4, 300),
        (5, 600),
        (6, 1800),
        (7, 3600),
        (8, 10_800),
        (9, 21_600),
        (10, 43_200),
        (30, 43_200),
    ],
)
def test_the_schedule_is_the_documented_one(attempt: int, expected_s: int) -> None:
    assert expected_s <= _delay(attempt, 500) <= expected_s * 1.1


@pytest.mark.parametrize(
    ("status", "azure_resource", "minimum_s"),
    [
        (408, False, 120),
        (408, True, 120),
        (503, False, 30),
        (500, False, 10),
        (None, False, 10),
        (404, False, 10),
        (404, True, 300),
        (401, True, 300),
    ],
)
def test_some_answers_mean_a_longer_wait(
    status: int | None, minimum_s: int, *, azure_resource: bool
) -> None:
    assert minimum_s <= _delay(1, status, azure_resource=azure_resource) <= minimum_s * 1.1


@pytest.mark.parametrize(
    ("status", "outcome", "probation"),
    [
        (401, "Unauthorized", 300),
        (403, "Forbidden", 300),
        (404, "NotFound", 300),
        (408, "TimedOut", 10),
        (503, "Busy", 10),
    ],
)
def test_an_answer_has_an_outcome_and_a_probation(
    status: int, outcome: str, probation: int
) -> None:
    failed = response(status)

    assert (failed.outcome, probation_s(failed)) == (outcome, probation)


def test_no_answer_at_all_is_never_final() -> None:
    assert not is_final(Response("TimedOut"), azure_resource=False)
