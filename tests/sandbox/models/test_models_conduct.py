"""Deployments, routes, versions, limits, faults and the journal."""

from datetime import timedelta
from typing import Any

import pytest
from aiohttp import ClientTimeout, ServerDisconnectedError

from sandbox.models.journal import digest
from sandbox.models.options import ModelOptions
from tests.sandbox.arm_client import COGNITIVE as ACCOUNTS
from tests.sandbox.models.stand import (
    CHAT,
    COGNITIVE,
    FOUNDRY_HOST,
    HELLO,
    HOST,
    PRINCIPAL,
    Stand,
    a_stand,
    a_token,
    account_id,
)

VERSION = "api-version=2025-04-01-preview"
INFERENCE = "/models/chat/completions?api-version=2024-05-01-preview"
TEXT = {"input": "hello"}


def at(deployment: str, path: str = "/chat/completions", version: str = VERSION) -> str:
    return f"/openai/deployments/{deployment}{path}?{version}"


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [
        ("gpt-4o", 200, None),
        ("is-Accepted", 200, None),
        ("is-Creating", 404, "DeploymentNotFound"),
        ("is-Deleting", 404, "DeploymentNotFound"),
        ("nobody", 404, "DeploymentNotFound"),
        ("..", 404, "404"),
        ("paused", 423, "DeploymentPaused"),
    ],
)
async def test_a_deployment_answers_once_it_stands(
    stand: Stand, name: str, status: int, code: str | None
) -> None:
    answer = await stand.call(
        at(name), HELLO, "fabrikam.openai.azure.com", api_key=stand.key("fabrikam")
    )

    assert answer.status == status
    assert code is None or answer.code == code


async def test_a_deployment_that_is_deleted_stops_answering_at_once(stand: Stand) -> None:
    path = f"{account_id()}/deployments/short-lived"
    model = {"model": {"name": "gpt-4o", "format": "OpenAI"}}
    body = {"sku": {"name": "Standard", "capacity": 1}, "properties": model}
    await stand.arm.call("PUT", path, ACCOUNTS, body=body)
    await stand.arm.call("GET", path, ACCOUNTS)
    before = await stand.call(at("short-lived"), HELLO)

    await stand.arm.call("DELETE", path, ACCOUNTS)

    after = await stand.call(at("short-lived"), HELLO)
    assert (before.status, after.status) == (200, 404)
    assert after.message.startswith("The API deployment for this resource does not exist.")


@pytest.mark.parametrize(
    ("host", "path", "body", "expected"),
    [
        (HOST, at("gpt-4o", "/nonsense"), HELLO, (404, "404")),
        (HOST, "/openai/v1/nonsense", HELLO, (404, "404")),
        (HOST, INFERENCE, {**HELLO, "model": "gpt-4o"}, (404, "404")),
        (HOST, "/anthropic/v1/messages", {**HELLO, "model": "claude"}, (404, "404")),
        (FOUNDRY_HOST, INFERENCE, {**HELLO, "model": "gpt-4o"}, (200, None)),
        (FOUNDRY_HOST, INFERENCE, {**HELLO, "model": "deepseek"}, (200, None)),
        (FOUNDRY_HOST, INFERENCE, {**HELLO, "model": "nobody"}, (404, "unknown_model")),
        (FOUNDRY_HOST, INFERENCE, {**HELLO, "model": "claude"}, (404, "api_not_supported")),
        (FOUNDRY_HOST, INFERENCE, HELLO, (400, "no_model_name")),
        (FOUNDRY_HOST, "/models/chat/completions", HELLO, (400, "BadRequest")),
        (HOST, at("gpt-4o", version=""), HELLO, (400, "BadRequest")),
        (HOST, at("gpt-4o", version="api-version=latest"), HELLO, (404, "404")),
        (HOST, "/openai/responses?api-version=2024-10-21", TEXT, (400, "BadRequest")),
        (HOST, at("image", "/images/edits", "api-version=2024-10-21"), TEXT, (404, "404")),
        (HOST, f"/openai/v1/responses?{VERSION}", TEXT, (400, "BadRequest")),
        (HOST, "/openai/v1/chat/completions", {**HELLO, "model": "deepseek"}, (200, None)),
        (HOST, at("deepseek"), HELLO, (400, "OperationNotSupported")),
        (HOST, at("embed"), HELLO, (400, "OperationNotSupported")),
        (HOST, at("rerank"), HELLO, (400, "OperationNotSupported")),
        (HOST, at("gpt-4o", "/embeddings"), TEXT, (400, "OperationNotSupported")),
        (HOST, at("gpt-4o", "/completions"), {"prompt": "a"}, (400, "OperationNotSupported")),
        (HOST, at("dalle", "/images/edits"), {"prompt": "a"}, (400, "OperationNotSupported")),
        (HOST, at("tts", "/audio/transcriptions"), {}, (400, "OperationNotSupported")),
        (HOST, at("gpt-4o"), {"messages": []}, (400, "missing_required_parameter")),
        (HOST, at("gpt-5"), {**HELLO, "max_tokens": 5}, (400, "unsupported_parameter")),
        (HOST, at("gpt-5"), {**HELLO, "temperature": 0}, (400, "unsupported_value")),
        (HOST, at("gpt-5"), {**HELLO, "max_completion_tokens": 16}, (400, None)),
        (HOST, at("gpt-5"), {**HELLO, "max_completion_tokens": 100}, (200, None)),
        (HOST, at("gpt-4o"), {**HELLO, "max_tokens": 1, "temperature": 0}, (200, None)),
        (HOST, at("gpt-4o"), {**HELLO, "max_tokens": 0}, (400, "integer_below_min_value")),
        (HOST, at("gpt-4o"), {"messages": "hello"}, (400, "invalid_type")),
        (HOST, at("embed", "/embeddings"), {**TEXT, "dimensions": 1e9}, (400, "invalid_type")),
        (HOST, at("gpt-4o"), [], (400, None)),
        (
            HOST,
            "/openai/v1/responses",
            {**TEXT, "model": "gpt-4o", "max_output_tokens": 1},
            (400, "integer_below_min_value"),
        ),
    ],
)
async def test_a_call_is_judged_as_the_service_does(
    stand: Stand, host: str, path: str, body: Any, expected: tuple[int, str | None]
) -> None:
    answer = await stand.call(path, body, host)

    code = None if answer.status == 200 else answer.code
    assert (answer.status, code) == expected


async def test_an_operation_that_a_model_lacks_is_refused_by_name(stand: Stand) -> None:
    answer = await stand.call(at("embed"), HELLO)

    assert answer.message.startswith(
        "The chatCompletion operation does not work with the specified model, "
        "text-embedding-3-small. Please choose different model and try again."
    )


async def test_a_call_without_a_version_to_the_inference_surface_can_be_let_in() -> None:
    async with a_stand(ModelOptions(inference_needs_version=False)) as stand:
        answer = await stand.call(
            "/models/chat/completions", {**HELLO, "model": "gpt-4o"}, FOUNDRY_HOST
        )

    assert answer.status == 200


@pytest.mark.parametrize("host", ["nobody.openai.azure.com", "fabrikam.services.ai.azure.com", "x"])
async def test_a_host_of_no_account_does_not_answer(stand: Stand, host: str) -> None:
    with pytest.raises(ServerDisconnectedError):
        await stand.call(CHAT, HELLO, host)

    assert [(it.host, it.status) for it in stand.endpoints.journal.log] == [(host, 0)]


@pytest.mark.parametrize(
    ("host", "path", "body", "shape"),
    [
        (
            HOST,
            "/openai/v1/chat/completions",
            {"model": "gpt-4o"},
            {
                "error": {
                    "message": "Missing required parameter: 'messages'.",
                    "type": "invalid_request_error",
                    "param": "messages",
                    "code": "missing_required_parameter",
                }
            },
        ),
        (
            FOUNDRY_HOST,
            "/anthropic/v1/messages",
            {"model": "claude"},
            {
                "type": "error",
                "error": {
                    "type": "invalid_request_error",
                    "message": "anthropic-version: header is required",
                },
            },
        ),
        (
            FOUNDRY_HOST,
            "/providers/cohere/v2/rerank",
            {"model": "rerank"},
            {
                "id": "sandbox",
                "message": "invalid request: query and documents must be specified",
            },
        ),
    ],
)
async def test_a_model_complains_in_the_shape_of_its_provider(
    stand: Stand, host: str, path: str, body: Any, shape: Any
) -> None:
    answer = await stand.call(path, body, host)

    assert (answer.status, answer.body) == (400, shape)


async def test_tokens_beyond_the_capacity_are_refused_until_the_minute_is_over() -> None:
    async with a_stand() as stand:
        big = {**HELLO, "max_tokens": 10_000}
        first = await stand.call(CHAT, big)
        second = await stand.call(CHAT, HELLO)
        other = await stand.call(at("gpt-5"), HELLO)
        stand.watch.ahead = timedelta(seconds=61)
        later = await stand.call(CHAT, HELLO)

    assert [it.status for it in (first, second, other, later)] == [200, 429, 200, 200]
    assert first.headers["x-ratelimit-limit-tokens"] == "10000"
    assert first.headers["x-ratelimit-remaining-tokens"] == "0"
    assert 0 < int(second.headers["Retry-After"]) <= 60
    assert second.message.startswith(
        "Requests to the ChatCompletions_Create Operation under Azure OpenAI API version "
        "2024-10-21 have exceeded token rate limit of your current AIServices S0 pricing tier."
    )


async def test_requests_are_limited_if_asked_for() -> None:
    async with a_stand(ModelOptions(limits_requests=True)) as stand:
        answers = [await stand.call(CHAT, HELLO) for _ in range(11)]

    assert [it.status for it in answers] == [200] * 10 + [429]
    assert "exceeded call rate limit" in answers[-1].message


async def test_a_deployment_fails_as_a_rule_says_and_others_do_not(stand: Stand) -> None:
    match = {"account": "Contoso", "deployment": "gpt-4o", "count": 2}
    stand.endpoints.faults.add(match, {"status": 503, "code": "Busy", "message": "Try later"})

    beside = await stand.call(at("gpt-5"), HELLO)
    answers = [await stand.call(CHAT, HELLO) for _ in range(3)]

    assert beside.status == 200
    assert [it.status for it in answers] == [503, 503, 200]
    assert (answers[0].code, answers[0].message) == ("Busy", "Try later")


async def test_a_fault_does_not_let_a_stranger_in(stand: Stand) -> None:
    stand.endpoints.faults.add({}, {"retry_after": 7})

    assert (await stand.call(CHAT, HELLO, api_key="wrong")).status == 401


@pytest.mark.parametrize(
    ("path", "body", "shape"),
    [
        (CHAT, HELLO, "error"),
        ("/anthropic/v1/messages", {**HELLO, "model": "claude", "max_tokens": 5}, "type"),
        (
            "/providers/cohere/v2/rerank",
            {"model": "rerank", "query": "a", "documents": ["a"]},
            "message",
        ),
    ],
)
async def test_a_throttled_deployment_says_when_to_come_back(
    stand: Stand, path: str, body: Any, shape: str
) -> None:
    stand.endpoints.faults.add({}, {"retry_after": 7})

    answer = await stand.call(path, body, FOUNDRY_HOST, anthropic_version="2023-06-01")

    assert (answer.status, answer.headers["Retry-After"]) == (429, "7")
    assert shape in answer.body


async def test_an_account_that_is_down_answers_nothing(stand: Stand) -> None:
    stand.endpoints.faults.add({"account": "contoso"}, {"down": True})

    with pytest.raises(ServerDisconnectedError):
        await stand.call(CHAT, HELLO)

    host = "fabrikam.openai.azure.com"
    assert (await stand.call(CHAT, HELLO, host, api_key=stand.key("fabrikam"))).status == 200


async def test_faults_are_set_over_http_too(stand: Stand) -> None:
    rule = {"match": {"account": "contoso"}, "answer": {"status": 500}}
    async with stand.session.post(f"{stand.url}/_sandbox/faults", json=rule) as response:
        assert response.status == 204
    failed = await stand.call(CHAT, HELLO)
    async with stand.session.get(f"{stand.url}/_sandbox/faults") as response:
        listed = await response.json()
    async with stand.session.delete(f"{stand.url}/_sandbox/faults"):
        pass

    assert (failed.status, listed) == (500, [rule])
    assert (await stand.call(CHAT, HELLO)).status == 200


@pytest.mark.parametrize("answer", [{}, {"status": 500, "down": True}, {"status": 200}, {"x": 1}])
async def test_a_wrong_fault_is_refused(stand: Stand, answer: Any) -> None:
    async with stand.session.post(
        f"{stand.url}/_sandbox/faults", json={"answer": answer}
    ) as response:
        assert response.status == 400


async def test_a_slow_model_sends_its_chunks_one_by_one(stand: Stand) -> None:
    """The second chunk would take an hour: that the first one is read shows it was not kept."""
    stand.endpoints.faults.add({}, {"chunk": 3600})
    headers = {"Host": HOST, "api-key": stand.key()}
    async with stand.session.post(
        f"{stand.url}{CHAT}",
        json={**HELLO, "stream": True},
        headers=headers,
        timeout=ClientTimeout(total=120),  # only reached if it was kept
    ) as response:
        first = await response.content.readuntil(b"\n\n")

    assert b"prompt_filter_results" in first


async def test_the_journal_knows_who_asked_what_but_no_secret(stand: Stand) -> None:
    await stand.grant()
    token = a_token()
    await stand.call(CHAT, HELLO, Authorization=f"Bearer {token}", x_trace="abc")
    await stand.call(at("gpt-5"), HELLO, api_key="a-client-key")

    first, second = stand.endpoints.journal.of("contoso")
    assert (first.deployment, first.status) == ("gpt-4o", 200)
    assert (first.principal, first.audience) == (PRINCIPAL, COGNITIVE)
    assert (first.headers["x-trace"], first.headers["host"]) == ("abc", HOST)
    assert first.headers["authorization"] == f"Bearer {digest(token)}"
    assert (second.status, second.principal) == (401, "")
    assert second.headers["api-key"] == digest("a-client-key")
    async with stand.session.get(
        f"{stand.url}/_sandbox/requests?account=contoso&deployment=gpt-5"
    ) as response:
        [told] = await response.json()
    assert told["deployment"] == "gpt-5"
    assert token not in str(stand.endpoints.journal.render())


async def test_the_journal_forgets_when_told(stand: Stand) -> None:
    await stand.call(CHAT, HELLO)

    async with stand.session.delete(f"{stand.url}/_sandbox/requests") as response:
        assert response.status == 204

    assert stand.endpoints.journal.log == []
