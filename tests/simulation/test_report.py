"""What somebody sees of many seeds."""

import json

import pytest

from tests.simulation import __main__ as command
from tests.simulation.journal import Violation
from tests.simulation.simulation import Outcome

LOST = Violation("converges", "contoso/openai: should be served")


def lived(seed: int) -> Outcome:
    """The second of three goes wrong."""
    return Outcome(
        seed,
        violations=(LOST,) if seed == 8 else (),
        lines=("    12.500  host        sweep",),
        digest="d1",
        runs=2,
        calls=10,
        faults={"429": 1},
        virtual_s=1800.0,
    )


@pytest.fixture(autouse=True)
def _three_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "_run", lived)


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr("sys.argv", ["simulation", *words])
    return command.main()


def test_what_failed_is_said_at_once_and_counted_in_the_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "--seeds", "3", "--from", "7") == 1

    first, *summary = capsys.readouterr().out.splitlines()
    assert first == "seed 8: converges: contoso/openai: should be served"
    assert ["failed", "1"] in [line.split() for line in summary]
    assert "faults         {'429': 3}" in summary


def test_a_machine_gets_one_object(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "--seeds", "3", "--from", "7", "--json") == 1

    said = json.loads(capsys.readouterr().out)
    assert (said["seeds"], said["runs"], said["faults"]) == (3, 6, {"429": 3})
    assert [it["oracle"] for it in said["failed"]["8"]] == ["converges"]


def test_nothing_failed_is_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, "--seeds", "1") == 0


def test_one_seed_is_told_whole(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "--seed", "8", "--trace") == 1

    sweep, end = capsys.readouterr().out.splitlines()
    assert sweep.split() == ["12.500", "host", "sweep"]
    assert end == "seed 8: 1 violations, trace d1"
