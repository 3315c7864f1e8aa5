"""What the golden files show can really be written: the local API Management takes all of it."""

import json

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from sandbox.arm.apim.provider import ApimProvider
from sandbox.arm.compose import arm_app
from sandbox.arm.dispatch import Dispatcher
from sandbox.arm.ids import ResourcePath
from sandbox.arm.provider import Request
from sandbox.arm.server import FRONT_DOOR
from sandbox.contracts import Json
from sandbox.world import World as Azure
from sandbox.world import WorldAccount, WorldGateway, WorldResource
from shared.adapters.gateway import BEARER_VERSION
from shared.adapters.gateway_reads import API_VERSION, ROLES_VERSION
from shared.core.plan import Action, Change
from shared.core.resource_kinds import ResourceKind
from tests.builders import UNIT
from tests.golden.making import writes
from tests.golden.worlds import ASSIGNED, WORLDS, World

GATEWAY = (
    f"/subscriptions/{UNIT.subscription}/resourceGroups/{UNIT.resource_group}"
    "/providers/Microsoft.ApiManagement/service/apim"
)


def azure_of(world: World) -> Azure:
    """The account, a gateway of the tier, and all that the world says the gateway has."""
    facts = world.facts
    return Azure(
        accounts=[
            WorldAccount(
                name=UNIT.name,
                kind=world.account.kind,
                subdomain=world.account.custom_subdomain,
                location=world.account.location,
            )
        ],
        gateways=[
            WorldGateway(
                name="apim",
                sku=world.sku,
                capacity=0 if world.sku == "Consumption" else 1,
                identity="SystemAssigned" if "" in world.identities else "None",
                user_assigned_identities=["caller"] if ASSIGNED in world.identities else [],
            )
        ],
        resources=[
            *(a_resource(f"loggers/{name}", _LOGGER) for name in facts.loggers),
            *([a_resource("caches/default", _CACHE)] if facts.has_cache else []),
            *(a_resource(f"backends/{name}", _SAFETY) for name in facts.backends),
            *(a_resource(f"products/{name}", {"displayName": name}) for name in facts.products),
        ],
    )


def a_resource(path: str, properties: Json) -> WorldResource:
    return WorldResource(id=f"{GATEWAY}/{path}", body={"properties": properties})


_LOGGER: Json = {"loggerType": "applicationInsights", "credentials": {"connectionString": "x"}}
_CACHE: Json = {"connectionString": "redis:10000", "useFromLocation": "default"}
_SAFETY: Json = {"url": "https://safety.cognitiveservices.azure.com", "protocol": "http"}


def carry_out(dispatcher: Dispatcher, change: Change) -> None:
    path = change.path if change.path.startswith("/") else f"{GATEWAY}/{change.path}"
    is_delete = change.action is Action.DELETE
    headers = CIMultiDictProxy(CIMultiDict({"If-Match": "*"} if is_delete else {}))
    body = change.desired.body if change.desired else {}
    request = Request(
        "DELETE" if is_delete else "PUT",
        dispatcher.canonical(ResourcePath.parse(path)),
        headers=headers,
        body=None if is_delete or not body else json.loads(json.dumps(body)),
        api_version=_version(change),
    )
    reply = dispatcher.handle(request)
    if reply.long_running is not None:
        reply = reply.long_running.finish()
    assert reply.status < 300, change.path


def _version(change: Change) -> str:
    if change.kind is ResourceKind.ROLE_ASSIGNMENT:
        return ROLES_VERSION
    return BEARER_VERSION if change.kind is ResourceKind.API else API_VERSION


@pytest.mark.parametrize("world", WORLDS.values(), ids=WORLDS)
def test_the_service_takes_what_is_planned_in_its_order(world: World) -> None:
    app = arm_app(azure_of(world), extra=[ApimProvider])

    for change in writes(world):
        carry_out(app[FRONT_DOOR].dispatcher, change)
