"""Calls through the gateway: answered as its policies and Azure have it, each part in its own time.

A double of `shared.adapters.gateway_calls`, which tests/adapters holds to the sandbox's gateway.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from sandbox.arm.store import Store
from shared.core.probes import Probe
from shared.core.proofs import Answer
from shared.errors import Unavailable
from tests.simulation import truth
from tests.simulation.azure import ACCOUNTS
from tests.simulation.network import Fate, Network
from tests.simulation.tables import START

_PATIENCE_S = 30.0


@dataclass(slots=True)
class Callers:
    """The far end, and what it has answered.

    Attributes:
        spread_s: How long after its creation a deployment is not known yet.
        mute: A deployment, lower-cased, that never answers, whatever its account.
        answered: By API path and deployment, the models that have answered there.
    """

    store: Store
    network: Network
    spread_s: float
    mute: str
    calls: int = 0
    answered: dict[tuple[str, str], set[str]] = field(default_factory=dict)

    def answer(self, probe: Probe) -> Answer:
        self.calls += 1
        found = truth.actual(self.store)
        path = next((it for it in _prefixes(probe.path) if it in found), "")
        name = _name(probe)
        if not path or name not in found[path].limits:
            return Answer(404, "Resource not found")
        model = self.model(path.split("/")[0], name)
        if not model:
            return Answer(404, "DeploymentNotFound")
        if name == self.mute:
            return Answer(403, "The principal lacks the required data action")
        self.answered.setdefault((path, name), set()).add(model)
        return Answer(200)

    def model(self, account: str, name: str) -> str:
        """What answers to the name by now; "" if nothing does."""
        entry = self.store.get(f"{ACCOUNTS}/{account}/deployments/{name}")
        if entry is None:
            return ""
        age = self.network.loop.time() - (entry.created_at - START).total_seconds()
        return "" if age < self.spread_s else str(entry.body["properties"]["model"]["name"])


@dataclass(frozen=True, slots=True)
class CallsDouble:
    """The GatewayCalls port."""

    callers: Callers

    async def ask(self, probe: Probe, *, until: float) -> Answer:
        network = self.callers.network
        if network.loop.time() >= until:
            raise Unavailable("the run's time is up")
        kind = network.fault("gateway-away", "gateway-silent", "kill-after")
        if kind:
            network.journal.fault(kind, f"call of {probe.path}")
        if kind == "gateway-away":
            raise Unavailable("no connection to the gateway")
        fate = Fate(network.latency(), network.latency(), kills=kind == "kill-after")
        if kind == "gateway-silent":
            fate = Fate(0.0, _PATIENCE_S, has_effect=False, instead=Answer(0, "TimeoutError"))
        answer = await network.call(lambda: self.callers.answer(probe), fate)
        assert isinstance(answer, Answer)
        network.journal.note(f"call of {probe.path} -> {answer.status}")
        return answer


def _prefixes(path: str) -> list[str]:
    """Of the path of a call, the longest first: an API's path may be the start of another's."""
    parts = path.partition("?")[0].split("/")
    return ["/".join(parts[:end]) for end in range(len(parts), 0, -1)]


def _name(probe: Probe) -> str:
    body: Mapping[str, str] = json.loads(probe.body) if probe.body else {}
    parts = probe.path.partition("?")[0].split("/")
    named = [after for it, after in pairwise(parts) if it in _BEFORE_A_NAME]
    return (named[0] if named else body.get("model", "")).lower()


_BEFORE_A_NAME = ("deployments", "models")
