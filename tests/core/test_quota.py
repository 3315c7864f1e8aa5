from collections.abc import Sequence

import pytest

from shared.core.applied import ChangeStatus
from shared.core.model import ActualResource, Resource
from shared.core.plan import Action, Change
from shared.core.quota import added_operations, over_quota


def operations(count: int) -> tuple[tuple[str, str, str], ...]:
    return tuple((f"o{number}", "POST", f"/{number}") for number in range(count))


def a_change(
    name: str, wanted: int | None, standing: int | None = None, action: Action = Action.CREATE
) -> Change:
    path = f"apis/{name}"
    desired = None if wanted is None else Resource(path, {}, operations(wanted))
    actual = None if standing is None else ActualResource(path, {}, '"1"', operations(standing))
    return Change(action, path, "", desired, actual)


@pytest.mark.parametrize(
    ("plan", "added"),
    [
        ([], 0),
        ([a_change("new", 7)], 7),
        ([a_change("grows", 7, 3, Action.UPDATE)], 4),
        ([a_change("shrinks", 3, 7, Action.UPDATE)], 0),
        ([a_change("goes", None, 7, Action.DELETE)], 0),
        ([a_change("stays", 7, 7, Action.KEEP)], 0),
        ([a_change("foreign", 7, 0, Action.BLOCKED)], 0),
        ([a_change("new", 7), a_change("goes", None, 7, Action.DELETE)], 7),
    ],
)
def test_only_what_grows_is_counted(plan: Sequence[Change], added: int) -> None:
    assert added_operations(plan) == added


@pytest.mark.parametrize(
    ("sku", "in_use", "held"),
    [
        ("Developer", 2_990, []),
        ("Developer", 2_991, ["apis/b"]),
        ("consumption", 2_993, ["apis/b"]),
        ("Consumption", 2_996, ["apis/a", "apis/b"]),
        ("BasicV2", 9_999, ["apis/a", "apis/b"]),
        ("StandardV2", 9_999, []),
        ("Premium", 74_999, ["apis/a", "apis/b"]),
        ("SomethingNew", 10**9, []),
    ],
)
def test_what_there_is_no_room_for_is_held_back_first_come_first_served(
    sku: str, in_use: int, held: list[str]
) -> None:
    plan = [a_change("a", 5), a_change("b", 5)]

    assert list(over_quota(plan, sku=sku, in_use=in_use)) == held


def test_a_smaller_change_after_one_that_does_not_fit_may_fit() -> None:
    plan = [a_change("large", 50), a_change("small", 2), a_change("smaller", 1, 3, Action.UPDATE)]

    assert list(over_quota(plan, sku="Developer", in_use=2_960)) == ["apis/large"]


def test_it_says_what_is_missing() -> None:
    (held,) = over_quota([a_change("a", 8, 3)], sku="Basic", in_use=10_000).values()

    assert held.status is ChangeStatus.REJECTED
    assert held.detail == (
        "needs 5 more API operations, and 10000 of the 10000 of tier Basic are in use: "
        "remove APIs or choose a larger tier"
    )
