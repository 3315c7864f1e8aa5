"""Where policies that others wrote lead, the harmless and the hostile."""

from dataclasses import replace
from typing import Any
from xml.sax.saxutils import quoteattr

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.core.survey import SurveyedBackend, SurveyedOperation, SurveyedProduct
from shared.core.ungoverned import FindingKind
from tests.core.surveyed import (
    ALL,
    ANY_DEPLOYMENT,
    OPENAI,
    UNIT_ID,
    a_backend,
    a_policy,
    an_api,
    found,
    to,
    told,
)

EXPRESSION = '@(context.Request.Headers.GetValueOrDefault("x") == "1" ? "first" : "second")'


FIRST, SECOND = a_backend("first"), a_backend("Second", "https://northwind.openai.azure.com/openai")
POOL = SurveyedBackend("pool", members=("FIRST", "second"))
BROKEN_POOL = SurveyedBackend("broken", members=("first", "gone"))
BY_ID = SurveyedBackend(
    "by-id", "https://model.internal", f"https://management.azure.com{UNIT_ID.upper()}"
)
BACKENDS = (FIRST, SECOND, POOL, BROKEN_POOL, BY_ID, a_backend("web", "https://web.example"))
MINI = {("reachable", "mini")}
WHEN = '<when condition="@(true)">{}</when>'
CASES = {
    "a backend": (to("first"), ALL),
    "a backend in other case": (to("FIRST"), ALL),
    "a backend that names the account": (to("by-id"), ALL),
    "a pool": (to("pool"), ALL | MINI),
    "a broken pool": (
        to("broken"),
        ALL | {("unclear", "the pool broken has a member that does not exist")},
    ),
    "a missing backend": (to("none"), {("unclear", "there is no backend none")}),
    "an address": (f'<set-backend-service base-url="{OPENAI}/" />', ALL),
    "elsewhere": (to("web"), set()),
    "the last one wins": (to("first") + to("second"), MINI),
    "one branch": (f"<choose>{WHEN.format(to('second'))}</choose>", MINI | ALL),
    "the last one wins over what is unclear": (
        to("none") + to("second"),
        MINI | {("unclear", "there is no backend none")},
    ),
    "nothing runs after every branch has answered": (
        (
            "<choose><otherwise><return-response /></otherwise></choose>"
            f"{to('first')}<send-request><set-url>{OPENAI}</set-url></send-request>"
        ),
        set(),
    ),
    "all branches": (
        f"<choose>{WHEN.format(to('second'))}<otherwise>{to('web')}</otherwise></choose>",
        MINI,
    ),
    "a branch that answers": (
        f"<choose>{WHEN.format(to('web'))}<otherwise><return-response /></otherwise></choose>",
        set(),
    ),
    "it answers by itself": ("<return-response />", set()),
    "a named value": ('<set-backend-service backend-id="{{which}}" />', MINI),
    "a part of an address": (
        '<set-backend-service base-url="https://{{Host}}.openai.azure.com" />',
        MINI,
    ),
    "a secret": (
        '<set-backend-service backend-id="{{secret}}" />',
        {("unclear", "backend-id is {{secret}}")},
    ),
    "Dapr": ('<set-backend-service dapr-app-id="x" dapr-method="y" />', set()),
    "nothing": (
        "<set-backend-service />",
        {("unclear", "a set-backend-service names no backend")},
    ),
    "a fragment": ('<include-fragment fragment-id="Route" />', MINI),
    "a missing fragment": (
        '<include-fragment fragment-id="none" />',
        ALL | {("unclear", "the policy fragment none can't be read")},
    ),
    "a call of its own": (
        (
            '<send-request response-variable-name="r"><set-url>'
            "https://northwind.openai.azure.com/openai/deployments/mini/chat/completions"
            "</set-url></send-request><return-response />"
        ),
        MINI,
    ),
    "a call to who knows": (
        "<send-request><set-url>@(who)</set-url></send-request><return-response />",
        {("unclear", "the address of a send-request is @(who)")},
    ),
    "inside an element that we don't know": (f"<future>{to('second')}</future>", ALL | MINI),
}


@pytest.mark.parametrize(("inbound", "expected"), CASES.values(), ids=CASES)
def test_a_policy_says_where_calls_go(inbound: str, expected: set[tuple[str, str]]) -> None:
    findings = found(
        an_api(inbound, OPENAI),
        backends=BACKENDS,
        named_values={"which": "second", "host": "northwind"},
        fragments={"route": f"<fragment>{to('second')}</fragment>"},
    )

    assert {
        (kind, text.partition("understood: ")[2].partition(". See")[0] or text)
        for kind, text in told(findings)
    } == expected


@pytest.mark.parametrize(
    ("backend", "expected"),
    [
        (f'<retry condition="@(true)">{to("second")}<forward-request /></retry>', MINI),
        (f'<retry condition="@(true)"><forward-request />{to("second")}</retry>', ALL | MINI),
        (f"{to('second')}<base />", MINI),
        ("<base />", ALL),
        ("", set()),
    ],
)
def test_the_backend_section_has_the_last_word(
    backend: str, expected: set[tuple[str, str]]
) -> None:
    api = an_api(policy=a_policy(backend=backend), url=OPENAI)

    assert told(found(api, backends=BACKENDS)) == expected


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (a_policy(), ALL),
        (a_policy(to("second")), MINI),
        (a_policy(to("second")).replace("<inbound><base />", "<inbound>"), MINI),
        (a_policy().replace("<inbound><base />", "<inbound>"), set()),
    ],
)
def test_a_policy_of_an_operation_runs_around_that_of_its_api(
    policy: str, expected: set[tuple[str, str]]
) -> None:
    operation = replace(ANY_DEPLOYMENT, policy=policy)

    api = an_api(to("first"), operations=(operation,), url="https://web.example")

    assert told(found(api, backends=BACKENDS)) == expected


def test_the_policy_of_the_gateway_runs_around_that_of_each_api() -> None:
    assert told(found(an_api(url=OPENAI), backends=BACKENDS, policy=a_policy(to("web")))) == set()


@pytest.mark.parametrize(
    ("apis", "expected"), [(["Hand-Made"], ALL | MINI), (["other"], ALL), ([], ALL)]
)
@pytest.mark.parametrize("name", ["hand-made", "hand-made;rev=2"])
def test_a_product_leads_the_calls_of_its_subscribers_elsewhere(
    apis: list[str], expected: set[tuple[str, str]], name: str
) -> None:
    product = SurveyedProduct("p", a_policy(to("second")), tuple(apis))

    findings = found(an_api(url=OPENAI, name=name), backends=BACKENDS, products=[product])

    assert told(findings) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"<set-backend-service backend-id='{EXPRESSION}' />", ALL | MINI),
        (
            (
                '<set-variable name="b" value="first" />'
                "<set-backend-service backend-id='@((string)context.Variables[\"b\"])' />"
            ),
            ALL,
        ),
        (
            (
                "<set-variable name='urls' value='@{ var a = new[] "
                '{ "https://northwind.openai.azure.com/", "else.openai.azure.com" }; }\' />'
                "<set-backend-service base-url='@((string)context.Variables[\"u\"])' />"
            ),
            MINI | {("unknown-account", "else.openai.azure.com")},
        ),
        ("<set-backend-service base-url='@(nobody.Knows)' />", set()),
    ],
)
def test_an_expression_is_unclear_and_what_it_can_choose_among_is_told(
    text: str, expected: set[tuple[str, str]]
) -> None:
    findings = told(found(an_api(text), backends=BACKENDS))

    assert {it for it in findings if it[0] != "unclear"} == expected
    assert len(findings) == len(expected) + 1


def test_what_may_be_a_key_is_not_shown() -> None:
    address = "@($&quot;https://web.{x}/?code=s3cret&amp;{y}&quot;)"

    findings = found(an_api(f'<set-backend-service base-url="{address}" />'))

    assert len(findings) == 2
    assert all("?code=…" in it.words and "s3cret" not in it.words for it in findings)


def test_a_long_expression_is_shown_in_part() -> None:
    (finding,) = found(an_api(f'<set-backend-service base-url="@({"x" * 5000})" />'))

    assert len(finding.words) < 400


BOMB = (
    '<!DOCTYPE p [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    "<policies><inbound>&b;</inbound></policies>"
)
FILE = '<!DOCTYPE p [<!ENTITY x SYSTEM "file:///etc/hostname">]><policies>&x;</policies>'


@pytest.mark.parametrize(
    "text",
    [
        BOMB,
        FILE,
        "<policies>",
        "no XML",
        "\ud800",
        "<a>" * 5000 + "</a>" * 5000,
    ],
)
def test_a_document_that_is_no_policy_is_unclear_and_harmless(text: str) -> None:
    (finding,) = found(an_api(policy=text))

    assert finding.kind is FindingKind.UNCLEAR
    assert "can't be read as XML" in finding.words


@pytest.mark.parametrize("filler", ['\\"', '"', "{{a}}", "a.azure.", "https://", "/deployments/"])
def test_a_long_text_takes_no_time(filler: str) -> None:
    step = f"<set-backend-service backend-id={quoteattr('@(' + filler * 10_000)} />"

    findings = found(an_api(step), named_values={"a": "x" * 4096})

    assert {it.kind.value for it in findings} == {"unclear"}


def test_sections_and_retries_inside_each_other_take_no_time() -> None:
    nested = "<retry>" * 90 + to("first") + "</retry>" * 90
    policy = f"<policies><inbound>{'<base />' * 500}{nested}</inbound></policies>"
    operation = replace(ANY_DEPLOYMENT, policy=policy)
    api = an_api(policy=policy, operations=(operation,))

    assert told(found(api, policy=policy, backends=BACKENDS)) == ALL


type Tree = tuple[str, dict[str, str], list[Any]]

TEXTS = st.one_of(
    st.sampled_from(
        [OPENAI, "first", "pool", EXPRESSION, "{{a}}", "{{b}}", "@(", "@{}", "https://["]
    ),
    st.text(max_size=20),
)
LEAVES: st.SearchStrategy[Tree] = st.builds(
    lambda tag, attribute, value: (tag, {attribute: value}, []),
    st.sampled_from(["set-backend-service", "rewrite-uri", "include-fragment", "base", "x"]),
    st.sampled_from(["backend-id", "base-url", "template", "fragment-id", "dapr-app-id"]),
    TEXTS,
)
TREES: st.SearchStrategy[Tree] = st.recursive(
    LEAVES,
    lambda inner: st.builds(
        lambda tag, children: (tag, {}, children),
        st.sampled_from(["choose", "when", "otherwise", "retry", "inbound", "send-request", "y"]),
        st.lists(inner, max_size=4),
    ),
    max_leaves=12,
)


def _xml(tree: Tree) -> str:
    tag, attributes, children = tree
    said = "".join(f" {name}={quoteattr(value)}" for name, value in attributes.items())
    return f"<{tag}{said}>{''.join(map(_xml, children))}</{tag}>"


@settings(deadline=None)
@given(
    inbound=st.lists(TREES, max_size=4),
    url=TEXTS,
    policy=st.one_of(st.none(), st.text()),
    value=TEXTS,
    members=st.lists(st.sampled_from(["first", "pool", "none"])),
)
def test_whatever_a_policy_says_there_is_an_answer(
    inbound: list[Tree],
    url: str,
    policy: str | None,
    value: str,
    members: list[str],
) -> None:
    text = a_policy("".join(map(_xml, inbound))) if policy is None else policy
    pool = SurveyedBackend("pool", members=tuple(members))
    operation = SurveyedOperation("o", url, text)
    api = an_api(policy=text, url=url, operations=(operation,))

    findings = found(
        api,
        backends=[a_backend("first", value), pool],
        named_values={"a": value},
        fragments={"first": text},
    )

    assert list(findings) == sorted(set(findings))
