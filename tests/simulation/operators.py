"""People who operate the app: they look, order, go back, release, and change how far it may go."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from sandbox.contracts import Json
from shared.core.modes import Mode
from shared.core.resource_ids import AccountId
from tests.simulation.asks import ASK, LOOKS, Ask, Writes
from tests.simulation.azure import ACCOUNTS
from tests.simulation.desk import Desk
from tests.simulation.host import Host
from tests.simulation.promises import Promises
from tests.simulation.users import NAMES, Users

_TAGS = ("observe", "upsert-only", "sync", "obsrve", None, None)
_MODES = (Mode.SYNC, Mode.SYNC, Mode.OBSERVE, Mode.UPSERT_ONLY)


@dataclass(slots=True)
class Operators:
    host: Host
    users: Users
    promises: Promises
    rng: Random
    plans: dict[str, list[tuple[str, Writes]]] = field(default_factory=dict)  # what they looked at

    def act(self) -> None:
        """Do something at random; a few of them in a row, now and then."""
        (action,) = self.rng.choices([*_ACTIONS], [*_ACTIONS.values()])
        action(self, self.rng.choice((NAMES[0], *NAMES)))
        if self.rng.random() < 0.3:
            self._later(self.rng.uniform(0, 5), self.act)

    def look(self, unit: str) -> None:
        """At a plan; some say yes to it at once."""

        async def ask(desk: Desk) -> None:
            looks: list[Writes] = []
            LOOKS.set(looks)
            status, said = await desk.send("reimport", {**_account(unit), "dryRun": True})
            plan = said["plans"][0] if status == 200 else {}
            if plan.get("digest"):
                self._note(f"the plan for {unit} has {plan['writes']} writes {plan['held'][:20]}")
                self.plans.setdefault(unit, []).append((plan["digest"], looks[0]))
                if self.rng.random() < 0.5:
                    self._later(self.rng.uniform(0, 5), self.agree, unit)

        self._send(ask, f"look at {unit}")

    def agree(self, unit: str) -> None:
        """To a plan of before, the last one as a rule."""
        if seen := self.plans.get(unit):
            digest, plan = seen[-1] if self.rng.random() < 0.7 else self.rng.choice(seen)
            is_release = unit in self.promises.holds and self.rng.random() < 0.5
            kind = "release" if is_release else "reimport"
            body = {"digest": digest} if is_release else {**_account(unit), "digest": digest}
            self.order(Ask(kind, (unit,), 0, digest=digest, plan=plan), body)

    def reimport(self, unit: str) -> None:
        force, allows = self.rng.random() < 0.6, self.rng.random() < 0.3
        is_all = self.rng.random() < 0.1
        target = {"all": True} if is_all else _account(unit)
        body = {**target, "force": force, "allowRemovals": allows}
        units = NAMES if is_all else (unit,)
        self.order(Ask("reimport", units, 0, force=force, allows=allows), body)

    def roll_back(self, unit: str) -> None:
        async def ask(desk: Desk) -> None:
            status, said = await desk.send("states", {}, _id(unit))
            if status == 200 and said["states"]:
                state = self.rng.choice(said["states"])["id"]
                order = Ask("rollback", (unit,), 0, state=state)
                self._later(0, lambda: self.order(order, {"state": state}))

        self._send(ask, f"states of {unit}")

    def release(self, unit: str) -> None:
        """Whatever it is by then."""
        hold = self.promises.holds.get(unit)
        is_rolled_back = hold is not None and hold.kind == "rollback"
        self.order(Ask("release", (unit,), 0, allows=not is_rolled_back, lifts=hold), {})

    def change_mood(self) -> None:
        (mood,) = self.rng.choices([*_MOODS], [*_MOODS.values()])
        mood(self, self.rng.choice((NAMES[0], *NAMES)))

    def holds_back(self, unit: str) -> bool:
        """Somebody doesn't want it to be as Azure has it."""
        if unit in self.promises.holds:
            return True
        if self.users.is_gone(unit):
            return self.promises.modes.get(unit, "") not in ("", Mode.SYNC.value)
        return (self.users.mode_of(unit) or self.host.limits.mode.value) != Mode.SYNC.value

    def call_off(self, unit: str) -> None:
        self.order(Ask("order", (unit,), 0), {})

    def clear_out(self, unit: str) -> None:
        """By mistake."""
        self.users.clear_out(unit)

    def tag(self, unit: str) -> None:
        self.users.tag(unit, self.rng.choice(_TAGS))

    def set_mode(self, _unit: str) -> None:
        self.set(self.rng.choice(_MODES))

    def set(self, mode: Mode) -> None:
        if self.host.limits.mode is not mode:
            self._note(f"mode {mode.value}")
            for name in NAMES:  # nobody tells the app that its settings changed
                self.users.excuse(name)
            self.host.change(replace(self.host.limits, mode=mode))

    def let_go(self) -> None:
        """Everything goes on by itself again; an account that is gone took its mode along."""
        self.set(Mode.SYNC)
        for unit in sorted(self.promises.modes):
            if self.users.is_gone(unit) and self.holds_back(unit):
                self.users.create_account(unit)
            self.users.tag(unit, None)

    def order(self, order: Ask, body: Json) -> None:
        order.sent = self.promises.journal.loop.time()
        order.before = {k: v for it in order.units for k, v in self.promises.serving(it).items()}
        order.versions = {it: self.promises.versions[it] for it in order.units}
        self.promises.asks.append(order)
        words = (order.kind, *order.units, "force" * order.force, "plan" * bool(order.digest))
        what = " ".join(filter(None, words))

        async def ask(desk: Desk) -> None:
            ASK.set(order)
            unit = None if order.kind == "reimport" else _id(order.units[0])
            order.status, said = await desk.send(order.kind, body, unit)
            if order.status == 202:
                order.units = tuple(AccountId.parse(it).name for it in said["accounts"])
            code = said.get("error", {}).get("code", "")
            self._note(f"{what} -> {order.status} {code}")

        self._send(ask, what)

    def _send(self, ask: Callable[[Desk], Coroutine[Any, Any, None]], what: str) -> None:
        self._note(what)
        self.host.ask(ask, what)

    def _later(self, seconds: float, act: Callable[..., None], *arguments: object) -> None:
        self.host.network.loop.call_later(seconds, act, *arguments, context=self.host.outside())

    def _note(self, text: str) -> None:
        self.promises.journal.note(text, who="operators")


def _id(unit: str) -> AccountId:
    return AccountId.parse(f"{ACCOUNTS}/{unit}")


def _account(unit: str) -> Json:
    return {"account": f"{ACCOUNTS}/{unit}"}


_ACTIONS: dict[Callable[[Operators, str], None], float] = {
    Operators.look: 6,
    Operators.agree: 2,
    Operators.reimport: 4,
    Operators.roll_back: 1,
    Operators.release: 3,
    Operators.call_off: 0.5,
    Operators.clear_out: 1,
}
_MOODS: dict[Callable[[Operators, str], None], float] = {Operators.tag: 3, Operators.set_mode: 1}
