"""The whole local Azure: storage, identity, ARM, Event Grid, gateway, models and a function app.

async with local_azure(Options()) as azure:
    ...  # azure.endpoints, azure.arm, azure.event_grid, azure.host
"""

import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from ssl import SSLContext

from sandbox import identity
from sandbox.app_setup import (
    OUTCOME_TOPIC,
    app_settings,
    gateway_id,
    make_dead_letters,
    subscribe,
)
from sandbox.arm import server
from sandbox.arm.apim import linked
from sandbox.arm.apim.call import ApimOptions, azure_gateway_url
from sandbox.arm.apim.provider import ApimProvider
from sandbox.arm.compose import arm_app
from sandbox.arm.faults import Faults
from sandbox.arm.front_door import FrontDoor
from sandbox.arm.front_door import Options as ArmOptions
from sandbox.arm.latency import Latency
from sandbox.arm.provider import Context
from sandbox.arm.recording import Recorder
from sandbox.arm.throttle import Throttle
from sandbox.azurite import Azurite, azurite
from sandbox.contracts import Endpoints
from sandbox.event_grid.arm_provider import EventGridProvider
from sandbox.event_grid.emulator import EventGrid
from sandbox.event_grid.events import Schema
from sandbox.event_grid.options import Options as EventGridOptions
from sandbox.functions_host.process import FunctionsHost, HostOptions, functions_host
from sandbox.gateway.options import GatewayOptions
from sandbox.gateway.server import RunningGateway, Site
from sandbox.gateway.server import gateway as gateway_server
from sandbox.models.endpoints import ModelEndpoints
from sandbox.models.options import ModelOptions
from sandbox.models.server import create_app as models_app
from sandbox.processes import check_free, listen
from sandbox.tls import Certificates, ensure_certificates
from sandbox.tokens import Directory, Identity, issue_token
from sandbox.world import World

ARM_AUDIENCE = "https://management.azure.com"
_DAY_S = 24 * 3600
PORTS = 11  # that a local Azure takes from its port base on

# Whose hosts the model endpoints stand for (sandbox/models/estate.py).
_MODEL_HOSTS = tuple(
    f"{name}.{suffix}"
    for name in ("openai", "services.ai", "cognitiveservices")
    for suffix in ("azure.com", "azure.us", "azure.cn")
)

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
        gateway: Name of the gateway that the app writes to, and that answers calls; the world's
            first if not given.
        gateway_options: Upstreams named here go before the world's own model endpoints.
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
    gateway_options: GatewayOptions = field(default_factory=GatewayOptions)
    models: ModelOptions = field(default_factory=ModelOptions)
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
    models: ModelEndpoints
    gateway: RunningGateway | None = None  # None: the world has none
    app: FunctionsHost | None = None

    @property
    def host(self) -> FunctionsHost:
        if self.app is None:
            raise ValueError("this local Azure runs no function app")
        return self.app

    @property
    def board(self) -> str:
        """The board's address with the key that it needs, which no server ever sees there."""
        ready = self.host.ready
        return f"{ready.base_url}/api/board#key={ready.host_key}"

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
    context: Context = field(default_factory=Context)

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
        gateway = gateway_id(self.options.world, self.options.gateway)
        models = self._model_endpoints()
        models_url = await self.stack.enter_async_context(
            listen(models_app(models), port=self._port(10))
        )
        data_plane = await self._gateway(gateway, models_url)
        arm = await self._arm(grid, authority, data_plane)
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
                "gatewayUrl": data_plane.url if data_plane else "",
                "models": models_url,
            },
        )
        app = self.hosts[0] if self.hosts else None
        return LocalAzure(
            endpoints,
            arm.door,
            grid,
            storage,
            self.options.world,
            gateway,
            models,
            data_plane,
            app,
        )

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

    def _model_endpoints(self) -> ModelEndpoints:
        options, store = self.options, self.context.store
        catalogue = options.world.catalogue()
        return ModelEndpoints(store, self.directory, options.models, catalogue=catalogue)

    async def _gateway(self, service_id: str, models_url: str) -> RunningGateway | None:
        """It comes before ARM, which tells where it is; what it serves, it reads from the store."""
        if not service_id:
            return None
        given = self.options.gateway_options
        others = {it: models_url for it in _MODEL_HOSTS if it not in given.upstreams}
        site = Site(self.context.store, service_id, self.directory)

        def log(line: str) -> None:
            given.on_log(line)
            self.options.on_log(line)

        options = replace(given, upstreams={**given.upstreams, **others}, on_log=log)
        return await self.stack.enter_async_context(
            gateway_server(site, options, port=self._port(9))
        )

    async def _arm(
        self, grid: EventGrid, authority: str, data_plane: RunningGateway | None
    ) -> server.Serving:
        options = self.options
        apim = replace(options.apim, gateway_url=self._gateway_url(data_plane))
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
                lambda context: ApimProvider(context, apim),
                lambda context: EventGridProvider(context, grid, self._function_url),
            ),
            context=self.context,
        )
        return await self.stack.enter_async_context(
            server.serve(app, port=self._port(0), tls=self._tls(), tls_port=self._port(1))
        )

    def _gateway_url(self, data_plane: RunningGateway | None) -> Callable[[str], str]:
        """Of the one service whose gateway runs here; the others are where Azure has them."""
        served = gateway_id(self.options.world, self.options.gateway).rpartition("/")[2].lower()

        def url(name: str) -> str:
            if data_plane is not None and name.lower() == served:
                return data_plane.url
            return azure_gateway_url(name)

        return url

    def _function_url(self, resource_id: str) -> str | None:
        """Every function app is the one local app, known once it runs."""
        name = resource_id.rpartition("/functions/")[2]
        return self.hosts[0].event_grid_url(name) if self.hosts and name else None

    async def _app(self, env: Mapping[str, str], grid: EventGrid) -> None:
        options = self.options
        if options.app_dir is None:
            return
        await make_dead_letters(env["AzureWebJobsStorage"])
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
