"""What the survey reads of a gateway that people, the portal's wizard and we have furnished."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from shared.adapters.gateway_survey import ApimSurvey
from shared.core.naming import backend_id
from shared.core.resource_ids import GatewayId
from shared.core.survey import GatewaySurvey, SurveyedApi
from shared.core.ungoverned import FindingKind, ungoverned
from shared.errors import RetryableError
from tests.adapters.conftest import CONTOSO, Bench, a_bench
from tests.adapters.resources import (
    API,
    API_NAME,
    BACKEND,
    FOREVER,
    POLICY,
    SOCKET,
    SOCKET_NAME,
    SOCKET_POLICY,
    UNIT,
    a_policy,
    an_api,
)

HAND = an_api("chat", name="hand", description="x", serviceUrl="https://contoso.openai.azure.com")
PLAIN = an_api("chat", name="plain", description="x")
WIZARD = an_api("chat", "embeddings", name="foundry", description="x", path="foundry/openai")
WIZARD_BACKEND = "foundry-ai-endpoint"
WIZARD_POLICY = a_policy(
    f'<set-backend-service id="apim-generated-policy" backend-id="{WIZARD_BACKEND}" />', of=WIZARD
)
ON_CHAT = a_policy('<set-backend-service backend-id="{{which}}" />', of=PLAIN)
ON_PLAIN = a_policy('<include-fragment fragment-id="Route" />', of=PLAIN)
FRAGMENT = '<fragment><set-backend-service base-url="https://{{which}}.example" /></fragment>'
URL = "https://contoso.services.ai.azure.com/openai/v1"
MEMBER = {"id": f"/backends/{WIZARD_BACKEND}"}
FURNITURE: dict[str, dict[str, Any]] = {
    "namedValues/n1": {"displayName": "Which", "value": "pool"},
    "namedValues/n2": {"displayName": "hidden", "value": "secret text", "secret": True},
    f"backends/{WIZARD_BACKEND}": {"url": URL, "protocol": "http"},
    "backends/pool": {
        "type": "Pool",
        "pool": {"services": [{"id": f"/backends/{WIZARD_BACKEND}"}]},
    },
    "policyFragments/route": {"format": "xml", "value": FRAGMENT},
    **{it.path: it.body["properties"] for it in (BACKEND, API, POLICY, SOCKET, SOCKET_POLICY)},
    **{it.path: it.body["properties"] for it in (HAND, PLAIN, ON_PLAIN, WIZARD, WIZARD_POLICY)},
    "apis/plain/operations/chat/policies/policy": ON_CHAT.body["properties"],
    "products/ai": {"displayName": "AI", "state": "published"},
    "products/web": {"displayName": "Web", "state": "published"},
    "products/ai/policies/policy": WIZARD_POLICY.body["properties"],
    "products/web/policies/policy": a_policy(of=PLAIN).body["properties"],
    "products/ai/apis/hand": {},
    "apis/hand;rev=2": {"sourceApiId": "/apis/hand;rev=1", "apiRevisionDescription": "next"},
    "apis/hand;rev=2/policies/policy": WIZARD_POLICY.body["properties"],
}
OPERATIONS = {"hand": 1, "hand;rev=2": 1, "plain": 1, "foundry": 2}


def a_survey(bench: Bench, **changes: int) -> ApimSurvey:
    gateway = GatewayId.parse(bench.azure.gateway_id)
    return ApimSurvey(bench.arm, gateway, owner="default", parallel_reads=4, **changes)


def named(survey: GatewaySurvey, name: str) -> SurveyedApi:
    return next(it for it in survey.apis if it.name == name)


@pytest.fixture(scope="module")
async def furnished_bench(shared_bench: Bench) -> Bench:
    for path, properties in FURNITURE.items():
        await shared_bench.own(path, {"properties": properties})
    shared_bench.azure.arm.journal.clear()
    return shared_bench


@pytest.fixture
async def furnished(furnished_bench: Bench) -> AsyncIterator[Bench]:
    yield furnished_bench
    furnished_bench.azure.arm.faults.clear()
    furnished_bench.azure.arm.journal.clear()


@pytest.fixture
async def survey(furnished: Bench) -> GatewaySurvey:
    return await a_survey(furnished).read(until=FOREVER)


async def test_an_empty_gateway_costs_four_reads() -> None:
    async with a_bench() as bench:
        survey = await a_survey(bench).read(until=FOREVER)

        assert (survey.apis, survey.backends) == ((), ())
        assert "forward-request" in survey.policy
        assert len(bench.asked("GET")) == 4


def test_every_api_is_there_with_its_path(survey: GatewaySurvey) -> None:
    assert {it.name: it.path for it in survey.apis} == {
        API_NAME: f"contoso/{API_NAME}",
        SOCKET_NAME: f"contoso/{SOCKET_NAME}",
        "foundry": "foundry/openai",
        "hand": "contoso/hand",
        "hand;rev=2": "contoso/hand;rev=2",
        "plain": "contoso/plain",
    }


def test_ours_are_known_by_their_mark_and_read_without_operations(survey: GatewaySurvey) -> None:
    ours = [it for it in survey.apis if it.is_of("default")]

    assert {it.name for it in ours} == {API_NAME, SOCKET_NAME}
    assert all(it.operations == () and "<policies>" in it.policy for it in ours)


def test_a_hand_made_api_without_policies_leads_to_its_service(survey: GatewaySurvey) -> None:
    api = named(survey, "hand")

    assert (api.service_url, api.policy) == ("https://contoso.openai.azure.com", "")
    assert [(it.name, it.template, it.policy) for it in api.operations] == [("chat", "/chat", "")]


def test_a_revision_has_its_own_policy(survey: GatewaySurvey) -> None:
    assert WIZARD_BACKEND in named(survey, "hand;rev=2").policy


def test_a_policy_of_an_operation_is_read_with_what_it_names(survey: GatewaySurvey) -> None:
    (operation,) = named(survey, "plain").operations

    assert "{{which}}" in operation.policy
    assert survey.named_values == {"which": "pool"}
    assert "https://{{which}}.example" in survey.fragments["route"]


def test_backends_come_with_address_members_and_mark(survey: GatewaySurvey) -> None:
    backends = {it.name: it for it in survey.backends}

    assert backends["pool"].members == (WIZARD_BACKEND,)
    assert backends[WIZARD_BACKEND].url == URL
    mark = backends[backend_id(UNIT, "azure-openai-v1")].mark
    assert mark is not None
    assert mark.account.lower() == UNIT.arm_id.lower()


def test_a_product_that_leads_elsewhere_comes_with_its_apis(survey: GatewaySurvey) -> None:
    assert [(it.name, it.apis) for it in survey.products] == [("ai", ("hand",))]


async def test_the_number_of_reads_is_what_the_docstring_says(furnished: Bench) -> None:
    await a_survey(furnished).read(until=FOREVER)

    named_values, fragments, ours, products = 1, 1, 2, 2 + 1
    others = sum(2 + count for count in OPERATIONS.values())
    assert len(furnished.asked("GET")) == 4 + ours + others + named_values + fragments + products


async def test_nothing_is_written_and_no_secret_is_asked_for(furnished: Bench) -> None:
    await a_survey(furnished).read(until=FOREVER)

    assert [furnished.asked(it) for it in ("PUT", "POST", "PATCH", "DELETE")] == [[], [], [], []]


async def test_beyond_the_limit_an_api_is_said_to_be_unread(furnished: Bench) -> None:
    survey = await a_survey(furnished, most_operations=3).read(until=FOREVER)

    assert {it.name for it in survey.apis if it.unread} == {"foundry"}
    assert furnished.sent("GET", "apis/foundry/operations/chat/policies/policy") == 0


async def test_what_can_t_be_read_is_an_error(furnished: Bench) -> None:
    furnished.fail({"method": "GET", "path": "/apis/plain/operations$"}, {"status": 500})

    with pytest.raises(RetryableError):
        await a_survey(furnished).read(until=FOREVER)


async def test_what_was_read_tells_who_gets_past_us(furnished: Bench) -> None:
    account = await furnished.inventory.read(CONTOSO, confirm=frozenset(), until=FOREVER)
    assert account is not None
    survey = await a_survey(furnished).read(until=FOREVER)

    findings = ungoverned(survey, [account], {}, owner="default")

    assert [(it.kind, it.api, it.deployments) for it in findings] == [
        (FindingKind.REACHABLE, name, ("gpt-4o",))
        for name in ("foundry", "hand", "hand;rev=2", "plain")
    ]
