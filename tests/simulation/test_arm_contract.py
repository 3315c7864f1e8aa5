"""ARM in process against ARM over HTTP: one script, played on each of them, one result."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from sandbox.arm.apim.call import ApimOptions
from sandbox.arm.apim.provider import ApimProvider
from sandbox.arm.compose import arm_app
from sandbox.arm.server import serve
from sandbox.world import SUBSCRIPTION, World
from shared.adapters.arm import Arm
from shared.adapters.clock import SystemClock
from shared.adapters.gateway import ApimGateway
from shared.core.model import Resource, Wants
from shared.core.naming import api_id, backend_id
from shared.core.plan import Action, Change
from shared.core.resource_ids import AccountId, GatewayId
from shared.errors import Rejected, RetryableError
from shared.ports import Gateway
from tests.sandbox.arm_client import AsyncCredential
from tests.simulation.azure import ACCOUNTS, ACCOUNTS_VERSION, GATEWAY
from tests.simulation.simulation import Simulation
from tests.simulation.weather import calm
from tests.simulation.worker import make_parts


@dataclass(frozen=True, slots=True)
class Side:
    arm: Arm
    gateway: Gateway


type ArmScript = Callable[[Side], Awaitable[object]]
UNIT = AccountId.parse(f"{ACCOUNTS}/contoso")
BACKEND = f"backends/{backend_id(UNIT, 'azure-openai')}"
API = f"apis/{api_id(UNIT, 'azure-openai')}"
POLICY = f"{API}/policies/policy"
DOCUMENT = (
    '{"openapi": "3.0.1", "info": {"title": "A", "version": "1"}, "paths": {"/x": {"post": '
    '{"operationId": "x", "responses": {"200": {"description": "ok"}}}}}}'
)


def backend(url: str = "https://contoso.openai.azure.com/openai") -> Resource:
    return Resource(BACKEND, {"properties": {"url": url, "protocol": "http"}})


def api(path: str = "a") -> Resource:
    body = {
        "displayName": "A",
        "path": path,
        "protocols": ["https"],
        "format": "openapi+json",
        "value": DOCUMENT,
    }
    return Resource(API, {"properties": body}, (("x", "POST", "/x"),))


def policy(inner: str) -> Resource:
    value = f"<policies><inbound><base />{inner}</inbound></policies>"
    return Resource(POLICY, {"properties": {"format": "xml", "value": value}})


async def apply(side: Side, change: Change) -> str:
    try:
        await side.gateway.apply(change, until=soon(side))
    except (RetryableError, Rejected) as exc:
        return type(exc).__name__ + getattr(exc, "code", "")
    return "applied"


def soon(side: Side) -> float:
    return side.arm._clock.monotonic() + 60


async def standing(side: Side) -> object:
    actual = await side.gateway.actual(UNIT, Wants(), until=soon(side))
    return {
        path: (item.body["properties"], item.operations) for path, item in actual.resources.items()
    }


async def created_and_read(side: Side) -> object:
    before = await standing(side)
    resources = (
        backend(),
        api(),
        policy(f'<set-backend-service backend-id="{BACKEND.removeprefix("backends/")}" />'),
    )
    done = [await apply(side, Change(Action.CREATE, it.path, "", it)) for it in resources]
    return before, done, await standing(side)


async def written_on_an_old_etag(side: Side) -> object:
    await apply(side, Change(Action.CREATE, BACKEND, "", backend()))
    actual = (await side.gateway.actual(UNIT, Wants(), until=soon(side))).resources[BACKEND]
    newer = backend("https://newer.openai.azure.com/openai")
    change = Change(Action.UPDATE, BACKEND, "", newer, actual)
    delete = Change(Action.DELETE, BACKEND, "", actual=actual)
    return [await apply(side, it) for it in (change, change, delete)], await standing(side)


async def refused(side: Side) -> object:
    bad = policy('<set-backend-service backend-id="nobody" />')
    await apply(side, Change(Action.CREATE, API, "", api()))
    wild = Resource(BACKEND, {"properties": {"url": "https://contoso.openai.azure.com"}})
    return [await apply(side, Change(Action.CREATE, it.path, "", it)) for it in (bad, wild)]


async def deleted(side: Side) -> object:
    for it in (backend(), api()):
        await apply(side, Change(Action.CREATE, it.path, "", it))
    actual = (await side.gateway.actual(UNIT, Wants(), until=soon(side))).resources
    done = [
        await apply(side, Change(Action.DELETE, path, "", actual=actual[path]))
        for path in (API, BACKEND, BACKEND)
    ]
    return done, await standing(side)


async def asked_for_what_is_not_there(side: Side) -> object:
    account = await side.arm.get(f"{ACCOUNTS}/nobody", api_version=ACCOUNTS_VERSION)
    path = f"{ACCOUNTS}/nobody/deployments"
    return account, [item async for item in side.arm.list(path, api_version=ACCOUNTS_VERSION)]


ARM_SCRIPTS = (
    created_and_read,
    written_on_an_old_etag,
    refused,
    deleted,
    asked_for_what_is_not_there,
)


@pytest.mark.parametrize("shape", ["inline", "async", "accepted"])
@pytest.mark.parametrize("script", ARM_SCRIPTS, ids=lambda script: script.__name__)
async def test_arm_in_process_answers_as_over_http(script: ArmScript, shape: Any) -> None:
    in_process = play_in_process(script, shape)

    assert in_process == await play_over_http(script, shape)


def play_in_process(script: ArmScript, shape: Any) -> object:
    simulation = Simulation(0, weather_=calm(), shape=shape)
    host = simulation.host
    parts = make_parts(
        host.line,
        host.storage,
        host.queue,
        oracles=host.oracles,
        limits=host.limits,
        skew=timedelta(),
    )
    return simulation.loop.run(script_of(script, Side(parts.arm, parts.gateway)))


async def script_of(script: ArmScript, side: Side) -> object:
    return await script(side)


async def play_over_http(script: ArmScript, shape: Any) -> object:
    options = ApimOptions(api_put_shape=shape)
    app = arm_app(World(), extra=[lambda context: ApimProvider(context, options)])
    async with serve(app) as serving:
        clock = SystemClock()
        arm = Arm(
            AsyncCredential(),
            clock,
            endpoint=serving.base_url,
            subscription=SUBSCRIPTION,
            request_timeout=timedelta(seconds=10),
        )
        gateway = ApimGateway(
            arm, clock, GatewayId.parse(GATEWAY), parallel_reads=4, parallel_writes=4
        )
        try:
            return await script(Side(arm, gateway))
        finally:
            await arm.close()
