"""The commands release, rollback and replay: what an operator orders of a deployed app."""

from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from urllib.parse import quote

from rich.console import RenderableType

from onramp.app import App
from onramp.connection import Wish
from onramp.errors import CliError, ExitCode
from onramp.options import Deployed, Target
from onramp.plans import BY_DIGEST, check_asking, show_before, tell_done
from onramp.records import ApplyAnswer
from onramp.screen import Screen, counted, harmless, heading, indented, moment, table
from onramp.show_run import Progress
from shared.core.records import (
    AcceptedAnswer,
    PlansAnswer,
    ReplayAnswer,
    RunLink,
    StatesAnswer,
)

_SHOWN = 10  # states


async def release(at: Deployed, account: str, screen: Screen, *, digest: str, yes: bool) -> int:
    """Show what waits behind the hold, ask, and let just that go on."""
    asks = not (yes or digest)
    check_asking(screen, asks=asks, other=BY_DIGEST)
    async with _app(at) as app:
        with screen.busy("looking"):
            unit = await app.unit(account)
            if unit.hold is None:
                raise CliError(
                    f"nothing holds {account}",
                    f"To have it looked at again: python -m onramp apply --account {account}",
                )
            answer = await app.plans(Target(account=unit.account), Wish(removals=True))
        _check_read(answer)
        show_before(answer, screen, asks=asks)
        if asks and not screen.agreed(f"\nRelease {account}, to do this? [y/N] "):
            return _not_done(screen)
        body = {"digest": digest or answer.plans[0].digest}
        accepted = await app.client.post(f"units/{unit.id}/release", AcceptedAnswer, body)
        return await _followed(app, accepted.run, screen, writes=answer.writes)


async def call_off(at: Deployed, account: str, screen: Screen) -> int:
    """Take back what was ordered for the account and is not done yet."""
    async with _app(at) as app:
        with screen.busy("asking"):
            unit = await app.unit(account)
            accepted = await app.client.delete(f"units/{unit.id}/order", AcceptedAnswer)
    if screen.is_json:
        screen.json(accepted)
    screen.say("Called off. What holds the account goes on to hold it.")
    return ExitCode.OK  # the run that tells so may have to wait as long as what it calls off


async def rollback(at: Deployed, account: str, screen: Screen, *, to: str, yes: bool) -> int:
    """Show what going back means, ask, and go back."""
    check_asking(screen, asks=not yes)
    async with _app(at) as app:
        with screen.busy("looking"):
            unit = await app.unit(account)
            states = await app.client.get(f"units/{unit.id}/states", StatesAnswer)
            path, body = f"units/{unit.id}/rollback", {"state": _state(states, account, to)}
            answer = await app.client.post(path, PlansAnswer, {**body, "dryRun": True})
        _check_read(answer)
        if not (yes and screen.is_json):
            screen.beside.print(*_table(harmless(states), body["state"]))
        show_before(answer, screen, asks=not yes)
        question = f"\nTake {account} back, and hold it until it is released? [y/N] "
        if not yes and not screen.agreed(question):
            return _not_done(screen)
        accepted = await app.client.post(path, AcceptedAnswer, body)
        return await _followed(app, accepted.run, screen, writes=answer.writes)


async def replay(at: Deployed, letter: str, screen: Screen) -> int:
    """Do again what was given up: one letter, or all that can be."""
    path = f"dead-letters/{quote(letter, safe='')}/replay" if letter else "dead-letters/replay"
    async with _app(at) as app:
        with screen.busy("asking"):
            told = await app.client.post(path, ReplayAnswer)
        screen.say(f"{counted(len(told.dead_letters), 'dead letter')} replayed.")
        return await _followed(app, told.run, screen)


def _app(at: Deployed) -> AbstractAsyncContextManager[App]:
    if not at.app:
        raise CliError(
            "only a deployed app remembers what that needs",
            "Set ONRAMP_APP and ONRAMP_KEY, or name it with --app.",
        )
    return App.open(at)


async def _followed(app: App, run: RunLink, screen: Screen, *, writes: int = 0) -> int:
    with Progress(screen, writes) as progress:
        done = await app.follow(run, progress.tell)
    return tell_done(ApplyAnswer(accounts=done), screen)


def _check_read(answer: PlansAnswer) -> None:
    for it in answer.plans:
        if it.error:
            raise CliError(it.error, "Nothing was written: there is no plan to agree to.")


def _not_done(screen: Screen) -> int:
    screen.say("Nothing was written.")
    return ExitCode.FAILED


def _state(states: StatesAnswer, account: str, to: str) -> str:
    """The id of the state that is meant: of the one before what stands, if none is named."""
    if not to and len(states.states) > 1:
        return states.states[1].id
    if any(it.id == to for it in states.states):
        return to
    known = "".join(f"\n  {it.id}  {moment(it.at)}" for it in states.states[:_SHOWN])
    what = f"no state {to}" if to else "no state before the one that stands"
    raise CliError(f"{account} has {what}", f"It has these, the newest first:{known or ' none'}")


def _table(states: StatesAnswer, chosen: str) -> Iterator[RenderableType]:
    rows = table("  state", "at", "deployments")
    rows.columns[1].no_wrap = True
    for number, it in enumerate(states.states):
        if number < _SHOWN or it.id == chosen:
            sign = ">" if it.id == chosen else " "
            rows.add_row(f"{sign} {it.id}", moment(it.at), ", ".join(it.deployments))
    yield heading("States, the newest first; it goes back to >")
    yield indented(rows)
    yield ""
