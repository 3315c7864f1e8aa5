"""The commands that only read: status, why and ungoverned."""

from collections.abc import Callable, Iterable

from pydantic import BaseModel
from rich.console import RenderableType

from onramp.app import App
from onramp.connection import connect
from onramp.errors import ExitCode
from onramp.options import Target, Where
from onramp.screen import Screen, harmless
from onramp.show_status import show_findings, show_served, show_status
from onramp.show_why import show_decision, show_story
from shared.core.records import UngovernedAnswer


async def status(where: Where, target: Target, screen: Screen, *, every: bool) -> int:
    """Tell how things stand; the exit code says whether an app does its work."""
    target.check()
    async with connect(where) as connection:
        if isinstance(connection, App):
            with screen.busy("asking"):
                told = await connection.status(target)
            _answer(screen, told, lambda it: show_status(it, every=every))
            return ExitCode.FAILED if told.health.status == "unhealthy" else ExitCode.OK
        with screen.busy("looking"):
            served = await connection.served(target)
        _answer(screen, served, show_served)
        return ExitCode.FAILED if any(it.error for it in served.accounts) else ExitCode.OK


async def why(where: Where, deployment: str, screen: Screen) -> int:
    async with connect(where) as connection:
        if isinstance(connection, App):
            with screen.busy("asking"):
                story = await connection.why(deployment)
            _answer(screen, story, show_story)
            return ExitCode.OK
        with screen.busy("looking"):
            decision = await connection.decision(deployment)
        _answer(screen, decision, show_decision)
        return ExitCode.OK


async def ungoverned(where: Where, screen: Screen, *, fresh: bool) -> int:
    """List what reaches models past us; the exit code says whether anything does."""
    async with connect(where) as connection:
        with screen.busy("reading the gateway"):
            if isinstance(connection, App):
                said = str(fresh).lower()
                found = await connection.client.get("ungoverned", UngovernedAnswer, fresh=said)
            else:
                found = await connection.ungoverned()
    _answer(screen, found, show_findings)
    return ExitCode.TO_DO if found.findings else ExitCode.OK


def _answer[M: BaseModel](
    screen: Screen, answer: M, show: Callable[[M], Iterable[RenderableType]]
) -> None:
    if screen.is_json:
        screen.json(answer)
    else:
        screen.print(*show(harmless(answer)))
