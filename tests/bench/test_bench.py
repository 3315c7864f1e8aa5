import json
from pathlib import Path

import pytest

from bench import bounds
from bench.__main__ import BENCHES, main
from bench.figures import Figure, promise
from bench.trace import Call, depth
from sandbox.arm.journal import Asked


def a_call(started: float, ended: float) -> Call:
    return Call(Asked("GET", "/subscriptions/x", 200, "app"), started, ended)


@pytest.mark.parametrize(
    ("intervals", "expected"),
    [
        pytest.param([], 0, id="nothing"),
        pytest.param([(0, 1), (0, 1), (0.1, 1.2)], 1, id="all at once"),
        pytest.param([(0, 1), (1, 2), (2.5, 3)], 3, id="one after the other"),
        pytest.param([(0, 1), (0, 3), (1, 2), (3, 4)], 3, id="a long one beside two short ones"),
    ],
)
def test_depth_counts_the_round_trips_that_wait_for_each_other(
    intervals: list[tuple[float, float]], expected: int
) -> None:
    assert depth([a_call(*interval) for interval in intervals]) == expected


@pytest.mark.parametrize(
    ("figure", "expected"),
    [
        pytest.param(Figure("b", "n", 3), "", id="only informs"),
        pytest.param(Figure("b", "n", 3, limit=3), "met", id="at the limit"),
        pytest.param(Figure("b", "n", 4, limit=3), "missed", id="past it"),
        pytest.param(Figure("b", "n", 4, limit=3, sense="at least"), "met", id="more is better"),
        pytest.param(promise("b", "n", 1), "broken", id="a promise"),
    ],
)
def test_a_verdict_compares_with_the_limit(figure: Figure, expected: str) -> None:
    assert figure.verdict == expected


def test_the_critical_path_is_that_of_the_slowest_account() -> None:
    model = bounds.Times(read=1, policy=10, api=20, importing=100)

    assert bounds.critical_path_s([0, 0], [50, 60], model) == 0 + 134
    assert bounds.critical_path_s([0, 0], [50, 160], model) == 160 + 12


def test_the_read_limit_counts_only_the_accounts_that_still_have_to_be_read() -> None:
    model = bounds.Times(read=1, policy=10, api=20, importing=100)
    at_once, alone = [5.0] * 50, [5.0, 100.0]

    assert bounds.reads_allowed_s(at_once, model) == 5 + (50 * 13 - 250) / 25 + 10
    assert bounds.reads_allowed_s(alone, model) == 100 + 10


# What must be the same on every machine. All in one test, as a quick run takes a while.
_COUNTS = {
    ("intake", "calls to ARM and API Management"): 0,
    ("calls", "new account: writes"): 0,
    ("calls", "its first deployment: writes"): 7,
    ("calls", "one more deployment: writes"): 2,
    ("calls", "one of a new kind: writes"): 4,
    ("calls", "one of a new kind: levels of writes"): bounds.WRITE_LEVELS,
    ("calls", "another capacity: writes"): 2,
    ("calls", "unchanged: writes"): 0,
    ("calls", "unchanged: reads"): 2,
    ("calls", "redelivered: writes"): 0,
    ("calls", "redelivered: reads"): 0,
    ("calls", "reimport, unchanged: writes"): 0,
    ("calls", "reimport, unchanged: reads"): bounds.FULL_READS,
    ("calls", "one deleted: writes"): 2,
    ("calls", "another capacity beside one deleted: writes"): 2,
    ("storm", "deployments not served"): 0,
    ("growth", "5 deployments: writes per event"): 2,
    ("growth", "25 deployments: writes per event"): 2,
}


_LEVELS = ("calls", "one of a new kind: levels of writes")


def a_quick_run(bench: str, folder: Path) -> dict[tuple[str, str], float]:
    file = folder / "bench.json"

    assert main([bench, "--quick", "--json", str(file)]) == 0

    figures = json.loads(file.read_text())["figures"]
    return {(it["bench"], it["name"]): it["value"] for it in figures}


def test_a_quick_run_of_everything_keeps_its_promises(tmp_path: Path) -> None:
    found = a_quick_run("all", tmp_path)

    for _ in range(4):
        # What is sent at once overlaps unless the machine is slow just then: that adds levels.
        if found[_LEVELS] <= _COUNTS[_LEVELS]:
            break
        found |= a_quick_run("calls", tmp_path)
    assert {name: found[name] for name in _COUNTS} == _COUNTS
    assert {bench for bench, _ in found} == set(BENCHES)
    reads = {name: value for (_, name), value in found.items() if "reads per event" in name}
    assert len(set(reads.values())) == 1, reads
