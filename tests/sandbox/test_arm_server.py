import asyncio
import io
import json
import re
import ssl
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import ClientSession, ClientTimeout

from sandbox.arm.compose import arm_app
from sandbox.arm.provider import Context, utc_now
from sandbox.arm.server import serve
from sandbox.tls import ensure_certificates
from tests.sandbox.arm_client import (
    A_DEPLOYMENT,
    ACCOUNT,
    CALLER_ID,
    COGNITIVE,
    DEPLOYMENT,
    GROUP,
    RESOURCES,
    SUB,
    Arm,
    a_world,
    local_arm,
    token,
)


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (None, "AuthenticationFailed"),
        ("Basic YTpi", "AuthenticationFailedInvalidHeader"),
        ("Bearer nonsense", "InvalidAuthenticationToken"),
        ("Bearer a.b.c", "InvalidAuthenticationToken"),
        (
            f"Bearer {token(audience='https://graph.microsoft.com')}",
            "InvalidAuthenticationTokenAud",
        ),
        (f"Bearer {token(lifetime_s=-1)}", "ExpiredAuthenticationToken"),
    ],
)
async def test_a_bad_token_is_challenged(arm: Arm, header: str | None, code: str) -> None:
    headers = {"Authorization": header} if header else {}
    answer = await arm.call("GET", SUB, RESOURCES, headers=headers, anonymous=True)

    assert answer.status == 401
    assert answer.code.startswith(code)
    assert answer.headers["WWW-Authenticate"].startswith('Bearer authorization_uri="https://')


@pytest.mark.parametrize(
    "audience",
    [
        "https://management.azure.com",
        "https://management.azure.com/",
        "https://management.core.windows.net",
        "https://management.core.windows.net/",
        "{base}",
    ],
)
async def test_every_audience_of_arm_is_accepted(arm: Arm, audience: str) -> None:
    bearer = token(audience=audience.format(base=arm.base_url))
    answer = await arm.call("GET", SUB, RESOURCES, headers={"Authorization": f"Bearer {bearer}"})

    assert answer.status == 200


@pytest.mark.parametrize(
    ("path", "version", "status", "code"),
    [
        (SUB, None, 400, "MissingApiVersionParameter"),
        (SUB, "1999-01-01", 400, "InvalidApiVersionParameter"),
        (f"{SUB}x", RESOURCES, 400, "InvalidSubscriptionId"),
        (SUB.replace("1", "9"), RESOURCES, 404, "SubscriptionNotFound"),
        (f"{SUB}/resourceGroups/nope", RESOURCES, 404, "ResourceGroupNotFound"),
        (ACCOUNT.replace("rg-ai", "nope"), COGNITIVE, 404, "ResourceGroupNotFound"),
        (f"{GROUP}/providers/Contoso.Nope/things/x", COGNITIVE, 404, "InvalidResourceNamespace"),
        (f"{ACCOUNT}/nopes/x", COGNITIVE, 404, "InvalidResourceType"),
        (ACCOUNT, "1999-01-01", 400, "NoRegisteredProviderFound"),
        (
            f"{SUB}/providers/Microsoft.CognitiveServices/accounts",
            "1999-01-01",
            404,
            "InvalidResourceType",
        ),
        (f"{ACCOUNT}x", COGNITIVE, 404, "ResourceNotFound"),
        (f"{ACCOUNT}x/deployments/y", COGNITIVE, 404, "ResourceNotFound"),
        (f"{ACCOUNT}/deployments/y", COGNITIVE, 404, "ResourceNotFound"),
    ],
)
async def test_a_wrong_address_is_refused_in_arms_words(
    arm: Arm, path: str, version: str | None, status: int, code: str
) -> None:
    answer = await arm.call("GET", path, version)

    assert (answer.status, answer.code) == (status, code)


async def test_an_unsupported_version_names_the_supported_ones(arm: Arm) -> None:
    answer = await arm.call("GET", ACCOUNT, "1999-01-01")

    assert "The supported api-versions are '" in answer.body["error"]["message"]
    assert "2025-06-01" in answer.body["error"]["message"]


async def test_a_write_under_an_unknown_parent_is_refused(arm: Arm) -> None:
    answer = await arm.call("PUT", f"{ACCOUNT}x/deployments/y", body=A_DEPLOYMENT)

    assert (answer.status, answer.code) == (404, "ParentResourceNotFound")


async def test_ids_are_answered_in_the_casing_of_their_creation(arm: Arm) -> None:
    shouted = DEPLOYMENT.upper().replace("RESOURCEGROUPS", "resourcegroups")

    answer = await arm.call("GET", shouted)

    assert answer.body["id"] == DEPLOYMENT


async def test_a_child_gets_the_casing_of_its_parent(arm: Arm) -> None:
    path = f"{ACCOUNT}/deployments/New".replace("/contoso/", "/CONTOSO/")

    answer = await arm.call("PUT", path, body=A_DEPLOYMENT)

    assert answer.body["id"] == f"{ACCOUNT}/deployments/New"


async def test_below_a_missing_resource_that_resource_is_named(arm: Arm) -> None:
    answer = await arm.call("GET", f"{ACCOUNT}x/deployments/y")

    wanted = "The Resource 'Microsoft.CognitiveServices/accounts/contosox' under resource group"
    assert answer.body["error"]["message"].startswith(wanted)


async def test_dot_segments_reach_what_they_point_to(arm: Arm) -> None:
    url = f"{arm.base_url}{ACCOUNT}/deployments/%2E%2E?api-version={COGNITIVE}"
    host = arm.base_url.removeprefix("http://")
    answer = await _raw_get(host, url.removeprefix(arm.base_url))

    assert answer["id"] == ACCOUNT


_JUNK: tuple[object, ...] = (0, True, "x", [], [1])
_MEMBERS = ("properties", "tags", "sku", "identity", "location", "kind")
_INNER = ("customSubDomainName", "model", "scaleSettings", "tags", "principalId")


@pytest.mark.parametrize(
    "path",
    [
        ACCOUNT,
        f"{ACCOUNT}/deployments/second",
        GROUP,
        f"{GROUP}/providers/Microsoft.Authorization/roleAssignments/{CALLER_ID}",
        f"{ACCOUNT}/providers/Microsoft.Resources/tags/default",
    ],
)
async def test_no_body_breaks_a_provider(arm: Arm, path: str) -> None:
    whole = {"location": "swedencentral", "kind": "OpenAI", "sku": {"name": "Standard"}}
    bodies: list[object] = [*_JUNK, {}]
    bodies += [whole | {name: junk} for name in _MEMBERS for junk in _JUNK]
    bodies += [whole | {"properties": {name: junk}} for name in _INNER for junk in _JUNK]
    version = {"roleAssignments": "2022-04-01", "deployments": COGNITIVE, "accounts": COGNITIVE}
    kind = next((it for it in version if path.split("/")[-2] == it), "")

    answers = [
        await arm.call(method, path, version.get(kind, RESOURCES), body=body)
        for body in bodies
        for method in ("PUT", "PATCH")
    ]

    assert max(answer.status for answer in answers) < 500


async def test_a_broken_body_is_refused(arm: Arm) -> None:
    headers = {"Authorization": f"Bearer {token()}", "Content-Type": "application/json"}
    url = f"{arm.base_url}{DEPLOYMENT}?api-version={COGNITIVE}"
    async with arm.session.put(url, data=b'{"sku": ', headers=headers) as response:
        body = await response.json()

    assert (response.status, body["error"]["code"]) == (400, "InvalidRequestContent")


async def test_a_body_over_four_megabytes_is_refused(arm: Arm) -> None:
    url = f"{arm.base_url}{DEPLOYMENT}?api-version={COGNITIVE}"
    too_much = io.BytesIO(b" " * (4 * 1024 * 1024 + 1))
    async with arm.session.put(url, data=too_much) as response:
        body = await response.json()

    assert (response.status, body["error"]["code"]) == (413, "RequestContentTooLarge")


async def test_the_ids_of_an_exchange_come_back(arm: Arm) -> None:
    sent = {
        "x-ms-correlation-request-id": "corr",
        "x-ms-client-request-id": "client",
        "x-ms-return-client-request-id": "true",
    }

    answer = await arm.call("GET", SUB, RESOURCES, headers=sent)

    assert answer.headers["x-ms-correlation-request-id"] == "corr"
    assert answer.headers["x-ms-client-request-id"] == "client"
    assert answer.headers["x-ms-request-id"]
    assert answer.headers["x-ms-ratelimit-remaining-subscription-reads"] == "249"


async def test_head_answers_without_a_body_and_the_connection_survives(arm: Arm) -> None:
    found = await arm.call("HEAD", GROUP, RESOURCES)
    missing = await arm.call("HEAD", f"{GROUP}x", RESOURCES)
    after = await arm.call("GET", GROUP, RESOURCES)

    assert (found.status, found.body, missing.status, missing.body) == (204, None, 404, None)
    assert after.body["name"] == "rg-ai"


@pytest.mark.parametrize(
    ("version", "kind"),
    [("2015-01-01", "flat"), ("2019-05-01", "list"), ("2022-09-01", "one"), ("2023-11-01", "one")],
)
async def test_metadata_has_the_shape_of_its_version(arm: Arm, version: str, kind: str) -> None:
    answer = await arm.call("GET", "/metadata/endpoints", version, anonymous=True)

    body = answer.body[0] if kind == "list" else answer.body
    login = "https://login.microsoftonline.com"
    assert body["authentication"]["loginEndpoint"] == login
    assert kind == "flat" or body["resourceManager"] == f"{arm.base_url}/"


async def test_urls_use_the_host_and_scheme_of_the_caller(tmp_path: Path) -> None:
    certificates = ensure_certificates(tmp_path)
    app = arm_app(a_world())
    trusted = ssl.create_default_context(cafile=certificates.ca)
    async with (
        serve(app, tls=certificates.server_context()) as serving,
        ClientSession() as session,
    ):
        assert serving.tls_url is not None
        url = f"{serving.tls_url}{ACCOUNT}/deployments/second?api-version={COGNITIVE}"
        headers = {"Authorization": f"Bearer {token()}"}
        async with session.put(url, json=A_DEPLOYMENT, headers=headers, ssl=trusted) as response:
            operation = response.headers["Azure-AsyncOperation"]

    assert response.status == 201
    assert operation.startswith(f"{serving.tls_url}/subscriptions/")


async def test_polling_shows_progress_then_the_end(arm: Arm) -> None:
    arm.door.operations.hold("deployments/delete")

    first = await arm.call("DELETE", DEPLOYMENT)
    during = await arm.call("GET", first.headers["Location"])
    arm.door.operations.release()
    after = await arm.call("GET", first.headers["Location"])

    assert (first.status, during.status, after.status) == (202, 202, 200)
    assert (first.headers["Retry-After"], during.headers["Retry-After"]) == ("1", "1")
    assert "Azure-AsyncOperation" not in first.headers


async def test_an_unknown_operation_is_not_found(arm: Arm) -> None:
    path = f"{SUB}/providers/Microsoft.CognitiveServices/locations/global/operationStatuses/nope"

    assert (await arm.call("GET", path)).status == 404


async def test_expiry_follows_the_servers_clock() -> None:
    context = Context(clock=lambda: utc_now() + timedelta(hours=2))
    async with local_arm(context=context) as arm:
        answer = await arm.call("GET", SUB, RESOURCES)

    assert answer.code == "ExpiredAuthenticationToken"


async def test_nothing_answers_missing_subscription_registration(arm: Arm) -> None:
    answer = await arm.call("GET", f"{SUB}/providers", RESOURCES)

    states = {it["namespace"]: it["registrationState"] for it in answer.body["value"]}
    assert set(states.values()) == {"Registered"}
    assert {
        "Microsoft.Resources",
        "Microsoft.CognitiveServices",
        "Microsoft.Authorization",
        "Microsoft.Storage",
    } <= set(states)


async def test_stopping_does_not_wait_for_a_hanging_answer() -> None:
    async with local_arm() as arm:
        arm.door.faults.add({}, {"timeout": "before", "seconds": 600})
        with pytest.raises(TimeoutError):
            async with arm.session.get(
                f"{arm.base_url}{SUB}?api-version=1", timeout=ClientTimeout(total=0.05)
            ):
                pass

    assert arm.door.closing.is_set()


async def _raw_get(host: str, target: str) -> dict[str, object]:
    """A GET whose target no client normalises."""
    reader, writer = await asyncio.open_connection(*host.split(":"))
    lines = [
        f"GET {target} HTTP/1.1",
        f"Host: {host}",
        f"Authorization: Bearer {token()}",
        "Connection: close",
    ]
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
    answer = (await reader.read()).decode()
    writer.close()
    await writer.wait_closed()
    found = re.search(r"\r\n\r\n(.*)", answer, re.DOTALL)
    assert found is not None
    return dict(json.loads(found[1]))
