"""Whatever accounts, deployments and rules are called, a policy means what we wrote.

Worlds and rule books are drawn from the models' own JSON Schema, with hostile texts among them.
What the rules file refuses is fine; what it accepts must neither add an expression, a named value
or an element to a policy, nor lead out of what belongs to the account.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree as ET

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from sandbox.arm.apim.csharp import expression_problem
from shared.core.desired import Desired, desired
from shared.core.guard import guard
from shared.core.model import Account, Deployment, GatewayFacts, Model, Resource
from shared.core.naming import key_name, unit_hash
from shared.core.observed import Observed
from shared.core.plan import make_plan
from shared.core.policy_expressions import deployment_name
from shared.core.resource_ids import AccountId
from shared.core.resource_kinds import POLICIES, kind_of
from shared.core.rulebook import RuleBook
from shared.core.surfaces import SURFACES, Protocol, Surface
from tests.builders import CHAT, EMBEDDINGS, ENDPOINTS, NOW, RULES, SERVICE, SUBSCRIPTION

HOSTILE = st.one_of(
    st.sampled_from(
        [
            *(
                "@(1)",
                "@{ return 1; }",
                "{{secret}}",
                '"',
                "'",
                "<b/>",
                "</inbound>",
                "]]>",
                "<!--",
            ),
            *(
                "..",
                "../..",
                "a/../b",
                "/",
                "//x.example",
                "a?b#c",
                "%2e%2e",
                "a\nb",
                "a\r\n",
                "\x00",
            ),
            *("{account}", "{tag.x}", "$block", "${block}", "&quot;", "&lt;", "\u212a", "é", ""),
            *(
                'x" || true || "',
                'x") + (1',
                "x\\",
                "x&#34;",
                "x' y",
                "onramp:skip",
                "true",
                "none",
            ),
        ]
    ),
    st.text(max_size=30),
)
PLAIN = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", fullmatch=True)
NAMES = st.one_of(PLAIN, PLAIN, HOSTILE, st.builds("{}{}".format, PLAIN, HOSTILE))
TAGS = st.dictionaries(
    st.one_of(st.sampled_from(["onramp:skip", "onramp:profile", "onramp:mode"]), NAMES),
    st.one_of(st.sampled_from(["true", "false", "a", "red"]), NAMES),
    max_size=3,
)
TEAMS = st.one_of(st.sampled_from(["red", " RED ", "a", "a"]), NAMES)
SCHEMA = RuleBook.model_json_schema()


def drawn(schema: Mapping[str, Any], odd: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Values of a JSON Schema; in the place of each text perhaps an *odd* one."""
    if ref := schema.get("$ref"):
        return drawn(SCHEMA["$defs"][ref.rpartition("/")[2]], odd)
    if options := schema.get("anyOf") or schema.get("oneOf"):
        return st.one_of([drawn(it, odd) for it in options])
    if "enum" in schema or "const" in schema:
        return st.sampled_from(schema.get("enum") or [schema["const"]])
    return _BY_TYPE[schema["type"]](schema, odd)


def _object(schema: Mapping[str, Any], odd: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    if "properties" not in schema:
        names = schema.get("propertyNames", {"type": "string"})
        values = schema.get("additionalProperties")
        if not isinstance(values, Mapping):
            (names, values), *_ = (
                ({"type": "string", "pattern": pattern}, it)
                for pattern, it in schema["patternProperties"].items()
            )
        least = schema.get("minProperties", 0)
        return st.dictionaries(drawn(names, odd), _later(values, odd), min_size=least, max_size=2)
    fields = {name: _later(it, odd) for name, it in schema["properties"].items()}
    needed = set(schema.get("required", ()))
    free = sorted(fields.keys() - needed)
    chosen = st.sets(st.sampled_from(free), max_size=3) if free else st.just(set[str]())
    return chosen.flatmap(
        lambda names: st.fixed_dictionaries({name: fields[name] for name in (*needed, *names)})
    )


def _array(schema: Mapping[str, Any], odd: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    items = _later(schema["items"], odd)
    return st.lists(items, min_size=schema.get("minItems", 0), max_size=2)


def _string(schema: Mapping[str, Any], odd: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    fine = st.from_regex(schema["pattern"]) if "pattern" in schema else PLAIN
    return st.one_of(fine, odd)


def _number(schema: Mapping[str, Any], _odd: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    least = schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1)
    most = schema.get("maximum", 10**9)
    return st.integers(least, most) if schema["type"] == "integer" else st.floats(least, most)


def _later(schema: Mapping[str, Any], odd: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.deferred(lambda: drawn(schema, odd))


def _constant(schema: Mapping[str, Any], _odd: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.booleans() if schema["type"] == "boolean" else st.none()


type _Drawer = Callable[[Mapping[str, Any], st.SearchStrategy[Any]], st.SearchStrategy[Any]]
_BY_TYPE: Mapping[str, _Drawer] = {
    "object": _object,
    "array": _array,
    "string": _string,
    "integer": _number,
    "number": _number,
    "boolean": _constant,
    "null": _constant,
}
BOOKS = st.one_of(drawn(SCHEMA, st.nothing()), drawn(SCHEMA, st.nothing()), drawn(SCHEMA, HOSTILE))

MODELS = st.one_of(
    st.sampled_from(
        [
            (Model("OpenAI", "gpt-4o", "1"), CHAT),
            (Model("OpenAI", "text-embedding-3-small", "1"), EMBEDDINGS),
            (Model("OpenAI", "gpt-realtime", "1"), {}),
            (Model("OpenAI", "whisper", "1"), {}),
            (Model("Anthropic", "claude-opus-4-5", "1"), {}),
            (Model("Cohere", "embed-v-4-0", "1"), {}),
        ]
    ),
    st.tuples(st.builds(Model, NAMES, NAMES, NAMES), st.just(CHAT)),
)
DEPLOYMENTS = st.builds(
    lambda name, model, sku, tags, rate: Deployment(
        name, model[0], sku, 1, "Succeeded", model[1], rate, tags
    ),
    NAMES,
    MODELS,
    st.one_of(st.just("Standard"), NAMES),
    TAGS,
    st.one_of(st.none(), st.integers(0, 10**9)),
)
# What AccountId.parse lets through.
UNITS = st.builds(
    AccountId,
    st.just(SUBSCRIPTION),
    st.one_of(
        st.sampled_from(["rg(1)", "(a..b)", "_", "a.-"]),
        st.from_regex(r"[a-z0-9_(][a-z0-9_().-]{0,30}[a-z0-9_()-]", fullmatch=True),
    ),
    st.from_regex(r"[a-z0-9][a-z0-9_.-]{1,63}", fullmatch=True),
)
ACCOUNTS = st.builds(
    Account,
    UNITS,
    st.sampled_from(["AIServices", "OpenAI"]),
    st.one_of(st.just("swedencentral"), NAMES),
    st.just("Succeeded"),
    st.just("contoso"),
    st.just(ENDPOINTS),
    st.one_of(st.builds(lambda team: {"Team": team}, TEAMS), TAGS),
    st.lists(DEPLOYMENTS, min_size=1, max_size=4).map(tuple),
)
FACTS = GatewayFacts(loggers=("insights",), has_cache=True)

ELEMENTS = frozenset(
    {
        *("policies", "inbound", "backend", "outbound", "on-error", "base", "choose", "when"),
        *("otherwise", "set-header", "value", "set-query-parameter", "set-variable", "set-body"),
        *("set-backend-service", "return-response", "set-status", "llm-token-limit", "category"),
        *("llm-content-safety", "categories", "blocklists", "id", "llm-emit-token-metric"),
        *("dimension", "llm-semantic-cache-lookup", "vary-by", "llm-semantic-cache-store"),
        "authentication-managed-identity",
    }
)
_NAME = r'"[a-z0-9._-]+"'
_IS_NAME = rf'\(string\)context\.Variables\["deployment"\] == {_NAME}'
_IS_ID = r'context\.Operation\.Id == "[a-z-]+"'
_TEXT = r'"(?:[^"\\]|\\")*"'
_WHO = r'(?:context\.(?:Subscription|Product|User)\?\.Id \?\? "none"|context\.Request\.IpAddress)'
EXPRESSIONS = re.compile(
    "|".join(
        rf"@\({it}\)"
        for it in (
            _IS_NAME,
            rf"{_IS_ID}(?: \|\| {_IS_ID})*",
            rf"{_IS_ID} && \({_IS_NAME}(?: \|\| {_IS_NAME})*\)",
            rf'\({_WHO}\) \+ "/[0-9a-f]{{12}}/[a-z0-9._-]+"',
            _WHO,
            r'\(string\)context\.Variables\["deployment"\]',
            rf'{_TEXT} \+ \(string\)context\.Variables\["deployment"\] \+ {_TEXT}',
        )
    )
)
PLAIN_VALUE = re.compile(r"[A-Za-z0-9 .:,/%_-]*")
SEGMENT = re.compile(r"(?!\.+$)[a-z0-9_.-]+")


def surface_of(resource: Resource, found: Desired) -> tuple[Surface, frozenset[str]]:
    """The surface of a policy, and the operations of its API."""
    (api,) = (it for it in found.resources if it.path == "/".join(resource.path.split("/")[:2]))
    (surface,) = (
        it
        for it in SURFACES.values()
        if api.body["properties"]["path"].endswith(f"/{it.path_suffix}")
        or api.body["properties"]["path"] == it.path_suffix
    )
    return surface, frozenset(name for name, _method, _template in api.operations)


def values_of(root: ET.Element) -> Iterator[str]:
    for element in root.iter():
        assert element.tag in ELEMENTS
        yield from element.attrib.values()
        yield (element.text or "").strip()
        assert not (element.tail or "").strip()


def check_policy_text(resource: Resource, found: Desired, unit: AccountId) -> None:
    surface, ids = surface_of(resource, found)
    operations = [
        it for it in surface.operations if it.id in ids or surface.protocol is Protocol.WEBSOCKET
    ]
    ours = ET.fromstring(f"<a b={deployment_name(surface, operations)} />").get("b")
    for value in values_of(ET.fromstring(resource.body["properties"]["value"])):
        if value.startswith("@"):
            assert expression_problem(value) is None
            assert value == ours or EXPRESSIONS.fullmatch(value)
        elif value.startswith("{{"):
            assert value == f"{{{{{key_name(unit)}}}}}"
        elif value.startswith("{"):
            said = json.loads(value)
            assert not {"@", "{", "}", "<", ">", '"'} & set(str(sorted(texts_in(said))))
        else:
            assert PLAIN_VALUE.fullmatch(value)


def texts_in(value: Any) -> Iterator[str]:
    if isinstance(value, dict | list):
        for it in value.values() if isinstance(value, dict) else value:
            yield from texts_in(it)
    else:
        yield str(value)


def check_places(found: Desired, unit: AccountId) -> None:
    plan = make_plan(found, {}, owner="default", unit=unit_hash(unit))
    assert guard(plan, unit) == plan
    for resource in found.resources:
        body = resource.body.get("properties", {})
        if "path" in body:
            assert all(SEGMENT.fullmatch(it) for it in body["path"].split("/"))
            host = "https://not-onboarded.invalid", "wss://contoso."
            assert body["serviceUrl"].startswith(host)
        if "url" in body:
            assert body["url"].startswith(tuple(ENDPOINTS.values()))
            assert re.fullmatch(r"https://[a-z.]+(?:/[A-Za-z0-9][A-Za-z0-9._-]*)+", body["url"])


def look(account: Account, book: RuleBook, facts: GatewayFacts) -> Desired:
    """What is made of a world, after all that may never be in it was looked for."""
    observed = Observed(account.id, account, {}, SERVICE, NOW, facts=facts)
    found = desired(observed, replace(RULES, book=book))
    event("served" if found.resources else "nothing served")
    check_places(found, account.id)
    for resource in found.resources:
        if kind_of(resource.path) in POLICIES:
            check_policy_text(resource, found, account.id)
    return found


@settings(
    max_examples=250,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(ACCOUNTS, BOOKS)
def test_nothing_that_people_write_means_anything_in_a_policy(
    account: Account, book: dict[str, Any]
) -> None:
    try:
        rules = RuleBook.model_validate(book)
    except ValidationError:
        event("rules refused")
        return
    safety = rules.defaults.content_safety
    named = {safety.backend.lower()} if safety else set[str]()

    look(account, rules, replace(FACTS, backends=frozenset(named)))


@settings(max_examples=100, deadline=None)
@given(ACCOUNTS)
def test_names_that_are_made_of_others_stay_names(account: Account) -> None:
    template = "{region}/{resource_group}-{tag.team}/{account}"
    texts = {"path": template, "display_name": f"{template} {{surface}}", "description": template}
    book = {"defaults": texts, "tags": {"team": ["red", "a"]}}

    found = look(account, RuleBook.model_validate(book), FACTS)

    for resource in found.resources:
        body = resource.body.get("properties", {})
        if "displayName" in body:
            assert re.fullmatch(r"[A-Za-z0-9 /_.-]+", body["displayName"])
            made, _, mark = body["description"].partition(" Made by model-onramp; ")
            assert re.fullmatch(r"[a-z0-9/_.-]+", made)
            assert mark.count("[model-onramp ") == 1
