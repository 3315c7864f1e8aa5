"""The app under storm."""

import os
import subprocess
import sys

import pytest

from tests.simulation.simulation import Simulation

SEEDS = 60  # `make simulate` lives more of them


@pytest.mark.parametrize("first", range(0, SEEDS, 20))
def test_nothing_is_violated(first: int) -> None:
    outcomes = [Simulation(seed).run() for seed in range(first, first + 20)]

    assert {it.seed: it.violations for it in outcomes if it.violations} == {}


@pytest.mark.parametrize("seed", [3, 17])
def test_one_seed_is_one_run(seed: int) -> None:
    first, second = Simulation(seed).run(), Simulation(seed).run()

    assert first.lines == second.lines
    assert first == second


def test_a_seed_is_the_same_run_in_another_process() -> None:
    command = [sys.executable, "-m", "tests.simulation", "--seed", "3"]
    environment = {**os.environ, "PYTHONHASHSEED": "12345"}

    shown = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)

    assert f"trace {Simulation(3).run().digest[:16]}" in shown.stdout
