import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.arm.apim.policies import Scope, check, references
from sandbox.arm.apim.policy_reader import PolicySyntaxError, parse
from sandbox.arm.apim.policy_xml import Format, serialise

KNOWN = {("backends", "known"), ("policyFragments", "known"), ("namedValues", "known")}


def messages(inbound: str, *, scope: Scope = "api", tier: str = "Developer") -> list[str]:
    return checked(f"<policies><inbound>{inbound}</inbound></policies>", scope=scope, tier=tier)


def checked(text: str, *, scope: Scope = "api", tier: str = "Developer") -> list[str]:
    tree = parse(text, "rawxml")
    found = check(tree, scope=scope, tier=tier, exists=lambda kind, name: (kind, name) in KNOWN)
    return [problem.message for problem in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "Root element is missing."),
        ("x", "Data at the root level is invalid. Line 1, position 1."),
        ("<a></b>", "The 'a' start tag on line 1 position 2 does not match the end tag of 'b'."),
        ("<a>", "Unexpected end of file has occurred. The following elements are not closed: a."),
        ("<a/><b/>", "There are multiple root elements."),
        ('<a b="@("x")"/>', "'x' is an unexpected token. Expecting white space."),
        ("<a b=1/>", "'1' is an unexpected token. The expected token is '\"' or '''."),
        ('<a b="<"/>', "'<', hexadecimal value 0x3C, is an invalid attribute character."),
        ('<a b="x & y"/>', "An error occurred while parsing EntityName."),
        ("<a>&nbsp;</a>", "Reference to undeclared entity 'nbsp'."),
        ("<a>&#x110000;</a>", "Reference to undeclared entity '#x110000'."),
        ('<a b="1" b="2"/>', "'b' is a duplicate attribute name."),
        ('<a b="1/>', "There is an unclosed literal string."),
        ("<!DOCTYPE a><a/>", "For security reasons DTD is prohibited in this XML document."),
        ("<1/>", "Name cannot begin with the '1' character, hexadecimal value 0x31."),
        ("<a>" * 200, "The document is nested too deeply."),
        ("<a><value>@{ JObject<JObject> b; }</value></a>", "does not match the end tag of"),
    ],
)
def test_xml_that_is_none_is_refused_in_the_words_of_dotnet(text: str, expected: str) -> None:
    with pytest.raises(PolicySyntaxError) as caught:
        parse(text, "xml")

    assert expected in str(caught.value)


# Attribute values and texts that only rawxml can carry.
@pytest.mark.parametrize(
    "expression",
    [
        '@("a" + "b")',
        "@(a < b && c > d)",
        '@("))" == "\\"")',
        "@('\"' == ')')",
        '@($"{x["q"]}{{")',
        '@(@"c:\\" + ")")',
        "@{ // it's \"\n return a<b>(c); }",
        "@{ /* } */ return 1; }",
        '@(context.Request.Headers.GetValueOrDefault("a","<b>"))',
    ],
)
def test_raw_expressions_survive_both_formats(expression: str) -> None:
    text = f'<policies><inbound><set-variable name="v" value="{expression}" /></inbound></policies>'

    tree = parse(text, "rawxml")

    [variable] = tree.root.elements[0].elements
    assert variable.attributes["value"] == expression
    for written in ("xml", "rawxml"):
        again = parse(serialise(tree, written), written)
        assert again.root.elements[0].elements[0].attributes["value"] == expression


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("@(a", "not closed"),
        ("@(a}", "Unexpected '}'"),
        ('@("a)', "String in policy expression is not closed"),
        ("@{ /* }", "comment in policy expression is not closed"),
    ],
)
def test_unbalanced_raw_expressions_are_refused(expression: str, expected: str) -> None:
    with pytest.raises(PolicySyntaxError, match=expected):
        parse(f"<a><value>{expression}</value></a>", "rawxml")


def test_documents_are_re_indented_with_crlf() -> None:
    inbound = "<inbound><base/><!-- in --></inbound>"
    text = f"<!-- top --><policies>{inbound}<outbound>\n</outbound></policies>"

    lines = serialise(parse(text, "xml"), "xml").split("\r\n")

    assert lines == [
        "<!-- top -->",
        "<policies>",
        "  <inbound>",
        "    <base />",
        "    <!-- in -->",
        "  </inbound>",
        "  <outbound />",
        "</policies>",
    ]


def test_line_and_column_are_those_of_the_name() -> None:
    # The very message of MicrosoftDocs/azure-docs#111058.
    text = '<inbound>\n   <cors allow-credentials="true">\n   </cors>\n</inbound>'

    assert checked(text)[0] == (
        "Error in element 'cors' on line 2, column 5: "
        "Policy section is not allowed in the specified scope"
    )


@pytest.mark.parametrize(
    "inbound",
    [
        "<base />",
        '<set-backend-service backend-id="known" />',
        '<set-backend-service id="apim-generated-policy" backend-id="known" />',
        '<set-backend-service backend-id="@(unknown)" />',
        '<set-backend-service backend-id="ECHO_{{known}}" />',
        '<set-body template="liquid">{{body.name}}</set-body>',
        '<include-fragment fragment-id="known" />',
        (
            '<llm-token-limit counter-key="@(context.Subscription.Id)" tokens-per-minute="10" '
            'estimate-prompt-tokens="false" />'
        ),
        (
            '<llm-emit-token-metric namespace="llm"><dimension name="API ID" />'
            '<dimension name="mine" value="@(1)" /></llm-emit-token-metric>'
        ),
        (
            '<choose><when condition="@(true)"><return-response><set-status code="410" />'
            "</return-response></when><otherwise><base /></otherwise></choose>"
        ),
        (
            '<retry condition="@(true)" count="2" interval="0"><set-header name="a">'
            "<value>b</value></set-header></retry>"
        ),
    ],
)
def test_documents_that_can_be_saved(inbound: str) -> None:
    assert messages(inbound) == []


def test_the_policy_of_the_load_balancing_lab_can_be_saved() -> None:
    # Azure-Samples/AI-Gateway, labs/backend-pool-load-balancing: retry around forward-request.
    text = """<policies>
      <inbound><base /><set-backend-service backend-id="known" /></inbound>
      <backend>
        <retry count="2" interval="0" first-fast-retry="true"
               condition="@(context.Response.StatusCode == 429)">
          <forward-request buffer-request-body="true" />
        </retry>
      </backend>
      <outbound><base /></outbound>
      <on-error><base /></on-error>
    </policies>"""

    assert checked(text) == []


@pytest.mark.parametrize(
    ("inbound", "expected"),
    [
        ("<set-backend />", "invalid child element 'set-backend'"),
        ("text", "The element 'inbound' cannot contain text."),
        ('<set-header name="a">text</set-header>', "List of possible elements expected: 'value'."),
        ("<forward-request />", "Policy is not allowed in the specified section"),
        ("<cross-domain/>", "Policy is not allowed in the specified scope"),
        ("<set-backend-service />", "One of the attributes 'base-url', 'backend-id'"),
        (
            '<set-backend-service backend-id="known" base-url="https://a" />',
            "cannot be used together",
        ),
        ('<set-backend-service backend-id="x" />', "Backend with id 'x' could not be found."),
        ('<include-fragment fragment-id="x" />', "Policy fragment with id 'x' could not be found."),
        ('<set-variable name="a" value="{{x}}" />', "Cannot find a property 'x'"),
        ('<set-variable name="a" />', "The required attribute 'value' is missing."),
        ('<set-variable name="a" value="@()" />', "Policy expression is empty."),
        ('<set-variable name="a" value="@(1) more" />', "Unexpected text"),
        ('<retry condition="@(1)" count="51" interval="1"></retry>', "between 1 and 50"),
        ('<rate-limit-by-key calls="1" renewal-period="301" counter-key="a" />', "between 1 and"),
        ("<choose><otherwise /></choose>", "incomplete or invalid content"),
        ("<choose><when><base /></when></choose>", "'condition' is missing"),
        ('<llm-emit-token-metric namespace="a" />', "elements expected: 'dimension'"),
        (
            '<llm-emit-token-metric namespace="a"><dimension name="x" /></llm-emit-token-metric>',
            "'value' is missing",
        ),
        (
            '<llm-token-limit counter-key="a" token-quota="1" estimate-prompt-tokens="true" />',
            "'token-quota-period' is missing",
        ),
        (
            '<llm-token-limit counter-key="a" estimate-prompt-tokens="true" />',
            "One of the attributes 'tokens-per-minute', 'token-quota'",
        ),
    ],
)
def test_documents_that_cannot_be_saved(inbound: str, expected: str) -> None:
    assert expected in messages(inbound)[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<policies><backend /><inbound /></policies>", "invalid child element 'inbound'"),
        ("<policies><inbound /><inbound /></policies>", "invalid child element 'inbound'"),
        ("<policies><middle /></policies>", "Policy section is not allowed"),
        (
            "<policies><backend><base /><forward-request /></backend></policies>",
            "Only one policy is allowed in the 'backend' section.",
        ),
    ],
)
def test_sections_come_once_and_in_order(text: str, expected: str) -> None:
    assert expected in checked(text)[0]


@pytest.mark.parametrize(
    ("tier", "allowed"), [("Consumption", False), ("Developer", True), ("BasicV2", True)]
)
def test_token_limits_are_not_for_consumption(tier: str, allowed: bool) -> None:
    limit = '<llm-token-limit counter-key="a" tokens-per-minute="1" estimate-prompt-tokens="true"/>'

    assert (messages(limit, tier=tier) == []) is allowed


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<policies />", "must have the root element 'fragment'"),
        ("<fragment><base /></fragment>", "not allowed in a policy fragment"),
        ("<fragment><inbound /></fragment>", "not allowed in a policy fragment"),
        ('<fragment><include-fragment fragment-id="known" /></fragment>', "not allowed in a"),
    ],
)
def test_fragments_have_no_sections_base_or_fragments(text: str, expected: str) -> None:
    assert expected in checked(text, scope="fragment")[0]


def test_references_are_found_without_regard_to_case() -> None:
    text = '<policies><inbound><set-backend-service backend-id="One" /></inbound></policies>'

    found = references(parse(text, "xml"))

    assert found.uses("backends", "ONE")
    assert not found.uses("backends", "two")


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="<>/=\"'@(){}&;!-[]ab \n#x1$\\", max_size=60))
def test_any_text_is_a_document_or_a_refusal(text: str) -> None:
    formats: tuple[Format, ...] = ("xml", "rawxml")
    for content_format in formats:
        try:
            tree = parse(text, content_format)
        except PolicySyntaxError:
            continue
        check(tree, scope="api", tier="Developer", exists=lambda *_: False)
        written = serialise(tree, "xml")
        assert serialise(parse(written, "xml"), "xml") == written
