"""What policies do to a request and to its answer."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from aiohttp import web

from tests.sandbox.gateway.place import Place

_CASE = 'name="X" exists-action='


def a_header(value: str, action: str = "override") -> str:
    return f'<set-header name="X" exists-action="{action}"><value>{value}</value></set-header>'


def a_query(value: str, action: str) -> str:
    return (
        f'<set-query-parameter name="Q" exists-action="{action}"><value>{value}</value>'
        "</set-query-parameter>"
    )


def answered(body: str, status: int = 200) -> str:
    return (
        f"<return-response><set-status code='{status}' reason='Because' />"
        f"<set-body>{body}</set-body></return-response>"
    )


@dataclass(frozen=True, slots=True)
class Sent:
    """One row: the policies of inbound, and what the backend gets."""

    inbound: str
    wanted: str
    take: Callable[[Place], str]
    path: str = "/a/x"


def header(place: Place) -> str:
    return "|".join(place.upstream.last.headers.getall("X", ()))


def url(place: Place) -> str:
    return place.upstream.last.url


def line(place: Place) -> str:
    return f"{place.upstream.last.method} {place.upstream.last.body.decode()}"


SENT = {
    "override": Sent(a_header("new"), "new", header),
    "skip": Sent(a_header("new", "skip"), "old", header),
    "append": Sent(a_header("new", "append"), "old|new", header),
    "delete": Sent('<set-header name="x" exists-action="delete" />', "", header),
    "several values": Sent(
        '<set-header name="X"><value>1</value><value>2</value></set-header>', "1|2", header
    ),
    "expression": Sent(a_header('@(context.Request.Method + "!")'), "POST!", header),
    "no new lines": Sent(a_header('@("a\\r\\nb")'), "ab", header),
    "variable": Sent(
        '<set-variable name="v" value="@(1 + 1)" />'
        + a_header('@("" + ((int)context.Variables["v"] + 1))'),
        "3",
        header,
    ),
    "named value": Sent(a_header("{{plain}} {{hidden}}"), "seen unseen", header),
    "named value of a vault": Sent(
        a_header("{{vaulted}}"), "value of https://vault.vault.azure.net/secrets/s", header
    ),
    "named value in an expression": Sent(a_header('@("{{plain}}" + "!")'), "seen!", header),
    "query override": Sent(a_query("new", "override"), "/base/x?b=2&Q=new", url, "/a/x?q=1&b=2"),
    "query skip": Sent(a_query("new", "skip"), "/base/x?q=1", url, "/a/x?q=1"),
    "query skip adds": Sent(a_query("a b", "skip"), "/base/x?Q=a%20b", url),
    "query append": Sent(a_query("new", "append"), "/base/x?q=1&Q=new", url, "/a/x?q=1"),
    "query delete": Sent(
        '<set-query-parameter name="Q" exists-action="delete" />', "/base/x", url, "/a/x?q=1&q=2"
    ),
    "rewrite": Sent('<rewrite-uri template="/y?z=1" />', "/base/y?z=1&q=2", url, "/a/x?q=2&z=3"),
    "rewrite alone": Sent(
        '<rewrite-uri template="/y" copy-unmatched-params="false" />', "/base/y", url, "/a/x?q=2"
    ),
    "method": Sent("<set-method>put</set-method>", 'PUT {"a": 1}', line),
    "body": Sent('<set-body>@("new")</set-body>', "POST new", line),
    "body unread": Sent(
        '<set-variable name="v" value="@(context.Request.Body.As&lt;string&gt;(true))" />',
        'POST {"a": 1}',
        line,
    ),
    "body consumed": Sent(
        '<set-variable name="v" value="@(context.Request.Body.As&lt;string&gt;())" />',
        "POST ",
        line,
    ),
    "base url": Sent(
        '<set-backend-service base-url="https://b.openai.azure.com/other/" />', "/other/x", url
    ),
    "first when": Sent(
        "<choose><when condition='@(false)'>" + a_header("1") + "</when><when condition='@(true)'>"
        + a_header("2") + "</when><otherwise>" + a_header("3") + "</otherwise></choose>",
        "2", header,
    ),
    "otherwise": Sent(
        "<choose><when condition='@(1 == 2)'>" + a_header("1") + "</when><otherwise>"
        + a_header("3") + "</otherwise></choose>",
        "3", header,
    ),
    "fragment": Sent('<include-fragment fragment-id="f" />', "of the fragment", header),
}  # fmt: skip


@pytest.mark.parametrize("row", SENT.values(), ids=SENT)
async def test_what_the_backend_gets(place: Place, row: Sent) -> None:
    vault = "https://vault.vault.azure.net/secrets/s"
    place.put("namedValues/one", {"displayName": "plain", "value": "seen"})
    place.put("namedValues/two", {"displayName": "hidden", "value": "unseen", "secret": True})
    vaulted = {"displayName": "vaulted", "secret": True, "keyVault": {"secretIdentifier": vault}}
    place.put("namedValues/three", vaulted)
    fragment = f"<fragment>{a_header('of the fragment')}</fragment>"
    place.put("policyFragments/f", {"format": "rawxml", "value": fragment})
    place.policy(inbound=f"<base />{row.inbound.replace('&lt;', '<').replace('&gt;', '>')}")

    reached = await place.call(row.path, "POST", json={"a": 1}, headers={"X": "old"})

    assert (reached.status, row.take(place)) == (200, row.wanted)


async def test_scopes_nest_by_base(place: Place) -> None:
    place.put("products/p", {"displayName": "p", "state": "published"})
    place.put("products/p/apis/a")
    key = place.key(scope="/products/p")
    sections = {"": "global", "products/p": "product", "apis/a": "api"}
    default = "<forward-request />"
    for owner, name in sections.items():
        base = "" if name == "global" else "<base />"
        more = {"backend": default, "outbound": ""} if name == "global" else {}
        place.policy(owner, inbound=f"{a_header(name, 'append')}{base}", **more)
    place.policy("apis/a/operations/get", inbound=f"<base />{a_header('operation', 'append')}")
    place.policy("apis/a/operations/post", inbound=a_header("alone", "append"))

    both = {"Ocp-Apim-Subscription-Key": key}
    await place.call("/a/x", headers=both)
    assert header(place) == "api|product|global|operation"
    await place.call("/a/x", "POST", headers=both)
    assert header(place) == "alone"


async def test_return_response_ends_everything(place: Place) -> None:
    place.policy(inbound=answered("@(1 + 1)", 418), outbound=f"<base />{a_header('out')}")

    reached = await place.call("/a/x")

    assert (reached.status, reached.reason, reached.body) == (418, "Because", b"2")
    assert "X" not in reached.headers
    assert place.upstream.seen == []


async def test_outbound_changes_the_answer(place: Place) -> None:
    text = 'context.Response.Body.As<JObject>(true)["choices"][0]["message"]["content"]'
    place.policy(
        outbound="<base /><set-status code='203' reason='Changed' />"
        + a_header("@((string)" + text + ")")
        + "<set-body>@((string)" + text + ' + "!")</set-body>'
    )  # fmt: skip

    reached = await place.call("/a/x")

    assert (reached.status, reached.reason, reached.body) == (203, "Changed", b"hello!")
    assert reached.headers["X"] == "hello"


async def test_without_forward_request_nobody_is_asked(place: Place) -> None:
    place.policy(backend="")

    reached = await place.call("/a/x")

    assert (reached.status, reached.body, place.upstream.seen) == (200, b"", [])


async def test_the_answers_own_headers_and_status_come_through(place: Place) -> None:
    headers = {"X-Own": "1", "Retry-After": "7"}
    place.upstream.answer = lambda _seen: web.Response(status=429, text="no", headers=headers)

    reached = await place.call("/a/x")

    assert (reached.status, reached.body) == (429, b"no")
    assert [reached.headers[it] for it in headers] == ["1", "7"]


_UNTAKEN = "<choose><when condition='@(false)'>{}</when></choose>"
LOUD = {
    "unknown policy": ("<base /><ip-filter action='allow'><address>1.1.1.1</address></ip-filter>",
                       "ip-filter: This policy is not in the gateway"),
    "in a branch not taken": (_UNTAKEN.format("<trace source='s'><message>m</message></trace>"),
                              "trace: This policy is not"),
    "in a fragment": ("<include-fragment fragment-id='f' />", "ip-filter: This policy is not"),
    "attribute": ("<return-response response-variable-name='r' />",
                  "return-response: response-variable-name is not in this sandbox"),
    "expression": ("<set-variable name='v' value='@(context.Request.Certificate)' />",
                   "set-variable: '.Certificate' at line 1"),
    "expression in a branch not taken": (
        _UNTAKEN.format("<set-variable name='v' value='@(1 * 2)' />"), "set-variable: '* 2'"),
    "condition that is no bool": ("<choose><when condition='@(1)'><base /></when></choose>"
                                  .replace("<base />", "<set-method>GET</set-method>"),
                                  "when: 'condition' is no bool"),
    "what throws": ("<set-variable name='v' value='@((string)context.Variables[\"no\"])' />",
                    "set-variable: Expression evaluation failed. KeyNotFoundException"),
    "liquid": ("<set-body template='liquid'>{{body.a}}</set-body>", "set-body: Liquid templates"),
}  # fmt: skip


@pytest.mark.parametrize(("inbound", "says"), LOUD.values(), ids=LOUD)
async def test_what_it_cannot_do_fails_loudly(place: Place, inbound: str, says: str) -> None:
    inner = "<ip-filter action='allow'><address>1.1.1.1</address></ip-filter>"
    fragment = {"format": "rawxml", "value": f"<fragment>{inner}</fragment>"}
    place.put("policyFragments/f", fragment)
    place.policy(inbound=inbound)

    reached = await place.call("/a/x")

    assert reached.status == 500
    assert reached.json["message"] == "Internal server error"
    assert says in reached.error
    assert says in place.log[-1]
    assert place.upstream.seen == []


async def test_on_error_knows_what_went_wrong_and_may_answer(place: Place) -> None:
    names = ("Source", "Reason", "Message", "Section")
    text = ' + "|" + '.join(f"context.LastError.{it}" for it in names)
    place.policy(
        inbound="<set-variable name='v' value='@((string)context.Variables[\"no\"])' />",
        on_error=f"<set-status code='400' reason='Bad' />{a_header('@(' + text + ')')}",
    )

    reached = await place.call("/a/x")

    assert reached.status == 400
    assert reached.headers["X"].startswith("set-variable|ExpressionValueEvaluationFailure|")
    assert reached.headers["X"].endswith("|inbound")


async def test_on_error_may_answer_by_return_response(place: Place) -> None:
    place.policy(
        inbound="<rate-limit-by-key calls='1' renewal-period='60' counter-key='k' />",
        on_error=answered("@(context.LastError.Reason)", 430),
    )
    await place.call("/a/x")

    reached = await place.call("/a/x")

    assert (reached.status, reached.body) == (430, b"RateLimitExceeded")


_CORS = (
    "<cors allow-credentials='true'><allowed-origins><origin>https://app.example</origin>"
    "</allowed-origins><allowed-methods><method>POST</method></allowed-methods>"
    "<allowed-headers><header>*</header></allowed-headers>"
    "<expose-headers><header>X-Own</header></expose-headers></cors>"
)


@pytest.mark.parametrize(
    ("origin", "method", "allowed"),
    [
        ("https://app.example", "POST", True),
        ("https://evil.example", "POST", False),
        ("https://app.example", "DELETE", False),
    ],
)
async def test_cors_answers_preflight_requests(
    place: Place, origin: str, method: str, allowed: bool
) -> None:
    place.policy(inbound=f"<base />{_CORS}")
    asked = {"Origin": origin, "Access-Control-Request-Method": method,
             "Access-Control-Request-Headers": "api-key"}  # fmt: skip

    reached = await place.call("/a/x", "OPTIONS", headers=asked)

    assert (reached.status, place.upstream.seen) == (200, [])
    assert (reached.headers.get("Access-Control-Allow-Origin") == origin) is allowed
    assert (reached.headers.get("Access-Control-Allow-Headers") == "api-key") is allowed


async def test_cors_marks_answers_for_its_origins(place: Place) -> None:
    place.policy(inbound=f"<base />{_CORS}")

    good = await place.call("/a/x", headers={"Origin": "https://app.example"})
    bad = await place.call("/a/x", headers={"Origin": "https://evil.example"})
    none = await place.call("/a/nope", "OPTIONS", headers={"Origin": "https://app.example"})

    assert good.headers["Access-Control-Allow-Credentials"] == "true"
    assert good.headers["Access-Control-Expose-Headers"] == "X-Own"
    assert "Access-Control-Allow-Origin" not in bad.headers
    assert none.status == 200
