"""Builds the real thing from the settings; the only place that knows which adapter is used.

Clients are made at first use and kept for the process: creating one costs a connection pool, and
Functions kills an app that takes long to index.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from azure.core.credentials_async import AsyncTokenCredential

from shared import logs, telemetry
from shared.intake import Intake
from shared.ports import (
    Clock,
    Gateway,
    History,
    Inventory,
    Ledger,
    Outcomes,
    StateStore,
    WorkQueue,
)
from shared.settings import Settings, read_exporter, read_settings

logger = logging.getLogger(__name__)

if TYPE_CHECKING:
    from shared.adapters.arm import Arm
    from shared.adapters.dead_letters import DeadLetters
    from shared.adapters.gateway_survey import ApimSurvey
    from shared.adapters.table_ledger import TableLedger
    from shared.adapters.table_state import TableState
    from shared.core.observed import Rules
    from shared.planning import Planner
    from shared.proving import Prover
    from shared.reconciler import Reconciler


@dataclass(frozen=True, slots=True)
class App:
    """Everything that the handlers use."""

    settings: Settings
    reconciler: "Reconciler"
    planner: "Planner"
    inventory: Inventory
    gateway: Gateway
    survey: "ApimSurvey"
    clock: Clock
    state: StateStore
    ledger: Ledger
    history: History
    intake: Intake
    queue: WorkQueue
    outcomes: Outcomes


def check() -> None:
    """Read the settings, and the rules file where there is one: reading it takes 0.2 s of start.

    Raises:
        ConfigError: what is wrong with them.
    """
    if settings().rules_path is not None:
        rules()


def set_up_telemetry() -> None:
    """Export telemetry if the settings ask for it; the app works without, whatever comes of it."""
    its = read_exporter()
    if its is None:
        return
    try:
        from shared.adapters.telemetry_export import exported

        telemetry.let_listen(exported(its.connection_string, role=its.role))
    except Exception as exc:  # noqa: BLE001 - a beta of an SDK, and not what the app is for
        logs.error(logger, "telemetry is off", exc)


@cache
def settings() -> Settings:
    return read_settings()


@cache
def intake() -> Intake:
    """The way in alone: an event needs neither ARM nor what it takes to import its client."""
    return Intake(_state(), _queue())


@dataclass(frozen=True, slots=True)
class Outside:
    """Azure Resource Manager, as the app or a person at a terminal reaches it."""

    arm: "Arm"
    clock: Clock
    gateway: Gateway
    inventory: Inventory
    planner: "Planner"
    survey: "ApimSurvey"


def outside(its: Settings, rules: "Rules", credential: AsyncTokenCredential) -> Outside:
    """Nothing is connected yet; the owner of *credential* closes ``arm``."""
    from shared.adapters.arm import Arm
    from shared.adapters.clock import SystemClock
    from shared.adapters.gateway import ApimGateway
    from shared.adapters.gateway_survey import ApimSurvey
    from shared.adapters.inventory import ArmInventory
    from shared.core.guard import Brake
    from shared.planning import Planner

    clock = SystemClock()
    arm = Arm(
        credential,
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
    brake = Brake(its.max_removals, its.max_removal_percent)
    planner = Planner(inventory, gateway, clock, rules, brake)
    survey = ApimSurvey(arm, its.gateway_id, owner=its.owner, parallel_reads=its.parallel_reads)
    return Outside(arm, clock, gateway, inventory, planner, survey)


@cache
def app() -> App:
    """The one app of this process. Nothing is connected yet."""
    from shared.adapters.table_history import TableHistory
    from shared.applying import Applier
    from shared.reconciler import Reconciler

    its = settings()
    azure, ledger = outside(its, rules(), _credential()), _ledger(its)
    outcomes = _outcomes(its, ledger)
    reconciler = Reconciler(
        inventory=azure.inventory,
        planner=azure.planner,
        applier=Applier(azure.gateway),
        state=_state(),
        ledger=ledger,
        queue=_queue(),
        outcomes=outcomes,
        clock=azure.clock,
        rules=rules(),
        run_deadline=timedelta(seconds=its.run_deadline_s),
        prover=_prover(its, azure, ledger),
    )
    return App(
        settings=its,
        reconciler=reconciler,
        planner=azure.planner,
        inventory=azure.inventory,
        gateway=azure.gateway,
        survey=azure.survey,
        clock=azure.clock,
        state=_state(),
        ledger=ledger,
        history=TableHistory(_table_service(its)),
        intake=intake(),
        queue=_queue(),
        outcomes=outcomes,
    )


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


@cache
def dead_letters() -> "DeadLetters":
    from azure.storage.blob.aio import ContainerClient

    from shared.adapters.dead_letters import DeadLetters

    its = settings()
    name = its.dead_letters
    if connection := its.storage.get(""):
        container = ContainerClient.from_connection_string(connection, name)
    else:
        container = ContainerClient(its.storage_url("blob"), name, credential=_credential())
    return DeadLetters(_table_service(its), container)


@cache
def rules() -> "Rules":
    """What the settings and the rules file say of how deployments become APIs."""
    from shared.core.observed import Rules
    from shared.rules_file import read_rules_file

    its = settings()
    return Rules(
        owner=its.owner,
        mode=its.mode,
        grace=timedelta(hours=its.grace_hours),
        book=read_rules_file(its.rules_path),
    )


def _ledger(its: Settings) -> "TableLedger":
    from shared.adapters.table_ledger import TableLedger

    return TableLedger(_table_service(its), tells=its.outcome_topic is not None)


def _prover(its: Settings, azure: Outside, ledger: Ledger) -> "Prover | None":
    from shared.adapters.gateway_calls import ApimCalls
    from shared.proving import Prover

    if not its.verify:
        return None
    calls = ApimCalls(
        azure.arm, its.gateway_id, subscription=its.verify_subscription, scope=its.verify_scope
    )
    return Prover(calls, ledger, azure.clock)


def _outcomes(its: Settings, ledger: "TableLedger") -> Outcomes:
    from shared.adapters.outcome_events import NoOutcomes, TopicOutcomes

    if its.outcome_topic is None:
        return NoOutcomes()
    return TopicOutcomes(_credential(), its.outcome_topic, ledger, source=its.gateway_id.arm_id)


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
