"""Builds the real thing from the settings; the only place that knows which adapter is used.

Clients are made at first use and kept for the process: creating one costs a connection pool, and
Functions kills an app that takes long to index.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from azure.core.credentials_async import AsyncTokenCredential

from shared.applying import Applier
from shared.core.desired import Rules
from shared.core.guard import Brake
from shared.intake import Intake
from shared.ports import Gateway, History, Inventory, Outcomes, StateStore, WorkQueue
from shared.reconciler import Reconciler
from shared.settings import Settings, read_settings

if TYPE_CHECKING:
    from shared.adapters.table_state import TableState


@dataclass(frozen=True, slots=True)
class App:
    """Everything that the handlers use."""

    settings: Settings
    reconciler: Reconciler
    inventory: Inventory
    gateway: Gateway
    state: StateStore
    history: History
    intake: Intake


@cache
def settings() -> Settings:
    return read_settings()


@cache
def intake() -> Intake:
    """The way in alone: an event needs neither ARM nor what it takes to import its client."""
    return Intake(_state(), _queue())


@cache
def app() -> App:
    """The one app of this process. Nothing is connected yet."""
    from shared.adapters.arm import Arm
    from shared.adapters.clock import SystemClock
    from shared.adapters.gateway import ApimGateway
    from shared.adapters.inventory import ArmInventory

    its, clock = settings(), SystemClock()
    arm = Arm(
        _credential(),
        clock,
        endpoint=its.arm_endpoint,
        subscription=its.gateway_id.subscription,
        request_timeout=timedelta(seconds=its.request_timeout_s),
    )
    gateway = ApimGateway(
        arm,
        clock,
        its.gateway_id,
        parallel_reads=its.parallel_reads,
        parallel_writes=its.parallel_writes,
    )
    inventory = ArmInventory(arm, clock, subscriptions=its.watched)
    reconciler = Reconciler(
        inventory=inventory,
        gateway=gateway,
        applier=Applier(gateway),
        state=_state(),
        queue=_queue(),
        outcomes=_outcomes(its),
        clock=clock,
        rules=_rules(its),
        brake=Brake(its.max_removals, its.max_removal_percent),
        run_deadline=timedelta(seconds=its.run_deadline_s),
    )
    return App(its, reconciler, inventory, gateway, _state(), _state(), intake())


@cache
def _credential() -> AsyncTokenCredential:
    from azure.identity.aio import DefaultAzureCredential

    return DefaultAzureCredential()


@cache
def _state() -> "TableState":
    from shared.adapters.table_state import TableState

    return TableState(_table_service(settings()), lease=settings().lease)


@cache
def _queue() -> WorkQueue:
    from shared.adapters.work_queue import StorageWorkQueue

    return StorageWorkQueue(_queue_client(settings()))


def _rules(its: Settings) -> Rules:
    return Rules(
        owner=its.owner,
        surfaces=its.surfaces,
        path_prefix=its.path_prefix,
        token_limits=its.token_limits,
        mode=its.mode,
        grace=timedelta(hours=its.grace_hours),
    )


def _outcomes(its: Settings) -> Outcomes:
    from shared.adapters.outcome_events import NoOutcomes, TopicOutcomes

    if its.outcome_topic is None:
        return NoOutcomes()
    return TopicOutcomes(_credential(), its.outcome_topic)


def _table_service(its: Settings) -> Any:
    from azure.data.tables.aio import TableServiceClient

    if connection := its.storage.get(""):
        return TableServiceClient.from_connection_string(connection)
    return TableServiceClient(its.storage_url("table"), credential=_credential())


def _queue_client(its: Settings) -> Callable[..., Any]:
    from azure.storage.queue.aio import QueueClient

    def connect(name: str, **kwargs: Any) -> QueueClient:
        if connection := its.storage.get(""):
            return QueueClient.from_connection_string(connection, name, **kwargs)
        return QueueClient(its.storage_url("queue"), name, credential=_credential(), **kwargs)

    return connect
