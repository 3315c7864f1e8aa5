from dataclasses import replace
from datetime import UTC, datetime, timedelta

from shared.core.applied import AppliedChange, ChangeStatus
from shared.core.model import Resource
from shared.core.plan import Action, Change
from shared.core.rejections import Rejection, after, withheld

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
REFUSED = Change(Action.CREATE, "apis/a", "does not exist", Resource("apis/a", {"path": "taken"}))
OTHER = Change(Action.CREATE, "apis/b", "does not exist", Resource("apis/b", {}))


def refuse(times: int = 1, now: datetime = NOW) -> tuple[Rejection, ...]:
    found: tuple[Rejection, ...] = ()
    for _ in range(times):
        found = after(
            [AppliedChange(REFUSED, ChangeStatus.REJECTED, "the path is taken")], found, {}, now
        )
    return found


def test_what_was_refused_is_not_asked_again_at_once_and_says_why() -> None:
    held = withheld([REFUSED, OTHER], refuse(), NOW + timedelta(minutes=5))

    assert held.keys() == {"apis/a"}
    assert held["apis/a"].status is ChangeStatus.REJECTED
    assert held["apis/a"].detail == "the path is taken (asked 1 times, again 12:30Z)"


def test_it_is_asked_again_when_its_time_has_come_or_it_is_another_thing() -> None:
    another = replace(REFUSED, desired=Resource("apis/a", {"path": "free"}))

    assert withheld([REFUSED], refuse(), NOW + timedelta(minutes=30)) == {}
    assert withheld([another], refuse(), NOW) == {}


def test_the_wait_doubles_up_to_a_day() -> None:
    waits = [refuse(times)[0].again - NOW for times in (1, 2, 3, 20)]

    assert waits == [
        timedelta(minutes=30),
        timedelta(hours=1),
        timedelta(hours=2),
        timedelta(days=1),
    ]


def test_what_was_not_tried_keeps_its_time_and_what_succeeded_is_forgotten() -> None:
    before = refuse()
    held = withheld([REFUSED], before, NOW)

    assert after(list(held.values()), before, held, NOW + timedelta(minutes=5)) == before
    assert after([AppliedChange(REFUSED, ChangeStatus.APPLIED)], before, {}, NOW) == ()
