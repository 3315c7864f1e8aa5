"""Stories that went wrong once, told step by step; each names what it taught."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from shared.adapters.tables import STATES, UNITS
from tests.simulation import truth
from tests.simulation.asks import Ask
from tests.simulation.azure import ACCOUNTS, GATEWAY
from tests.simulation.simulation import Simulation
from tests.simulation.weather import calm

DEPLOYMENT = f"{ACCOUNTS}/contoso/deployments/gpt-4o"


def a_world(scale: float = 0.05) -> Simulation:
    """An account with one deployment, onboarded and at rest; ARM takes its time by *scale*."""
    simulation = Simulation(0, weather_=replace(calm(), scale=scale))
    simulation.open()
    simulation.rest()
    deploy(simulation, 10)
    simulation.rest()
    assert served(simulation) == 10_000
    return simulation


def deploy(simulation: Simulation, capacity: int, path: str = DEPLOYMENT) -> None:
    body = {
        "sku": {"name": "GlobalStandard", "capacity": capacity},
        "properties": {"model": {"format": "OpenAI", "name": "gpt-4o"}},
    }
    simulation.do(simulation.azure.do, "PUT", path, body)


def served(simulation: Simulation) -> int | None:
    """The limit that the gateway sets now."""
    api = truth.own_ids("contoso", "/openai")[0]
    rules = truth.served_by(simulation.azure.get(f"{GATEWAY}/apis/{api}/policies/policy"))
    return rules["gpt-4o"][1] if "gpt-4o" in rules else None


def test_a_run_that_died_leaves_nobody_sure_of_what_stands() -> None:
    """The fingerprint of the last inventory is worth nothing once somebody began to write."""
    simulation = a_world()
    deploy(simulation, 20)
    simulation.loop.advance(float("inf"), is_done=lambda: served(simulation) == 20_000)
    simulation.do(simulation.host.kill_one)
    deploy(simulation, 10)

    simulation.settle()

    assert simulation.end().violations == ()


def test_a_create_that_lands_after_its_connection_broke_undoes_nothing() -> None:
    """No answer to a create: it can land any time within the request's timeout, over newer work."""
    simulation = Simulation(0, weather_=calm())
    simulation.open()
    simulation.rest()
    deploy(simulation, 10)
    simulation.loop.advance(float("inf"), is_done=lambda: has_api(simulation))
    simulation.network.planned += ["drop-late"] * 2
    faults = simulation.journal.faults
    simulation.loop.advance(float("inf"), is_done=lambda: faults["drop-late"] == 2)
    deploy(simulation, 20)

    simulation.settle()

    assert simulation.end().violations == ()


def has_api(simulation: Simulation) -> bool:
    apis = [truth.own_ids("contoso", path)[0] for path in ("/openai", "/openai/v1")]
    return all(simulation.azure.get(f"{GATEWAY}/apis/{api}") for api in apis)


def test_an_account_that_is_gone_goes_back_and_is_given_no_right_to_it() -> None:
    """A role on what does not exist answers 404, and would be tried for as long as it is held."""
    simulation = a_world()
    back = last_state(simulation)
    simulation.do(simulation.azure.do, "DELETE", f"{ACCOUNTS}/contoso")
    simulation.rest()
    assert served(simulation) is None

    order = go_back(simulation, back)
    simulation.rest()

    assert (served(simulation), order.ended) == (10_000, {"contoso": "succeeded"})
    simulation.settle()
    assert simulation.end().violations == ()


def test_who_goes_back_does_not_wait_for_what_arm_is_at_work_on() -> None:
    """Seed 50866: it waited, was released, and then passed for done as the unit went forward."""
    simulation = a_world(scale=1.0)
    deploy(simulation, 5, f"{DEPLOYMENT}-new")

    order = go_back(simulation, last_state(simulation))

    until(simulation, lambda: bool(order.ended))
    assert order.ended == {"contoso": "succeeded"}
    assert simulation.azure.door.operations.in_progress
    simulation.settle()
    assert simulation.end().violations == ()


def last_state(simulation: Simulation) -> str:
    return min(it for unit, it in simulation.storage.tables[STATES] if unit.endswith("|contoso"))


def go_back(simulation: Simulation, state: str) -> Ask:
    order = Ask("rollback", ("contoso",), 0, state=state)
    simulation.do(simulation.operators.order, order, {"state": state})
    return order


def test_a_force_waits_for_what_arm_is_at_work_on() -> None:
    """Seed 41311: what is kept as it stands can't be forced, and that was told as done."""
    simulation = a_world(scale=1.0)
    deploy(simulation, 20)
    order = force(simulation)

    until(simulation, lambda: not simulation.azure.door.operations.in_progress)

    assert order.ended == {}
    simulation.rest()
    assert (served(simulation), order.ended) == (20_000, {"contoso": "succeeded"})
    assert simulation.end().violations == ()


def test_an_agreed_plan_that_lost_its_writes_on_the_way_is_no_longer_that_plan() -> None:
    """Seed 40191: once its deployment was gone nothing was left to do, and that passed for done."""
    simulation = a_world()
    simulation.do(simulation.users.tag, "contoso", "observe")
    simulation.rest()
    deploy(simulation, 20)
    simulation.rest()
    simulation.network.planned += ["422"] * 1000  # every write, for as long as that
    order = agree(simulation)
    until(simulation, lambda: was_refused(simulation) and not simulation.host.busy)
    simulation.do(simulation.users.tag, "contoso", "upsert-only")
    until(simulation, lambda: not simulation.azure.door.operations.in_progress)
    simulation.do(simulation.azure.do, "DELETE", DEPLOYMENT)
    until(simulation, lambda: not simulation.azure.door.operations.in_progress)
    simulation.network.is_calm = True

    simulation.rest()

    assert (order.status, order.ended) == (202, {"contoso": "held"})
    assert served(simulation) == 10_000
    simulation.settle()
    assert simulation.end().violations == ()


def agree(simulation: Simulation) -> Ask:
    """Look at the plan, and say yes to it."""
    simulation.do(simulation.operators.look, "contoso")
    plans = simulation.operators.plans
    until(simulation, lambda: "contoso" in plans)
    ((digest, plan),) = plans["contoso"]
    order = Ask("reimport", ("contoso",), 0, digest=digest, plan=plan)
    body = {"account": f"{ACCOUNTS}/contoso", "digest": digest}
    simulation.do(simulation.operators.order, order, body)
    return order


def until(simulation: Simulation, is_done: Callable[[], bool]) -> None:
    simulation.loop.advance(float("inf"), is_done=is_done)


def test_who_wakes_up_late_does_not_take_back_that_it_was_called_off() -> None:
    """Seed 50217: its worker slept meanwhile, and woke up to say that it waits, for ever."""
    simulation = a_world()
    order = force(simulation)
    until(simulation, lambda: has_claimed(simulation))
    simulation.host.pause_one(3600)
    sleeper = simulation.host.workers.pop()
    simulation.host.start(1)
    simulation.do(simulation.operators.call_off, "contoso")
    until(simulation, lambda: bool(order.ended))
    assert simulation.loop.time() < sleeper.process.paused_until

    simulation.settle()

    assert order.ended == {"contoso": "failed"}
    assert simulation.end().violations == ()


def test_who_could_not_be_told_of_a_call_off_is_told_by_the_next_run() -> None:
    """Seed 50220: storage was busy for a moment, and five people waited for ever."""
    simulation = a_world()
    simulation.network.planned += ["422"] * 1000
    order = force(simulation)
    until(simulation, lambda: was_refused(simulation) and not simulation.host.busy)
    simulation.do(simulation.operators.call_off, "contoso")
    until(simulation, lambda: has_claimed(simulation))
    simulation.network.planned = ["storage-503"]
    until(simulation, lambda: not simulation.host.busy)
    assert order.ended == {}

    simulation.sweep()

    assert order.ended == {"contoso": "failed"}
    simulation.settle()
    assert simulation.end().violations == ()


def was_refused(simulation: Simulation) -> bool:
    return simulation.journal.faults["422"] > 0


def force(simulation: Simulation) -> Ask:
    order = Ask("reimport", ("contoso",), 0, force=True)
    body = {"account": f"{ACCOUNTS}/contoso", "force": True}
    simulation.do(simulation.operators.order, order, body)
    return order


def has_claimed(simulation: Simulation) -> bool:
    """Whether a run has the account."""
    rows = simulation.storage.tables[UNITS]
    return any(row.values["owner"] for (_, unit), row in rows.items() if unit.endswith("|contoso"))


def test_where_the_path_is_taken_nobody_counts_the_operations_of_the_whole_gateway() -> None:
    """Seed 50042: a call for each API, with every sweep, for what would not be written anyway."""
    simulation = Simulation(0, weather_=calm())
    simulation.open()
    simulation.rest()
    taken = {"displayName": "mine", "path": "contoso/openai", "protocols": ["https"]}
    simulation.do(simulation.azure.do, "PUT", f"{GATEWAY}/apis/mine", {"properties": taken})
    deploy(simulation, 10)
    simulation.rest()
    assert served(simulation) is None
    simulation.wait(timedelta(minutes=15))  # they are counted again after ten
    before = len(simulation.journal.lines)

    simulation.sweep()

    asked = [it for it in simulation.journal.lines[before:] if "/apis/mine" in it]
    assert asked
    assert not [it for it in asked if "operations" in it]
    simulation.end()
