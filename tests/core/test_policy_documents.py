import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from shared.core.choices import ContentSafety
from shared.core.policy_documents import (
    Access,
    ApiPolicy,
    DeploymentRule,
    KeptRule,
    RetiredRule,
    policy_document,
)
from shared.core.policy_features import Limit
from shared.core.policy_rules import PolicyRules, read_rules
from shared.core.surfaces import SURFACES, Protocol, Surface
from shared.errors import GuardRefused
from tests.builders import NOW

README = (Path(__file__).parents[2] / "README.md").read_text()
RULES = (DeploymentRule("GPT-4o", limit=Limit(10_000)), DeploymentRule("small"))
ACCESS = Access("b-ai-endpoint", "https://cognitiveservices.azure.com/")
KEY = ("api-key", "contoso-key-1a2b3c")
V1 = SURFACES["azure-openai-v1"]
BY_HTTP = [it for it in SURFACES.values() if it.protocol is Protocol.HTTP]
BY_SOCKET = [it for it in SURFACES.values() if it.protocol is Protocol.WEBSOCKET]


@pytest.fixture(params=list(SURFACES.values()), ids=list(SURFACES))
def surface(request: pytest.FixtureRequest) -> Surface:
    found: Surface = request.param
    return found


def policy_of(surface: Surface, **changes: Any) -> ApiPolicy:
    values: dict[str, Any] = {"unit": "1a2b3c4d", "access": ACCESS, "served": RULES}
    return ApiPolicy(surface, surface.operations, **{**values, **changes})


def text_of(surface: Surface, **changes: Any) -> str:
    return policy_document(policy_of(surface, **changes))


def document(surface: Surface, **changes: Any) -> ET.Element:
    return ET.fromstring(text_of(surface, **changes))


def blocks(root: ET.Element) -> Mapping[str, ET.Element]:
    """What is said of each deployment, by its name."""
    start, end = '@((string)context.Variables["deployment"] == "', '")'
    found = {it.get("condition", ""): it for it in root.iterfind("inbound/choose/when")}
    return {
        condition.removeprefix(start).removesuffix(end): when
        for condition, when in found.items()
        if condition.startswith(start)
    }


def test_it_says_which_deployments_it_lets_through(surface: Surface) -> None:
    rules = read_rules(text_of(surface))

    assert rules.served.keys() == {"gpt-4o", "small"}
    assert "llm-token-limit" in rules.served["gpt-4o"]
    assert "llm-token-limit" not in rules.served["small"]
    assert (rules.retired, rules.key) == ({}, None)


@pytest.mark.parametrize("surface", BY_HTTP, ids=lambda it: it.name)
def test_onboarded_deployments_go_to_the_backend_and_others_get_404(surface: Surface) -> None:
    root = document(surface)

    routes = {name: it.findall("set-backend-service") for name, it in blocks(root).items()}
    assert {name: [it.get("backend-id") for it in found] for name, found in routes.items()} == {
        key: ["b-ai-endpoint"] for key in ("gpt-4o", "small")
    }
    (refused,) = root.iterfind("inbound/choose/otherwise/return-response")
    assert [it.get("code") for it in refused.iter("set-status")] == ["404"]
    assert "Onboarded: gpt-4o, small." in (refused.findtext("set-body") or "")


@pytest.mark.parametrize("surface", BY_SOCKET, ids=lambda it: it.name)
def test_a_handshake_gets_a_token_and_others_get_404_without_a_body(surface: Surface) -> None:
    root = document(surface)

    for block in blocks(root).values():
        (identity,) = block.findall("authentication-managed-identity")
        assert identity.attrib == {"resource": "https://cognitiveservices.azure.com/"}
    (refused,) = root.iterfind("inbound/choose/otherwise/return-response")
    assert [it.tag for it in refused] == ["set-status"]
    assert not list(root.iter("set-backend-service"))


@pytest.mark.parametrize("surface", BY_SOCKET, ids=lambda it: it.name)
def test_a_handshake_is_made_with_the_user_assigned_identity_that_was_chosen(
    surface: Surface,
) -> None:
    access = replace(ACCESS, client_id="aaaaaaaa-0000-0000-0000-000000000001")

    for identity in document(surface, access=access).iter("authentication-managed-identity"):
        assert identity.get("client-id") == access.client_id


def test_nothing_but_a_deployments_own_block_routes_what_names_a_deployment(
    surface: Surface,
) -> None:
    root = document(surface)

    routes = ("set-backend-service", "authentication-managed-identity")
    elsewhere = [
        when.get("condition", "")
        for when in root.iter("when")
        if any(when.find(it) is not None for it in routes) and when not in blocks(root).values()
    ]
    assert all("stored-response-" in it and "create" not in it for it in elsewhere)
    assert not [it for name in routes for it in root.iterfind(f"inbound/{name}")]


def test_stored_responses_are_not_reached_where_nobody_is_onboarded() -> None:
    assert "stored-response" in text_of(V1)
    assert not list(document(V1, served=()).iter("set-backend-service"))


def test_the_accounts_key_stands_in_no_policy_only_its_named_value_does(surface: Surface) -> None:
    text = text_of(surface, access=replace(ACCESS, key=KEY))

    assert text.count("{{") == text.count("}}") == 1
    (header,) = ET.fromstring(text).iterfind("inbound/set-header[@exists-action='override']")
    assert (header.get("name"), header.findtext("value")) == ("api-key", f"{{{{{KEY[1]}}}}}")
    assert "authentication-managed-identity" not in text
    assert read_rules(text).served.keys() == {"gpt-4o", "small"}
    assert read_rules(text).key == KEY


def test_the_clients_key_is_dropped_before_anything_else(surface: Surface) -> None:
    inbound = document(surface, access=replace(ACCESS, key=KEY)).find("inbound")
    assert inbound is not None

    dropped = {h.get("name") for h in inbound.findall("set-header[@exists-action='delete']")}
    assert dropped - {"x-ms-oai-image-generation-deployment"} == {
        "Authorization",
        "api-key",
        "x-api-key",
    }
    query = inbound.find("set-query-parameter[@name='subscription-key']")
    assert query is not None
    assert query.get("exists-action") == "delete"
    headers = [it.get("exists-action") for it in inbound.findall("set-header")]
    assert (set(headers[:-1]), headers[-1]) == ({"delete"}, "override")


def test_a_deployment_that_is_gone_answers_410_and_says_since_when(surface: Surface) -> None:
    text = text_of(surface, served=(), retired=[RetiredRule("Old", NOW)])

    (answer,) = (it for it in blocks(ET.fromstring(text)).values())
    (status,) = answer.iter("set-status")
    assert status.get("code") == "410"
    assert answer.findtext(".//set-header[@name='Sunset']/value") == "Mon, 23 Nov 2026 12:00:00 GMT"
    assert (answer.find(".//set-body") is None) is (surface.protocol is Protocol.WEBSOCKET)
    assert read_rules(text) == PolicyRules({}, {"old": NOW})


def test_what_is_kept_says_what_it_said_before_word_for_word(surface: Surface) -> None:
    safety = ContentSafety(backend="safety", blocklists=("slurs",))
    rule = DeploymentRule("kept", limit=Limit(7, counter_key="ip"), safety=safety)
    before = text_of(surface, served=[rule])
    block = read_rules(before).served["kept"]

    after = text_of(surface, served=(), kept=[KeptRule("kept", block)])

    assert read_rules(after) == read_rules(before)
    for name in ("llm-token-limit", "llm-content-safety"):
        first, second = (ET.fromstring(it).find(f".//{name}") for it in (before, after))
        assert first is not None
        assert second is not None
        assert (second.attrib, [it.attrib for it in second.iter()]) == (
            first.attrib,
            [it.attrib for it in first.iter()],
        )


@pytest.mark.parametrize("surface", BY_SOCKET, ids=lambda it: it.name)
@pytest.mark.parametrize("key", [None, KEY], ids=["by identity", "by key"])
def test_a_kept_session_keeps_its_way_to_the_account(
    surface: Surface, key: tuple[str, str] | None
) -> None:
    access = replace(ACCESS, key=key)
    before = text_of(surface, access=access)

    kept = [KeptRule(name, block) for name, block in read_rules(before).served.items()]
    bare = Access("b", "", key=read_rules(before).key)
    after = text_of(surface, served=(), kept=kept, access=bare)

    assert read_rules(after) == read_rules(before)
    assert read_rules(after).served.keys() == {"gpt-4o", "small"}


@pytest.mark.parametrize("name", ["@(1)", "{{secret}}", 'a"', "<b/>", "a b", "", "é", "a\n"])
def test_a_name_that_could_mean_something_in_a_policy_is_refused(
    surface: Surface, name: str
) -> None:
    hostile: tuple[dict[str, Any], ...] = (
        {"served": [DeploymentRule(name)]},
        {"kept": [KeptRule(name, "")]},
        {"retired": [RetiredRule(name, NOW - timedelta(1))]},
    )
    for changes in hostile:
        with pytest.raises(GuardRefused):
            document(surface, **changes)


@pytest.mark.parametrize("hostile", ["@(1)", "{{secret}}", 'a"b', "<b/>", "a\n", "https://x/@(1)"])
@pytest.mark.parametrize("place", ["backend", "unit", "key header", "key", "client", "resource"])
def test_an_id_that_could_mean_something_in_a_policy_is_refused(place: str, hostile: str) -> None:
    socket = SURFACES["realtime"]
    changes: dict[str, tuple[Surface, dict[str, Any]]] = {
        "backend": (V1, {"access": replace(ACCESS, backend=hostile)}),
        "unit": (V1, {"unit": hostile}),
        "key header": (V1, {"access": replace(ACCESS, key=(hostile, "k"))}),
        "key": (V1, {"access": replace(ACCESS, key=("api-key", hostile))}),
        "client": (socket, {"access": replace(ACCESS, client_id=hostile)}),
        "resource": (socket, {"access": replace(ACCESS, resource=hostile)}),
    }
    surface, change = changes[place]

    with pytest.raises(GuardRefused):
        document(surface, **change)


@pytest.mark.parametrize("text", ["", "<policies>", "<policies />", "no xml"])
def test_a_policy_that_is_not_ours_lets_nobody_through(text: str) -> None:
    assert read_rules(text) == PolicyRules()


@pytest.mark.parametrize(
    ("says", "limit", "most"),
    [
        (r"About (\d+) deployments per account", Limit(10_000), 256 * 1024),
        (r"Consumption tier \(about (\d+) there", None, 16 * 1024),
    ],
)
def test_as_many_deployments_fit_a_policy_as_the_readme_says(
    surface: Surface, says: str, limit: Limit | None, most: int
) -> None:
    """Sizes: azure-docs, api-management-service-limits; Consumption has no token limits."""
    said = re.search(says, README)
    assert said is not None
    count = int(said[1])
    rules = [DeploymentRule(f"gpt-4o-{number:04}", limit=limit) for number in range(count)]

    text = text_of(surface, access=Access("b" * 60, ACCESS.resource), unit="1" * 12, served=rules)

    assert len(text.encode()) <= most
