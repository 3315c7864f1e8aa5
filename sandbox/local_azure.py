"""The whole local Azure: storage, identity, ARM, Event Grid and, in it, a function app.

async with local_azure(Options()) as azure:
    ...  # azure.endpoints, azure.arm, azure.event_grid, azure.host
"""

import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from ssl import SSLContext

from sandbox import identity
from sandbox.app_setup import OUTCOME_TOPIC, app_settings, gateway_id, subscribe
from sandbox.arm import server
from sandbox.arm.apim import linked
from sandbox.arm.apim.call import ApimOptions
from sandbox.arm.apim.provider import ApimProvider
from sandbox.arm.compose import arm_app
from sandbox.arm.faults import Faults
from sandbox.arm.front_door import FrontDoor
from sandbox.arm.front_door import Options as ArmOptions
from sandbox.arm.latency import Latency
from sandbox.arm.recording import Recorder
from sandbox.arm.throttle import Throttle
from sandbox.azurite import Azurite, azurite
from sandbox.contracts import Endpoints
from sandbox.event_grid.arm_provider import EventGridProvider
from sandbox.event_grid.emulator import EventGrid
from sandbox.event_grid.events import Schema
from sandbox.event_grid.options import Options as EventGridOptions
from sandbox.functions_host.process import FunctionsHost, HostOptions, functions_host
from sandbox.processes import check_free, listen
from sandbox.tls import Certificates, ensure_certificates
from sandbox.tokens import Directory, Identity, issue_token
from sandbox.world import World

ARM_AUDIENCE = "https://management.azure.com"
_DAY_S = 24 * 3600
PORTS = 9  # that a local Azure takes from its port base on

# Made up. The app is a managed identity; people and foreign clients sign in as DEVELOPER.
APP = Identity("0a0a0a0a-0000-4000-8000-000000000001", "0b0b0b0b-0000-4000-8000-000000000001")
DEVELOPER = Identity(
    "0a0a0a0a-0000-4000-8000-000000000002",
    "0b0b0b0b-0000-4000-8000-000000000002",
    secret="local-developer-secret",
)


@dataclass(frozen=True, slots=True)
class Options:
    """How the local Azure is set up; the defaults are an empty world, fast and faultless.

    Attributes:
        app_dir: The function app to run in it; none if not given.
        app_env: Settings for the app besides the ones that the local Azure gives it.
        gateway: Name of the gateway that the app writes to; the world's first if not given.
        tls_dir: Serve ARM and the authority on https too, with certificates kept there.
        port_base: ARM takes this port and the others the ones after it; free ports by default.
    """

    world: World = field(default_factory=World)
    app_dir: Path | None = None
    app_env: Mapping[str, str] = field(default_factory=dict)
    gateway: str = ""
    tls_dir: Path | None = None
    port_base: int | None = None
    record: Path | None = None
    latency: Latency = field(default_factory=Latency)
    faults: Faults = field(default_factory=Faults)
    throttle: Throttle = field(default_factory=Throttle)
    apim: ApimOptions = field(default_factory=ApimOptions)
    event_grid: EventGridOptions = field(default_factory=EventGridOptions)
    event_schema: Schema = Schema.EVENT_GRID
    on_log: Callable[[str], None] = lambda _line: None


@dataclass(frozen=True, slots=True)
class LocalAzure:
    """A running local Azure."""

    endpoints: Endpoints
    arm: FrontDoor
    event_grid: EventGrid
    azurite: Azurite
    world: World
    gateway_id: str
    app: FunctionsHost | None = None

    @property
    def host(self) -> FunctionsHost:
        if self.app is None:
            raise ValueError("this local Azure runs no function app")
        return self.app

    def token(self, who: Identity = DEVELOPER) -> str:
        """A token for ARM, good for a day."""
        return issue_token(
            _directory(self.world),
            who,
            audience=ARM_AUDIENCE,
            now=int(time.time()),
            lifetime_s=_DAY_S,
        )


@asynccontextmanager
async def local_azure(options: Options) -> AsyncIterator[LocalAzure]:
    """Run a local Azure until the block ends; all its processes end with this one."""
    if options.port_base is not None:
        check_free(options.port_base, PORTS)
    gateway_id(options.world, options.gateway)
    async with AsyncExitStack() as stack:
        certificates = ensure_certificates(options.tls_dir) if options.tls_dir else None
        yield await _Start(options, stack, _directory(options.world), certificates).all()


def _directory(world: World) -> Directory:
    return Directory((APP, DEVELOPER), system_assigned=APP, tenant=world.tenant)


@dataclass(frozen=True, slots=True)
class _Start:
    """Starts part after part; the order is that of who needs whom."""

    options: Options
    stack: AsyncExitStack
    directory: Directory
    certificates: Certificates | None
    hosts: list[FunctionsHost] = field(default_factory=list)

    async def all(self) -> LocalAzure:
        storage = await self.stack.enter_async_context(azurite(port_base=self._port(5) or None))
        identity_url = await self._identity(self._port(2), tls=None)
        authority = f"{await self._authority() or identity_url}/{self.options.world.tenant}"
        grid = await self.stack.enter_async_context(
            EventGrid(
                storage=storage.connection_string,
                options=self.options.event_grid,
                port=self._port(3),
            )
        )
        arm = await self._arm(grid, authority)
        gateway = gateway_id(self.options.world, self.options.gateway)
        if self.options.app_dir is not None:
            settings = app_settings(
                self.options.world,
                gateway=gateway,
                arm=arm.base_url,
                storage=storage.connection_string,
                grid=grid.url,
            )
            managed = identity.environment(identity_url, self.directory)
            await self._app({**settings, **managed, **self.options.app_env}, grid)
        endpoints = Endpoints(
            arm=arm.base_url,
            identity=identity_url,
            blob=storage.blob,
            queue=storage.queue,
            table=storage.table,
            event_grid=grid.url,
            functions=self.hosts[0].ready.base_url if self.hosts else "",
            extra={
                **self._extra(arm, authority),
                "gateway": gateway,
                "storage": storage.connection_string,
                "outcomes": _outcomes(grid),
            },
        )
        app = self.hosts[0] if self.hosts else None
        return LocalAzure(endpoints, arm.door, grid, storage, self.options.world, gateway, app)

    def _port(self, offset: int) -> int:
        """A fixed port, or 0 for a free one."""
        return 0 if self.options.port_base is None else self.options.port_base + offset

    def _tls(self) -> SSLContext | None:
        return self.certificates.server_context() if self.certificates else None

    async def _identity(self, port: int, *, tls: SSLContext | None) -> str:
        app = identity.create_app(self.directory)
        return await self.stack.enter_async_context(listen(app, port=port, tls=tls))

    async def _authority(self) -> str | None:
        """Entra on https, without which most clients won't sign in; plain http has it too."""
        tls = self._tls()
        return await self._identity(self._port(8), tls=tls) if tls else None

    async def _arm(self, grid: EventGrid, authority: str) -> server.Serving:
        options = self.options
        app = arm_app(
            options.world,
            options=ArmOptions(
                authority=authority,
                on_write=grid.publish_write,
                latency=options.latency,
                faults=options.faults,
                throttle=options.throttle,
                recorder=Recorder(options.record) if options.record else None,
                prepare=linked.fetched,
            ),
            extra=(
                lambda context: ApimProvider(context, options.apim),
                lambda context: EventGridProvider(context, grid, self._function_url),
            ),
        )
        return await self.stack.enter_async_context(
            server.serve(app, port=self._port(0), tls=self._tls(), tls_port=self._port(1))
        )

    def _function_url(self, resource_id: str) -> str | None:
        """Every function app is the one local app, known once it runs."""
        name = resource_id.rpartition("/functions/")[2]
        return self.hosts[0].event_grid_url(name) if self.hosts and name else None

    async def _app(self, env: Mapping[str, str], grid: EventGrid) -> None:
        options = self.options
        if options.app_dir is None:
            return
        host = HostOptions(options.app_dir, env, port=self._port(4))
        self.hosts.append(
            await self.stack.enter_async_context(functions_host(host, options.on_log))
        )
        await subscribe(grid, options.world, self.hosts[0], options.event_schema)

    def _extra(self, arm: server.Serving, authority: str) -> dict[str, str]:
        """What else a client may want to know; keys as in the JSON line."""
        found = {
            "authority": authority,
            "tenant": self.options.world.tenant,
            "clientId": DEVELOPER.client_id,
            "clientSecret": DEVELOPER.secret or "",
            "subscription": self.options.world.subscriptions[0].id,
            "resourceGroup": self.options.world.resource_group,
            "identityHeader": self.directory.header,
        }
        if self.certificates is not None:
            found["armTls"] = arm.tls_url or ""
            found["ca"] = str(self.certificates.ca)
            found["caBundle"] = str(self.certificates.bundle)
        for host in self.hosts:
            found["masterKey"] = host.ready.master_key
            found["functionKey"] = host.ready.host_key
        return found


def _outcomes(grid: EventGrid) -> str:
    return f"{grid.url}/_sandbox/topics/{OUTCOME_TOPIC}/events"
