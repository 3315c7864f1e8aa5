"""Hypothesis drives the same simulation: it invents what people do and what goes wrong when.

A failure shrinks to the shortest story that still ends badly, which a seed can't.
"""

from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.simulation.simulation import Simulation
from tests.simulation.users import NAMES
from tests.simulation.weather import FAULTS, calm

ACCOUNTS = st.sampled_from(NAMES)
SECONDS = st.floats(0.1, 30)


class Story(RuleBasedStateMachine):
    @initialize(seed=st.integers(0, 2**16), workers=st.integers(1, 3))
    def begin(self, seed: int, workers: int) -> None:
        self.simulation = Simulation(seed, weather_=calm(workers))
        self.simulation.open()

    def teardown(self) -> None:
        if hasattr(self, "simulation"):
            self.simulation.settle()
            outcome = self.simulation.end()
            assert outcome.violations == (), "\n".join(outcome.lines)

    @rule(account=ACCOUNTS)
    def somebody_deploys(self, account: str) -> None:
        self._do(self.simulation.users.deploy, account)

    @rule(account=ACCOUNTS)
    def somebody_undeploys(self, account: str) -> None:
        self._do(self.simulation.users.undeploy, account)

    @rule(account=ACCOUNTS)
    def somebody_deletes_an_account(self, account: str) -> None:
        self._do(self.simulation.users.delete_account, account)

    @rule(account=ACCOUNTS)
    def somebody_creates_an_account(self, account: str) -> None:
        self._do(self.simulation.users.create_account, account)

    @rule(account=ACCOUNTS)
    def somebody_edits_by_hand(self, account: str) -> None:
        self._do(self.simulation.users.edit_by_hand, account)

    @rule(account=ACCOUNTS)
    def somebody_squats(self, account: str) -> None:
        self._do(self.simulation.users.squat, account)

    @rule(account=ACCOUNTS)
    def somebody_looks_at_the_plan(self, account: str) -> None:
        self._do(self.simulation.operators.look, account)

    @rule(account=ACCOUNTS)
    def somebody_agrees_to_it(self, account: str) -> None:
        self._do(self.simulation.operators.agree, account)

    @rule(account=ACCOUNTS)
    def somebody_reimports(self, account: str) -> None:
        self._do(self.simulation.operators.reimport, account)

    @rule(account=ACCOUNTS)
    def somebody_rolls_back(self, account: str) -> None:
        self._do(self.simulation.operators.roll_back, account)

    @rule(account=ACCOUNTS)
    def somebody_releases(self, account: str) -> None:
        self._do(self.simulation.operators.release, account)

    @rule(account=ACCOUNTS)
    def somebody_sets_a_mode(self, account: str) -> None:
        self._do(self.simulation.operators.tag, account)

    @rule()
    def a_worker_is_killed(self) -> None:
        self._do(self.simulation.host.kill_one)

    @rule(seconds=st.floats(1, 1000))
    def a_worker_is_paused(self, seconds: float) -> None:
        self._do(self.simulation.host.pause_one, seconds)

    @rule(kind=st.sampled_from(sorted(FAULTS)))
    def the_next_call_meets(self, kind: str) -> None:
        self.simulation.network.planned.append(kind)

    @rule()
    def a_sweep_starts(self) -> None:
        self._do(self.simulation.host.sweep)

    @rule(seconds=SECONDS)
    def time_passes(self, seconds: float) -> None:
        self.simulation.loop.advance(self.simulation.loop.time() + seconds)

    @rule()
    def all_comes_to_rest(self) -> None:
        self.simulation.rest()

    def _do(self, act: Any, *arguments: object) -> None:
        self.simulation.do(act, *arguments)


Story.TestCase.settings = settings(
    max_examples=30,
    stateful_step_count=25,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
TestStory = Story.TestCase
