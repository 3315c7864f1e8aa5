"""Who may call a model: keys, tokens, audiences and roles."""

from datetime import timedelta
from typing import Any

import pytest

from sandbox.models.options import ModelOptions
from sandbox.tokens import Directory
from tests.sandbox.arm_client import GROUP, ROLES, SUB
from tests.sandbox.models.stand import (
    CALLER,
    CHAT,
    COGNITIVE,
    COGNITIVE_USER,
    FOUNDRY,
    FOUNDRY_HOST,
    FOUNDRY_USER,
    HELLO,
    HOST,
    OPENAI_USER,
    OWNER,
    PRINCIPAL,
    Stand,
    a_stand,
    a_token,
    account_id,
)

V1 = "/openai/v1/chat/completions"
INFERENCE = "/models/chat/completions?api-version=2024-05-01-preview"
MESSAGES, RERANK = "/anthropic/v1/messages", "/providers/cohere/v2/rerank"
CLAUDE: dict[str, Any] = {**HELLO, "model": "claude", "max_tokens": 9}
BODIES: dict[str, Any] = {
    CHAT: HELLO,
    V1: {**HELLO, "model": "gpt-4o"},
    INFERENCE: {**HELLO, "model": "gpt-4o"},
    MESSAGES: CLAUDE,
    RERANK: {"model": "rerank", "query": "q", "documents": ["q"]},
}
CHAT_ACTION = "Microsoft.CognitiveServices/accounts/OpenAI/deployments/chat/completions/action"


@pytest.mark.parametrize(
    ("account", "host", "named", "status"),
    [
        ("contoso", HOST, "contoso", 200),
        ("contoso", "CONTOSO.openai.azure.com:443", "contoso", 200),
        ("contoso", "contoso.cognitiveservices.azure.com", "contoso", 200),
        ("contoso", FOUNDRY_HOST, "contoso", 200),
        ("contoso", "contoso.openai.azure.us", "contoso", 200),
        ("fabrikam", "fabrikam.openai.azure.com", "fabrikam", 200),
        ("contoso", "fabrikam.openai.azure.com", "fabrikam", 401),
        ("nameless", "swedencentral.api.cognitive.microsoft.com", "nameless", 200),
        ("nameless", "westus.api.cognitive.microsoft.com", "", 401),
    ],
)
async def test_a_key_opens_its_own_account_at_all_its_hosts(
    stand: Stand, account: str, host: str, named: str, status: int
) -> None:
    answer = await stand.call(CHAT, HELLO, host, api_key=stand.key(account))

    assert answer.status == status
    [call] = stand.endpoints.journal.log
    assert call.account == named


async def test_a_wrong_key_is_refused_in_the_services_own_words(stand: Stand) -> None:
    answer = await stand.call(CHAT, HELLO, api_key="wrong")

    assert (answer.status, answer.code) == (401, "401")
    assert answer.message.startswith("Access denied due to invalid subscription key or wrong API")


async def test_an_account_without_local_auth_takes_no_key(stand: Stand) -> None:
    host = "locked.openai.azure.com"
    answer = await stand.call(CHAT, HELLO, host, api_key=stand.key("locked"))

    assert (answer.status, answer.code) == (403, "AuthenticationTypeDisabled")


@pytest.mark.parametrize(("path", "status"), [(V1, 200), (INFERENCE, 200), (CHAT, 401)])
async def test_a_key_as_bearer_is_for_the_newer_surfaces(
    stand: Stand, path: str, status: int
) -> None:
    bearer = f"Bearer {stand.key()}"
    answer = await stand.call(path, BODIES[path], FOUNDRY_HOST, Authorization=bearer)

    assert answer.status == status


@pytest.mark.parametrize(
    "headers",
    [
        {"anonymous": "yes"},
        {"Authorization": "Bearer x"},
        {"Authorization": f"Basic {a_token()}"},
        {"Authorization": f"Bearer {a_token('https://management.azure.com')}"},
        {"Authorization": f"Bearer {a_token(lifetime_s=-1)}"},
        {"Authorization": f"Bearer {a_token(directory=Directory((CALLER,), tenant='other'))}"},
        {"Authorization": f"Bearer {a_token().rpartition('.')[0]}.AAAA"},
    ],
)
async def test_a_missing_or_bad_token_is_refused(stand: Stand, headers: dict[str, str]) -> None:
    await stand.grant()

    answer = await stand.call(CHAT, HELLO, **headers)

    assert answer.status == 401
    assert answer.body == {
        "statusCode": 401,
        "message": "Unauthorized. Access token is missing, invalid, audience is incorrect "
        f"({COGNITIVE}), or have expired.",
    }


async def test_a_clients_key_that_comes_along_spoils_a_good_token(stand: Stand) -> None:
    await stand.grant()

    token = f"Bearer {a_token()}"
    answer = await stand.call(CHAT, HELLO, Authorization=token, api_key="a-key-of-the-gateway")

    assert (answer.status, answer.code) == (401, "401")


@pytest.mark.parametrize(
    ("path", "audience", "status"),
    [
        (CHAT, COGNITIVE, 200),
        (CHAT, f"{COGNITIVE}/", 200),
        (CHAT, FOUNDRY, 401),
        (V1, COGNITIVE, 200),
        (V1, FOUNDRY, 200),
        (INFERENCE, COGNITIVE, 200),
        (INFERENCE, "https://ml.azure.com", 401),
        (MESSAGES, FOUNDRY, 200),
        (MESSAGES, COGNITIVE, 401),
        (RERANK, FOUNDRY, 200),
        (RERANK, COGNITIVE, 401),
    ],
)
async def test_each_surface_takes_tokens_of_its_audience(
    stand: Stand, path: str, audience: str, status: int
) -> None:
    await stand.grant(COGNITIVE_USER)

    bearer = f"Bearer {a_token(audience)}"
    version = {"anthropic_version": "2023-06-01", "Authorization": bearer}
    answer = await stand.call(path, BODIES[path], FOUNDRY_HOST, **version)

    assert answer.status == status, answer.body


async def test_audiences_can_be_chosen_where_sources_disagree() -> None:
    async with a_stand(ModelOptions(audiences={"anthropic": (COGNITIVE,)})) as stand:
        await stand.grant(FOUNDRY_USER)
        answer = await stand.call(
            MESSAGES,
            CLAUDE,
            FOUNDRY_HOST,
            anthropic_version="2023-06-01",
            Authorization=f"Bearer {a_token()}",
        )

    assert answer.status == 200


@pytest.mark.parametrize(
    ("role", "path", "status"),
    [
        (OPENAI_USER, CHAT, 200),
        (OPENAI_USER, V1, 200),
        (OPENAI_USER, INFERENCE, 401),
        (OPENAI_USER, MESSAGES, 401),
        (COGNITIVE_USER, MESSAGES, 200),
        (FOUNDRY_USER, MESSAGES, 200),
        (FOUNDRY_USER, CHAT, 200),
        (OWNER, CHAT, 401),
    ],
)
async def test_a_role_opens_the_routes_of_its_data_actions(
    stand: Stand, role: str, path: str, status: int
) -> None:
    await stand.grant(role)

    audience = FOUNDRY if path is MESSAGES else COGNITIVE
    answer = await stand.call(
        path,
        BODIES[path],
        FOUNDRY_HOST,
        Authorization=f"Bearer {a_token(audience)}",
        anthropic_version="2023-06-01",
    )

    assert answer.status == status, answer.body


async def test_a_missing_role_is_told_with_the_action_and_the_route(stand: Stand) -> None:
    answer = await stand.with_token(CHAT, HELLO)

    assert (answer.status, answer.code) == (401, "PermissionDenied")
    assert answer.message == (
        f"The principal `{PRINCIPAL}` lacks the required data action `{CHAT_ACTION}` to perform "
        "`POST /openai/deployments/{deployment-id}/chat/completions` operation."
    )


@pytest.mark.parametrize(
    ("scope", "status"),
    [(account_id(), 200), (GROUP, 200), (SUB, 200), (account_id("fabrikam"), 401)],
)
async def test_a_role_is_inherited_from_above_and_not_from_beside(
    stand: Stand, scope: str, status: int
) -> None:
    await stand.grant(scope=scope)

    assert (await stand.with_token(CHAT, HELLO)).status == status


@pytest.mark.parametrize(
    ("permission", "status"),
    [
        ({"dataActions": [CHAT_ACTION]}, 200),
        ({"dataActions": [CHAT_ACTION.upper()]}, 200),
        ({"dataActions": ["Microsoft.CognitiveServices/accounts/OpenAI/*/action"]}, 200),
        ({"dataActions": ["Microsoft.CognitiveServices/accounts/OpenAI/*/read"]}, 401),
        ({"dataActions": ["*"], "notDataActions": [CHAT_ACTION]}, 401),
        ({"actions": ["*"]}, 401),
    ],
)
async def test_a_custom_role_counts_by_its_data_actions(
    stand: Stand, permission: dict[str, list[str]], status: int
) -> None:
    role = "78787878-0000-4000-8000-000000000001"
    path = f"{SUB}/providers/Microsoft.Authorization/roleDefinitions/{role}"
    properties = {"roleName": "Caller", "assignableScopes": [SUB], "permissions": [permission]}
    await stand.arm.call("PUT", path, ROLES, body={"properties": properties})
    await stand.grant(role)

    assert (await stand.with_token(CHAT, HELLO)).status == status


async def test_a_role_counts_only_after_the_delay() -> None:
    async with a_stand(ModelOptions(role_delay_s=300)) as stand:
        await stand.grant()
        before = await stand.with_token(CHAT, HELLO)
        stand.watch.ahead = timedelta(seconds=301)
        after = await stand.with_token(CHAT, HELLO)

    assert (before.code, after.status) == ("PermissionDenied", 200)


async def test_a_role_that_was_taken_away_counts_no_longer(stand: Stand) -> None:
    assignment = await stand.grant()
    before = await stand.with_token(CHAT, HELLO)

    await stand.arm.call("DELETE", assignment, ROLES)

    after = await stand.with_token(CHAT, HELLO)
    assert (before.status, after.status) == (200, 401)


async def test_a_shared_host_takes_no_tokens(stand: Stand) -> None:
    await stand.grant(scope=SUB)

    answer = await stand.with_token(CHAT, HELLO, host="swedencentral.api.cognitive.microsoft.com")

    assert (answer.status, answer.code) == (400, "BadRequest")
    assert "custom subdomain" in answer.message
