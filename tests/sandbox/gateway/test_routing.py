"""Which API and which operation a request is for, and who may call it."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from openai import AsyncOpenAI

from tests.sandbox.gateway.place import Place, a_place, an_api

MISSING = (
    "Access denied due to missing subscription key. "
    "Make sure to include subscription key when making requests to an API."
)
INVALID = (
    "Access denied due to invalid subscription key. "
    "Make sure to provide a valid key for an active subscription."
)
CLOSED = {"subscriptionRequired": True}


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    async with a_place() as it:
        yield it


def an_operation(place: Place, name: str, template: str, method: str = "GET") -> None:
    names = [it.partition("}")[0].lstrip("*") for it in template.split("{")[1:]]
    place.put(
        f"apis/a/operations/{name}",
        {
            "displayName": name,
            "method": method,
            "urlTemplate": template,
            "templateParameters": [{"name": it, "type": "string"} for it in names],
        },
    )


def says_operation(place: Place) -> None:
    place.policy(
        inbound="<return-response><set-status code='200' reason='OK' /><set-body>"
        '@(context.Api.Id + " " + context.Operation.Id)</set-body></return-response>'
    )


async def test_the_api_with_the_longest_path_answers(place: Place) -> None:
    an_api(place)
    await place.call("/A/x?q=%20a")
    common = {"displayName": "B", "path": "a/x", "subscriptionRequired": False}
    place.put("apis/b", {**common, "serviceUrl": "https://b.openai.azure.com/b"})
    place.put("apis/b/operations/o", {"displayName": "o", "method": "GET", "urlTemplate": "/y"})

    await place.call("/a/x/y")
    hidden = await place.call("/a/x")
    neither = await place.call("/a/xy")

    assert [(it.host, it.url) for it in place.upstream.seen] == [
        ("contoso.openai.azure.com", "/base/x?q=%20a"),
        ("b.openai.azure.com", "/b/y"),
    ]
    assert [(it.status, it.error) for it in (hidden, neither)] == [(404, "Resource not found")] * 2


@pytest.mark.parametrize(
    ("path", "method", "operation"),
    [
        ("/a/deployments/one/chat", "GET", "named"),
        ("/a/deployments/fixed/chat", "GET", "fixed"),
        ("/a/deployments/one/other/more", "GET", "rest"),
        ("/a/deployments/one%2Ftwo/chat", "GET", "named"),
        ("/a/deployments/one/chat", "DELETE", None),
        ("/a/wanted?v=1", "GET", "wanted"),
        ("/a/wanted", "GET", None),
        ("/a/wild/a/b", "GET", "wild"),
        ("/a/deployments//chat", "GET", "rest"),
        ("/a", "GET", "root"),
        ("/a/", "GET", "root"),
    ],
)
async def test_an_operation_goes_by_method_and_template(
    place: Place, path: str, method: str, operation: str | None
) -> None:
    an_api(place)
    for name, template in (
        ("named", "/deployments/{id}/chat"),
        ("fixed", "/deployments/fixed/chat"),
        ("rest", "/deployments/{*rest}"),
        ("wanted", "/wanted?v={v}"),
        ("wild", "/wild/*"),
        ("root", "/"),
    ):
        an_operation(place, name, template)
    says_operation(place)

    found = await place.call(path, method)

    assert found.status == (404 if operation is None else 200)
    assert operation is None or found.body.decode() == f"a {operation}"


async def test_template_parameters_are_decoded(place: Place) -> None:
    an_api(place)
    an_operation(place, "named", "/d/{id}?v={version}")
    place.policy(
        inbound="<set-header name='X-Id'><value>@(context.Request.MatchedParameters[\"id\"] + "
        'context.Request.MatchedParameters["version"])</value></set-header>'
    )

    await place.call("/a/d/one%2Ftwo?V=2")

    assert place.upstream.last.headers["X-Id"] == "one/two2"
    assert place.upstream.last.url == "/base/d/one%2Ftwo?V=2"


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ({"api-key": "{key}"}, ""),
        ({"API-KEY": "{key}"}, ""),
        ({}, "?subscription-key={key}"),
        ({"Authorization": "Bearer {key}"}, ""),
        ({"authorization": "bearer {key}"}, ""),
    ],
)
async def test_a_key_is_taken_by_header_query_or_bearer(
    place: Place, headers: dict[str, str], query: str
) -> None:
    names = {"header": "api-key", "query": "subscription-key", "bearer": "enabled"}
    an_api(place, **CLOSED, subscriptionKeyParameterNames=names)
    key = place.key()

    given = {name: value.format(key=key) for name, value in headers.items()}
    reached = await place.call(f"/a/x{query.format(key=key)}", headers=given)

    assert reached.status == 200


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ({}, MISSING),
        ({"api-key": ""}, MISSING),
        ({"Authorization": "Bearer {key}"}, MISSING),  # bearer is not enabled
        ({"Ocp-Apim-Subscription-Key": "{key}"}, MISSING),  # the API has another header
        ({"api-key": "wrong"}, INVALID),
        ({"api-key": "{key} "}, None),
        ({"api-key": "é"}, INVALID),
    ],
)
async def test_without_a_good_key_nothing_is_called(
    place: Place, headers: dict[str, str], message: str | None
) -> None:
    an_api(place, **CLOSED, subscriptionKeyParameterNames={"header": "api-key", "query": "k"})
    key = place.key()

    given = {name: value.format(key=key) for name, value in headers.items()}
    reached = await place.call("/a/x", headers=given)

    if message is None:
        assert reached.status == 200
        return
    assert (reached.status, reached.error) == (401, message)
    assert reached.headers["WWW-Authenticate"] == (
        'AzureApiManagementKey realm="https://apim.azure-api.net/a",name="api-key",type="header"'
    )
    assert place.upstream.seen == []


def scopes(place: Place) -> dict[str, tuple[str, dict[str, Any]]]:
    an_api(place, **CLOSED)
    place.put("apis/b", {"displayName": "B", "path": "b"})
    for name, state in (("out", "published"), ("hidden", "notPublished"), ("empty", "published")):
        place.put(f"products/{name}", {"displayName": name, "state": state})
        if name != "empty":
            place.put(f"products/{name}/apis/a")
    return {
        "all APIs": ("/apis", {}),
        "everything": ("/", {}),
        "this API": ("/apis/a", {}),
        "another API": ("/apis/b", {}),
        "its product": ("/products/out", {}),
        "a product without it": ("/products/empty", {}),
        "an unpublished product": ("/products/hidden", {}),
        "suspended": ("/apis", {"state": "suspended"}),
    }


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("all APIs", 200),
        ("everything", 200),
        ("this API", 200),
        ("another API", 401),
        ("its product", 200),
        ("a product without it", 401),
        ("an unpublished product", 401),
        ("suspended", 401),
    ],
)
async def test_a_subscription_is_good_for_its_scope(place: Place, name: str, status: int) -> None:
    scope, more = scopes(place)[name]
    key = place.key(scope=scope, **more)

    reached = await place.call("/a/x", headers={"Ocp-Apim-Subscription-Key": key})

    assert reached.status == status


async def test_the_secondary_key_is_as_good_and_a_new_one_counts_at_once(place: Place) -> None:
    an_api(place, **CLOSED)
    key = place.key(secondaryKey="second")

    async def status(given: str) -> int:
        headers = {"Ocp-Apim-Subscription-Key": given}
        return (await place.call("/a/x", headers=headers)).status

    assert [await status("second"), await status(key)] == [200, 200]
    place.key(primaryKey="another")
    assert [await status(key), await status("another")] == [401, 200]
    place.delete("subscriptions/mine")
    assert await status("another") == 401


async def test_an_open_product_takes_everybody_with_its_policies(place: Place) -> None:
    an_api(place, **CLOSED)
    open_ = {"displayName": "open", "subscriptionRequired": False, "state": "published"}
    place.put("products/open", open_)
    place.put("products/open/apis/a")
    place.policy(
        "products/open",
        inbound="<base /><set-header name='X-P'><value>@(context.Product.Id + "
        "context.Subscription?.Id)</value></set-header>",
    )

    reached = await place.call("/a/x", headers={"Ocp-Apim-Subscription-Key": "wrong"})

    assert (reached.status, place.upstream.last.headers["X-P"]) == (200, "open")


async def test_a_revision_answers_below_its_own_path(place: Place) -> None:
    an_api(place)
    place.put("apis/a;rev=2", {"sourceApiId": "/apis/a", "displayName": "A", "path": "a",
                               "subscriptionRequired": False,
                               "serviceUrl": "https://two.openai.azure.com"})  # fmt: skip

    await place.call("/a;rev=2/x")
    await place.call("/a/x")

    assert [it.host.partition(".")[0] for it in place.upstream.seen] == ["two", "contoso"]


@pytest.mark.parametrize(
    ("scheme", "more", "path", "headers"),
    [
        ("Segment", {}, "/a/v1/x", {}),
        ("Query", {"versionQueryName": "v"}, "/a/x?v=v1", {}),
        ("Header", {"versionHeaderName": "X-V"}, "/a/x", {"X-V": "v1"}),
    ],
)
async def test_a_version_is_chosen_as_its_set_says(
    place: Place, scheme: str, more: dict[str, str], path: str, headers: dict[str, str]
) -> None:
    place.put("apiVersionSets/s", {"displayName": "s", "versioningScheme": scheme, **more})
    an_api(place, apiVersion="v1", apiVersionSetId="/apiVersionSets/s")

    assert (await place.call(path, headers=headers)).status == 200
    assert (await place.call("/a/x")).status == 404


async def test_openais_own_client_gets_in_with_a_bearer_and_reads_the_refusal(place: Place) -> None:
    names = {"header": "api-key", "query": "k", "bearer": "enabled"}
    an_api(place, **CLOSED, subscriptionKeyParameterNames=names)
    an_operation(place, "chat", "/chat/completions", "POST")
    key = place.key()

    async with AsyncOpenAI(base_url=f"{place.url}/a", api_key=key, max_retries=0) as client:
        answer = await client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": "hi"}]
        )

    assert answer.choices[0].message.content == "hello"
