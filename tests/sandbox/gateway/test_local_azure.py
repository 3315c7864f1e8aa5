"""The gateway between ARM and the model endpoints of one local Azure."""

from collections.abc import Mapping

import openai
from aiohttp import ClientSession

from sandbox.gateway.options import GatewayOptions
from sandbox.local_azure import LocalAzure, Options, local_azure
from sandbox.world import World

_WORLD = {
    "accounts": [
        {
            "name": "contoso",
            "deployments": [{"name": "gpt-4o", "model": {"name": "gpt-4o"}}],
        }
    ],
    "gateways": [{"name": "one", "sku": "StandardV2"}, {"name": "two"}],
}
# A key of the client's would be judged before the gateway's token.
_POLICY = (
    "<policies><inbound><base /><set-header name='api-key' exists-action='delete' /></inbound>"
    "<backend><base /></backend><outbound><base /></outbound></policies>"
)
_ROLE = "5e0bd9bd-7b93-4f28-af87-19fc36ad61bd"  # Cognitive Services OpenAI User


async def _send(
    azure: LocalAzure, session: ClientSession, path: str, put: Mapping[str, object] | None = None
) -> dict[str, object]:
    version = "2022-04-01" if "roleAssignments" in path else "2024-05-01"
    headers = {"Authorization": f"Bearer {azure.token()}"}
    url = f"{azure.endpoints.arm}{path}?api-version={version}"
    method, body = ("GET", None) if put is None else ("PUT", {"properties": put})
    async with session.request(method, url, json=body, headers=headers) as answer:
        assert answer.status < 300, await answer.text()
        found: dict[str, object] = await answer.json()
        return found


async def test_a_client_is_told_where_the_gateway_is_and_reaches_the_model() -> None:
    world = World.model_validate(_WORLD)
    options = Options(world=world, gateway_options=GatewayOptions(propagation_s=0))
    async with local_azure(options) as azure, ClientSession() as session:
        service = azure.gateway_id
        shown = await _send(azure, session, service)
        other = await _send(azure, session, service.replace("/one", "/two"))
        backend = {
            "url": "https://contoso.openai.azure.com/openai",
            "protocol": "http",
            "credentials": {"managedIdentity": {"resource": "https://cognitiveservices.azure.com"}},
        }
        api = {"displayName": "A", "path": "a/openai", "serviceUrl": backend["url"]}
        template = "/deployments/{id}/chat/completions"
        operation = {
            "displayName": "o",
            "method": "POST",
            "urlTemplate": template,
            "templateParameters": [{"name": "id", "type": "string"}],
        }
        await _send(azure, session, f"{service}/backends/b", backend)
        open_ = {"subscriptionRequired": False, "protocols": ["https"]}
        await _send(azure, session, f"{service}/apis/a", {**api, **open_})
        await _send(azure, session, f"{service}/apis/a/operations/o", operation)
        policy = {"format": "xml", "value": _POLICY}
        await _send(azure, session, f"{service}/apis/a/policies/policy", policy)
        url = str(_properties(shown)["gatewayUrl"])
        refused = await _ask(url)
        await _allow(azure, session, str(_member(shown, "identity")["principalId"]))
        answered = await _ask(url)

    assert url == azure.endpoints.extra["gatewayUrl"]
    assert _properties(other)["gatewayUrl"] == "https://two.azure-api.net"
    assert (refused, answered) == ("PermissionDenied", "contoso/gpt-4o heard: hi")


async def _ask(gateway: str) -> str | None:
    client = openai.AsyncAzureOpenAI(
        azure_endpoint=f"{gateway}/a", api_key="k", api_version="2024-10-21", max_retries=0
    )
    async with client:
        try:
            answer = await client.chat.completions.create(
                model="gpt-4o", messages=[{"role": "user", "content": "hi"}]
            )
        except openai.AuthenticationError as exc:
            return str(exc.code)
    return answer.choices[0].message.content


async def _allow(azure: LocalAzure, session: ClientSession, principal: str) -> None:
    group = azure.gateway_id.partition("/providers/")[0]
    account = f"{group}/providers/Microsoft.CognitiveServices/accounts/contoso"
    roles = "providers/Microsoft.Authorization"
    role = f"/subscriptions/{group.split('/')[2]}/{roles}/roleDefinitions/{_ROLE}"
    path = f"{account}/{roles}/roleAssignments/99999999-0000-0000-0000-00000000000a"
    given = {"roleDefinitionId": role, "principalId": principal}
    await _send(azure, session, path, {**given, "principalType": "ServicePrincipal"})


def _member(body: dict[str, object], name: str) -> dict[str, object]:
    found = body[name]
    assert isinstance(found, dict)
    return found


def _properties(body: dict[str, object]) -> dict[str, object]:
    return _member(body, "properties")
