"""What Application Insights gets of the app in a local Azure: the real SDK and exporter."""

import base64
import contextlib
import dataclasses
import json
import re
from collections.abc import Iterator

import pytest
from azure.storage.queue import TextBase64EncodePolicy
from azure.storage.queue.aio import QueueClient

from sandbox.event_grid.events import Caller
from sandbox.local_azure import APP
from shared.core.dead_letters import POISON_QUEUE
from shared.core.naming import unit_hash
from shared.core.resource_ids import AccountId
from tests.telemetry.breeze import Json, base, parent, trace
from tests.telemetry.conftest import Heard
from tests.telemetry.page import PROPERTY, QUERIES, TABLES

_STEPS = ["look", "plan", "apply", "prove"]
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.\w+")
_TOKEN = re.compile(r"eyJ[\w-]{10,}\.|Bearer |SharedKey|AccountKey|[?&](sig|code)=")


async def a_run(heard: Heard, account: str, *, run_id: str = "") -> Json:
    """Wait for the span of a run on *account* that wrote something, and for its log line."""
    unit = unit_hash(AccountId.parse(account))

    def found() -> list[Json]:
        runs = [it for it in heard.breeze.spans("run") if _said(it)["onramp.unit"] == unit]
        wrote = [it for it in runs if _said(it)["onramp.writes"] != "0"]
        return [it for it in wrote if run_id in ("", _said(it)["onramp.run"])]

    await heard.breeze.until(found)
    run = found()[-1]
    await heard.breeze.until(lambda: lines_of(heard, run, "run ended"))
    return run


def lines_of(heard: Heard, run: Json, event: str) -> list[Json]:
    lines = heard.breeze.lines(event)
    return [it for it in lines if _said(it).get("run") == _said(run)["onramp.run"]]


def children(heard: Heard, span: Json) -> list[Json]:
    spans = heard.breeze.spans()
    return [it for it in spans if parent(it) == base(span)["id"] and trace(it) == trace(span)]


def below(heard: Heard, span: Json) -> Iterator[Json]:
    for child in children(heard, span):
        yield child
        yield from below(heard, child)


def _said(envelope: Json) -> dict[str, str]:
    found: dict[str, str] = base(envelope)["properties"]
    return found


async def test_an_event_and_all_that_comes_of_it_are_one_trace(heard: Heard) -> None:
    account = await heard.stage.account()
    await heard.stage.quiet()

    await heard.stage.deploy(account)
    await heard.stage.told(account, "gpt-4o", state="verified")
    run = await a_run(heard, account)

    events = {base(it)["id"]: it for it in heard.breeze.spans("accept event")}
    event = events[parent(run)]
    assert trace(event) == trace(run)
    assert _said(event)["onramp.event"] == "ResourceWriteSuccess"
    steps = [base(it)["name"] for it in children(heard, run) if base(it)["type"] == "InProc"]
    assert steps == _STEPS
    assert _said(run)["onramp.status"] == "succeeded"
    surfaces = [_said(it)["onramp.surface"] for it in below(heard, run) if _is_probe(it)]
    assert sorted(surfaces) == ["azure-openai", "azure-openai-v1"]


def _is_probe(span: Json) -> bool:
    return bool(base(span)["name"] == "probe")


async def test_a_run_for_several_events_links_to_the_others(heard: Heard) -> None:
    account = await heard.stage.account()  # two events, and one run for both or for each
    await heard.stage.deploy(account)
    run = await a_run(heard, account)

    links = json.loads(_said(run)["_MS.links"])

    ids = {base(it)["id"] for it in heard.breeze.spans("accept event")}
    assert parent(run) in ids
    assert {it["id"] for it in links} - ids, "the invocation that it runs in"
    assert len(links) <= 2


async def test_each_request_to_arm_is_a_span_that_names_nobody(heard: Heard) -> None:
    account = await heard.stage.account(prefix="secretive")
    await heard.stage.deploy(account)
    run = await a_run(heard, account)

    calls = [it for it in below(heard, run) if base(it)["type"] == "HTTP"]

    names = {base(it)["name"] for it in calls}
    gateway = "/subscriptions/{name}/resourceGroups/{name}/providers/Microsoft.ApiManagement"
    assert f"PUT {gateway}/service/{{name}}/apis/{{name}}/policies/{{name}}" in names
    assert len(calls) == int(_said(run)["onramp.arm_calls"])
    assert {base(it)["resultCode"] for it in calls} == {"200", "201", "404"}
    assert all(base(it)["success"] for it in calls), "that something isn't there is no failure"
    assert "secretive" not in json.dumps(calls)
    assert "?" not in json.dumps(calls)


async def test_what_is_throttled_shows(heard: Heard) -> None:
    account = await heard.stage.account()
    busy = {"status": 429, "code": "TooManyRequests", "headers": {"Retry-After": "1"}}
    match = {"method": "GET", "path": f"{account}/deployments$", "count": 1}
    heard.stage.azure.arm.faults.add(match, busy)
    await heard.stage.deploy(account)
    await heard.stage.quiet()
    heard.stage.azure.arm.faults.clear()

    def refused() -> list[Json]:
        return [it for it in heard.breeze.spans() if base(it)["resultCode"] == "429"]

    await heard.breeze.until(lambda: heard.breeze.figures("onramp.arm.calls").get(("GET", "429")))
    await heard.breeze.until(refused)  # spans and figures are sent apart from each other
    assert [base(it)["success"] for it in refused()] == [False]


async def test_a_reimport_is_one_trace_as_well(heard: Heard) -> None:
    account = await heard.stage.account()
    await heard.stage.deploy(account)
    await heard.stage.quiet()

    answer = await heard.stage.reimport({"account": account, "force": True})
    run = await a_run(heard, account, run_id=answer["id"])

    accepted = {base(it)["id"]: it for it in heard.breeze.spans("accept reimport")}
    assert _said(accepted[parent(run)])["onramp.run"] == answer["id"]
    assert trace(accepted[parent(run)]) == trace(run)


async def test_the_figures_are_those_of_what_happened(heard: Heard) -> None:
    account = await heard.stage.account()
    await heard.stage.deploy(account)
    await heard.stage.quiet()
    await heard.stage.sweep()
    await heard.stage.sweep()  # the first one may be the first ever

    figures, last = heard.breeze.figures, heard.breeze.last
    assert list((await heard.stage.states(account)).values()) == ["verified"]
    for holds in (  # what happened at once is not always sent at once
        lambda: last("onramp.deployments").get(("verified",), 0) >= 1,
        lambda: last("onramp.deployments").get(("quarantined",)) == 0,
        lambda: 0 <= last("onramp.sweep.age").get((), -1) < 600,
        lambda: figures("onramp.changes").get(("create", "applied"), 0) >= 3,
        lambda: figures("onramp.runs").get(("succeeded",), 0) >= 2,
        lambda: figures("onramp.time_to_verified").get((), 0) > 0,
    ):
        await heard.breeze.until(holds)


async def test_a_message_that_was_given_up_is_counted(heard: Heard) -> None:
    connection = heard.stage.azure.azurite.connection_string
    policy = TextBase64EncodePolicy()
    async with QueueClient.from_connection_string(
        connection, POISON_QUEUE, message_encode_policy=policy
    ) as queue:
        await queue.create_queue()
        await queue.send_message("nonsense")

    await heard.breeze.until(lambda: heard.breeze.figures("onramp.dead_letters"))

    assert heard.breeze.figures("onramp.dead_letters") == {("message",): 1}


async def test_log_lines_have_their_fields_and_their_trace(heard: Heard) -> None:
    account = await heard.stage.account()
    await heard.stage.deploy(account)
    run = await a_run(heard, account)

    (line,) = lines_of(heard, run, "run ended")

    assert trace(line) == trace(run)
    assert parent(line) == base(run)["id"]
    fields = _said(line)
    assert (fields["status"], fields["writes"]) == ("succeeded", _said(run)["onramp.writes"])
    assert fields["unit"].lower() == account.lower()
    assert json.loads(base(line)["message"])["status"] == "succeeded", "as without OpenTelemetry"
    changes = lines_of(heard, run, "change applied")
    assert len(changes) == int(fields["writes"])
    assert {trace(it) for it in changes} == {trace(run)}


async def test_it_shows_a_token_of_the_app_and_its_name(heard: Heard) -> None:
    await heard.breeze.until(lambda: heard.breeze.headers)

    roles = {it["tags"]["ai.cloud.role"] for it in heard.breeze.envelopes}
    kinds = {it["Authorization"].partition(" ")[0] for it in heard.breeze.headers}
    claims = [_claims(it["Authorization"]) for it in heard.breeze.headers]

    assert roles == {"onramp-of-a-test"}
    assert kinds == {"Bearer"}
    assert {(it["aud"], it["oid"]) for it in claims} == {
        ("https://monitor.azure.com/", APP.principal_id)
    }


def _claims(header: str) -> Json:
    payload = header.split(".")[1]
    claims: Json = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims


async def test_what_the_queries_of_the_page_read_is_sent(heard: Heard) -> None:
    account = await heard.stage.account()
    await heard.stage.deploy(account)
    await heard.stage.quiet()
    await heard.stage.sweep()
    assert len(QUERIES) >= 7
    with contextlib.suppress(TimeoutError):
        await heard.breeze.until(lambda: not any(_not_sent(heard, it) for it in QUERIES))

    missing = {query: _not_sent(heard, query) for query in QUERIES}
    assert {query: words for query, words in missing.items() if words} == {}


def _not_sent(heard: Heard, query: str) -> set[str]:
    """Names and properties in *query* that its table has none of."""
    kind = TABLES[query.split(maxsplit=1)[0]]
    found = [base(it) for it in heard.breeze.envelopes if it["data"]["baseType"] == kind]
    names = {it["metrics"][0]["name"] if "metrics" in it else it.get("name") for it in found}
    keys = {key for it in found for key in it.get("properties") or {}}
    read = {one or other for one, other in PROPERTY.findall(query)}
    return {*re.findall(r'\bName == "([\w.]+)"', query)} - names | read - keys


async def test_nothing_secret_and_nobody_is_in_it(heard: Heard) -> None:
    account = await heard.stage.account()
    await heard.stage.deploy(account)
    await a_run(heard, account)
    ready, connection = heard.stage.azure.host.ready, heard.stage.azure.azurite.connection_string
    secrets = (
        *dataclasses.astuple(Caller()),
        await heard.stage.key_of("model-onramp-verify"),
        *(ready.master_key, ready.host_key, ready.event_grid_key),
        *re.findall(r"AccountKey=([^;]+)", connection),
    )

    told = "\n".join(heard.breeze.bodies)

    assert "run ended" in told
    assert [secret for secret in secrets if secret in told] == []
    assert _EMAIL.findall(told) == []
    assert _TOKEN.findall(told) == []
    assert "/identity/claims" not in told
    assert "claims" not in told


@pytest.mark.parametrize("word", ["dev@contoso.com", "eyJhbGciOiJSUzI1NiJ9.x", "Bearer x"])
def test_what_the_last_test_looks_for_is_found(word: str) -> None:
    assert _EMAIL.findall(word) or _TOKEN.findall(word)
