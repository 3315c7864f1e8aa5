"""The policy checker, statement by statement: attributes, values, children, places."""

import pytest

from sandbox.arm.apim.policies import Scope
from sandbox.arm.apim.policy_check import check_policy, only
from sandbox.arm.apim.policy_rules import NOT_FOR_HANDSHAKE, POLICIES
from sandbox.arm.apim.policy_statements import STATEMENTS

LIMIT = 'llm-token-limit counter-key="a" estimate-prompt-tokens="true"'
LOOKUP = (
    '<llm-semantic-cache-lookup score-threshold="0.05" embeddings-backend-id="e"'
    ' embeddings-backend-auth="system-assigned"><vary-by>@(context.Subscription.Id)</vary-by>'
    "</llm-semantic-cache-lookup>"
)
CATEGORY = '<category name="Hate" threshold="4" />'
LISTS = "<blocklists><id>mine</id></blocklists>"
SAFETY = f'<llm-content-safety backend-id="cs"><categories>{CATEGORY}</categories>'
BY_KEY = '<rate-limit-by-key calls="1" renewal-period="1" counter-key="a" />'
STATUS = '<set-status code="404" reason="Not Found" />'
HEADER = '<set-header name="a" exists-action="override"><value>b</value></set-header>'
BODY = "<set-body>{}</set-body>"
ORIGINS = "<allowed-origins><origin>*</origin></allowed-origins>"
HEADERS = "<allowed-headers><header>*</header></allowed-headers>"


def found(
    inbound: str = "",
    *,
    outbound: str = "",
    backend: str = "",
    scope: Scope = "api",
    tier: str = "Developer",
) -> list[str]:
    text = (
        f"<policies><inbound>{inbound}</inbound><backend>{backend}</backend>"
        f"<outbound>{outbound}</outbound></policies>"
    )
    return check_policy(text, scope=scope, tier=tier, content_format="rawxml")


@pytest.mark.parametrize(
    "inbound",
    [
        f'<{LIMIT} tokens-per-minute="1000" remaining-tokens-header-name="x" />',
        f'<{LIMIT} token-quota="1" token-quota-period="Monthly" />',
        '<set-backend-service id="apim-generated-policy" backend-id="@(context.Api.Id)" />',
        (
            '<llm-emit-token-metric><dimension name="API ID" />'
            '<dimension name="Deployment" value="@((string)context.Variables["d"])" />'
            "</llm-emit-token-metric>"
        ),
        LOOKUP,
        SAFETY + LISTS + "</llm-content-safety>",
        (
            '<llm-content-safety backend-id="cs" shield-prompt="true" enforce-on-completions="true"'
            ' window-size="1000" window-overlap-size="100" />'
        ),
        SAFETY.replace('"4"', '"{{threshold}}"') + "</llm-content-safety>",
        f"<return-response>{STATUS}{HEADER}{HEADER}{BODY}</return-response>",
        "<return-response />",
        '<set-body template="liquid"><a>{{body.x}}</a></set-body>',
        '<set-query-parameter name="subscription-key" exists-action="delete" />',
        f"<cors>{ORIGINS}<allowed-methods><method>*</method></allowed-methods>{HEADERS}</cors>",
        '<rewrite-uri template="/x" copy-unmatched-params="false" />',
        (
            '<authentication-managed-identity resource="https://cognitiveservices.azure.com"'
            ' client-id="00000000-0000-0000-0000-000000000000" ignore-error="false" />'
        ),
        (
            '<rate-limit-by-key calls="@(5)" renewal-period="60" counter-key="a"'
            ' increment-condition="@(true)" />'
        ),
        '<choose><when condition="@(true)"><base /></when><otherwise /></choose>',
    ],
)
def test_statements_of_the_reference_pass(inbound: str) -> None:
    assert found(inbound) == []


@pytest.mark.parametrize("name", sorted(set(STATEMENTS) - {"when", "otherwise"}))
def test_an_attribute_that_no_page_has_is_refused(name: str) -> None:
    section = "outbound" if "outbound" in POLICIES[name].sections else "inbound"
    section = "backend" if POLICIES[name].sections == {"backend"} else section
    text = f'<policies><{section}><{name} no-such="a" /></{section}></policies>'

    assert any("'no-such' attribute is not declared" in it for it in check_policy(text))


@pytest.mark.parametrize(
    ("inbound", "expected"),
    [
        (f'<{LIMIT} tokens-per-minute="many" />', "'many' is no integer"),
        (f'<{LIMIT} tokens-per-minute="0" />', "at least 1"),
        (f'<{LIMIT} token-quota="@(5)" token-quota-period="Daily" />', "not allowed in attribute"),
        (f'<{LIMIT} token-quota="5" token-quota-period="Minutely" />', "is none of Hourly"),
        (f'<{LIMIT} tokens-per-minute="1" token-quota-period="Daily" />', "'token-quota' is miss"),
        (
            f'<{LIMIT} tokens-per-minute="1" remaining-tokens-header-name="@(1)" />',
            "'remaining-tokens-header-name'",
        ),
        (
            f'<{LIMIT} tokens-per-minute="1" />'.replace("true", "True"),
            "is no boolean",
        ),
        ('<llm-token-limit counter-key="a" tokens-per-minute="1" />', "'estimate-prompt-tokens'"),
        (
            (
                '<llm-emit-token-metric namespace="@(1)"><dimension name="API ID" />'
                "</llm-emit-token-metric>"
            ),
            "'namespace'",
        ),
        (LOOKUP.replace("0.05", "1.5"), "between 0 and 1"),
        (LOOKUP.replace("system-assigned", "key"), "is none of system-assigned"),
        (LOOKUP.replace("@(context.Subscription.Id)", ""), "'vary-by' should not be empty"),
        (LOOKUP + LOOKUP, "only once"),
        (
            f'{LOOKUP}<choose><when condition="@(true)">{LOOKUP}</when></choose>',
            "only once",
        ),
        (SAFETY.replace('"Hate"', '"Hatred"') + "</llm-content-safety>", "is none of Hate"),
        (SAFETY.replace('"4"', '"8"') + "</llm-content-safety>", "between 0 and 7"),
        (SAFETY.replace(CATEGORY, "") + "</llm-content-safety>", "expected: 'category'"),
        (
            (
                f'<llm-content-safety backend-id="cs">{LISTS}<categories>{CATEGORY}</categories>'
                "</llm-content-safety>"
            ),
            "invalid child element 'categories'",
        ),
        (f"{SAFETY}{LISTS}{LISTS}</llm-content-safety>", "invalid child element 'blocklists'"),
        (f"{SAFETY}<blocklists><id /></blocklists></llm-content-safety>", "'id' should not be"),
        ('<set-header name="a" exists-action="replace" />', "is none of override"),
        ('<set-query-parameter name="a"/>', "expected: 'value'"),
        ('<set-variable name="@(1)" value="a" />', "not allowed in attribute 'name'"),
        ('<include-fragment fragment-id="@(1)" />', "not allowed in attribute 'fragment-id'"),
        (f"<return-response>{HEADER}{STATUS}</return-response>", "invalid child element 'set-st"),
        (f"<return-response>{BODY}{HEADER}</return-response>", "invalid child element 'set-head"),
        (f"<return-response>{STATUS}{STATUS}</return-response>", "expected: 'set-header'"),
        (f"<return-response>{STATUS}<base /></return-response>", "invalid child element 'base'"),
        ('<set-status code="99" reason="a" />', "between 100 and 599"),
        ('<set-body template="razor">a</set-body>', "is none of liquid"),
        ("<set-body><a /></set-body><set-method />", "'set-method' should not be empty"),
        (
            '<authentication-managed-identity resource="a" client-id="@(1)" />',
            "not allowed in attribute 'client-id'",
        ),
        ('<choose><when condition="@(1)" /><else /></choose>', "incomplete or invalid content"),
        ('<retry condition="@(1)" count="2" interval="0" />', "incomplete content"),
        (
            (
                '<send-request response-variable-name="r"><set-url>https://a</set-url>'
                '<set-header name="a" exists-action="replace" /></send-request>'
            ),
            "is none of override",
        ),
        ('<wait><choose><when condition=""><base /></when></choose></wait>', "'condition' is mis"),
        ('<choose><when condition="@(1)">text</when></choose>', "cannot contain text"),
        ('<retry condition="@(1)" count="2"><base /></retry>', "'interval' is missing"),
        (f"<cors>{HEADERS}{ORIGINS}</cors>", "invalid child element 'allowed-origins'"),
        ("<cors><allowed-origins /></cors>", "expected: 'origin'"),
        (f"<cors>{ORIGINS}</cors><cors>{ORIGINS}</cors>", "only once"),
        (
            f"<cors>{ORIGINS}<allowed-methods><method>FETCH</method></allowed-methods></cors>",
            "'FETCH' is none of",
        ),
    ],
)
def test_what_a_page_does_not_allow_is_refused(inbound: str, expected: str) -> None:
    messages = found(inbound)

    assert any(expected in message for message in messages), messages


@pytest.mark.parametrize(
    ("outbound", "expected"),
    [
        ('<llm-semantic-cache-store duration="0" />', "at least 1"),
        ('<llm-semantic-cache-store duration="@(60)" />', None),
        ('<llm-semantic-cache-store duration="1" />' * 2, "once"),
        (SAFETY + "</llm-content-safety>", None),
        (f'<{LIMIT} tokens-per-minute="1" />', "specified section"),
    ],
)  # fmt: skip
def test_outbound_has_its_own(outbound: str, expected: str | None) -> None:
    messages = found(outbound=outbound)

    assert (messages == []) if expected is None else any(expected in it for it in messages)


@pytest.mark.parametrize(
    ("backend", "expected"),
    [
        ('<forward-request timeout="120" buffer-response="false" />', None),
        ('<forward-request buffer-response="@(false)" />', "not allowed in attribute"),
        ('<forward-request http-version="3" />', "is none of 1"),
        (
            (
                '<retry condition="@(true)" count="2" interval="0" first-fast-retry="true">'
                '<set-backend-service backend-id="a" />'
                '<forward-request buffer-request-body="true" />'
                "</retry>"
            ),
            None,
        ),
    ],
)
def test_backend_has_its_own(backend: str, expected: str | None) -> None:
    messages = found(backend=backend)

    assert (messages == []) if expected is None else any(expected in it for it in messages)


@pytest.mark.parametrize(
    ("inbound", "scope", "tier", "allowed"),
    [
        (f'<{LIMIT} tokens-per-minute="1" />', "api", "Consumption", False),
        (f'<{LIMIT} tokens-per-minute="1" />', "operation", "PremiumV2", True),
        (SAFETY + "</llm-content-safety>", "api", "Consumption", False),
        (SAFETY + "</llm-content-safety>", "product", "BasicV2", True),
        (SAFETY + "</llm-content-safety>", "operation", "Developer", False),
        (LOOKUP, "operation", "Consumption", True),
        (BY_KEY, "api", "Consumption", False),
        (BY_KEY, "api", "Standard", True),
    ],
)  # fmt: skip
def test_policies_keep_to_their_scopes_and_tiers(
    inbound: str, scope: Scope, tier: str, allowed: bool
) -> None:
    assert (found(inbound, scope=scope, tier=tier) == []) is allowed


@pytest.mark.parametrize("name", sorted(NOT_FOR_HANDSHAKE))
def test_the_handshake_refuses_what_its_page_lists(name: str) -> None:
    assert any("onHandshake" in it for it in found(f"<{name} />", scope="handshake"))
    assert not any("onHandshake" in it for it in found(f"<{name} />", scope="operation"))


def test_the_handshake_takes_the_rest() -> None:
    refusal = f"<return-response>{STATUS}{HEADER}</return-response>"
    policies = f'<set-backend-service backend-id="a" /><{LIMIT} tokens-per-minute="1" />'

    assert found(policies + refusal, scope="handshake") == []
    assert found(f"<return-response>{BODY}</return-response>", scope="handshake") != []


def test_what_is_named_must_exist() -> None:
    text = (
        '<policies><inbound><set-backend-service backend-id="one" />'
        '<set-variable name="k" value="{{key}}" /></inbound></policies>'
    )

    assert check_policy(text, exists=only(("backends", "ONE"), ("namedValues", "key"))) == []
    assert check_policy(text, exists=only(("backends", "one"))) == ["Cannot find a property 'key'"]


def test_damage_and_size_are_found_too() -> None:
    assert "end tag" in check_policy("<policies></a>")[0]
    assert (
        "exceeds"
        in check_policy(f"<policies><!--{'x' * 17_000}--></policies>", tier="Consumption")[0]
    )
