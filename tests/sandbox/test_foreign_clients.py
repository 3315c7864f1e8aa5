"""What clients of other people meet first; the shapes are those of Azure/azure-cli's recordings."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from sandbox.arm.apim import linked
from sandbox.arm.apim.call import ApimOptions
from sandbox.arm.front_door import Options
from sandbox.processes import listen
from tests.sandbox.apim_client import API, Apim, a_document, a_policy, an_import, local_apim
from tests.sandbox.arm_client import ACCOUNT, COGNITIVE, SUB, Arm, a_world, local_arm

EARLY = "2021-08-01"
NAMED = {"displayName": "nv", "value": "one"}


@pytest.fixture
async def apim() -> AsyncIterator[Apim]:
    async with local_apim(ApimOptions()) as apim:
        yield apim


@pytest.mark.parametrize("version", [EARLY, "2022-08-01", "2023-05-01-preview"])
async def test_before_2024_an_api_without_a_document_is_there_at_once(
    apim: Apim, version: str
) -> None:
    answer = await apim.put("apis/echo", API, version=version)

    assert (answer.status, answer.body["name"]) == (201, "echo")
    assert answer.headers["ETag"]
    assert not {"Location", "Azure-AsyncOperation"} & answer.headers.keys()


@pytest.mark.parametrize(
    ("method", "properties", "final"), [("PUT", NAMED, 201), ("PATCH", {"value": "two"}, 200)]
)
async def test_before_2024_a_named_value_is_accepted_and_polled_at_its_own_url(
    apim: Apim, method: str, properties: dict[str, Any], final: int
) -> None:
    if method == "PATCH":
        await apim.must("namedValues/nv", NAMED)

    body = {"properties": properties}
    first = await apim.call(method, "namedValues/nv", version=EARLY, body=body)
    last = await apim.get(first.headers["Location"])

    assert (first.status, first.body) == (202, None)
    assert "Azure-AsyncOperation" not in first.headers
    assert f"asyncCode={final}" in first.headers["Location"]
    assert (last.status, last.body["properties"]["value"]) == (final, properties["value"])


async def test_an_import_over_an_api_that_is_there_ends_with_200(apim: Apim) -> None:
    await apim.must("apis/doc", API)

    answer = await apim.put("apis/doc", an_import(a_document("one"), "echo"), version=EARLY)

    assert answer.status == 202
    assert (await apim.get(answer.headers["Location"])).status == 200


@pytest.mark.parametrize(
    ("version", "status"), [(EARLY, 200), ("2022-08-01", 200), ("2020-12-01", 400)]
)
async def test_retired_api_versions_are_refused(apim: Apim, version: str, status: int) -> None:
    assert (await apim.get("apis", version=version)).status == status


async def test_only_the_current_revision_says_that_it_is(apim: Apim) -> None:
    await apim.must("apis/echo", API)
    second = await apim.must("apis/echo;rev=2", {"path": "echo", "sourceApiId": "/apis/echo"})

    assert "isCurrent" not in second["properties"]
    assert (await apim.get("apis/echo")).body["properties"]["isCurrent"] is True


async def test_revisions_share_name_and_path_and_nothing_else(apim: Apim) -> None:
    await apim.must("apis/echo", API | {"serviceUrl": "https://one.test"})
    await apim.must("apis/echo;rev=2", {"path": "echo", "sourceApiId": "/apis/echo"})

    changed = {"displayName": "New", "path": "new", "serviceUrl": "https://two.test"}
    await apim.call("PATCH", "apis/echo", body={"properties": changed}, headers={"If-Match": "*"})

    other = (await apim.get("apis/echo;rev=2")).body["properties"]
    assert (other["displayName"], other["path"]) == ("New", "new")
    assert other["serviceUrl"] == "https://one.test"


async def test_the_list_of_revisions_has_their_own_shape(apim: Apim) -> None:
    await apim.must("apis/echo", API)
    await apim.must("apis/echo;rev=2", {"path": "echo", "sourceApiId": "/apis/echo"})

    body = (await apim.get("apis/echo/revisions")).body

    assert (body["count"], body["nextLink"]) == (2, None)
    assert [item["privateUrl"] for item in body["value"]] == ["/echo", "/echo;rev=2"]
    assert body["value"][1]["id"] == "/apis/echo;rev=2/revisions/echo;rev=2"


async def test_a_list_of_apis_leaves_out_key_names_and_authentication(apim: Apim) -> None:
    await apim.must("apis/echo", API)

    (listed,) = (await apim.get("apis")).body["value"]

    assert listed["properties"]["subscriptionKeyParameterNames"] is None
    assert listed["properties"]["authenticationSettings"] is None


@pytest.mark.parametrize(
    "tail", ["certificates", "schemas", "apisByTags", "users/1/groups", "tagResources"]
)
async def test_what_a_service_never_holds_here_lists_as_nothing(apim: Apim, tail: str) -> None:
    answer = await apim.get(tail)

    assert (answer.status, answer.body) == (200, {"value": [], "count": 0})


async def test_what_a_service_never_holds_here_cannot_be_read_or_written(apim: Apim) -> None:
    written = await apim.put("certificates/default", {"data": "x"})
    read = await apim.get("certificates/default")

    assert (written.status, written.code) == (400, "NotSupported")
    assert (read.status, read.code) == (404, "ResourceNotFound")


async def test_the_subscriptions_of_a_user_are_those_it_owns(apim: Apim) -> None:
    await apim.must("products/p", {"displayName": "P"})  # brings one of the administrator
    await apim.must("subscriptions/s", {"displayName": "s", "scope": "/apis"})

    (owned,) = (await apim.get("users/1/subscriptions")).body["value"]

    assert owned["properties"]["scope"].endswith("/products/p")


@pytest.mark.parametrize("kind", ["", "text/plain", "application/x-www-form-urlencoded"])
async def test_a_body_must_call_itself_json(arm: Arm, kind: str) -> None:
    answer = await arm.call("PATCH", ACCOUNT, body={"tags": {}}, headers={"Content-Type": kind})

    assert (answer.status, answer.code) == (415, "UnsupportedMediaType")
    assert f"The content media type '{kind or '<null>'}'" in answer.body["error"]["message"]


@pytest.mark.parametrize("tail", ["deployments", "deployments/t", "deployments/t/validate"])
async def test_template_deployments_say_that_they_are_not_there(arm: Arm, tail: str) -> None:
    path = f"{SUB}/resourcegroups/rg-ai/providers/Microsoft.Resources/{tail}"

    answer = await arm.call("POST" if tail.endswith("validate") else "GET", path, "2025-04-01")

    assert (answer.status, answer.code) == (400, "NotSupported")


@pytest.mark.parametrize(
    ("sku", "shown"),
    [
        ({"name": "standard", "capacity": "10"}, {"name": "Standard", "capacity": 10}),
        ({"name": "GLOBALSTANDARD"}, {"name": "GlobalStandard", "capacity": 1}),
    ],
)
async def test_a_sku_may_come_in_any_casing_and_its_capacity_as_text(
    arm: Arm, sku: dict[str, str], shown: dict[str, Any]
) -> None:
    model = {"format": "OpenAI", "name": "gpt-4o", "version": "2024-11-20"}

    await arm.call(
        "PUT", f"{ACCOUNT}/deployments/dd", body={"sku": sku, "properties": {"model": model}}
    )

    assert (await arm.call("GET", f"{ACCOUNT}/deployments/dd")).body["sku"] == shown


@pytest.mark.parametrize("tail", ["", "/deployments/gpt-4o"])
async def test_accounts_and_deployments_have_their_etag_as_a_header_too(
    arm: Arm, tail: str
) -> None:
    answer = await arm.call("GET", f"{ACCOUNT}{tail}")

    assert answer.headers["ETag"] == answer.body["etag"]


async def test_usages_show_what_is_deployed_and_the_quota_of_the_world() -> None:
    world = a_world(quotas={"GlobalStandard.gpt-4o": 50})
    path = f"{SUB}/providers/Microsoft.CognitiveServices/locations/swedencentral/usages"
    async with local_arm(world) as arm:
        rows = (await arm.call("GET", path, COGNITIVE)).body["value"]

    (row,) = [it for it in rows if it["name"]["value"] == "OpenAI.GlobalStandard.gpt-4o"]
    assert (row["currentValue"], row["limit"], row["unit"]) == (10, 50, "Count")


@pytest.fixture
async def documents() -> AsyncIterator[str]:
    async def openapi(_: web.Request) -> web.Response:
        return web.Response(text=a_document("one"))

    async def policy(_: web.Request) -> web.Response:
        return web.Response(text=a_policy()["value"])

    app = web.Application()
    app.add_routes([web.get("/openapi.json", openapi), web.get("/policy.xml", policy)])
    async with listen(app) as base_url:
        yield base_url


async def test_documents_behind_a_link_on_this_machine_are_fetched(documents: str) -> None:
    async with local_apim(arm=Options(prepare=linked.fetched)) as apim:
        link = {"format": "openapi+json-link", "value": f"{documents}/openapi.json"}
        await apim.must("apis/doc", {"path": "doc", **link})
        rules = {"format": "rawxml-link", "value": f"{documents}/policy.xml"}
        written = await apim.must("apis/doc/policies/policy", rules)

        assert await apim.names("apis/doc/operations") == ["one"]
        assert "<base />" in written["properties"]["value"]


@pytest.mark.parametrize("url", ["https://raw.githubusercontent.com/a.json", "{}/none.json"])
async def test_a_link_that_leads_nowhere_is_refused(documents: str, url: str) -> None:
    async with local_apim(arm=Options(prepare=linked.fetched)) as apim:
        link = {"format": "openapi-link", "value": url.format(documents)}

        answer = await apim.put("apis/doc", {"path": "doc", **link})

    assert (answer.status, answer.code) == (400, "ValidationError")
