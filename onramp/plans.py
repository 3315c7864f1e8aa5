"""The commands plan and apply."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from onramp.connection import Connection, Wish, connect
from onramp.errors import CliError, ExitCode
from onramp.options import Target, Where
from onramp.records import ApplyAnswer
from onramp.screen import Screen, counted, harmless, short_name
from onramp.show_plan import SHORT, View, show_plans
from onramp.show_run import Progress, show_runs
from shared.core.records import PlanRecord, PlansAnswer, UnitRunRecord

BY_DIGEST = ", or --digest for a plan that somebody has read"
_BAD_CHANGES = frozenset({"blocked", "rejected", "skipped", "postponed", "stale"})
_BAD_RUNS = frozenset({"failed", "held", "incomplete"})


async def plan(where: Where, target: Target, wish: Wish, screen: Screen, *, full: bool) -> int:
    """Show what would be done; the exit code says whether there is anything."""
    target.check()
    async with connect(where) as connection:
        with screen.busy("looking"):
            answer = await connection.plans(target, wish)
    if screen.is_json:
        screen.json(answer)
    else:
        screen.print(*show_plans(harmless(answer), View(full=full, rest="--full shows")))
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
    asks = not (yes or digests)
    check_asking(screen, asks=asks, other=BY_DIGEST)
    if digests:  # somebody read what is taken off; any other plan is refused
        wish = replace(wish, removals=True)
    async with connect(where) as connection:
        with screen.busy("looking"):
            answer = await connection.plans(target, wish)
        todo = [it for it in answer.plans if it.writes]
        _check_digests(todo, digests)
        show_before(answer, screen, asks=asks and bool(todo), view=View(rest="plan --full shows"))
        _check_held(todo, wish)
        if todo and asks and not screen.agreed(_question(todo)):
            screen.say("Nothing was written.")
            return ExitCode.FAILED
        done = await _apply(connection, todo, wish, screen) if todo else []
    code = tell_done(ApplyAnswer(accounts=tuple(done)), screen)
    return max(code, _left(answer, screen, of_changes=not todo))


def check_asking(screen: Screen, *, asks: bool, other: str = "") -> None:
    """Refuse to ask where nobody can answer; *other* is a way besides --yes."""
    if asks and not screen.can_ask:
        raise CliError("there is nobody to ask", f"Use --yes{other}.")


def show_before(answer: PlansAnswer, screen: Screen, *, asks: bool, view: View = SHORT) -> None:
    """What is about to be done. Whoever is asked sees it, also where the answer is JSON."""
    if asks or not screen.is_json:
        screen.beside.print(*show_plans(harmless(answer), view))


def tell_done(result: ApplyAnswer, screen: Screen) -> int:
    """What became of it, and the exit code of that."""
    if screen.is_json:
        screen.json(result)
    elif result.accounts:
        screen.print(*show_runs(harmless(result)))
    return ExitCode.FAILED if any(map(_is_bad, result.accounts)) else ExitCode.OK


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


def _left(answer: PlansAnswer, screen: Screen, *, of_changes: bool) -> int:
    """What no run told of: accounts without a plan and, *of_changes*, what a person must do."""
    reasons = [f"{short_name(it.account)}: {it.error}" for it in answer.plans if it.error]
    if of_changes:
        reasons += [f"{short_name(it.account)}: {it.held}" for it in answer.plans if it.held]
        reasons += [
            f"{short_name(it.account)}: {change.path} is blocked: {change.reason}"
            for it in answer.plans
            for change in it.changes
            if change.action == "blocked"
        ]
    for reason in reasons if screen.is_json else ():  # the text has them already
        screen.error(reason)
    return ExitCode.FAILED if reasons else ExitCode.OK


def _plan_code(answer: PlansAnswer) -> int:
    """Something that only a person can do is something to do as well."""
    if any(it.error for it in answer.plans):
        return ExitCode.FAILED
    blocked = any(change.action == "blocked" for it in answer.plans for change in it.changes)
    held = any(it.held for it in answer.plans)
    return ExitCode.TO_DO if answer.writes or blocked or held else ExitCode.OK


def _check_digests(todo: Sequence[PlanRecord], digests: Sequence[str]) -> None:
    if not digests:
        return
    changed = [it for it in todo if it.digest not in digests]
    if changed:
        names = ", ".join(short_name(it.account) for it in changed)
        raise CliError(
            f"the plan of {names} is none that --digest names",
            "Nothing was written. Look at the plan again, and use its digest.",
        )


def _check_held(todo: Sequence[PlanRecord], wish: Wish) -> None:
    held = next((it for it in todo if it.held), None)
    if held and not wish.removals:
        raise CliError(
            f"{short_name(held.account)} {held.held}",
            "Nothing was written. If that is right, use --allow-removals, or the plan's --digest.",
        )


def _question(todo: Sequence[PlanRecord]) -> str:
    writes = counted(sum(it.writes for it in todo), "change")
    return f"\nWrite {writes} on {counted(len(todo), 'account')}? [y/N] "


def _is_bad(run: UnitRunRecord) -> bool:
    bad = any(it.status in _BAD_CHANGES for it in run.changes)
    return bad or bool(run.error) or run.status in _BAD_RUNS
