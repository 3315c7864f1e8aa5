"""What infra sets up around the app in a real subscription: its settings and its events."""

from collections.abc import Mapping
from contextlib import suppress

from azure.core.exceptions import ResourceExistsError
from azure.storage.blob.aio import BlobServiceClient

from sandbox.contracts import Json
from sandbox.event_grid.emulator import EventGrid
from sandbox.event_grid.events import Schema
from sandbox.event_grid.subscriptions import parse_subscription
from sandbox.functions_host.process import FunctionsHost
from sandbox.world import World

OUTCOME_TOPIC = "outcomes"
EVENT_FUNCTION = "deployment_events"
DEAD_LETTERS = "dead-letters"

EVENT_TYPES = (
    "Microsoft.Resources.ResourceWriteSuccess",
    "Microsoft.Resources.ResourceWriteFailure",
    "Microsoft.Resources.ResourceDeleteSuccess",
)
OPERATIONS = (
    "Microsoft.CognitiveServices/accounts/write",
    "Microsoft.CognitiveServices/accounts/delete",
    "Microsoft.CognitiveServices/accounts/deployments/write",
    "Microsoft.CognitiveServices/accounts/deployments/delete",
    "Microsoft.Resources/tags/write",
)


def gateway_id(world: World, name: str = "") -> str:
    """The gateway called *name*, or the world's first; empty if the world has none.

    Raises:
        ValueError: none has that name.
    """
    for gateway in world.gateways:
        if name in ("", gateway.name):
            return (
                f"/subscriptions/{gateway.subscription or world.subscriptions[0].id}"
                f"/resourceGroups/{gateway.resource_group or world.resource_group}"
                f"/providers/Microsoft.ApiManagement/service/{gateway.name}"
            )
    if name:
        known = ", ".join(gateway.name for gateway in world.gateways) or "none"
        raise ValueError(f"no gateway is called '{name}'; the world has: {known}")
    return ""


def app_settings(
    world: World, *, gateway: str, arm: str, storage: str, grid: str
) -> Mapping[str, str]:
    """The app's settings for this local Azure.

    Args:
        world: For the subscriptions to watch.
        gateway: Resource id of the gateway to write to.
        arm: Base URL of ARM.
        storage: Connection string.
        grid: Base URL of Event Grid.
    """
    return {
        "AzureWebJobsStorage": storage,
        "ONRAMP_GATEWAY_ID": gateway,
        "ONRAMP_SUBSCRIPTIONS": ",".join(it.id for it in world.subscriptions),
        "ONRAMP_ARM_ENDPOINT": arm,
        "ONRAMP_OUTCOME_TOPIC": f"{grid}/topics/{OUTCOME_TOPIC}/api/events",
    }


async def subscribe(grid: EventGrid, world: World, app: FunctionsHost, schema: Schema) -> None:
    """Let the system topic of every subscription deliver to the app."""
    url = app.event_grid_url(EVENT_FUNCTION)
    for subscription in world.subscriptions:
        source = f"/subscriptions/{subscription.id}"
        body = _event_subscription(schema)
        await grid.subscribe(parse_subscription("model-onramp", source, body, lambda _id: url))


async def make_dead_letters(storage: str) -> None:
    """The container: without it Event Grid drops what it can't deliver."""
    async with BlobServiceClient.from_connection_string(storage) as blobs:
        with suppress(ResourceExistsError):
            await blobs.create_container(DEAD_LETTERS)


def _event_subscription(schema: Schema) -> Json:
    operations = {
        "operatorType": "StringIn",
        "key": "data.operationName",
        "values": list(OPERATIONS),
    }
    return {
        "properties": {
            "destination": {"endpointType": "AzureFunction", "properties": {"resourceId": "app"}},
            "eventDeliverySchema": schema.value,
            "filter": {
                "includedEventTypes": list(EVENT_TYPES),
                "enableAdvancedFilteringOnArrays": True,
                "advancedFilters": [operations],
            },
            "deadLetterDestination": {
                "endpointType": "StorageBlob",
                "properties": {"resourceId": "storage", "blobContainerName": DEAD_LETTERS},
            },
        }
    }
