"""The commands plan and apply."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from onramp.connecting import connect
from onramp.connection import Connection, Wish
from onramp.errors import CliError
from onramp.options import Target, Where
from onramp.records import ApplyAnswer
from onramp.screen import Screen, counted, harmless
from onramp.show_plan import show_plans
from onramp.show_run import Progress, show_runs
from shared.core.records import PlanRecord, PlansAnswer, UnitRunRecord

NOTHING, FAILED, CHANGES = 0, 1, 2
_BAD_CHANGES = frozenset({"blocked", "rejected", "skipped", "postponed", "stale"})
_BAD_RUNS = frozenset({"failed", "held", "incomplete"})


async def plan(where: Where, target: Target, wish: Wish, screen: Screen, *, full: bool) -> int:
    """Show what would be done; the exit code says whether there is anything."""
    target.check()
    async with connect(where) as connection:
        with screen.busy("looking"):
            answer = await connection.plans(target, wish)
    _show(answer, screen, full=full)
    return _plan_code(answer)


async def apply(  # noqa: PLR0913 - the options
    where: Where,
    target: Target,
    wish: Wish,
    screen: Screen,
    *,
    digests: Sequence[str],
    yes: bool,
) -> int:
    """Show what will be done, ask, do it, and tell what became of it."""
    target.check()
    if not target.is_given:
        raise CliError("nothing says what to apply", "Name --account, --deployment or --all.")
    if not (yes or digests or screen.can_ask):
        raise CliError(
            "there is nobody to ask", "Use --yes, or the --digest of a plan that somebody read."
        )
    if digests:  # somebody read what is taken off; any other plan is refused
        wish = replace(wish, removals=True)
    async with connect(where) as connection:
        with screen.busy("looking"):
            answer = await connection.plans(target, wish)
        todo = [it for it in answer.plans if it.writes]
        _check_digests(todo, digests)
        if not screen.is_json:
            _show(answer, screen, full=False)
        _check_held(todo, wish)
        if not todo:
            return _nothing(answer, screen)
        if not (yes or digests) and not screen.agreed(_question(todo)):
            screen.say("Nothing was written.")
            return FAILED
        done = await _apply(connection, todo, wish, screen)
    result = ApplyAnswer(accounts=tuple(done))
    if screen.is_json:
        screen.json(result)
    else:
        screen.print(*show_runs(harmless(result)))
    failed = any(it.error for it in answer.plans) or any(map(_is_bad, done))
    return FAILED if failed else NOTHING


async def _apply(
    connection: Connection, todo: Sequence[PlanRecord], wish: Wish, screen: Screen
) -> list[UnitRunRecord]:
    """One account after the other: a plan that changed stops what comes after it."""
    done = []
    with Progress(screen, sum(it.writes for it in todo)) as progress:
        for it in todo:
            try:
                done.append(await connection.apply(it, wish, progress.tell))
            except asyncio.CancelledError:
                screen.say("What was begun may go on: status and plan tell what became of it.")
                raise
            progress.next()
    return done


def _show(answer: PlansAnswer, screen: Screen, *, full: bool) -> None:
    if screen.is_json:
        screen.json(answer)
    else:
        screen.print(*show_plans(harmless(answer), full=full))


def _nothing(answer: PlansAnswer, screen: Screen) -> int:
    if screen.is_json:
        screen.json(ApplyAnswer(accounts=()))
    is_well = _plan_code(answer) == NOTHING
    return NOTHING if is_well else FAILED


def _plan_code(answer: PlansAnswer) -> int:
    """Something that only a person can do is something to do as well."""
    if any(it.error for it in answer.plans):
        return FAILED
    blocked = any(change.action == "blocked" for it in answer.plans for change in it.changes)
    held = any(it.held for it in answer.plans)
    return CHANGES if answer.writes or blocked or held else NOTHING


def _check_digests(todo: Sequence[PlanRecord], digests: Sequence[str]) -> None:
    if not digests:
        return
    changed = [it for it in todo if it.digest not in digests]
    if changed:
        names = ", ".join(it.account.rpartition("/")[2] for it in changed)
        raise CliError(
            f"the plan of {names} is none that --digest names",
            "Nothing was written. Look at the plan again, and use its digest.",
        )


def _check_held(todo: Sequence[PlanRecord], wish: Wish) -> None:
    held = next((it for it in todo if it.held), None)
    if held and not wish.removals:
        raise CliError(
            f"{held.account.rpartition('/')[2]} {held.held}",
            "Nothing was written. If that is right, use --allow-removals, or the plan's --digest.",
        )


def _question(todo: Sequence[PlanRecord]) -> str:
    writes = counted(sum(it.writes for it in todo), "change")
    return f"\nWrite {writes} on {counted(len(todo), 'account')}? [y/N] "


def _is_bad(run: UnitRunRecord) -> bool:
    bad = any(it.status in _BAD_CHANGES for it in run.changes)
    return bad or bool(run.error) or run.status in _BAD_RUNS
