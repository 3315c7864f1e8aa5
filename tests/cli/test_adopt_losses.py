"""What is not as it was once ours stands where another API stood."""

from dataclasses import replace

import pytest

from onramp.adoption_losses import Side, losses
from shared.core.model import Json

KEYS = {"header": "api-key", "query": "subscription-key"}
SERVICES = "Ocp-Apim-Subscription-Key"
OURS = Side(
    {"subscriptionKeyParameterNames": KEYS, "protocols": ["https"]},
    policies={
        "apis/ours/policies/policy": """<policies><inbound><base />
        <set-header name="api-key" exists-action="delete" />
        <choose><when condition="@(true)">
          <llm-token-limit tokens-per-minute="1000" counter-key="@(context.Subscription.Id)" />
          <set-backend-service backend-id="ours-ai-endpoint" />
        </when></choose>
        </inbound><backend><base /></backend></policies>"""
    },
    operations=(("POST", "/deployments/{deployment-id}/chat/completions"), ("GET", "/models")),
    diagnostics=("applicationinsights",),
)
THEIRS = replace(OURS, policies={})


def policy(inbound: str) -> str:
    return f"<policies><inbound><base />{inbound}</inbound></policies>"


def of(theirs: Side) -> list[str]:
    return list(losses(theirs, OURS))


@pytest.mark.parametrize(
    ("inbound", "said"),
    [
        ("", []),
        ('<set-backend-service id="apim-generated-policy" backend-id="theirs" />', []),
        ('<authentication-managed-identity resource="https://cognitiveservices.azure.com/" />', []),
        ('<set-header  exists-action="delete" name="api-key"></set-header>', []),
        (
            '<rate-limit calls="5" renewal-period="60" />',
            ['Ours lacks what its policy says: <rate-limit calls="5" renewal-period="60">.'],
        ),
        (
            '<choose><otherwise><ip-filter action="forbid" /></otherwise></choose>',
            ['Ours lacks what its policy says: <ip-filter action="forbid">.'],
        ),
        (
            '<include-fragment fragment-id="Checks" />',
            ['Ours lacks what its policy says: <validate-jwt header-name="Authorization">.'],
        ),
        (
            '<llm-token-limit tokens-per-minute="50" counter-key="@(context.Subscription.Id)" />',
            ['Ours differs from what its policy says: <llm-token-limit tokens-per-minute="50">.'],
        ),
        (
            '<set-header name="x-team" exists-action="delete" />',
            ['Ours lacks what its policy says: <set-header name="x-team" exists-action="delete">.'],
        ),
        (
            '<authentication-basic username="jane" password="secret" />',
            ['Ours lacks what its policy says: <authentication-basic username="jane">.'],
        ),
        (
            '<rewrite-uri template="/x?code=secret" />',
            ["Ours lacks what its policy says: <rewrite-uri>."],
        ),
    ],
)
def test_each_policy_that_ours_lacks_is_named(inbound: str, said: list[str]) -> None:
    fragments = {"checks": '<fragment><validate-jwt header-name="Authorization" /></fragment>'}
    theirs = replace(THEIRS, policies={"": policy(inbound)}, fragments=fragments)

    assert of(theirs) == said


def test_what_operations_say_is_told_once() -> None:
    limit = policy('<rate-limit calls="5" renewal-period="60" />')
    theirs = replace(THEIRS, policies={"": policy(""), "a": limit, "b": limit})

    said = 'the policy of its operations a, b says: <rate-limit calls="5" renewal-period="60">.'
    assert of(theirs) == [f"Ours lacks what {said}"]


@pytest.mark.parametrize(
    ("operations", "missing"),
    [
        ((), ""),
        ((("POST", "/deployments/{id}/chat/completions?api-version={api-version}"),), ""),
        ((("POST", "/deployments/gpt-4o/Chat/completions/"),), ""),
        ((("GET", "/deployments/{id}/chat/completions"), ("POST", "/*")), "GET /dep, POST /*"),
        ((("GET", "/deployments/a/b/chat/completions"),), "GET /dep"),
    ],
)
def test_operations_of_its_own_are_named(
    operations: tuple[tuple[str, str], ...], missing: str
) -> None:
    said = of(replace(THEIRS, operations=operations))

    assert bool(said) == bool(missing)
    assert all(it in "".join(said) for it in missing.split(", "))


@pytest.mark.parametrize(
    ("properties", "said"),
    [
        ({}, []),
        ({"subscriptionRequired": True, "subscriptionKeyParameterNames": KEYS}, []),
        (
            {"subscriptionRequired": False, "subscriptionKeyParameterNames": None},
            ["It asks for no key. Ours does: callers without one will be refused."],
        ),
        (
            {"protocols": ["http", "https"]},
            ["It answers over http as well; ours over https alone."],
        ),
        (
            {"subscriptionKeyParameterNames": {"header": "x-key"}},
            ["Callers send their key in the header as x-key; ours takes it as api-key."],
        ),
        (
            {"subscriptionKeyParameterNames": None},
            [f"Callers send their key in the header as {SERVICES}; ours takes it as api-key."],
        ),
        (
            {"subscriptionKeyParameterNames": {"header": "API-Key", "query": "k"}},
            ["Callers send their key in the query as k; ours takes it as subscription-key."],
        ),
    ],
)
def test_who_may_call_it_and_how(properties: Json, said: list[str]) -> None:
    assert of(replace(THEIRS, properties={**THEIRS.properties, **properties})) == said


def test_diagnostics_of_its_own_are_named() -> None:
    theirs = replace(THEIRS, diagnostics=("applicationinsights", "azuremonitor"))

    assert of(theirs) == ["It has diagnostics of its own, which ours lacks: azuremonitor."]
