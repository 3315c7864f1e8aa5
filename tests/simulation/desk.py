"""The app's HTTP API in one of its processes: the handlers themselves, without a host around them.

A handler takes the app from ``shared.wiring``; while :func:`open_desks` is in force it gets the one
of the process that it runs in.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, cast

import azure.functions as func
import pytest

from handlers import reimport, units
from sandbox.contracts import Json
from sandbox.world import SUBSCRIPTION
from shared import wiring
from shared.core.applied_states import AppliedState
from shared.core.naming import unit_hash
from shared.core.outlook import Outlook
from shared.core.resource_ids import AccountId
from shared.core.single_flight import Claim
from shared.planning import Planner
from shared.wiring import App
from tests.simulation.asks import LOOKS, writes_of

_APP: ContextVar[App] = ContextVar("app")
_HANDLERS: dict[str, Any] = {
    "reimport": reimport.reimport,
    "release": units.release,
    "rollback": units.rollback,
    "order": units.call_off,
    "states": units.states,
}


@contextmanager
def open_desks() -> Iterator[None]:
    settings = SimpleNamespace(watched=(SUBSCRIPTION,))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wiring, "app", _APP.get)
        patch.setattr(wiring, "settings", lambda: settings)
        yield


@dataclass(frozen=True, slots=True)
class Desk:
    app: App

    async def send(self, name: str, body: Json, unit: AccountId | None = None) -> tuple[int, Json]:
        """One request, once it got there; its status and what it says."""
        _APP.set(self.app)
        route = {} if unit is None else {"id": unit_hash(unit)}
        request = func.HttpRequest(
            method="POST",
            url=f"https://onramp.example/api/{name}",
            route_params=route,
            body=json.dumps(body).encode(),
        )
        handler = _HANDLERS[name]._function.get_user_function()
        answer = await handler(request)
        return answer.status_code, json.loads(answer.get_body())


@dataclass(frozen=True, slots=True)
class SeenPlanner:
    """Notes what a plan writes that somebody looks at."""

    inner: Planner

    async def look(
        self, claim: Claim, *, until: float, back_to: AppliedState | None = None
    ) -> Outlook:
        outlook = await self.inner.look(claim, until=until, back_to=back_to)
        if (looks := LOOKS.get()) is not None:
            looks.append(writes_of(outlook))
        return outlook


def make_desk(**parts: Any) -> Desk:
    """Of an app that has only what the handlers of orders need."""
    missing = dict.fromkeys(App.__slots__)
    return Desk(App(**cast("Any", {**missing, **parts})))
