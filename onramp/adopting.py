"""The command adopt: what a person does on a gateway with their own rights."""

from typing import TYPE_CHECKING

from rich.text import Text

from onramp.adoption import Case
from onramp.app import App
from onramp.connection import connect
from onramp.errors import CliError, ExitCode
from onramp.options import Where
from onramp.plans import check_asking
from onramp.records import AdoptionAnswer
from onramp.screen import Screen, bullets, harmless, heading, indented
from onramp.show_plan import SHORT, show_plans
from onramp.show_run import Progress
from shared.core.records import PlanRecord, PlansAnswer

if TYPE_CHECKING:
    from onramp.takeover import Takeover


async def adopt(  # noqa: PLR0913 - the options
    where: Where, api: str, account: str, screen: Screen, *, yes: bool, dry_run: bool
) -> int:
    """Show what adopting *api* means, ask, and do it."""
    check_asking(screen, asks=not (yes or dry_run), other=", or --dry-run to see what it means")
    async with connect(where) as connection:
        if isinstance(connection, App):
            raise CliError(
                "an app never touches an API that isn't its own",
                "Use --gateway and your own sign-in: az login.",
            )
        from onramp.takeover import Takeover  # noqa: PLC0415 - azure's clients take a second

        with screen.busy("reading the gateway"):
            takeover = await Takeover.find(connection, api, account)
        answer = takeover.answer
        is_asked = answer.case in _DOING and not (yes or dry_run)
        if is_asked or not screen.is_json:  # nobody agrees to what they have not seen
            _show(harmless(answer), harmless(takeover.plan), screen.beside)
        code = {Case.OURS: ExitCode.OK, Case.ELSEWHERE: ExitCode.TO_DO}.get(takeover.case)
        if code is None and not dry_run:
            code = await _do(takeover, screen, yes=yes)
            answer = answer.model_copy(update={"done": code is ExitCode.OK})
        if screen.is_json:
            screen.json(answer)
        elif answer.done:
            screen.print("", Text.assemble(("✓ done. ", "green"), answer.next_step))
            screen.verbatim(f"To undo: {answer.undo}")
    return ExitCode.OK if code is None else code


async def _do(takeover: "Takeover", screen: Screen, *, yes: bool) -> ExitCode:
    if not yes and not screen.agreed("\nAdopt it? [y/N] "):
        screen.say("Nothing was written.")
        return ExitCode.FAILED
    with Progress(screen, takeover.plan.writes) as progress:
        await takeover.run(progress.tell, screen.say)
    return ExitCode.OK


def _show(answer: AdoptionAnswer, plan: PlanRecord, screen: Screen) -> None:
    is_doing = answer.case in _DOING
    screen.print(Text.assemble((answer.api, "bold"), f"  at /{answer.path}"), "")
    screen.print(heading("What will be done" if is_doing else "What this means"))
    screen.print(*bullets(answer.steps))
    for warning in answer.warnings:
        screen.print(indented(Text.assemble(("! ", "bold yellow"), warning)))
    if answer.snippet:
        screen.print("", heading("For onramp.yaml"))
        screen.verbatim(answer.snippet.rstrip())
    if is_doing:
        screen.print("", heading("The plan of the account"))
        plans = PlansAnswer(writes=plan.writes, plans=(plan,))
        screen.print(*show_plans(plans, SHORT))


_DOING = frozenset({Case.MARK.value, Case.REPLACE.value, Case.RESUME.value})
