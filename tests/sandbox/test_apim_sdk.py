"""The typed SDK walks the kinds: what it sends is taken, what we answer it parses."""

import io
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.mgmt.apimanagement import models
from azure.mgmt.apimanagement.aio import ApiManagementClient

from sandbox.arm.apim.call import ApimOptions, PutShape
from tests.sandbox.apim_client import GROUP, ROOT, SERVICE, Apim, a_document, local_apim

AT = (GROUP, SERVICE)


@pytest.fixture
async def apim() -> AsyncIterator[Apim]:
    async with local_apim(ApimOptions()) as apim:
        yield apim


@pytest.fixture
async def client(apim: Apim) -> AsyncIterator[ApiManagementClient]:
    async with apim.sdk() as client:
        yield client


async def an_api(client: ApiManagementClient, name: str = "echo") -> models.ApiContract:
    contract = models.ApiCreateOrUpdateParameter(
        display_name="Echo", path=name, protocols=["https"], service_url="https://echo.test"
    )
    poller = await client.api.begin_create_or_update(*AT, name, contract)
    return await poller.result()


async def names(pages: Any) -> list[str]:
    return [item.name async for item in pages]


async def test_a_service_shows_its_identity_and_its_gateway(client: ApiManagementClient) -> None:
    service = await client.api_management_service.get(*AT)

    assert service.identity is not None
    assert service.identity.principal_id
    assert service.sku.name == "Developer"
    assert service.gateway_url == "https://apim.azure-api.net"
    assert service.provisioning_state == "Succeeded"


@pytest.mark.parametrize("shape", ["inline", "async"])
async def test_an_api_is_imported_listed_and_deleted(shape: PutShape) -> None:
    async with local_apim(ApimOptions(api_put_shape=shape)) as apim, apim.sdk() as client:
        contract = models.ApiCreateOrUpdateParameter(
            path="doc", format="openapi+json", value=a_document("One", "Two")
        )

        poller = await client.api.begin_create_or_update(*AT, "doc", contract)
        api = await poller.result()

        assert api.display_name == "Doc"
        assert api.is_current
        assert api.subscription_key_parameter_names is not None
        assert api.subscription_key_parameter_names.header == "Ocp-Apim-Subscription-Key"
        assert await names(client.api_operation.list_by_api(*AT, "doc")) == ["one", "two"]
        await (await client.api.begin_delete(*AT, "doc", "*")).result()
        assert await names(client.api.list_by_service(*AT)) == []


async def test_the_sdk_refuses_the_202_of_an_api_put() -> None:
    async with local_apim(ApimOptions(api_put_shape="accepted")) as apim, apim.sdk() as client:
        with pytest.raises(HttpResponseError) as caught:
            await an_api(client)

        assert caught.value.status_code == 202


async def test_a_failed_import_raises_with_its_details(client: ApiManagementClient) -> None:
    contract = models.ApiCreateOrUpdateParameter(path="doc", format="openapi+json", value="{}")

    with pytest.raises(HttpResponseError) as caught:
        await (await client.api.begin_create_or_update(*AT, "doc", contract)).result()

    assert "Parsing error(s)" in str(caught.value)
    with pytest.raises(ResourceNotFoundError):
        await client.api.get(*AT, "doc")


async def test_an_operation_and_its_policy(client: ApiManagementClient) -> None:
    await an_api(client)
    operation = models.OperationContract(
        display_name="Get",
        method="GET",
        url_template="/things/{id}",
        template_parameters=[models.ParameterContract(name="id", type="string", required=True)],
    )

    made = await client.api_operation.create_or_update(*AT, "echo", "get", operation)
    policy = models.PolicyContract(value="<policies><inbound><base/></inbound></policies>")
    await client.api_operation_policy.create_or_update(*AT, "echo", "get", "policy", policy)

    assert made.template_parameters is not None
    assert made.template_parameters[0].name == "id"
    got = await client.api_operation_policy.get(*AT, "echo", "get", "policy")
    assert got.value == "<policies>\r\n  <inbound>\r\n    <base />\r\n  </inbound>\r\n</policies>"
    assert await client.api_operation.get_entity_tag(*AT, "echo", "get")
    await client.api_operation.delete(*AT, "echo", "get", "*")
    assert await names(client.api_operation.list_by_api(*AT, "echo")) == []


async def test_an_api_policy_comes_back_in_both_formats(client: ApiManagementClient) -> None:
    await an_api(client)
    raw = '<policies><inbound><set-variable name="a" value="@("x")" /></inbound></policies>'

    await client.api_policy.create_or_update(
        *AT, "echo", "policy", models.PolicyContract(value=raw, format="rawxml")
    )

    escaped = await client.api_policy.get(*AT, "echo", "policy")
    unescaped = await client.api_policy.get(*AT, "echo", "policy", format="rawxml")
    assert 'value="@(&quot;x&quot;)"' in str(escaped.value)
    assert 'value="@("x")"' in str(unescaped.value)
    listed = await client.api_policy.list_by_api(*AT, "echo")
    assert listed.count == 1
    await client.api_policy.delete(*AT, "echo", "policy", "*")
    with pytest.raises(ResourceNotFoundError):
        await client.api_policy.get(*AT, "echo", "policy")


async def test_backends_single_and_pool(client: ApiManagementClient) -> None:
    rule = models.CircuitBreakerRule(
        name="trip",
        failure_condition=models.CircuitBreakerFailureCondition(
            count=1,
            interval=timedelta(minutes=1),
            status_code_ranges=[models.FailureStatusCodeRange(min=429, max=429)],
        ),
        trip_duration=timedelta(minutes=1),
        accept_retry_after=True,
    )
    single = models.BackendContract(
        url="https://a.openai.azure.com/openai",
        protocol="http",
        circuit_breaker=models.BackendCircuitBreaker(rules=[rule]),
    )
    await client.backend.create_or_update(*AT, "one", single)
    member = models.BackendPoolItem(id="/backends/one", priority=1, weight=50)
    body = {"properties": {"type": "Pool", "pool": {"services": [member.serialize()]}}}

    pool = await client.backend.create_or_update(*AT, "pool", io.BytesIO(json.dumps(body).encode()))

    assert pool.type_properties_type == "Pool"
    got = await client.backend.get(*AT, "one")
    assert got.circuit_breaker is not None
    assert got.circuit_breaker.rules is not None
    assert got.circuit_breaker.rules[0].trip_duration == timedelta(minutes=1)
    assert await names(client.backend.list_by_service(*AT)) == ["one", "pool"]
    update = models.BackendUpdateParameters(title="One")
    assert (await client.backend.update(*AT, "one", "*", update)).title == "One"
    await client.backend.delete(*AT, "pool", "*")
    await client.backend.delete(*AT, "one", "*")
    assert await names(client.backend.list_by_service(*AT)) == []


async def test_a_secret_named_value_is_shown_by_list_value_only(
    client: ApiManagementClient,
) -> None:
    contract = models.NamedValueCreateContract(display_name="key", value="hush", secret=True)

    poller = await client.named_value.begin_create_or_update(*AT, "key", contract)
    made = await poller.result()

    assert made.value is None
    assert (await client.named_value.get(*AT, "key")).value is None
    assert (await client.named_value.list_value(*AT, "key")).value == "hush"
    assert await names(client.named_value.list_by_service(*AT)) == ["key"]
    update = models.NamedValueUpdateParameters(tags=["a"])
    await (await client.named_value.begin_update(*AT, "key", "*", update)).result()
    assert (await client.named_value.list_value(*AT, "key")).value == "hush"
    await client.named_value.delete(*AT, "key", "*")


async def test_a_policy_fragment_lists_its_references(client: ApiManagementClient) -> None:
    await an_api(client)
    contract = models.PolicyFragmentContract(value="<fragment><trace source='a' /></fragment>")
    poller = await client.policy_fragment.begin_create_or_update(*AT, "frag", contract)
    await poller.result()
    include = '<policies><inbound><include-fragment fragment-id="frag" /></inbound></policies>'
    await client.api_policy.create_or_update(
        *AT, "echo", "policy", models.PolicyContract(value=include)
    )

    references = await client.policy_fragment.list_references(*AT, "frag")

    assert references.value is not None
    assert [str(item.id).rsplit("/", 4)[1:] for item in references.value] == [
        ["apis", "echo", "policies", "policy"]
    ]
    with pytest.raises(HttpResponseError, match="is used by the following entities"):
        await client.policy_fragment.delete(*AT, "frag", "*")
    await client.api_policy.delete(*AT, "echo", "policy", "*")
    await client.policy_fragment.delete(*AT, "frag", "*")


async def test_a_product_has_apis_by_name_and_by_link(client: ApiManagementClient) -> None:
    await an_api(client)
    await an_api(client, "second")
    product = models.ProductContract(display_name="AI", state="published")
    await client.product.create_or_update(*AT, "ai", product)

    await client.product_api.create_or_update(*AT, "ai", "echo")
    link = models.ProductApiLinkContract(api_id=f"{ROOT}/apis/second")
    await client.product_api_link.create_or_update(*AT, "ai", "my-link", link)

    assert await names(client.product_api.list_by_product(*AT, "ai")) == ["echo", "second"]
    assert await names(client.product_api_link.list_by_product(*AT, "ai")) == ["echo", "my-link"]
    assert await client.product_api.check_entity_exists(*AT, "ai", "echo")
    with pytest.raises(ResourceExistsError, match="Link already exists between specified"):
        await client.product_api_link.create_or_update(*AT, "ai", "other", link)
    assert await names(client.api_product.list_by_apis(*AT, "echo")) == ["ai"]
    await client.product_api.delete(*AT, "ai", "second")
    await (await client.api.begin_delete(*AT, "echo", "*")).result()
    assert await names(client.product_api.list_by_product(*AT, "ai")) == []
    await client.product.delete(*AT, "ai", "*", delete_subscriptions=True)


async def test_a_tag_is_assigned_to_an_api(client: ApiManagementClient) -> None:
    await an_api(client)
    tag = models.TagCreateUpdateParameters(display_name="AI")
    await client.tag.create_or_update(*AT, "ai", tag)

    await client.tag.assign_to_api(*AT, "echo", "ai")

    assert await names(client.tag.list_by_api(*AT, "echo")) == ["ai"]
    assert await names(client.tag_api_link.list_by_product(*AT, "ai")) == ["echo"]
    assert (await client.tag.get_by_api(*AT, "echo", "ai")).display_name == "AI"
    await client.tag.detach_from_api(*AT, "echo", "ai")
    assert await names(client.tag.list_by_api(*AT, "echo")) == []
    await client.tag.delete(*AT, "ai", "*")


async def test_a_subscription_shows_its_keys_on_demand(client: ApiManagementClient) -> None:
    await an_api(client)
    wanted = models.SubscriptionCreateParameters(
        scope="/apis/echo", display_name="mine", primary_key="first"
    )

    made = await client.subscription.create_or_update(*AT, "mine", wanted)

    assert made.primary_key is None
    assert str(made.scope) == f"{ROOT}/apis/echo"
    before = await client.subscription.list_secrets(*AT, "mine")
    assert before.primary_key == "first"
    await client.subscription.regenerate_primary_key(*AT, "mine")
    after = await client.subscription.list_secrets(*AT, "mine")
    assert after.primary_key != "first"
    assert after.secondary_key == before.secondary_key
    await client.subscription.delete(*AT, "mine", "*")


async def test_a_logger_and_its_diagnostics(client: ApiManagementClient) -> None:
    await an_api(client)
    contract = models.LoggerContract(
        logger_type="applicationInsights", credentials={"instrumentationKey": "secret"}
    )
    logger = await client.logger.create_or_update(*AT, "ai", contract)
    wanted = models.DiagnosticContract(logger_id=logger.id, metrics=True)

    await client.diagnostic.create_or_update(*AT, "applicationinsights", wanted)
    await client.api_diagnostic.create_or_update(*AT, "echo", "applicationinsights", wanted)

    assert logger.credentials != {"instrumentationKey": "secret"}
    got = await client.api_diagnostic.get(*AT, "echo", "applicationinsights")
    assert (got.logger_id, got.metrics) == (logger.id, True)
    with pytest.raises(HttpResponseError, match="is used by"):
        await client.logger.delete(*AT, "ai", "*")
    await client.diagnostic.delete(*AT, "applicationinsights", "*")
    await client.api_diagnostic.delete(*AT, "echo", "applicationinsights", "*")
    await client.logger.delete(*AT, "ai", "*")


async def test_a_revision_is_released(client: ApiManagementClient) -> None:
    await an_api(client)
    contract = models.ApiCreateOrUpdateParameter(
        path="doc",
        source_api_id="/apis/echo",
        api_revision_description="second",
        format="openapi+json",
        value=a_document("new"),
    )
    contract.path = "echo"
    poller = await client.api.begin_create_or_update(*AT, "echo;rev=2", contract)
    second = await poller.result()
    assert not second.is_current

    release = models.ApiReleaseContract(api_id=second.id, notes="go")
    await client.api_release.create_or_update(*AT, "echo", "rel", release)

    current = await client.api.get(*AT, "echo")
    assert (current.api_revision, current.is_current) == ("2", True)
    assert await names(client.api_operation.list_by_api(*AT, "echo")) == ["new"]
    assert await names(client.api_operation.list_by_api(*AT, "echo;rev=1")) == []
    revisions = [r.api_revision async for r in client.api_revision.list_by_service(*AT, "echo")]
    assert sorted(map(str, revisions)) == ["1", "2"]
    assert await names(client.api_release.list_by_service(*AT, "echo")) == ["rel"]
    with pytest.raises(HttpResponseError, match="deleteRevisions"):
        await client.api.begin_delete(*AT, "echo", "*")
    await (await client.api.begin_delete(*AT, "echo", "*", delete_revisions=True)).result()
    assert await names(client.api.list_by_service(*AT)) == []


async def test_a_version_set_holds_versions(client: ApiManagementClient) -> None:
    wanted = models.ApiVersionSetContract(display_name="Set", versioning_scheme="Segment")
    version_set = await client.api_version_set.create_or_update(*AT, "set", wanted)
    for version in ("v1", "v2"):
        contract = models.ApiCreateOrUpdateParameter(
            display_name="Echo",
            path="echo",
            api_version=version,
            api_version_set_id=version_set.id,
        )
        await (await client.api.begin_create_or_update(*AT, f"e-{version}", contract)).result()

    assert await names(client.api.list_by_service(*AT)) == ["e-v1", "e-v2"]
    with pytest.raises(HttpResponseError, match="'v2' already exists"):
        await client.api.begin_create_or_update(*AT, "e-v3", contract)


async def test_users_groups_gateways_and_schemas_are_there(client: ApiManagementClient) -> None:
    assert await names(client.group.list_by_service(*AT)) == [
        "administrators",
        "developers",
        "guests",
    ]
    assert await names(client.user.list_by_service(*AT)) == ["1"]
    assert await names(client.gateway.list_by_service(*AT)) == []
    assert (await client.policy.get(*AT, "policy")).value
    available = await client.api_management_service.check_name_availability(
        models.ApiManagementServiceCheckNameAvailabilityParameters(name=SERVICE)
    )
    assert available.name_available is False
