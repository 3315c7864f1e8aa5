import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.data.tables.aio import TableServiceClient
from azure.identity import (
    ClientSecretCredential,
    CredentialUnavailableError,
    DefaultAzureCredential,
    ManagedIdentityCredential,
)
from azure.identity.aio import DefaultAzureCredential as AioDefaultAzureCredential

from sandbox.azurite import azurite
from sandbox.identity import create_app, environment
from sandbox.processes import listen
from sandbox.tls import Certificates, ensure_certificates
from sandbox.tokens import TENANT, Directory, Identity

_SYSTEM = Identity("00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-00000000000a")
_ASSIGNED = Identity(
    "00000000-0000-0000-0000-000000000002",
    "00000000-0000-0000-0000-00000000000b",
    resource_id="/subscriptions/s/resourcegroups/rg/providers/"
    "Microsoft.ManagedIdentity/userAssignedIdentities/onramp",
)
_APP = Identity(
    "00000000-0000-0000-0000-000000000003", "00000000-0000-0000-0000-00000000000c", secret="s3cret"
)
_DIRECTORY = Directory((_ASSIGNED, _APP), system_assigned=_SYSTEM)
_ARM = "https://management.azure.com"
_SCOPE = f"{_ARM}/.default"
# The whole chain is DefaultAzureCredential's own; these only stop it from looking elsewhere first.
_UNSET = ("AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_TENANT_ID", "AZURE_TOKEN_CREDENTIALS")


@pytest.fixture(scope="module")
async def identity() -> AsyncIterator[str]:
    async with listen(create_app(_DIRECTORY)) as url:
        yield url


@pytest.fixture
def app_service(identity: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in _UNSET:
        monkeypatch.delenv(name, raising=False)
    for name, value in environment(identity, _DIRECTORY).items():
        monkeypatch.setenv(name, value)


def _claims(token: str) -> dict[str, Any]:
    payload = token.split(".")[1]
    claims: dict[str, Any] = json.loads(
        base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    )
    return claims


async def _in_thread[T](call: Callable[[str], T], scope: str) -> T:
    # The synchronous client would block the loop that also serves it.
    return await asyncio.to_thread(call, scope)


@pytest.mark.usefixtures("app_service")
async def test_default_azure_credential_finds_the_system_assigned_identity() -> None:
    with DefaultAzureCredential() as credential:
        token = (await _in_thread(credential.get_token, _SCOPE)).token

    claims = _claims(token)
    assert (claims["aud"], claims["oid"], claims["appid"], claims["tid"], claims["iss"]) == (
        _ARM,
        _SYSTEM.principal_id,
        _SYSTEM.client_id,
        TENANT,
        f"https://sts.windows.net/{TENANT}/",
    )
    assert claims["nbf"] <= claims["iat"] < claims["exp"]


@pytest.mark.usefixtures("app_service")
async def test_the_asynchronous_default_azure_credential_finds_a_user_assigned_identity() -> None:
    async with AioDefaultAzureCredential(
        managed_identity_client_id=_ASSIGNED.client_id
    ) as credential:
        token = (await credential.get_token(_SCOPE)).token

    claims = _claims(token)
    assert (claims["oid"], claims["xms_mirid"]) == (_ASSIGNED.principal_id, _ASSIGNED.resource_id)


@pytest.mark.usefixtures("app_service")
@pytest.mark.parametrize(
    "config", [{"object_id": _ASSIGNED.principal_id}, {"resource_id": _ASSIGNED.resource_id}]
)
async def test_a_user_assigned_identity_has_other_names_too(config: dict[str, str]) -> None:
    with ManagedIdentityCredential(identity_config=config) as credential:
        token = (await _in_thread(credential.get_token, _SCOPE)).token

    assert _claims(token)["oid"] == _ASSIGNED.principal_id


@pytest.mark.usefixtures("app_service")
async def test_an_unknown_client_id_has_no_identity() -> None:
    with (
        ManagedIdentityCredential(client_id="99999999-0000-0000-0000-000000000000") as credential,
        pytest.raises(CredentialUnavailableError, match="400, No User Assigned"),
    ):
        await _in_thread(credential.get_token, _SCOPE)


@pytest.mark.usefixtures("app_service")
async def test_an_application_is_no_managed_identity() -> None:
    with (
        ManagedIdentityCredential(client_id=_APP.client_id) as credential,
        pytest.raises(CredentialUnavailableError),
    ):
        await _in_thread(credential.get_token, _SCOPE)


async def test_a_virtual_machine_has_an_identity_too(
    identity: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", identity)

    with ManagedIdentityCredential() as credential:
        token = (await _in_thread(credential.get_token, _SCOPE)).token

    assert _claims(token)["oid"] == _SYSTEM.principal_id


_QUERY = "api-version=2019-08-01&resource=https%3A%2F%2Fvault.azure.net"
_HEADER = {"X-IDENTITY-HEADER": _DIRECTORY.header}


@pytest.mark.parametrize(
    ("path", "headers", "status", "field"),
    [
        (f"/msi/token?{_QUERY}", {}, 401, "statusCode"),
        (f"/msi/token?{_QUERY}", {"X-IDENTITY-HEADER": "guess"}, 401, "statusCode"),
        ("/msi/token?api-version=2019-08-01", _HEADER, 400, "statusCode"),
        ("/msi/token?resource=x", _HEADER, 400, "statusCode"),
        (f"/msi/token?{_QUERY}&client_id=x", _HEADER, 400, "statusCode"),
        (f"/msi/token?{_QUERY}", _HEADER, 200, "expires_on"),
        ("/metadata/identity/oauth2/token?api-version=1&resource=x", {}, 400, "error"),
        ("/metadata/identity/oauth2/token", {"Metadata": "true"}, 400, "error"),
        (
            "/metadata/identity/oauth2/token?api-version=1&resource=x&client_id=x",
            {"Metadata": "true"},
            400,
            "error",
        ),
    ],
)
async def test_the_managed_identity_endpoints_are_strict(
    identity: str, path: str, headers: dict[str, str], status: int, field: str
) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.get(identity + path, headers=headers) as reply,
    ):
        body = await reply.json()

    assert (reply.status, field in body) == (status, True)


@asynccontextmanager
async def _an_application(
    secret: str, certificates: Certificates
) -> AsyncIterator[ClientSecretCredential]:
    async with listen(create_app(_DIRECTORY), tls=certificates.server_context()) as url:
        with ClientSecretCredential(
            TENANT,
            _APP.client_id,
            secret,
            authority=url.replace("127.0.0.1", "localhost"),
            disable_instance_discovery=True,
            connection_verify=str(certificates.ca),
        ) as credential:
            yield credential


async def test_an_application_signs_in_with_its_secret(tmp_path: Path) -> None:
    async with _an_application("s3cret", ensure_certificates(tmp_path)) as credential:
        token = (await _in_thread(credential.get_token, f"{_ARM}//.default")).token

    assert (_claims(token)["aud"], _claims(token)["oid"]) == (f"{_ARM}/", _APP.principal_id)


async def test_a_wrong_secret_is_refused(tmp_path: Path) -> None:
    async with _an_application("wrong", ensure_certificates(tmp_path)) as credential:
        with pytest.raises(ClientAuthenticationError, match="AADSTS7000215"):
            await _in_thread(credential.get_token, _SCOPE)


_GOOD = {
    "grant_type": "client_credentials",
    "client_id": _APP.client_id,
    "client_secret": "s3cret",
    "scope": _SCOPE,
}


@pytest.mark.parametrize(
    ("tenant", "changes", "status", "code"),
    [
        (TENANT, {}, 200, None),
        (TENANT, {"client_secret": "x"}, 401, 7000215),
        (TENANT, {"client_secret": ""}, 401, 7000218),
        (TENANT, {"client_id": _ASSIGNED.client_id}, 401, 7000215),
        (TENANT, {"client_id": "nobody"}, 400, 700016),
        (TENANT, {"grant_type": "password"}, 400, 70003),
        (TENANT, {"scope": ""}, 400, 900144),
        (TENANT, {"scope": _ARM}, 400, 70011),
        ("contoso.example", {}, 400, 90002),
    ],
)
async def test_the_token_endpoint_answers_as_documented(
    identity: str, tenant: str, changes: dict[str, str], status: int, code: int | None
) -> None:
    url = f"{identity}/{tenant}/oauth2/v2.0/token"
    async with aiohttp.ClientSession() as session, session.post(url, data=_GOOD | changes) as reply:
        body = await reply.json()

    assert (reply.status, body.get("error_codes", [None])[0]) == (status, code)


async def test_the_older_token_endpoint_takes_a_resource(identity: str) -> None:
    form = _GOOD | {"resource": f"{_ARM}/"}
    url = f"{identity}/{TENANT}/oauth2/token"
    async with aiohttp.ClientSession() as session, session.post(url, data=form) as reply:
        body = await reply.json()

    assert (body["resource"], body["expires_in"]) == (f"{_ARM}/", "3599")
    assert _claims(body["access_token"])["aud"] == f"{_ARM}/"


@pytest.mark.parametrize("version", ["", "/v2.0"])
async def test_discovery_documents_point_at_this_server(identity: str, version: str) -> None:
    path = f"/{TENANT}{version}/.well-known/openid-configuration"
    async with aiohttp.ClientSession() as session, session.get(identity + path) as reply:
        body = await reply.json()

    assert body["token_endpoint"] == f"{identity}/{TENANT}/oauth2{version}/token"


@pytest.mark.usefixtures("app_service")
async def test_azurite_takes_a_token_of_the_managed_identity(tmp_path: Path) -> None:
    certificates = ensure_certificates(tmp_path)
    async with (
        azurite(certificates=certificates) as storage,
        AioDefaultAzureCredential() as credential,
        TableServiceClient(
            storage.table, credential=credential, connection_verify=str(certificates.ca)
        ) as tables,
    ):
        await tables.create_table("units")

        assert [table.name async for table in tables.list_tables()] == ["units"]
