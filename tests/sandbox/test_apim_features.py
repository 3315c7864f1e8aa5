"""What the choices of the import wizard leave in a service, and what it refuses of them."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from sandbox.arm.system_data import client_id_of, principal_id_of
from tests.sandbox.apim_client import (
    API,
    BACKEND,
    GROUP,
    ROOT,
    VERSION,
    Apim,
    a_document,
    a_policy,
    an_import,
    details,
    local_apim,
)

PREVIEW = "2025-03-01-preview"
BEARER = {"subscriptionKeyParameterNames": {"header": "api-key", "bearer": "enabled"}}
SECRET = "https://contoso.vault.azure.net/secrets/model-key"
FROM_VAULT = {"displayName": "key", "secret": True, "keyVault": {"secretIdentifier": SECRET}}
IDENTITY = (
    f"{ROOT.partition('/providers/')[0]}/providers/Microsoft.ManagedIdentity"
    "/userAssignedIdentities/id-apim"
)
INSIGHTS = {"loggerType": "applicationInsights", "credentials": {"connectionString": "Key=1"}}
MONITOR = {"loggerType": "azureMonitor"}


@pytest.fixture
async def apim() -> AsyncIterator[Apim]:
    async with local_apim(user_assigned_identities=["id-apim"]) as apim:
        yield apim


def key_names(body: Any) -> Any:
    return body["properties"]["subscriptionKeyParameterNames"]


@pytest.mark.parametrize(("version", "kept"), [(VERSION, False), (PREVIEW, True)])
async def test_bearer_keys_are_of_newer_versions(apim: Apim, version: str, kept: bool) -> None:
    document = an_import(a_document("one")) | BEARER

    made = await apim.must("apis/doc", document, version=version)

    stored = await apim.get("apis/doc", version=PREVIEW)
    assert ("bearer" in key_names(made)) is kept
    assert ("bearer" in key_names(stored.body)) is kept


async def test_older_versions_neither_see_nor_touch_bearer_keys(apim: Apim) -> None:
    await apim.must("apis/echo", API | BEARER, version=PREVIEW)

    older = await apim.get("apis/echo")
    await apim.call("PATCH", "apis/echo", body={"properties": {"displayName": "New"}})

    assert "bearer" not in key_names(older.body)
    newer = await apim.get("apis/echo", version=PREVIEW)
    assert key_names(newer.body)["bearer"] == "enabled"


async def test_a_put_of_an_older_version_loses_bearer_keys(apim: Apim) -> None:
    await apim.must("apis/echo", API | BEARER, version=PREVIEW)

    await apim.must("apis/echo", API | BEARER)

    newer = await apim.get("apis/echo", version=PREVIEW)
    assert "bearer" not in key_names(newer.body)


@pytest.mark.parametrize("value", ["yes", 5, {"a": 1}])
async def test_bearer_has_its_values(apim: Apim, value: Any) -> None:
    names = {"subscriptionKeyParameterNames": {"bearer": value}}

    answer = await apim.put("apis/echo", API | names, version=PREVIEW)

    assert details(answer)[0][0] == "subscriptionKeyParameterNames"


async def test_a_field_of_a_later_version_is_dropped_and_hidden(apim: Apim) -> None:
    await apim.must("apis/echo", API)
    await apim.must("loggers/m", MONITOR)
    diagnostic = {"loggerId": "/loggers/m", "largeLanguageModel": {"logs": "enabled"}}

    early = await apim.must("apis/echo/diagnostics/azuremonitor", diagnostic, version="2022-08-01")
    await apim.must("apis/echo/diagnostics/azuremonitor", diagnostic, version=PREVIEW)
    hidden = await apim.get("apis/echo/diagnostics/azuremonitor")
    shown = await apim.get("apis/echo/diagnostics/azuremonitor", version=PREVIEW)

    assert "largeLanguageModel" not in early["properties"]
    assert "largeLanguageModel" not in hidden.body["properties"]
    assert shown.body["properties"]["largeLanguageModel"] == {"logs": "enabled"}


async def test_a_vault_reference_shows_its_state_and_never_its_value(apim: Apim) -> None:
    await apim.must("namedValues/key", FROM_VAULT | {"tags": ["ai"]})

    shown = (await apim.get("namedValues/KEY")).body["properties"]
    listed = (await apim.get("namedValues")).body["value"][0]["properties"]
    value = await apim.call("POST", "namedValues/key/listValue")
    assert shown["keyVault"]["secretIdentifier"] == SECRET
    assert shown["keyVault"]["lastStatus"]["code"] == "Success"
    assert (shown["secret"], shown["tags"]) == (True, ["ai"])
    assert "value" not in shown | listed
    assert value.status == 200


@pytest.mark.parametrize(
    ("client_id", "known"),
    [(None, True), (client_id_of(IDENTITY), True), (principal_id_of(IDENTITY), False)],
)
async def test_a_vault_is_read_by_an_identity_of_the_service(
    apim: Apim, client_id: str | None, known: bool
) -> None:
    vault = {"keyVault": {"secretIdentifier": SECRET, "identityClientId": client_id}}

    answer = await apim.put("namedValues/key", FROM_VAULT | vault)

    assert (answer.status == 201) is known


async def test_a_service_without_an_identity_reads_no_vault() -> None:
    async with local_apim(identity="None") as apim:
        answer = await apim.put("namedValues/key", FROM_VAULT)

    assert details(answer)[0][0] == "keyVault"


@pytest.mark.parametrize(
    "identifier",
    [
        "http://contoso.vault.azure.net/secrets/k",
        "https://contoso.example.com/secrets/k",
        "https://contoso.vault.azure.net/keys/k",
        "https://contoso.vault.azure.net.example.com/secrets/k",
        "https://example.com/x.vault.azure.net/secrets/k",
        "https://contoso.vault.azure.net/secrets/k/not-a-version",
        5,
    ],
)
async def test_secrets_are_those_of_a_vault(apim: Apim, identifier: Any) -> None:
    vault = {"keyVault": {"secretIdentifier": identifier}}

    assert details(await apim.put("namedValues/key", FROM_VAULT | vault))[0][0] == "keyVault"


@pytest.mark.parametrize(
    ("members", "target"),
    [
        ({"secret": False}, "secret"),
        ({"secret": None}, "secret"),
        ({"keyVault": None, "value": "  "}, "value"),
        ({"tags": [5]}, "tags"),
        ({"displayName": "a key"}, "displayName"),
    ],
)
async def test_named_values_that_are_refused(
    apim: Apim, members: dict[str, Any], target: str
) -> None:
    assert details(await apim.put("namedValues/key", FROM_VAULT | members))[0][0] == target


async def test_a_named_value_stays_while_a_policy_names_it(apim: Apim) -> None:
    header = '<set-header name="api-key"><value>{{key}}</value></set-header>'
    missing = await apim.put("policies/policy", a_policy(header))
    await apim.must("namedValues/the-key", FROM_VAULT)
    await apim.must("policies/policy", a_policy(header))

    in_use = await apim.delete("namedValues/the-key")
    await apim.must("policies/policy", a_policy())
    free = await apim.delete("namedValues/the-key")

    assert "Cannot find a property 'key'" in details(missing)[0][1]
    assert (in_use.status, free.status) == (400, 200)


async def test_an_external_cache_hides_its_connection_string(apim: Apim) -> None:
    cache = {
        "connectionString": "host:10000,password=secret,ssl=True",
        "useFromLocation": "default",
    }

    await apim.must("caches/default", cache)

    shown = (await apim.get("caches/DEFAULT")).body
    assert "secret" not in str(shown)
    assert shown["properties"]["useFromLocation"] == "default"
    assert (await apim.call("HEAD", "caches/default")).headers["ETag"]
    assert await apim.names("caches") == ["default"]
    assert (await apim.delete("caches/default")).status == 200


@pytest.mark.parametrize(
    ("properties", "target"),
    [
        ({"useFromLocation": "default"}, "connectionString"),
        ({"connectionString": "x"}, "useFromLocation"),
        ({"connectionString": "x", "useFromLocation": "moon"}, "useFromLocation"),
        ({"connectionString": "x" * 301, "useFromLocation": "default"}, "connectionString"),
    ],
)
async def test_caches_that_are_refused(apim: Apim, properties: dict[str, Any], target: str) -> None:
    assert details(await apim.put("caches/c", properties))[0][0] == target


@pytest.mark.parametrize(
    ("kind", "credentials"),
    [
        ("applicationInsights", {}),
        ("applicationInsights", {"name": "x"}),
        ("azureEventHub", {"connectionString": "x"}),
    ],
)
async def test_a_logger_needs_its_credentials(
    apim: Apim, kind: str, credentials: dict[str, str]
) -> None:
    logger = {"loggerType": kind, "credentials": credentials}

    assert details(await apim.put("loggers/l", logger))[0][0] == "credentials"


@pytest.mark.parametrize(
    ("name", "members", "target"),
    [
        ("applicationinsights", {"loggerId": None}, "loggerId"),
        ("applicationinsights", {"loggerId": "/loggers/none"}, "loggerId"),
        ("applicationinsights", {}, "loggerId"),
        ("azuremonitor", {"sampling": {"samplingType": "fixed", "percentage": 101}}, "sampling"),
        ("azuremonitor", {"sampling": {"samplingType": "random"}}, "sampling"),
        ("azuremonitor", {"verbosity": "loud"}, "verbosity"),
        ("mine", {}, "diagnosticId"),
    ],
)
async def test_diagnostics_that_are_refused(
    apim: Apim, name: str, members: dict[str, Any], target: str
) -> None:
    await apim.must("apis/echo", API)
    await apim.must("loggers/monitor", MONITOR)

    answer = await apim.put(
        f"apis/echo/diagnostics/{name}", {"loggerId": "/loggers/monitor"} | members
    )

    assert details(answer)[0][0] == target


async def test_the_diagnostics_of_an_api_name_their_logger_in_full(apim: Apim) -> None:
    await apim.must("apis/echo", API)
    await apim.must("loggers/ai", INSIGHTS)
    wanted = {
        "loggerId": "/loggers/AI",
        "metrics": True,
        "sampling": {"samplingType": "fixed", "percentage": 100},
    }

    await apim.must("apis/echo/diagnostics/applicationinsights", wanted)

    shown = (await apim.get("apis/echo/diagnostics/applicationInsights")).body["properties"]
    assert shown["loggerId"] == f"{ROOT}/loggers/ai"
    assert shown["metrics"] is True
    assert shown["sampling"] == wanted["sampling"]
    assert (await apim.delete("loggers/ai")).status == 400


async def test_a_product_lists_its_apis_and_an_api_its_products(apim: Apim) -> None:
    await apim.must("apis/echo", API)
    await apim.must("products/team", {"displayName": "Team"})
    first = await apim.put("products/TEAM/apis/ECHO/")
    again = await apim.put("products/team/apis/echo")

    assert (first.status, again.status) == (201, 200)
    assert await apim.names("apis/echo/products") == ["team"]
    assert await apim.names("products/team/apis") == ["echo"]
    assert (await apim.delete("products/team/apis/echo")).status == 200
    assert await apim.names("apis/echo/products") == []


async def test_the_identities_of_a_service_show_their_ids(apim: Apim) -> None:
    identity = (await apim.get("")).body["identity"]

    assert identity["type"] == "SystemAssigned, UserAssigned"
    assert identity["principalId"] == principal_id_of(ROOT)
    assert identity["userAssignedIdentities"] == {
        IDENTITY: {"principalId": principal_id_of(IDENTITY), "clientId": client_id_of(IDENTITY)}
    }


@pytest.mark.parametrize(
    ("kind", "assigned"),
    [
        ("Managed", []),
        ("UserAssigned", []),
        ("SystemAssigned", [IDENTITY]),
        ("UserAssigned", ["id-apim"]),
        ("UserAssigned", [f"{IDENTITY}{i}" for i in range(11)]),
    ],
)
async def test_identities_that_are_refused(apim: Apim, kind: str, assigned: list[str]) -> None:
    service = (await apim.get("")).body
    identity = {"type": kind, "userAssignedIdentities": {it: {} for it in assigned}}

    answer = await apim.call("PUT", "", body=service | {"identity": identity})

    assert details(answer)[0][0] == "identity"


async def test_a_new_identity_type_leaves_the_assigned_ones_behind(apim: Apim) -> None:
    await apim.call("PATCH", "", body={"identity": {"type": "SystemAssigned"}})

    assert "userAssignedIdentities" not in (await apim.get("")).body["identity"]


async def test_a_backend_refuses_a_stale_write(apim: Apim) -> None:
    await apim.must("backends/one", BACKEND)

    answer = await apim.put("backends/one/", BACKEND, headers={"If-Match": '"old"'})

    assert answer.status == 412
    assert GROUP in (await apim.get("backends/one")).body["id"]
