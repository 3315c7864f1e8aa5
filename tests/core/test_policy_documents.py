from xml.etree import ElementTree as ET

import pytest

from shared.core.policy_documents import (
    DeploymentRule,
    PolicyRules,
    policy_document,
    read_rules,
)
from shared.core.surfaces import SURFACES, Surface
from shared.errors import GuardRefused

RULES = [DeploymentRule("GPT-4o", 10_000), DeploymentRule("small", None)]


@pytest.fixture(params=list(SURFACES.values()), ids=list(SURFACES))
def surface(request: pytest.FixtureRequest) -> Surface:
    found: Surface = request.param
    return found


def document(surface: Surface, rules: list[DeploymentRule] = RULES) -> ET.Element:
    text = policy_document(surface, backend="b-ai-endpoint", unit="1a2b3c4d", served=rules)
    return ET.fromstring(text)


def test_it_says_which_deployments_it_lets_through(surface: Surface) -> None:
    text = policy_document(surface, backend="b", unit="u", served=RULES)

    assert read_rules(text) == PolicyRules({"gpt-4o": 10_000, "small": None})


def test_onboarded_deployments_go_to_the_backend_and_others_get_404(surface: Surface) -> None:
    choose = document(surface).find("inbound/choose")
    assert choose is not None

    backends = [when.find("set-backend-service") for when in choose.findall("when")]
    assert [b.get("backend-id") for b in backends if b is not None] == ["b-ai-endpoint"] * 2
    assert [status.get("code") for status in choose.iterfind("otherwise//set-status")] == ["404"]
    body = choose.findtext("otherwise/return-response/set-body") or ""
    assert "Onboarded: gpt-4o, small." in body


def test_the_limit_is_the_deployments_and_a_deployment_without_one_has_none(
    surface: Surface,
) -> None:
    limits = list(document(surface).iter("llm-token-limit"))

    assert [limit.get("tokens-per-minute") for limit in limits] == ["10000"]
    assert limits[0].get("counter-key") == (
        '@((context.Subscription?.Id ?? "none") + "/1a2b3c4d/gpt-4o")'
    )


def test_the_clients_key_is_dropped(surface: Surface) -> None:
    inbound = document(surface).find("inbound")
    assert inbound is not None

    dropped = {h.get("name") for h in inbound.findall("set-header[@exists-action='delete']")}
    assert dropped == {"Authorization", "api-key", "x-api-key"}
    query = inbound.find("set-query-parameter[@name='subscription-key']")
    assert query is not None
    assert query.get("exists-action") == "delete"


@pytest.mark.parametrize("name", ["@(1)", "{{secret}}", 'a"', "<b/>", "a b", "", "é", "a\n"])
def test_a_value_that_could_mean_something_in_a_policy_is_refused(
    surface: Surface, name: str
) -> None:
    with pytest.raises(GuardRefused):
        document(surface, [DeploymentRule(name, None)])


@pytest.mark.parametrize("text", ["", "<policies>", "<policies />", "no xml"])
def test_a_policy_that_is_not_ours_lets_nobody_through(text: str) -> None:
    assert read_rules(text) == PolicyRules()


@pytest.mark.parametrize(
    ("count", "tokens", "limit"), [(450, 10_000, 256 * 1024), (50, None, 16 * 1024)]
)
def test_as_many_deployments_fit_a_policy_as_the_readme_says(
    surface: Surface, count: int, tokens: int | None, limit: int
) -> None:
    """Sizes: azure-docs, api-management-service-limits; Consumption has no token limits."""
    rules = [DeploymentRule(f"gpt-4o-{number:04}", tokens) for number in range(count)]

    text = policy_document(surface, backend="b" * 60, unit="1a2b3c4d5e6f", served=rules)

    assert len(text.encode()) <= limit
