"""Builds the real thing from the settings; the only place that knows which adapter is used.

Clients are made at first use and kept for the process: creating one costs a connection pool, and
Functions kills an app that takes long to index.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

from azure.core.credentials_async import AsyncTokenCredential

from shared.applying import Applier
from shared.core.desired import Rules
from shared.core.guard import Brake
from shared.intake import Intake
from shared.ports import Gateway, History, Inventory, Outcomes, StateStore
from shared.reconciler import Reconciler
from shared.settings import Settings, read_settings


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
def app() -> App:
    """The one app of this process, built from the environment."""
    return build(settings())


def build(settings: Settings) -> App:
    """Build an app from *settings*. Nothing is connected yet."""
    from azure.identity.aio import DefaultAzureCredential

    from shared.adapters.arm import Arm
    from shared.adapters.clock import SystemClock
    from shared.adapters.gateway import ApimGateway
    from shared.adapters.inventory import ArmInventory
    from shared.adapters.table_state import TableState
    from shared.adapters.work_queue import StorageWorkQueue

    logging.getLogger("azure").setLevel(logging.WARNING)
    clock, credential = SystemClock(), DefaultAzureCredential()
    arm = Arm(
        credential,
        clock,
        endpoint=settings.arm_endpoint,
        subscription=settings.gateway_id.subscription,
        request_timeout=timedelta(seconds=settings.request_timeout_s),
    )
    gateway = ApimGateway(
        arm,
        clock,
        settings.gateway_id,
        parallel_reads=settings.parallel_reads,
        parallel_writes=settings.parallel_writes,
    )
    inventory = ArmInventory(arm, subscriptions=settings.watched)
    state = TableState(_table_service(settings, credential), lease=settings.lease)
    queue = StorageWorkQueue(_queue_client(settings, credential))
    reconciler = Reconciler(
        inventory=inventory,
        gateway=gateway,
        applier=Applier(gateway),
        state=state,
        queue=queue,
        outcomes=_outcomes(settings, credential),
        clock=clock,
        rules=_rules(settings),
        brake=Brake(settings.max_removals, settings.max_removal_percent),
        run_deadline=timedelta(seconds=settings.run_deadline_s),
    )
    return App(settings, reconciler, inventory, gateway, state, state, Intake(state, queue))


def _rules(settings: Settings) -> Rules:
    return Rules(
        owner=settings.owner,
        surfaces=settings.surfaces,
        path_prefix=settings.path_prefix,
        token_limits=settings.token_limits,
        mode=settings.mode,
        grace=timedelta(hours=settings.grace_hours),
    )


def _outcomes(settings: Settings, credential: AsyncTokenCredential) -> Outcomes:
    from shared.adapters.outcome_events import NoOutcomes, TopicOutcomes

    if settings.outcome_topic is None:
        return NoOutcomes()
    return TopicOutcomes(credential, settings.outcome_topic)


def _table_service(settings: Settings, credential: AsyncTokenCredential) -> Any:
    from azure.data.tables.aio import TableServiceClient

    if connection := settings.storage.get(""):
        return TableServiceClient.from_connection_string(connection)
    return TableServiceClient(settings.storage_url("table"), credential=credential)


def _queue_client(settings: Settings, credential: AsyncTokenCredential) -> Callable[..., Any]:
    from azure.storage.queue.aio import QueueClient

    def connect(name: str, **kwargs: Any) -> QueueClient:
        if connection := settings.storage.get(""):
            return QueueClient.from_connection_string(connection, name, **kwargs)
        return QueueClient(settings.storage_url("queue"), name, credential=credential, **kwargs)

    return connect
