"""Backends, policies, named values, products and the rest, over plain HTTP."""

from typing import Any

import pytest

from tests.sandbox.apim_client import (
    API,
    BACKEND,
    OPERATION,
    ROOT,
    Apim,
    a_policy,
    an_import,
    details,
    local_apim,
)

WEIRD: list[Any] = [None, 5, "x", True, [], [None], {}, {"a": None}, {"services": [5]}]


@pytest.mark.parametrize(
    ("tail", "properties", "target", "text"),
    [
        ("apis/a", {"path": "a"}, "displayName", "should not be empty"),
        ("apis/a", {"displayName": "a"}, "path", "should not be empty"),
        ("apis/a", API | {"displayName": "x" * 301}, "displayName", "301 characters"),
        ("apis/a", API | {"path": "x" * 401}, "path", "between 0 and 400"),
        ("apis/a", API | {"serviceUrl": "x" * 2001}, "serviceUrl", "2001"),
        ("apis/a", API | {"protocols": ["ftp"]}, "protocols", "'ftp'"),
        ("apis/a", API | {"displayName": 5}, "displayName", "invalid type"),
        ("apis/a", API | {"subscriptionRequired": "yes"}, "subscriptionRequired", "invalid type"),
        ("apis/a", API | {"apiVersionSetId": "/apiVersionSets/x"}, "apiVersionSetId", "not found"),
        ("apis/a", API | {"sourceApiId": "/apis/x"}, "sourceApiId", "not found"),
        ("apis/" + "a" * 81, API, "apiId", "between 1 and 80"),
        ("apis/a*b", API, "apiId", "pattern"),
        ("apis/a", an_import("x", format="wsdl"), "representation", "'wsdl' is not supported"),
        ("apis/a", {"path": "a", "format": "openapi"}, "value", "specified together"),
        ("backends/b", {"protocol": "http"}, "url", "'url' should not be empty"),
        ("backends/b", {"url": "https://a.test"}, "protocol", "should not be empty"),
        ("backends/b", BACKEND | {"protocol": "https"}, "protocol", "'https'"),
        ("backends/b", BACKEND | {"url": "nowhere"}, "url", "Invalid value"),
        ("backends/" + "b" * 81, BACKEND, "backendId", "between 1 and 80"),
        ("namedValues/n", {"displayName": "a b", "value": "x"}, "displayName", "pattern"),
        ("namedValues/n", {"displayName": "a"}, "value", "should not be empty"),
        ("namedValues/n", {"displayName": "a", "keyVault": {}}, "keyVault", "secretIdentifier"),
        ("policyFragments/a.b", {"value": "<fragment />"}, "id", "pattern"),
        ("policyFragments/f", {"value": "<a />"}, "a", "root element 'fragment'"),
        ("products/p", {}, "displayName", "should not be empty"),
        (
            "products/p",
            {"displayName": "p", "subscriptionRequired": False, "approvalRequired": True},
            "approvalRequired",
            "needs",
        ),
        ("tags/t", {"displayName": "x" * 161}, "displayName", "161"),
        ("subscriptions/s", {"displayName": "s"}, "scope", "should not be empty"),
        ("subscriptions/s", {"displayName": "s", "scope": "/backends/x"}, "scope", "invalid"),
        ("subscriptions/s", {"displayName": "s", "scope": "/apis/x"}, "scope", "that exist"),
        ("loggers/l", {"loggerType": "x"}, "loggerType", "'x'"),
        ("diagnostics/azuremonitor", {"loggerId": "/loggers/x"}, "loggerId", "not found"),
        ("diagnostics/mine", {"loggerId": "/loggers/x"}, "diagnosticId", "pattern"),
        (
            "apiVersionSets/v",
            {"displayName": "v", "versioningScheme": "Query"},
            "versionQueryName",
            "should not be empty",
        ),
    ],
)
async def test_bodies_that_are_refused(
    apim: Apim, tail: str, properties: dict[str, Any], target: str, text: str
) -> None:
    found_target, found_text = details(await apim.put(tail, properties))[0]

    assert found_target == target
    assert text in found_text


@pytest.mark.parametrize(
    ("properties", "target", "text"),
    [
        ({"url": "https://a"}, "url", "Url is not supported for backend pool."),
        ({"protocol": "http"}, "protocol", "Protocol is not supported for backend pool."),
        ({"pool": {"services": [{"id": "/backends/x"}]}}, "pool", "Backend Entity 'x' not found."),
        ({"pool": {"services": []}}, "pool", "between 1 and 30"),
        ({"pool": {"services": [{"id": "/backends/inner"}]}}, "pool", "single backends only"),
        ({"pool": {"services": [{"id": "/backends/one", "weight": 101}]}}, "pool", "0 and 100"),
        ({"pool": None}, "pool", "between 1 and 30"),
    ],
)
async def test_pools_that_are_refused(
    apim: Apim, properties: dict[str, Any], target: str, text: str
) -> None:
    pool = {"type": "Pool", "pool": {"services": [{"id": "/backends/one"}]}}
    await apim.must("backends/one", BACKEND)
    await apim.must("backends/inner", pool)

    found = details(await apim.put("backends/pool", pool | properties))

    assert [(at, text in message) for at, message in found] == [(target, True)]


async def test_a_managed_identity_of_a_backend_is_kept(apim: Apim) -> None:
    identity = {"managedIdentity": {"resource": "https://cognitiveservices.azure.com"}}

    body = await apim.must("backends/one", BACKEND | {"credentials": identity})

    assert body["properties"]["credentials"] == identity
    assert body["properties"]["type"] == "Single"


@pytest.mark.parametrize(("sku", "rules", "allowed"), [
    ("Developer", 1, True),
    ("Developer", 2, False),
    ("Consumption", 1, False),
])  # fmt: skip
async def test_circuit_breakers_have_one_rule_and_are_not_for_consumption(
    sku: str, rules: int, allowed: bool
) -> None:
    rule = {"name": "r", "failureCondition": {"count": 1}, "tripDuration": "PT1M"}
    breaker = {"circuitBreaker": {"rules": [rule] * rules}}
    async with local_apim(sku=sku) as apim:
        answer = await apim.put("backends/one", BACKEND | breaker)

    assert (answer.status == 201) is allowed


@pytest.mark.parametrize(
    ("user", "body"),
    [
        ("policies/policy", a_policy('<set-backend-service backend-id="one" />')),
        ("backends/pool", {"type": "Pool", "pool": {"services": [{"id": "/backends/one"}]}}),
    ],
)
async def test_a_backend_in_use_stays(apim: Apim, user: str, body: dict[str, Any]) -> None:
    await apim.must("backends/one", BACKEND)
    await apim.must(user, body)

    refused = await apim.delete("backends/one")

    assert (refused.status, refused.code) == (400, "ValidationError")
    assert f"/{user}" in refused.body["error"]["message"]
    await apim.delete(user)
    assert (await apim.delete("backends/one")).status == 200


async def test_a_named_value_in_use_stays(apim: Apim) -> None:
    await apim.must("namedValues/id-1", {"displayName": "host", "value": "x"})
    await apim.must("policies/policy", a_policy('<set-variable name="a" value="{{host}}" />'))

    assert (await apim.delete("namedValues/id-1")).status == 400


async def test_a_policy_needs_its_api_and_the_name_policy(apim: Apim) -> None:
    early = await apim.put("apis/x/policies/policy", a_policy())
    await apim.must("apis/x", API)
    misnamed = await apim.put("apis/x/policies/mine", a_policy())

    assert (early.status, early.body["error"]) == (
        400,
        {
            "code": "ValidationError",
            "message": "Entity with specified identifier not found",
            "details": None,
        },
    )
    assert (misnamed.status, misnamed.code) == (400, "BadRequest")


async def test_a_policy_is_refused_with_target_line_and_column(apim: Apim) -> None:
    await apim.must("apis/x", API)
    inbound = '\n<set-backend-service backend-id="no" />\n  <bogus />'

    answer = await apim.put("apis/x/policies/policy", a_policy(inbound))

    assert details(answer) == [
        (
            "bogus",
            (
                "Error in element 'bogus' on line 3, column 4: "
                "The element 'inbound' has invalid child element 'bogus'."
            ),
        ),
        ("set-backend-service", "Backend with id 'no' could not be found."),
    ]


@pytest.mark.parametrize(("sku", "status"), [("Developer", 201), ("Consumption", 400)])
async def test_policies_are_smaller_on_consumption(sku: str, status: int) -> None:
    async with local_apim(sku=sku) as apim:
        await apim.must("apis/x", API)
        comment = f"<!--{'x' * 17_000}-->"

        answer = await apim.put("apis/x/policies/policy", a_policy(comment))

    assert answer.status == status


async def test_the_global_policy_is_always_there(apim: Apim) -> None:
    await apim.must("policies/policy", a_policy("<trace source='a' />"))

    await apim.delete("policies/policy")

    answer = await apim.get("policies/policy")
    assert "forward-request" in answer.body["properties"]["value"]
    assert answer.body["properties"]["format"] == "xml"


async def test_raw_xml_with_quotes_is_refused_as_xml(apim: Apim) -> None:
    await apim.must("apis/x", API)
    policy = a_policy('<set-variable name="a" value="@("x")" />') | {"format": "xml"}

    [(target, message)] = details(await apim.put("apis/x/policies/policy", policy))

    assert target == "representation"
    assert "is an unexpected token. Expecting white space." in message


async def test_a_new_product_brings_a_group_link_and_a_subscription(apim: Apim) -> None:
    await apim.must("products/p", {"displayName": "p"})

    assert await apim.names("products/p/groups") == ["administrators"]
    scopes = [s["properties"]["scope"] for s in (await apim.get("subscriptions")).body["value"]]
    assert f"{ROOT}/products/p" in scopes
    assert (await apim.delete("products/p")).status == 200
    assert await apim.names("subscriptions") == ["master"]


async def test_a_product_with_subscriptions_goes_only_with_them(apim: Apim) -> None:
    await apim.must("products/p", {"displayName": "p"})
    await apim.must("subscriptions/s", {"displayName": "s", "scope": "/products/p"})

    assert (await apim.delete("products/p")).status == 400
    assert (await apim.delete("products/p?deleteSubscriptions=true")).status == 200
    assert await apim.names("subscriptions") == ["master"]


async def test_tags_have_names_of_their_own(apim: Apim) -> None:
    await apim.must("tags/a", {"displayName": "AI"})

    answer = await apim.put("tags/b", {"displayName": "ai"})

    assert details(answer) == [("displayName", "Tag with the same name already exists.")]


async def test_a_link_names_the_side_that_is_missing(apim: Apim) -> None:
    await apim.must("apis/echo", API)
    await apim.must("products/p", {"displayName": "p"})

    no_product = await apim.put("products/x/apis/echo")
    no_api = await apim.put("products/p/apis/x")

    messages = [answer.body["error"]["message"] for answer in (no_product, no_api)]
    assert messages == ["Product not found.", "Api not found."]


async def test_head_of_a_product_api_is_204_or_404(apim: Apim) -> None:
    await apim.must("apis/echo", API)
    await apim.must("products/p", {"displayName": "p"})

    before = await apim.call("HEAD", "products/p/apis/echo")
    await apim.must("products/p/apis/echo")
    after = await apim.call("HEAD", "products/p/apis/echo")

    assert (before.status, after.status) == (404, 204)


@pytest.mark.parametrize(
    ("tail", "good"),
    [
        ("apis/a", API | {"path": "fuzz"}),
        ("apis/echo/operations/o", OPERATION | {"templateParameters": [], "responses": []}),
        ("apis/echo/policies/policy", a_policy()),
        ("apis/echo/releases/r", {"apiId": "/apis/echo;rev=1"}),
        ("backends/b", BACKEND | {"circuitBreaker": {}, "credentials": {}, "type": "Single"}),
        ("backends/p", {"type": "Pool", "pool": {"services": [{"id": "/backends/one"}]}}),
        ("namedValues/n", {"displayName": "n", "value": "v", "keyVault": None, "tags": []}),
        ("policyFragments/f", {"value": "<fragment />"}),
        ("products/p", {"displayName": "p", "subscriptionsLimit": 1}),
        ("products/p/apiLinks/l", {"apiId": "/apis/echo"}),
        ("subscriptions/s", {"displayName": "s", "scope": "/apis", "ownerId": "/users/1"}),
        ("loggers/l", {"loggerType": "azureMonitor", "credentials": {}}),
        ("diagnostics/local", {"loggerId": "/loggers/l", "sampling": {}}),
        ("users/u", {"email": "a@b", "firstName": "a", "lastName": "b"}),
        ("tags/t", {"displayName": "t"}),
    ],
)
async def test_no_odd_body_breaks_the_service(tail: str, good: dict[str, Any]) -> None:
    async with local_apim() as apim:
        await apim.must("apis/echo", API)
        await apim.must("backends/one", BACKEND)
        for name in good:
            for odd in WEIRD:
                answer = await apim.put(tail, good | {name: odd})
                assert answer.status < 500, (name, odd)
        bodies: list[Any] = [None, [], 5, {"properties": []}, {"properties": None}]
        for body in bodies:
            answer = await apim.call("PUT", tail, body=body)
            assert answer.status < 500, body


async def test_credentials_rules_and_members_may_be_anything_but_fatal(apim: Apim) -> None:
    for odd in WEIRD:
        for properties in (
            {"circuitBreaker": {"rules": odd}},
            {"circuitBreaker": {"rules": [{"name": "x", "failureCondition": odd}]}},
            {"circuitBreaker": {"rules": [{"failureCondition": {"statusCodeRanges": odd}}]}},
            {"circuitBreaker": {"rules": [{"failureCondition": {"statusCodeRanges": [odd]}}]}},
            {"credentials": {"managedIdentity": odd}},
            {"type": "Pool", "pool": {"services": [{"id": odd}]}},
        ):
            answer = await apim.put("backends/b", BACKEND | properties)
            assert answer.status < 500, properties


@pytest.mark.parametrize(
    ("tail", "properties"),
    [
        ("namedValues/n", {"displayName": "n", "value": "v"}),
        ("policyFragments/f", {"value": "<fragment />"}),
    ],
)
async def test_named_values_and_fragments_take_their_time(
    apim: Apim, tail: str, properties: dict[str, Any]
) -> None:
    operations = apim.arm.door.operations
    operations.hold("service/.*/write")

    started = await apim.put(tail, properties)
    unseen = await apim.get(tail)
    operations.release()

    assert (started.status, unseen.status) == (201, 404)
    assert started.body["properties"]["provisioningState"] == "InProgress"
    assert {"Location", "Azure-AsyncOperation"} <= started.headers.keys()
    assert (await apim.get(tail)).body["properties"]["provisioningState"] == "Succeeded"
    again = await apim.put(tail, properties)
    assert (again.status, "Location" in again.headers) == (200, True)
