"""One resource of every kind that the gateway adapter writes, and a planner just for tests.

Built by hand and not by the app's own core: what the adapter does with a resource must not depend
on what the core makes of an account.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from sandbox.contracts import Json
from sandbox.world import SUBSCRIPTION
from shared.adapters.gateway_reads import ROLES_VERSION
from shared.core import naming
from shared.core.diff import drift
from shared.core.model import Actual, ActualResource, Resource, Wants
from shared.core.ownership import Mark
from shared.core.plan import Action, Change
from shared.core.resource_ids import AccountId
from shared.core.resource_kinds import parent_of
from tests.adapters.conftest import Bench

UNIT = AccountId(SUBSCRIPTION, "rg-ai", "contoso")
FOREVER = float("inf")
MARK = f"Made by model-onramp. {Mark('default', naming.unit_hash(UNIT), account=UNIT.arm_id)}"
API_NAME = naming.api_id(UNIT, "azure-openai-v1")
SOCKET_NAME = naming.api_id(UNIT, "openai-realtime")
USER = "a97b65f3-24c7-4388-baec-2e87135dc908"  # Cognitive Services User
OPENAI_USER = "5e0bd9bd-7b93-4f28-af87-19fc36ad61bd"


def an_api(*operations: str, name: str = API_NAME, **properties: Any) -> Resource:
    document = {
        "openapi": "3.0.1",
        "info": {"title": "contoso", "description": MARK, "version": "1.0"},
        "servers": [{"url": "https://nowhere.invalid"}],
        "paths": {
            f"/{it}": {
                "post": {
                    "operationId": it,
                    "summary": it,
                    "responses": {"200": {"description": "OK"}},
                }
            }
            for it in operations
        },
    }
    body = {
        "displayName": name,
        "description": MARK,
        "path": f"contoso/{name}",
        "protocols": ["https"],
        "serviceUrl": "https://nowhere.invalid",
        "subscriptionRequired": True,
        "subscriptionKeyParameterNames": {"header": "api-key", "query": "subscription-key"},
        "format": "openapi+json",
        "value": json.dumps(document),
        **properties,
    }
    found = tuple(sorted((it, "POST", f"/{it}") for it in operations))
    return Resource(f"apis/{name}", {"properties": body}, found)


def a_policy(*inbound: str, of: Resource, websocket: bool = False) -> Resource:
    text = (
        f"<policies><inbound><base />{''.join(inbound)}</inbound><backend><base /></backend>"
        "<outbound><base /></outbound><on-error><base /></on-error></policies>"
    )
    path = naming.policy_path(of.path.removeprefix("apis/"), websocket=websocket)
    return Resource(path, {"properties": {"format": "xml", "value": text}}, needs=(of.path,))


def a_backend(name: str, url: str = "https://contoso.openai.azure.com/openai/v1") -> Resource:
    credentials = {"managedIdentity": {"resource": "https://cognitiveservices.azure.com/"}}
    body = {
        "description": MARK,
        "url": url,
        "protocol": "http",
        "credentials": credentials,
    }
    return Resource(f"backends/{name}", {"properties": body})


def diagnostics(percentage: float = 100.0) -> Resource:
    body = {
        "loggerId": "/loggers/insights",
        "metrics": True,
        "sampling": {"samplingType": "fixed", "percentage": percentage},
    }
    return Resource(f"{API.path}/diagnostics/applicationinsights", {"properties": body})


def a_key(secret: str = "key1") -> Resource:
    vault = {"secretIdentifier": f"https://contoso.vault.azure.net/secrets/{secret}"}
    name = naming.key_name(UNIT)
    body = {"displayName": name, "secret": True, "keyVault": vault}
    return Resource(f"namedValues/{name}", {"properties": body})


def a_role(principal: str, *, definition: str = USER, description: str = MARK) -> Resource:
    role = (
        f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/"
        f"{definition}"
    )
    body = {
        "roleDefinitionId": role,
        "principalId": principal,
        "principalType": "ServicePrincipal",
        "description": description,
    }
    path = naming.role_assignment_path(UNIT, principal, definition)
    return Resource(path, {"properties": body})


BACKEND = a_backend(naming.backend_id(UNIT, "azure-openai-v1"))
API = an_api("chat")
MORE = an_api("chat", "embeddings")
POLICY = a_policy(f'<set-backend-service backend-id="{BACKEND.path[9:]}" />', of=API)
SOCKET = Resource(
    f"apis/{SOCKET_NAME}",
    {
        "properties": {
            "displayName": SOCKET_NAME,
            "description": MARK,
            "type": "websocket",
            "path": f"contoso/{SOCKET_NAME}",
            "protocols": ["wss"],
            "serviceUrl": "wss://contoso.openai.azure.com/openai/realtime",
            "subscriptionRequired": True,
        }
    },
)
SOCKET_POLICY = a_policy(of=SOCKET, websocket=True)
PRODUCT = Resource("products/ai", {"properties": {"displayName": "AI", "state": "published"}})
LINK = Resource(f"products/ai/{API.path}", {})
LOGGER: Json = {
    "properties": {
        "loggerType": "applicationInsights",
        "credentials": {"instrumentationKey": "00000000-0000-0000-0000-000000000000"},
    }
}
EVERYTHING = Wants(loggers=True, keys=True, products=frozenset({"ai"}))


def edited(resource: Resource, **properties: Any) -> Resource:
    return replace(resource, body={"properties": {**resource.body["properties"], **properties}})


def create(resource: Resource) -> Change:
    return Change(Action.CREATE, resource.path, "test", resource)


def update(resource: Resource, actual: ActualResource) -> Change:
    return Change(Action.UPDATE, resource.path, "test", resource, actual)


def delete(actual: ActualResource) -> Change:
    return Change(Action.DELETE, actual.path, "test", actual=actual)


def changes(wanted: Iterable[Resource], actual: Mapping[str, ActualResource]) -> list[Change]:
    """What makes *wanted* of *actual*, in a safe order."""
    resources = {it.path: it for it in wanted}
    found = [
        create(it) if path not in actual else update(it, actual[path])
        for path, it in resources.items()
        if path not in actual or drift(it, actual[path])
    ]
    gone = set(actual) - set(resources)
    found += [delete(actual[path]) for path in gone if parent_of(path) not in gone]
    return sorted(found, key=lambda it: (it.level, it.path))


async def look(bench: Bench, wants: Wants = EVERYTHING) -> Actual:
    return await bench.gateway.actual(UNIT, wants, until=FOREVER)


async def apply(bench: Bench, change: Change) -> None:
    await bench.gateway.apply(change, until=FOREVER)


async def make(bench: Bench, *wanted: Resource, wants: Wants = EVERYTHING) -> list[Change]:
    """Look, then make just *wanted* stand; what that took."""
    planned = changes(wanted, (await look(bench, wants)).resources)
    for change in planned:
        await apply(bench, change)
    return planned


async def clear(bench: Bench) -> None:
    """Take all of it off again, as a person does; first what names others."""
    bench.azure.arm.faults.clear()
    for item in (API, SOCKET, BACKEND, a_key(), PRODUCT):
        await bench.remove(item.path)
    for assignment in await bench.assignments(UNIT):
        await bench.client.delete(assignment["id"], version=ROLES_VERSION)
