"""Event Grid: at least once, in no order, late, and sometimes not at all.

An event that is not answered within 30 s is sent again, further and further apart
(learn.microsoft.com/azure/event-grid/delivery-and-retry).
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field

from sandbox.contracts import ArmWrite
from tests.simulation.network import Network

_PATIENCE_S = 30.0
_RETRIES_S = (10.0, 30.0, 60.0, 300.0, 600.0, 1800.0, 3600.0)


@dataclass(eq=False, slots=True)
class Delivery:
    number: int
    text: str
    attempts: int = 0
    is_answered: bool = False


@dataclass(slots=True)
class Grid:
    network: Network
    deliver: Callable[[Delivery], None] = lambda _delivery: None
    lose: Callable[[str], None] = lambda _resource_id: None
    published: int = 0
    open: set[Delivery] = field(default_factory=set)

    def publish(self, write: ArmWrite) -> None:
        if not write.operation_name.startswith("Microsoft.CognitiveServices/accounts/"):
            return
        self.published += 1
        network, weather = self.network, self.network.weather
        what = f"event {self.published}: {write.operation_name[29:]} {write.resource_id[-40:]}"
        if not network.is_calm and network.rng.random() < weather.lost:
            network.journal.note(f"{what}: lost")
            self.lose(write.resource_id)
            return
        network.journal.note(what)
        for _ in range(2 if network.rng.random() < weather.twice else 1):
            delivery = Delivery(self.published, _text(write, self.published))
            self.open.add(delivery)
            late = network.rng.random() < weather.late
            delay = network.rng.uniform(
                0, weather.longest_delay_s if late else 4 * weather.latency_s
            )
            network.loop.call_later(delay, self._attempt, delivery)

    def answered(self, delivery: Delivery, *, ok: bool) -> None:
        """The handler came to its end."""
        if ok:
            delivery.is_answered = True
            self.open.discard(delivery)

    def _attempt(self, delivery: Delivery) -> None:
        if delivery.is_answered:
            return
        wait = _RETRIES_S[min(delivery.attempts, len(_RETRIES_S) - 1)]
        delivery.attempts += 1
        self.deliver(delivery)
        self.network.loop.call_later(_PATIENCE_S + wait, self._attempt, delivery)


def _text(write: ArmWrite, number: int) -> str:
    outcome = {"Succeeded": "Success", "Failed": "Failure"}[write.status]
    return json.dumps(
        {
            "id": f"event-{number}",
            "eventType": f"Microsoft.Resources.Resource{write.kind}{outcome}",
            "subject": write.resource_id,
            "eventTime": write.at.isoformat(),
            "data": {"correlationId": write.correlation_id},
        }
    )
