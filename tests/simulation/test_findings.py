"""Stories that went wrong once, told step by step; each names what it taught."""

from shared.adapters.tables import STATES
from tests.simulation import truth
from tests.simulation.asks import Ask
from tests.simulation.azure import ACCOUNTS, GATEWAY
from tests.simulation.simulation import Simulation
from tests.simulation.weather import calm


def a_world() -> Simulation:
    """An account with one deployment, onboarded and at rest."""
    simulation = Simulation(0, weather_=calm())
    simulation.open()
    simulation.rest()
    deploy(simulation, 10)
    simulation.rest()
    assert served(simulation) == 10_000
    return simulation


def deploy(simulation: Simulation, capacity: int) -> None:
    body = {
        "sku": {"name": "GlobalStandard", "capacity": capacity},
        "properties": {"model": {"format": "OpenAI", "name": "gpt-4o"}},
    }
    path = f"{ACCOUNTS}/contoso/deployments/gpt-4o"
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
    states = simulation.storage.tables[STATES]
    served_it = min(state for unit, state in states if unit.endswith("|contoso"))
    simulation.do(simulation.azure.do, "DELETE", f"{ACCOUNTS}/contoso")
    simulation.rest()
    assert served(simulation) is None

    order = Ask("rollback", ("contoso",), 0, state=served_it)
    simulation.do(simulation.operators.order, order, {"state": served_it})
    simulation.rest()

    assert (served(simulation), order.ended) == (10_000, {"contoso": "succeeded"})
    simulation.settle()
    assert simulation.end().violations == ()


def test_a_force_waits_for_what_arm_is_at_work_on() -> None:
    """Seed 41311: what is kept as it stands can't be forced, and that was told as done."""
    assert not Simulation(41311).run().violations
