"""APIs over plain HTTP: what is echoed, imported, locked, revised and deleted."""

from typing import Any

import pytest

from sandbox.arm.apim.call import ApimOptions
from tests.sandbox.apim_client import (
    ANY,
    API,
    OPERATION,
    ROOT,
    Apim,
    a_document,
    a_policy,
    an_import,
    details,
    local_apim,
)

IN_PROGRESS = "Operation on the API is in progress"


async def test_a_new_api_is_echoed_with_the_defaults_of_the_service(apim: Apim) -> None:
    answer = await apim.put("apis/echo", API | {"nonsense": 1})

    assert answer.status == 201
    assert answer.headers["ETag"]
    assert answer.body["properties"] == {
        "displayName": "Echo",
        "path": "echo",
        "description": None,
        "serviceUrl": None,
        "protocols": ["https"],
        "type": "http",
        "apiRevision": "1",
        "isCurrent": True,
        "subscriptionRequired": True,
        "subscriptionKeyParameterNames": {
            "header": "Ocp-Apim-Subscription-Key",
            "query": "subscription-key",
        },
        "authenticationSettings": {"oAuth2": None, "openid": None},
        "provisioningState": "Succeeded",
    }


async def test_what_an_import_sends_is_not_echoed_but_key_names_are(apim: Apim) -> None:
    keys = {"header": "api-key", "query": "api-key"}

    body = await apim.must(
        "apis/doc",
        an_import(
            a_document("one"),
            apiType="http",
            subscriptionKeyParameterNames=keys | {"cookie": "dropped"},
            translateRequiredQueryParameters="query",
        ),
    )

    assert body["properties"]["subscriptionKeyParameterNames"] == keys
    hidden = {"apiType", "format", "value", "translateRequiredQueryParameters"}
    assert not hidden & body["properties"].keys()


async def test_an_import_deletes_unmatched_operations_and_blanks_the_service_url(
    apim: Apim,
) -> None:
    first = an_import(a_document("one", "two"), serviceUrl="https://a.test")
    await apim.must("apis/doc", first)
    await apim.must("apis/doc/operations/one/policies/policy", a_policy())
    await apim.must("apis/doc/policies/policy", a_policy())

    again = await apim.must("apis/doc", an_import(a_document("one", "three")))

    assert again["properties"]["serviceUrl"] is None
    assert await apim.names("apis/doc/operations") == ["one", "three"]
    assert (await apim.get("apis/doc/operations/one/policies/policy")).status == 200
    assert (await apim.get("apis/doc/policies/policy")).status == 200


async def test_a_renamed_operation_keeps_the_policies_of_its_route(apim: Apim) -> None:
    document = a_document("one")
    await apim.must("apis/doc", an_import(document))
    await apim.must("apis/doc/operations/one/policies/policy", a_policy())

    await apim.must("apis/doc", an_import(document.replace('"one"', '"renamed"')))

    assert await apim.names("apis/doc/operations") == ["renamed"]
    assert (await apim.get("apis/doc/operations/renamed/policies/policy")).status == 200


async def test_tags_of_a_document_become_tags_of_the_service(apim: Apim) -> None:
    document = a_document("one").replace('"operationId"', '"tags": ["Chat It"], "operationId"')

    await apim.must("apis/doc", an_import(document))

    assert await apim.names("tags") == ["chat-it"]
    assert await apim.names("apis/doc/operations/one/tags") == ["chat-it"]


async def test_the_same_path_is_refused_outside_of_a_version_set(apim: Apim) -> None:
    await apim.must("apis/echo", API)

    clash = await apim.put("apis/other", API | {"path": "ECHO"})

    assert details(clash) == [
        (
            "path",
            (
                "Cannot create API 'other' with the same Path 'ECHO' as API 'echo' "
                "unless it's a part of the same version set"
            ),
        )
    ]


@pytest.mark.parametrize(
    ("version", "first", "headers"),
    [
        ("2022-08-01", 202, {"Location"}),
        ("2024-05-01", 201, {"Location", "Azure-AsyncOperation"}),
    ],
)
async def test_the_shape_of_an_api_put_follows_the_api_version(
    version: str, first: int, headers: set[str]
) -> None:
    async with local_apim(ApimOptions()) as apim:
        door = apim.arm.door
        door.operations.hold("apis/write")

        started = await apim.put("apis/echo", an_import(a_document("one")), version=version)
        location = started.headers["Location"]
        waiting = await apim.get(location)
        unseen = await apim.get("apis/echo")
        door.operations.release()
        done = await apim.get(location)

    assert started.status == first
    assert {"Location", "Azure-AsyncOperation"} & started.headers.keys() == headers
    assert "asyncId=" in location
    assert (started.body is None) is (first == 202)
    assert (waiting.status, unseen.status) == (202, 404)
    assert (done.status, done.body["properties"]["provisioningState"]) == (201, "Succeeded")


async def test_a_failed_import_leaves_the_old_api_and_tells_only_its_own_url() -> None:
    async with local_apim(ApimOptions(api_put_shape="accepted")) as apim:
        first = await apim.put("apis/doc", an_import(a_document("one")))
        assert first.status == 202

        second = await apim.put("apis/doc", an_import("{}"))

        assert second.status == 202
        assert (await apim.get(second.headers["Location"])).code == "ValidationError"
        assert (await apim.get("apis/doc")).status == 200
        assert await apim.names("apis/doc/operations") == ["one"]


@pytest.mark.parametrize(
    ("method", "tail"),
    [
        ("PUT", "apis/echo"),
        ("PUT", "apis/echo;rev=2"),
        ("PUT", "apis/echo/policies/policy"),
        ("PUT", "apis/echo/operations/x"),
        ("DELETE", "apis/echo"),
    ],
)
async def test_a_second_write_to_an_api_meets_its_lock(method: str, tail: str) -> None:
    async with local_apim(ApimOptions()) as apim:
        await apim.put("apis/echo", API)
        apim.arm.door.operations.hold("apis/write")
        await apim.put("apis/echo", API)

        second = await apim.call(method, tail, body={"properties": API}, headers=ANY)
        other = await apim.put("apis/other", API | {"path": "other"})
        apim.arm.door.operations.release()
        third = await apim.put("apis/echo", API)

    assert (second.status, second.code) == (409, "PessimisticConcurrencyConflict")
    assert second.body["error"]["message"] == IN_PROGRESS
    assert (other.status, third.status) == (201, 200)


async def test_the_lock_can_outlive_the_operation() -> None:
    async with local_apim(ApimOptions(lock_linger_s=600)) as apim:
        started = await apim.put("apis/echo", API)
        assert (await apim.get(started.headers["Location"])).status == 201

        assert (await apim.put("apis/echo/policies/policy", a_policy())).status == 409


async def test_operations_count_against_the_quota() -> None:
    options = ApimOptions(api_put_shape="inline", quotas={"apis/operations": 2})
    async with local_apim(options) as apim:
        await apim.must("apis/doc", an_import(a_document("one", "two")))
        await apim.must("apis/doc", an_import(a_document("two", "three")))
        await apim.must("apis/echo", API)

        refused = await apim.put("apis/echo/operations/x", OPERATION)
        too_many = await apim.put("apis/more", an_import(a_document("a"), path="more"))

    assert "maximum number of apis/operations (2)" in details(refused)[0][1]
    assert details(too_many)


@pytest.mark.parametrize(
    ("properties", "target"),
    [
        ({"urlTemplate": "/{id}"}, "templateParameters"),
        ({"templateParameters": [{"name": "id", "type": "string"}]}, "templateParameters"),
        ({"method": ""}, "method"),
        ({"urlTemplate": "/taken"}, "urlTemplate"),
    ],
)
async def test_operations_that_are_refused(
    apim: Apim, properties: dict[str, Any], target: str
) -> None:
    await apim.must("apis/echo", API)
    await apim.must("apis/echo/operations/taken", OPERATION | {"urlTemplate": "/taken"})

    answer = await apim.put("apis/echo/operations/x", OPERATION | properties)

    assert details(answer)[0][0] == target


async def test_deleting_an_api_takes_its_links_along(apim: Apim) -> None:
    await apim.must("apis/echo", API)
    await apim.must("products/p", {"displayName": "p"})
    await apim.must("products/p/apis/echo")
    await apim.must("tags/t", {"displayName": "t"})
    await apim.must("apis/echo/tags/t")

    assert (await apim.delete("apis/echo")).status == 202

    assert await apim.names("apis") == []
    assert await apim.names("products/p/apis") == []
    assert await apim.names("tags/t/apiLinks") == []


async def test_rev_1_is_the_api_itself(apim: Apim) -> None:
    made = await apim.put("apis/echo;rev=1", API)

    assert (made.status, made.body["name"]) == (201, "echo")
    assert (await apim.get("apis/echo;rev=1")).body == (await apim.get("apis/echo")).body
    assert (await apim.get("apis/echo;rev=2")).status == 404
    assert (await apim.put("apis/echo;rev=1", API)).status == 200


async def test_a_revision_copies_its_source_and_is_listed(apim: Apim) -> None:
    await apim.must("apis/doc", an_import(a_document("one")))
    await apim.must("apis/doc/policies/policy", a_policy())

    await apim.must("apis/doc;rev=2", {"path": "doc", "sourceApiId": f"{ROOT}/apis/doc"})

    assert await apim.names("apis/doc;rev=2/operations") == ["one"]
    assert (await apim.get("apis/doc;rev=2/policies/policy")).status == 200
    assert await apim.names("apis") == ["doc", "doc;rev=2"]
    assert await apim.names("apis?$filter=isCurrent eq true") == ["doc"]
