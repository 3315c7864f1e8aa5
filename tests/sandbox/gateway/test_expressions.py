"""The C# of policy expressions: what runs, what throws, what is refused and why."""

from datetime import UTC, datetime
from typing import Any, cast

import pytest
from multidict import CIMultiDict

from sandbox.arm.apim.policy_reader import parse
from sandbox.arm.apim.policy_xml import is_expression
from sandbox.arm.store import Entry, Store
from sandbox.gateway.configuration import Configuration
from sandbox.gateway.context import context_of
from sandbox.gateway.csharp.check import checked
from sandbox.gateway.csharp.errors import CSharpError, ExpressionRefused
from sandbox.gateway.csharp.evaluator import evaluate
from sandbox.gateway.csharp.values import JToken
from sandbox.gateway.exchange import Exchange
from sandbox.gateway.keys import Caller
from sandbox.gateway.message import Request, Response
from tests.golden.making import policy_of, writes
from tests.golden.worlds import WORLDS, World

_NOW = datetime(2026, 1, 1, tzinfo=UTC)
BODY = b'{"model": "GPT", "n": 2, "flag": true, "nothing": null, "deep": {"a": [1, "x"]}}'


def an_entry(name: str, **properties: Any) -> Entry:
    return Entry(f"/x/{name}", "t", name, {"properties": properties}, '"1"', _NOW, _NOW)


def an_exchange(body: bytes | None = BODY) -> Exchange:
    request = Request(
        method="POST",
        path="/base/x",
        query=[("a", "1"), ("b", "2"), ("b", "3")],
        headers=CIMultiDict({"Content-Type": "application/json", "X-One": "1"}),
        body=body,
        remote="10.0.0.1",
    )
    request.headers.add("X-Many", "one")
    request.headers.add("X-Many", "two")
    return Exchange(
        cast("Any", None),
        Configuration(Store(), "/x/apim"),
        request,
        an_entry("api", displayName="The API", path="base"),
        operation=an_entry("op", displayName="Op", method="POST", urlTemplate="/x"),
        matched={"deployment-id": "Gpt-4o"},
        caller=Caller(an_entry("sub", displayName="Sub"), key="k"),
        variables={"text": "t", "number": 3, "yes": True, "none": None},
        response=Response(429, "Too Many"),
    )


def value(expression: str, exchange: Exchange | None = None) -> Any:
    return evaluate(expression, context_of(exchange or an_exchange()))


ACCEPTED: dict[str, Any] = {
    # literals and operators
    '@("a\\"b\\\\c\\n\\u0041")': 'a"b\\c\nA',
    '@(@"a\\b""c")': 'a\\b"c',
    "@(1 + 2 - 4)": -1,
    '@("a" + 1 + true + null)': "a1True",
    '@("n" + \'x\')': "nx",
    '@(1 + 1 == 2 && !("a" == "b") || false)': True,
    '@("a" != null && null == null)': True,
    "@(1 < 2 && 2 <= 2 && 3 > 2 && 3 >= 3)": True,
    '@(true ? "y" : "n")': "y",
    '@(false ? "a" : true ? "b" : "c")': "b",
    '@(null ?? "d")': "d",
    '@("A".ToLowerInvariant())': "a",
    '@("ΑΣ".ToLowerInvariant() + "İ".ToLowerInvariant())': "ασİ",
    '@("a-b-c".Split(\'-\')[1] + "a-b".Split(\'-\').Length)': "b2",
    '@("abc".Substring(1) + "abc".Substring(0, 1) + "abc"[2])': "bcac",
    '@("abc".Contains("b") && "abc".StartsWith("ab") && "abc".EndsWith("bc"))': True,
    '@(" a ".Trim().Length + "aXa".IndexOf("X"))': 2,
    '@("a".Replace("a", "b").ToUpperInvariant())': "B",
    '@(string.IsNullOrEmpty("") && string.IsNullOrEmpty(null))': True,
    '@(string.IsNullOrWhiteSpace(" "))': True,
    "@(string.Empty)": "",
    '@(new[] {"a", "b"}.Contains("b") && !new string[] {"a"}.Contains("b"))': True,
    '@(int.Parse(" 12 "))': 12,
    # context
    "@(context.Request.Method + context.Request.IpAddress)": "POST10.0.0.1",
    '@(context.Request.Headers.GetValueOrDefault("x-many", ""))': "one,two",
    '@(context.Request.Headers["X-Many"][1])': "two",
    '@(context.Request.Headers.ContainsKey("nope"))': False,
    '@(context.Request.Headers.GetValueOrDefault("nope", "d"))': "d",
    '@(context.Request.Url.Query.GetValueOrDefault("b", ""))': "2,3",
    "@(context.Request.Url.Path + context.Request.Url.QueryString)": "/base/x?a=1&b=2&b=3",
    '@(context.Request.MatchedParameters["deployment-id"])': "Gpt-4o",
    '@(context.Request.MatchedParameters.GetValueOrDefault("nope", "d"))': "d",
    '@(context.Subscription?.Id ?? "none")': "sub",
    '@(context.Product?.Id ?? "none")': "none",
    "@(context.User?.Id.Length == null)": True,
    "@(context.Operation.Id + context.Api.Id + context.Api.Path)": "opapibase",
    "@(context.Response.StatusCode == 429 || context.Response.StatusCode == 503)": True,
    '@(context.Response.StatusReason.Contains("Many"))': True,
    '@((string)context.Variables["text"] + (int)context.Variables["number"])': "t3",
    '@((bool)context.Variables["yes"])': True,
    '@(context.Variables.ContainsKey("text") && !context.Variables.ContainsKey("no"))': True,
    '@(context.Variables.GetValueOrDefault<string>("no", "d"))': "d",
    '@(context.Variables.GetValueOrDefault<int>("number", 1) + 1)': 4,
    '@(context.Variables["text"].ToString())': "t",
    '@((string)context.Variables["none"] ?? "was null")': "was null",
    # bodies
    '@((string)context.Request.Body?.As<JObject>(preserveContent: true)?["model"] ?? "")': "GPT",
    '@((string)context.Request.Body.As<JObject>(true)["none"] ?? "no")': "no",
    '@((string)context.Request.Body.As<JObject>(true)["nothing"] ?? "null")': "null",
    '@((int)context.Request.Body.As<JObject>(true)["n"])': 2,
    '@((string)context.Request.Body.As<JObject>(true)["n"])': "2",
    '@((string)context.Request.Body.As<JObject>(true)["deep"]["a"][1])': "x",
    '@(context.Request.Body.As<JObject>(true).Value<string>("model"))': "GPT",
    "@(context.Request.Body.As<string>(preserveContent: true).Length)": len(BODY),
    # statements
    "@{ return 1; }": 1,
    '@{ var a = "x"; a = a + "y"; a += "z"; return a; }': "xyz",
    "@{ int n = 0; for (var i = 1; i < 4; i++) { n += i; } return n; }": 6,
    "@{ for (var i = 0; i < 1; i++) { } for (var i = 0; i < 1; i++) { } return 1; }": 1,
    '@{ foreach (var it in new[] {"a", "b"}) { if (it == "b") { return it; } } return ""; }': "b",
    "@{ if (1 > 2) return 1; else if (2 > 1) { return 2; } else return 3; }": 2,
    '@{ var s = ""; try { s = context.Variables["no"].ToString(); } catch { s = "c"; } return s; }':
        "c",
    '@{ try { return JObject.Parse("{").ToString(); } catch (Exception) { return "bad"; } }': "bad",
    '@{ /* a */ return "b"; // c\n }': "b",
    # regular expressions
    '@(Regex.Match("a1", "([a-z])([0-9])").Groups[2].Value)': "1",
    '@(Regex.Match("a", "b").Groups[1].Value + Regex.Match("a", "b").Success)': "False",
    '@(Regex.Match("xAy", "a", RegexOptions.IgnoreCase).Index)': 1,
    '@(Regex.IsMatch("a\\n", "^a$"))': True,
    '@(Regex.Split("a--b", "--").Length)': 2,
    '@(Regex.Replace("a1b2", "[0-9]", ""))': "ab",
    "@(Regex.Match(\"'aa'\", \"(')(a+)\\\\1\").Length)": 4,
}  # fmt: skip


@pytest.mark.parametrize(("expression", "wanted"), ACCEPTED.items(), ids=ACCEPTED)
def test_what_is_accepted_has_the_value_that_csharp_gives_it(
    expression: str, wanted: object
) -> None:
    found = value(expression)

    assert (type(found), found) == (type(wanted), wanted)


THROWN = {
    "@(context.Product.Id)": "NullReferenceException",
    '@(context.Variables["nope"])': "KeyNotFoundException",
    '@(context.Request.Headers["nope"])': "KeyNotFoundException",
    '@((string)context.Variables["number"])': "InvalidCastException",
    '@("abc".Substring(4))': "ArgumentOutOfRangeException",
    "@(\"a\".Split('-')[1])": "IndexOutOfRangeException",
    '@((string)context.Request.Body.As<JObject>(true)["deep"])': "ArgumentException",
    '@(context.Request.Body.As<JObject>(true)["model"]["x"])': "InvalidOperationException",
    '@(Regex.Match(null, "a").Value)': "ArgumentNullException",
    '@(int.Parse("x"))': "FormatException",
    '@(int.Parse("2147483648"))': "OverflowException",
    '@(JObject.Parse("[1]"))': "JsonReaderException",
}


@pytest.mark.parametrize(("expression", "kind"), THROWN.items(), ids=THROWN)
def test_what_throws_in_csharp_throws_here_and_can_be_caught(expression: str, kind: str) -> None:
    with pytest.raises(CSharpError) as thrown:
        value(expression)
    caught = (
        f'@{{ var x = ""; try {{ x = "" + {expression[2:-1]}; }} catch {{ x = "c"; }} return x; }}'
    )

    assert (thrown.value.kind, value(caught)) == (kind, "c")


REFUSED = {
    # not in the grammar
    '@($"a{1}")': "'$\"a{1}\"",
    "@(1 * 2)": "'* 2'",
    "@(1.5)": "'1.5'",
    "@(x => x)": "'=' at line 1, column 3",
    "@{ while (true) { } }": "'('",
    "@(context as string)": "'as' at line 1, column 9",
    '@(new JObject(new JProperty("a", 1)))': "'JObject'",
    "@(1 +)": "ends too early",
    "@(typeof(string))": "'(string)' at line 1, column 7",
    "@(2147483647 + 1)": "is no Int32",
    "@{ context.Variables.Add(1); }": "'.' at line 1",
    "@{ string[] v; return v; }": "';' at line 1",
    "a": "is @(...) or @{...}",
    # names and members
    "@(foo)": "'foo' at line 1, column 1 does not exist",
    "@{ if (false) { return nope; } return 1; }": "'nope'",
    "@(System.Environment.MachineName)": "'.Environment'",
    '@(Regex.Escape("a"))': "'.Escape'",
    '@(Regex.Matches("a", "b"))': "'.Matches'",
    "@(context.Tracing)": "'.Tracing'",
    "@(DateTime.UtcNow)": "'.UtcNow'",
    "@(context.Subscription.Path)": "entity has no 'Path'",
    '@("a".As<string>())': "has no 'As<string>()'",
    "@{ y = 1; return 2; }": "'y'",
    "@{ context = 1; return 2; }": "'context'",
    "@{ var a = 1; if (true) { var a = 2; } return a; }": "'a' at line 1, column 25 is declared",
    "@{ for (var i = 0; i < 1; i++) { } return i; }": "'i' at line 1",
    "@{ var a = 1; }": "Not all code paths",
    "@{ if (true) { return 1; } }": "Not all code paths",
    "@{ if (false) { var late = 1; } return late; }": "'late'",
    # types
    '@("a" == 1)': "comparison of string with int",
    '@(context.Variables["text"] == "t")': "comparison of object with string",
    '@(context.Request.Body.As<JObject>(true)["model"] == "GPT")': "JValue with string",
    '@("a" && true)': "is string where bool is needed",
    '@("a" < "b")': "is for numbers",
    "@(true + 1)": "bool + int",
    '@("a".Substring("b"))': "does not take (string)",
    '@("a".Substring(true))': "does not take (bool)",
    '@("a".Split("b"))': "does not take (string)",
    "@(context.Request.Body.As<JObject>(keep: true))": "has no argument 'keep'",
    '@(context.Request.Headers.GetValueOrDefault("a"))': "does not take (string)",
    "@(context.Request.Body.As<JArray>(true))": "As<JArray>",
    '@{ var a = 1; a = "b"; return a; }': "'a' is int and can't be string",
    '@("\\q")': "An escape",
    '@("é".StartsWith("e"))': "by culture",
    # regular expressions that .NET reads otherwise
    r'@(Regex.IsMatch("a", "\\w"))': r"'\w'",
    r'@(Regex.IsMatch("a", "\\bx"))': r"'\bx'",
    r'@(Regex.IsMatch("a", "a\\Z"))': r"'\Z'",
    '@(Regex.IsMatch("a", "(?<n>a)"))': "'(?<n>a)'",
    '@(Regex.IsMatch("a", "(?i)a"))': "'(?i)a'",
    '@(Regex.IsMatch("a", "(?>a)"))': "'(?>a)'",
    '@(Regex.IsMatch("a", "a++"))': "'++'",
    '@(Regex.IsMatch("a", "a{,2}"))': "'{,2}'",
    '@(Regex.IsMatch("a", "[a-z-[b]]"))': "'[a-z-[b]'",
    r'@(Regex.IsMatch("a", "\\p{L}"))': r"'\p{L}'",
    '@(Regex.IsMatch("a", "("))': "Regular expression '('",
    '@(Regex.Split("a", "(a)"))': "Regex.Split with groups",
    '@(Regex.Replace("a", "a", "$0"))': "Regex.Replace with '$'",
    "@{ var i = 0; for (var j = 0; true; j++) { i = j; } return i; }": "runs for too long",
}  # fmt: skip


@pytest.mark.parametrize(("expression", "says"), REFUSED.items(), ids=REFUSED)
def test_what_is_refused_is_named_and_no_catch_hides_it(expression: str, says: str) -> None:
    with pytest.raises(ExpressionRefused) as refused:
        value(expression)

    assert says.lower() in str(refused.value).lower()


def test_no_catch_sees_a_refusal() -> None:
    with pytest.raises(ExpressionRefused, match="culture"):
        value('@{ try { return "é".StartsWith("e"); } catch { return false; } }')


def test_a_body_that_was_not_preserved_is_gone() -> None:
    exchange = an_exchange()

    assert value("@(context.Request.Body.As<string>().Length > 0)", exchange) is True
    assert exchange.request.body == b""
    with pytest.raises(CSharpError, match="not kept"):
        value("@(context.Request.Body.As<string>(true))", exchange)


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b'"a"'])
def test_a_body_that_is_no_object_throws(body: bytes) -> None:
    with pytest.raises(CSharpError):
        value("@(context.Request.Body.As<JObject>(true))", an_exchange(body))


def test_json_is_shown_as_newtonsoft_shows_it() -> None:
    assert value('@(context.Request.Body.As<JObject>(true)["deep"])') == JToken({"a": [1, "x"]})
    assert value('@("" + context.Request.Body.As<JObject>(true)["flag"])') == "True"


@pytest.mark.parametrize("world", WORLDS.values(), ids=WORLDS)
def test_every_expression_that_the_app_writes_is_accepted(world: World) -> None:
    for change in writes(world):
        if document := policy_of(change):
            for element in parse(document, "xml").root.walk():
                for text in (*element.attributes.values(), element.text):
                    if is_expression(text):
                        checked(text)
