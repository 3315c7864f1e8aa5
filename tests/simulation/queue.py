"""The work queue and the Functions host's queue trigger: at least once, in no order.

A message that was taken stays invisible for a while and comes back unless it is deleted; after
five deliveries it is poison (learn.microsoft.com/azure/azure-functions/functions-bindings-storage-
queue-trigger). So a worker that was killed, or paused for long, sees its message done twice.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from azure.core.exceptions import HttpResponseError, ServiceRequestError, ServiceResponseError

from tests.simulation.loop import outside
from tests.simulation.network import Fate, Network

MOST_DELIVERIES = 5


@dataclass(eq=False, slots=True)
class Message:
    number: int
    text: str
    deliveries: int = 0
    turn: int = 0  # what a pop receipt stands for


@dataclass(slots=True)
class WorkQueueSim:
    """The queue itself; *deliver* hands a message to a process, or says that there is none."""

    network: Network
    deliver: Callable[[Message], bool] = lambda _message: False
    messages: dict[int, Message] = field(default_factory=dict)
    poisoned: int = 0
    sent: int = 0

    def send(self, text: str, delay_s: float) -> None:
        self.sent += 1
        message = Message(self.sent, text)
        self.messages[message.number] = message
        self.appear(message, delay_s)

    def appear(self, message: Message, delay_s: float) -> None:
        """Make *message* visible after *delay_s*, unless something else happens to it before."""
        turn = message.turn
        wait = delay_s + self.network.latency()  # the host polls
        self.network.loop.call_later(wait, self._visible, message, turn, context=outside())

    def done(self, message: Message, turn: int) -> None:
        if message.turn == turn:
            self.messages.pop(message.number, None)

    def failed(self, message: Message, turn: int) -> None:
        if message.turn == turn:
            message.turn += 1
            self.appear(message, 0)

    def _visible(self, message: Message, turn: int) -> None:
        if message.number not in self.messages or message.turn != turn:
            return
        if message.deliveries >= MOST_DELIVERIES:
            self.poisoned += 1
            del self.messages[message.number]
            return
        message.turn += 1
        message.deliveries += 1
        if self.deliver(message):
            self.appear(message, self.network.weather.hidden_s)
        else:
            message.deliveries -= 1
            self.appear(message, 5)


@dataclass(frozen=True, slots=True)
class QueueDouble:
    """The calls of azure.storage.queue.aio.QueueClient that the app makes."""

    queue: WorkQueueSim

    async def send_message(self, text: str, *, visibility_timeout: int, time_to_live: int) -> None:
        assert 0 <= visibility_timeout < time_to_live
        network = self.queue.network
        kind = network.fault("storage-503", "storage-before", "storage-after", "kill-after")
        if kind:
            network.journal.fault(kind, "queue send")
        errors: dict[str | None, Exception] = {
            "storage-503": HttpResponseError("ServerBusy"),
            "storage-before": ServiceRequestError("no connection"),
            "storage-after": ServiceResponseError("no answer"),
        }
        fate = Fate(
            network.latency() / 4,
            network.latency() / 4,
            has_effect=kind in (None, "storage-after", "kill-after"),
            instead=errors.get(kind),
            kills=kind == "kill-after",
        )
        await network.call(lambda: self.queue.send(text, visibility_timeout), fate)

    async def create_queue(self) -> None:
        """It is there."""

    async def close(self) -> None:
        """Hold nothing."""
