"""Who reaches models past us: what hand-made, wizard-made and our own APIs lead to."""

import json
from dataclasses import asdict, replace

import pytest

from shared.core.naming import backend_id
from shared.core.survey import GatewaySurvey, SurveyedApi, SurveyedOperation
from shared.core.ungoverned import FindingKind, ungoverned
from tests.builders import UNIT
from tests.core.surveyed import (
    ALL,
    ANY_DEPLOYMENT,
    CONTOSO,
    IN_BODY,
    NORTHWIND,
    ONE,
    OPENAI,
    OUR_API,
    OURS,
    UNIT_ID,
    a_backend,
    a_policy,
    an_api,
    found,
    to,
    told,
)

WIZARD = '<set-backend-service id="apim-generated-policy" backend-id="foundry-ai-endpoint" />'
FIRST = a_backend("first")


@pytest.mark.parametrize(
    "url",
    [
        "https://contoso.openai.azure.com/openai",
        "https://contoso.openai.azure.com/openai/",
        "HTTPS://Contoso.OpenAI.Azure.Com/openai",
        "https://contoso.openai.azure.com:443/openai",
        "https://contoso.openai.azure.com./openai",
        "https://contoso.services.ai.azure.com/models",
        "https://contoso.cognitiveservices.azure.com/openai",
        "https://contoso.privatelink.openai.azure.com/openai",
        "https://contoso.openai.azure.us/openai",
        "https://contoso.openai.azure.cn/openai",
        "wss://contoso.openai.azure.com/openai/realtime",
        "contoso.openai.azure.com",
    ],
)
def test_an_account_is_known_by_each_of_its_addresses(url: str) -> None:
    assert told(found(an_api(url=url))) == ALL


def test_an_account_is_known_by_an_address_that_only_its_endpoints_list() -> None:
    account = replace(
        CONTOSO, custom_subdomain=None, endpoints={"x": "https://models.contoso.example/"}
    )

    assert told(found(an_api(url="https://models.contoso.example"), accounts=[account])) == ALL


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("https://else.openai.azure.com/openai", "unknown-account"),
        ("https://else.services.ai.azure.com", "unknown-account"),
        ("https://westeurope.api.cognitive.microsoft.com", "unknown-account"),
        ("https://llama.westeurope.models.ai.azure.com", "unknown-account"),
        ("https://{endpoint}/openai", "unclear"),
        ("https://{{host}}/openai", "unclear"),
        ("https://contoso.example.com/openai", None),
        ("https://openai.azure.com/", None),
        ("https://contoso.openai.azure.com.evil.example/", None),
        ("https://contoso.blob.core.windows.net", None),
        ("https://[::1", None),
        ("", None),
    ],
)
def test_what_leads_to_no_account_of_ours_is_told_where_models_are(
    url: str, kind: str | None
) -> None:
    assert {it.kind for it in found(an_api(url=url))} == ({kind} - {None})


def test_speech_is_at_an_address_without_deployments() -> None:
    speech = "https://swedencentral.stt.speech.microsoft.com"
    account = replace(CONTOSO, endpoints={"Speech": speech})

    assert found(an_api(url=speech), accounts=[account]) == ()


def test_a_backend_can_name_an_account_that_nobody_watches() -> None:
    backend = a_backend("b", "https://model.internal", resource_id=UNIT_ID)

    (finding,) = found(an_api(to("b")), accounts=[NORTHWIND], backends=[backend])

    assert (finding.kind, finding.account) == (FindingKind.UNKNOWN_ACCOUNT, UNIT_ID)


def test_an_address_that_accounts_share_does_not_say_which_is_meant() -> None:
    region = {"OpenAI": "https://sweden.api.cognitive.microsoft.com/"}
    accounts = [replace(it, endpoints=region) for it in (CONTOSO, NORTHWIND)]

    (finding,) = found(an_api(url="https://sweden.api.cognitive.microsoft.com/"), accounts=accounts)

    assert finding.kind is FindingKind.UNCLEAR
    assert "contoso, northwind share" in finding.words


@pytest.mark.parametrize(
    ("url", "operation", "inbound", "expected"),
    [
        (OPENAI, ANY_DEPLOYMENT, "", ALL),
        (f"{OPENAI}/v1", IN_BODY, "", ALL),
        ("https://contoso.services.ai.azure.com/models", IN_BODY, "", ALL),
        (OPENAI, SurveyedOperation("all", "/*"), "", ALL),
        (f"{OPENAI}/deployments/gpt-4o", IN_BODY, "", ONE),
        (f"{OPENAI}/deployments/GPT-4o/", IN_BODY, "", ONE),
        (OPENAI, SurveyedOperation("chat", "/deployments/gpt-4o/chat/completions"), "", ONE),
        ("wss://contoso.openai.azure.com/openai/realtime?deployment=gpt-4o", IN_BODY, "", ONE),
        (OPENAI, IN_BODY, '<rewrite-uri template="/deployments/gpt-4o/chat" />', ONE),
        (OPENAI, IN_BODY, '<rewrite-uri template="/deployments/{{name}}/chat" />', ONE),
        (OPENAI, IN_BODY, '<rewrite-uri template="/deployments/{{secret}}/chat" />', ALL),
        (OPENAI, IN_BODY, "<rewrite-uri template='@(\"/deployments/gpt-4o/\" + x)' />", ONE),
        (OPENAI, IN_BODY, "<rewrite-uri template='@(\"/deployments/\" + x)' />", ALL),
        (OPENAI, IN_BODY, "<rewrite-uri template='@(x)' />", ALL),
        (
            OPENAI,
            IN_BODY,
            '<rewrite-uri template=\'@(x ? "/deployments/o3/" : "/deployments/" + y)\' />',
            ALL,
        ),
        (OPENAI, IN_BODY, '<rewrite-uri template="/deployments/no/x" />', {("gone", "no")}),
    ],
)
def test_a_name_that_is_written_out_is_the_one_that_is_reached(
    url: str, operation: SurveyedOperation, inbound: str, expected: set[tuple[str, str]]
) -> None:
    api = an_api(inbound, url, operations=(operation,))

    assert told(found(api, named_values={"name": "gpt-4o"})) == expected


def test_an_api_of_the_wizard_is_told_as_such() -> None:
    api = an_api(WIZARD, name="foundry")

    findings = found(api, backends=[a_backend("foundry-ai-endpoint")])

    assert told(findings) == ALL
    assert all("made by the portal's wizard" in it.words for it in findings)


def test_what_is_onboarded_is_bypassed_and_what_is_not_is_reachable() -> None:
    assert told(found(an_api(url=OPENAI), onboarded=["gpt-4o", "o3"])) == {("bypass", "gpt-4o,o3")}
    assert told(found(an_api(url=OPENAI), onboarded=["o3"])) == ONE | {("bypass", "o3")}


@pytest.mark.parametrize("state", ["seen", "quarantined", "excluded", "retiring", "removed"])
def test_a_state_that_is_not_onboarded_is_named(state: str) -> None:
    known = {(UNIT_ID.lower(), "gpt-4o"): state}
    survey = GatewaySurvey((an_api(url=f"{OPENAI}/deployments/gpt-4o"),))

    (finding,) = ungoverned(survey, [CONTOSO], known, owner="default")

    assert finding.kind is FindingKind.REACHABLE
    assert f"which is {state}:" in finding.words


def our_policy(*names: str) -> str:
    whens = "".join(
        f"""<when condition='@((string)context.Variables["deployment"] == "{it}")'>"""
        f"{to(backend_id(UNIT, 'azure-openai'))}</when>"
        for it in names
    )
    return a_policy(f"<choose>{whens}<otherwise><return-response /></otherwise></choose>")


def test_our_own_apis_are_no_findings() -> None:
    api = SurveyedApi(OUR_API, "contoso/openai", OPENAI, OURS, our_policy("gpt-4o"))

    assert found(api, onboarded=["gpt-4o"]) == ()


def test_what_of_ours_serves_a_deployment_that_arm_lacks_is_gone() -> None:
    api = SurveyedApi(OUR_API, "contoso/openai", OPENAI, OURS, our_policy("gpt-4o", "left"))

    (finding,) = found(api)

    assert (finding.kind, finding.account) == (FindingKind.GONE, UNIT_ID)
    assert finding.deployments == ("left",)


def test_an_account_that_is_gone_is_found_by_the_mark_of_its_backend() -> None:
    api = SurveyedApi(OUR_API, "contoso/openai", OPENAI, OURS, our_policy("gpt-4o"))
    backend = a_backend("b", mark=replace(OURS, account=UNIT_ID))

    (finding,) = found(api, accounts=[], backends=[backend])

    assert (finding.account, finding.deployments) == (UNIT_ID, ("gpt-4o",))
    assert "account is gone" in finding.words


@pytest.mark.parametrize(
    ("name", "owner", "says"),
    [
        (OUR_API, "another", "of model-onramp's owner another"),
        (f"{OUR_API};rev=2", "default", "a copy or an older revision"),
        ("contoso-clone", "default", "a copy or an older revision"),
    ],
)
def test_apis_like_ours_reach_what_their_rules_let_through(
    name: str, owner: str, says: str
) -> None:
    mark = replace(OURS, owner=owner)
    backend = a_backend(backend_id(UNIT, "azure-openai"))
    api = SurveyedApi(name, "x", OPENAI, mark, our_policy("gpt-4o"), (ANY_DEPLOYMENT,))

    findings = found(api, backends=[backend])

    assert told(findings) == ONE
    assert says in findings[0].words


def test_a_copy_of_ours_with_one_more_route_reaches_everything() -> None:
    policy = our_policy("gpt-4o").replace("<return-response />", to("first"))
    backends = [a_backend(backend_id(UNIT, "azure-openai")), FIRST]

    assert told(found(an_api(policy=policy, mark=OURS), backends=backends)) == ALL


def test_what_was_not_read_is_unclear() -> None:
    (finding,) = found(an_api(unread="too many", operations=()))

    assert finding.kind is FindingKind.UNCLEAR


def test_findings_are_sorted_json_and_each_is_told_once() -> None:
    twice = (ANY_DEPLOYMENT, replace(ANY_DEPLOYMENT, name="again"))
    apis = [an_api(url=OPENAI, name=it, operations=twice) for it in ("b", "a")]

    findings = found(*apis)

    assert [(it.api, *it.deployments) for it in findings] == [
        ("a", "gpt-4o"),
        ("a", "o3"),
        ("b", "gpt-4o"),
        ("b", "o3"),
    ]
    assert json.loads(json.dumps(asdict(findings[0])))["kind"] == "reachable"
    assert found(*reversed(apis)) == findings
