"""What all entities share: preconditions, lists, refusals; and the service itself."""

from typing import Any

import pytest

from tests.sandbox.apim_client import ANY, API, BACKEND, ROOT, VERSION, Apim, details


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("PUT", {}, 200),
        ("PUT", {"If-Match": "*"}, 200),
        ("PUT", {"If-Match": '"stale"'}, 412),
        ("PUT", {"If-None-Match": "*"}, 200),
        ("PATCH", {}, 200),
        ("PATCH", {"If-Match": "*"}, 200),
        ("PATCH", {"If-Match": '"stale"'}, 412),
        ("DELETE", {}, 200),
        ("DELETE", {"If-Match": '"stale"'}, 412),
        ("DELETE", {"If-Match": "*"}, 200),
    ],
)
@pytest.mark.parametrize("tail", ["apis/echo", "backends/one"])
async def test_preconditions(
    apim: Apim, tail: str, method: str, headers: dict[str, str], status: int
) -> None:
    properties: dict[str, Any] = API if tail.startswith("apis") else BACKEND
    await apim.must(tail, properties)

    body = None if method == "DELETE" else {"properties": properties}
    answer = await apim.call(method, tail, body=body, headers=headers, version="2023-05-01-preview")

    assert answer.status == status, answer.body


async def test_the_etag_of_get_lets_one_write_through(apim: Apim) -> None:
    await apim.must("backends/one", BACKEND)
    current = {"If-Match": (await apim.get("backends/one")).headers["ETag"]}

    first = await apim.put("backends/one", BACKEND, headers=current)
    second = await apim.put("backends/one", BACKEND, headers=current)

    assert (first.status, second.status) == (200, 412)
    assert first.headers["ETag"] != current["If-Match"]
    assert (await apim.call("HEAD", "backends/one")).headers["ETag"] == first.headers["ETag"]
    listed = await apim.get("backends")
    assert "etag" not in str(listed.body).lower()


async def test_a_create_with_if_match_star_is_unconditional_and_with_a_tag_is_not(
    apim: Apim,
) -> None:
    assert (await apim.put("backends/a", BACKEND, headers=ANY)).status == 201
    assert (await apim.put("backends/b", BACKEND, headers={"If-Match": '"x"'})).status == 412


async def test_a_patch_merges(apim: Apim) -> None:
    await apim.must("apis/echo", API | {"serviceUrl": "https://a.test"})

    body = {"properties": {"displayName": "New", "protocols": ["http"]}}
    answer = await apim.call("PATCH", "apis/echo", body=body, headers=ANY)

    properties = answer.body["properties"]
    assert (properties["displayName"], properties["serviceUrl"]) == ("New", "https://a.test")
    assert properties["protocols"] == ["http"]
    assert properties["provisioningState"] == "Succeeded"


@pytest.mark.parametrize(
    ("tail", "message"),
    [
        ("apis/x", "Api not found."),
        ("apis/x/operations", "Api not found."),
        ("apis/x/operations/y", "Operation not found."),
        ("backends/x", "Backend not found."),
        ("apis/x/policies/policy", "Policy not found."),
    ],
)
async def test_what_is_missing_is_named(apim: Apim, tail: str, message: str) -> None:
    answer = await apim.get(tail)

    assert answer.status == 404
    assert answer.body == {
        "error": {"code": "ResourceNotFound", "message": message, "details": None}
    }


@pytest.mark.parametrize("tail", ["apis/x", "backends/x", "policyFragments/x", "tags/x"])
async def test_deleting_nothing_is_204(apim: Apim, tail: str) -> None:
    assert (await apim.delete(tail)).status == 204


async def test_lists_are_paged_counted_and_filtered(apim: Apim) -> None:
    for name in ("a", "b", "c"):
        await apim.must(f"apis/{name}", {"displayName": f"Api {name}", "path": name})

    first = (await apim.get("apis?$top=2")).body
    second = (await apim.get(first["nextLink"])).body

    assert [len(first["value"]), first["count"]] == [2, 3]
    assert [item["name"] for item in second["value"]] == ["c"]
    assert "nextLink" not in second


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name eq 'b'", ["b"]),
        ("properties/displayName eq 'api B'", ["b"]),
        ("contains(displayName, 'api')", ["a", "b"]),
        ("startswith(path,'b') or path eq 'a'", ["a", "b"]),
        ("isCurrent eq true and path ne 'a'", ["b"]),
        ("substringof('b', name)", ["b"]),
        ("path eq 'it''s and or'", []),
        ("serviceUrl eq 'x'", []),
    ],
)
async def test_filters(apim: Apim, text: str, expected: list[str]) -> None:
    for name in ("a", "b"):
        await apim.must(f"apis/{name}", {"displayName": f"Api {name}", "path": name})

    assert await apim.names(f"apis?$filter={text}") == expected


@pytest.mark.parametrize(
    "query", ["$filter=what", "$filter=name%20like%20'a'", "$top=0", "$skip=x"]
)
async def test_queries_that_cannot_be_read_are_refused(apim: Apim, query: str) -> None:
    assert (await apim.get(f"apis?{query}")).code == "ValidationError"


async def test_workspaces_say_that_they_are_not_there(apim: Apim) -> None:
    for tail in ("workspaces", "workspaces/w", "workspaces/w/apis/a"):
        answer = await apim.get(tail)
        assert answer.status in (400, 404), tail


async def test_an_unknown_api_version_is_refused(apim: Apim) -> None:
    assert (await apim.get("apis", version="2019-01-01")).status == 400


async def test_a_service_is_created_patched_and_deleted(apim: Apim) -> None:
    url = ROOT.replace("/apim", "/second")
    body = {
        "location": "westeurope",
        "sku": {"name": "BasicV2", "capacity": 1},
        "identity": {"type": "SystemAssigned"},
        "properties": {"publisherEmail": "a@b.test", "publisherName": "A"},
    }

    async def call(method: str, **options: Any) -> Any:
        return await apim.arm.call(method, url, VERSION, **options)

    door = apim.arm.door
    door.operations.hold("service/write")
    created = await call("PUT", body=body)
    early = await apim.arm.call("PUT", f"{url}/backends/b", VERSION, body={"properties": BACKEND})
    door.operations.release()
    again = await call("PUT", body=body)
    patched = await call("PATCH", body={"tags": {"a": "b"}, "sku": {"capacity": 2}})

    statuses = (created.status, early.status, again.status, patched.status)
    assert statuses == (201, 409, 200, 202)
    service = (await call("GET")).body
    assert service["sku"] == {"name": "BasicV2", "capacity": 2}
    assert service["tags"] == {"a": "b"}
    assert service["identity"]["principalId"] == created.body["identity"]["principalId"]
    assert (await call("DELETE")).status == 202
    assert (await call("GET")).status == 404


@pytest.mark.parametrize(
    ("change", "target"),
    [
        ({"sku": {"name": "Huge"}}, "sku"),
        ({"location": None}, "location"),
        ({"properties": {"publisherName": "A"}}, "publisherEmail"),
    ],
)
async def test_services_that_are_refused(apim: Apim, change: dict[str, Any], target: str) -> None:
    body: dict[str, Any] = {
        "location": "westeurope",
        "sku": {"name": "Developer", "capacity": 1},
        "properties": {"publisherEmail": "a@b.test", "publisherName": "A"},
    }

    answer = await apim.arm.call("PUT", ROOT.replace("/apim", "/new"), VERSION, body=body | change)

    assert [at for at, _ in details(answer)] == [target]


async def test_names_are_found_in_any_case(apim: Apim) -> None:
    await apim.must("backends/One", BACKEND)

    answer = await apim.arm.call("GET", f"{ROOT}/BACKENDS/oNE".replace("/apim/", "/APIM/"), VERSION)

    assert (answer.status, answer.body["name"]) == (200, "One")
    assert answer.body["id"] == f"{ROOT}/backends/One"


async def test_a_version_set_is_expanded_on_demand(apim: Apim) -> None:
    wanted = {"displayName": "Set", "versioningScheme": "Segment"}
    made = await apim.must("apiVersionSets/set", wanted)
    version = {"apiVersion": "v1", "apiVersionSetId": "/apiVersionSets/set"}
    await apim.must("apis/echo", API | version)

    plain = (await apim.get("apis/echo")).body["properties"]
    [expanded] = (await apim.get("apis?expandApiVersionSet=true")).body["value"]

    assert plain["apiVersionSetId"] == made["id"]
    assert "apiVersionSet" not in plain
    assert expanded["properties"]["apiVersionSet"]["name"] == "Set"
    assert (await apim.delete("apiVersionSets/set")).status == 400


async def test_an_export_is_refused_in_clear_words(apim: Apim) -> None:
    await apim.must("apis/echo", API)

    assert (await apim.get("apis/echo?export=true&format=openapi-link")).status == 400
