"""All settings, read from the environment once and checked together.

Every setting has one row in the README; a test holds the two together. The only module that
reads environment variables.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
)

from shared.core.modes import Mode
from shared.core.ownership import OWNER_NAME
from shared.core.resource_ids import GatewayId, is_subscription
from shared.errors import ConfigError, InvalidId

PREFIX = "ONRAMP_"
_STORAGE = "AzureWebJobsStorage"
_SERVICES = frozenset({"blobServiceUri", "tableServiceUri", "queueServiceUri"})
# What azure-functions-runtime takes for true (utils/app_setting_manager.py).
_TRUE = frozenset({"1", "true", "t", "yes", "y"})
_APP = Path(__file__).resolve().parents[1]
# What was a setting once, and its place in the rules file.
_MOVED = {"surfaces": "surfaces", "path_prefix": "path", "token_limits": "token_limit"}
# Beyond a run's deadline a write may still be under way for the request timeout, and the clocks
# of a lease tick in whole seconds.
_LEASE_MARGIN = timedelta(seconds=10)


def _gateway(value: str) -> GatewayId:
    try:
        return GatewayId.parse(value)
    except InvalidId as exc:
        raise ValueError(str(exc)) from exc


def _words(value: object) -> object:
    return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value


def _subscriptions(values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        if not is_subscription(value.lower()):
            raise ValueError(f"{value!r} is no subscription id (a GUID)")
    return tuple(value.lower() for value in values)


def _file(value: Path) -> Path:
    if not (_APP / value).is_file():
        raise ValueError("is no file, looked for below the app's folder")
    return value


def _storage(parts: Mapping[str, str]) -> Mapping[str, str]:
    known = "" in parts or "accountName" in parts
    if not known and not parts.keys() >= _SERVICES:
        raise ValueError("is not set: a connection string, or its identity-based form")
    return parts


def _endpoint(value: str) -> str:
    url = urlsplit(value)
    local = url.hostname in ("127.0.0.1", "localhost", "::1")
    if url.scheme != "https" and not (url.scheme == "http" and local):
        raise ValueError("must be an https URL (http only on this machine)")
    return value.rstrip("/")


type Words = Annotated[tuple[str, ...], BeforeValidator(_words)]


class Settings(BaseModel):
    """What the app needs to know; immutable."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    gateway_id: Annotated[GatewayId, BeforeValidator(_gateway)] = Field(
        description="Resource id of the API Management service that gets the APIs"
    )
    subscriptions: Annotated[Words, AfterValidator(_subscriptions)] = Field(
        default=(),
        description="Subscriptions whose accounts are onboarded, separated by commas; "
        "the gateway's own if not set",
    )
    owner: Annotated[str, Field(pattern=f"^{OWNER_NAME.pattern}$")] = Field(
        default="default",
        description="Name in the owner marks; give each installation on one gateway its own",
    )
    rules_file: Annotated[Path, AfterValidator(_file)] = Field(
        default=Path("onramp.yaml"),
        description="What is chosen for accounts and deployments, below the app's folder; "
        "without that file, the defaults",
    )
    mode: Mode = Field(
        default=Mode.SYNC,
        description="`sync`, `upsert-only` (takes nothing off) or `observe` (writes nothing); "
        "the tag `onramp:mode` on an account goes before it",
    )
    grace_hours: Annotated[int, Field(ge=0, le=24 * 90)] = Field(
        default=24,
        description="Hours for which a deployment that is gone from ARM answers 410 "
        "before it is forgotten",
    )
    max_removals: Annotated[int, Field(ge=0)] = Field(
        default=10, description="Deployments that one run may take off without a go-ahead"
    )
    max_removal_percent: Annotated[int, Field(ge=0, le=100)] = Field(
        default=50, description="The same as a share of those served, from five served on"
    )
    verify: bool = Field(
        default=True,
        description="Send each onboarded deployment one small request through the gateway; it "
        "counts as verified when that was answered",
    )
    verify_subscription: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,79}$")] = Field(
        default="model-onramp-verify",
        description="Name of the gateway subscription that this uses; made if there is none",
    )
    verify_scope: Annotated[
        str, Field(pattern=r"^/(apis|products/[A-Za-z0-9][A-Za-z0-9-]{0,79})$")
    ] = Field(default="/apis", description="Scope of that subscription: all APIs, or a product's")
    arm_endpoint: Annotated[str, AfterValidator(_endpoint)] = Field(
        default="https://management.azure.com", description="Azure Resource Manager"
    )
    outcome_topic: Annotated[str, AfterValidator(_endpoint)] | None = Field(
        default=None, description="Endpoint of an Event Grid topic that hears what runs changed"
    )
    dead_letters: Annotated[str, Field(pattern=r"^[a-z0-9](-?[a-z0-9]){2,62}$")] = Field(
        default="dead-letters",
        description="Container to which the event subscriptions write what they give up",
    )
    keep_days: Annotated[int, Field(ge=1, le=3650)] = Field(
        default=90, description="Days after which runs and stories are forgotten"
    )
    run_deadline_s: Annotated[int, Field(ge=5, le=360)] = Field(
        default=240, description="Seconds after which a run starts no further write"
    )
    request_timeout_s: Annotated[int, Field(ge=1, le=180)] = Field(
        default=120, description="Seconds to wait for one answer of ARM"
    )
    parallel_writes: Annotated[int, Field(ge=1, le=10)] = Field(
        default=4, description="Writes to the gateway at a time, per process"
    )
    parallel_reads: Annotated[int, Field(ge=1, le=50)] = Field(
        default=10, description="Reads of the gateway at a time, per process"
    )
    storage: Annotated[Mapping[str, str], AfterValidator(_storage)] = Field(
        description="`AzureWebJobsStorage`: a connection string, or its identity-based form "
        "(`AzureWebJobsStorage__accountName`, or `__blobServiceUri`, `__tableServiceUri` and "
        "`__queueServiceUri`)"
    )

    @property
    def rules_path(self) -> Path | None:
        """The rules file; None when it was not asked for and there is none."""
        path = _APP / self.rules_file
        return path if "rules_file" in self.model_fields_set or path.is_file() else None

    @property
    def watched(self) -> tuple[str, ...]:
        return self.subscriptions or (self.gateway_id.subscription,)

    @property
    def lease(self) -> timedelta:
        """Longer than a run can write: see docs/architecture.md, Single flight."""
        seconds = self.run_deadline_s + self.request_timeout_s
        return timedelta(seconds=seconds) + _LEASE_MARGIN

    def storage_url(self, service: str) -> str:
        """The endpoint of *service* (table, queue or blob) where storage is used by identity."""
        named = self.storage.get(f"{service}ServiceUri")
        return named or f"https://{self.storage['accountName']}.{service}.core.windows.net"


def read_settings(env: Mapping[str, str] = os.environ) -> Settings:
    """Read *env*, the process environment if not given.

    Raises:
        ConfigError: names every problem and its fix, in one message.
    """
    values: dict[str, Any] = {
        key.removeprefix(PREFIX).lower(): value.strip()
        for key, value in env.items()
        if key.startswith(PREFIX) and value.strip()
    }
    values["storage"] = {
        key.removeprefix(_STORAGE).removeprefix("__"): value
        for key, value in env.items()
        if (key == _STORAGE or key.startswith(f"{_STORAGE}__")) and value
    }
    try:
        return Settings.model_validate(values)
    except ValidationError as exc:
        problems = "\n".join(f"  - {_problem(dict(error))}" for error in exc.errors())
        raise ConfigError(f"model-onramp can't start with these settings:\n{problems}") from exc


@dataclass(frozen=True, slots=True)
class Exporter:
    """Where telemetry goes, and what the app is called there."""

    connection_string: str
    role: str


def read_exporter(env: Mapping[str, str] = os.environ) -> Exporter | None:
    """What the Functions settings say of telemetry; None when the app is not to export any.

    With PYTHON_ENABLE_OPENTELEMETRY the worker tells the host that it exports its own, and a host
    that exports by OpenTelemetry then drops its log lines (OpenTelemetryConfigurationExtensions.cs
    in Azure/azure-functions-host): so the same setting decides here.
    """
    connection_string = env.get("APPLICATIONINSIGHTS_CONNECTION_STRING", "").strip()
    asked = env.get("PYTHON_ENABLE_OPENTELEMETRY", "").strip().lower()
    if asked not in _TRUE or not connection_string:
        return None
    return Exporter(connection_string, env.get("WEBSITE_SITE_NAME") or "model-onramp")


def _problem(error: Mapping[str, Any]) -> str:
    field = str(error["loc"][0])
    name = _STORAGE if field == "storage" else f"{PREFIX}{field.upper()}"
    if error["type"] == "missing":
        return f"{name} is not set: {Settings.model_fields[field].description}"
    if field in _MOVED:
        return f"{name} is no setting of this version: use `{_MOVED[field]}` in onramp.yaml"
    if error["type"] == "extra_forbidden":
        return f"{name} is no setting of this version: correct or remove it"
    message = str(error["msg"]).removeprefix("Value error, ")
    return f"{name} {message}" if message.startswith("is ") else f"{name}: {message}"
