"""The commands, their options and their help; what they do is in the modules they name."""

import asyncio
import tomllib
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from onramp import operating, plans, reading, validating
from onramp.adopting import adopt as adopt_api
from onramp.connection import Wish
from onramp.errors import ExitCode
from onramp.options import Deployed, Output, Target, Where, flowing, option, with_options
from onramp.screen import Screen

_option = partial(option, panel="What to do")


Account = Annotated[str, typer.Argument(metavar="ACCOUNT", help="Its name, or its resource id")]
Yes = Annotated[bool, _option("Don't ask", "--yes", "-y")]

app = typer.Typer(
    name="onramp",
    add_completion=False,
    no_args_is_help=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    help=flowing("""See, try and apply what model-onramp does with an API Management gateway.

It works by way of a deployed app (ONRAMP_APP, ONRAMP_KEY), or on the gateway itself with your own
sign-in (ONRAMP_GATEWAY_ID, az login): then nothing needs to be deployed. Answers are tables on a
terminal and JSON on a pipe.

Exit codes: 0 all is well; 1 something failed; 2 plan has changes, ungoverned has findings, or adopt
misses a choice in onramp.yaml; 130 Ctrl-C."""),
)


@app.callback(invoke_without_command=True)
def about(
    version: Annotated[
        bool, typer.Option("--version", metavar="", help="Tell the version")
    ] = False,
) -> int:
    if version:
        typer.echo(f"model-onramp {_version()}")
    return ExitCode.OK


def _version() -> str:
    """It is no package that is installed, so its own project file knows."""
    file = Path(__file__).parents[1] / "pyproject.toml"
    return str(tomllib.loads(file.read_text(encoding="utf-8"))["project"]["version"])


@app.command()
@with_options
def plan(
    where: Where,
    target: Target,
    output: Output,
    force: Annotated[bool, _option("As if all had to be written again", "--force")] = False,
    full: Annotated[
        bool, _option("Show what stays as it is, and policies in full", "--full")
    ] = False,
) -> int:
    """Show what would be done, and do nothing.

    Of every watched account, if none is named. Exit codes: 0 there is nothing to do, 2 there is
    (changes, or something that is blocked or held and needs a person), 1 an account could not be
    looked at.
    """
    return asyncio.run(plans.plan(where, target, Wish(force=force), Screen(output), full=full))


@app.command()
@with_options
def apply(  # noqa: PLR0913, PLR0917 - the options
    where: Where,
    target: Target,
    output: Output,
    yes: Yes = False,
    digest: Annotated[
        list[str] | None,
        _option(
            "Only this very plan, of which plan told the digest; don't ask. Once per account",
            metavar="DIGEST",
        ),
    ] = None,
    force: Annotated[bool, _option("Write again what is as it should be", "--force")] = False,
    allow_removals: Annotated[
        bool, _option("However many deployments that takes off the gateway", "--allow-removals")
    ] = False,
) -> int:
    """Show what will be done, ask, do it, and tell what became of it.

    Only what was shown is written: if something changes meanwhile, nothing is. That holds whatever
    the mode says. Exit codes: 0 all of it was written, 1 something was refused, postponed or not
    agreed to.

    Working directly does not lock an app of the same owner out; both name the ETags that they have
    read, so that neither overwrites what the other just wrote.
    """
    wish = Wish(force=force, removals=allow_removals)
    work = plans.apply(where, target, wish, Screen(output), digests=tuple(digest or ()), yes=yes)
    return asyncio.run(work)


@app.command()
@with_options
def status(
    where: Where,
    target: Target,
    output: Output,
    deployments: Annotated[
        bool, _option("List every deployment, not only those in trouble", "--deployments")
    ] = False,
) -> int:
    """Tell how things stand.

    Of an app: its health, the deployments by state, held accounts, dead letters, the last runs;
    exit code 1 if it is unhealthy. Directly: what the gateway serves now, account by account.
    """
    return asyncio.run(reading.status(where, target, Screen(output), every=deployments))


@app.command()
@with_options
def why(
    deployment: Annotated[
        str, typer.Argument(metavar="ACCOUNT/DEPLOYMENT", help="Or its resource id")
    ],
    where: Where,
    output: Output,
) -> int:
    """Tell why a deployment is as it is.

    Of an app: its story, run by run. Directly: what would be decided now, and by which rule or tag.
    """
    return asyncio.run(reading.why(where, deployment, Screen(output)))


@app.command()
@with_options
def release(  # noqa: PLR0913, PLR0917 - the options
    account: Account,
    at: Deployed,
    output: Output,
    digest: Annotated[
        str,
        _option("For this very plan, of which plan told the digest; don't ask", metavar="DIGEST"),
    ] = "",
    yes: Yes = False,
    call_off: Annotated[
        bool, _option("Instead, take back what was ordered and is not done yet", "--call-off")
    ] = False,
) -> int:
    """Let a held account go on: by way of an app.

    Shows what it will do then, asks, and follows the run. What the brake stopped is done, what was
    rolled back goes forward; if that has become another plan since, it is held again.
    """
    if call_off:
        return asyncio.run(operating.call_off(at, account, Screen(output)))
    return asyncio.run(operating.release(at, account, Screen(output), digest=digest, yes=yes))


@app.command()
@with_options
def rollback(
    account: Account,
    at: Deployed,
    output: Output,
    to: Annotated[
        str,
        _option(
            "Id of the state to go back to; of the one before what stands, if not given",
            metavar="STATE",
        ),
    ] = "",
    yes: Yes = False,
) -> int:
    """Take an account back to what stood on the gateway then: by way of an app.

    Shows the states there are and what going back will do, asks, and follows the run. The account
    is held then, until you release it.
    """
    return asyncio.run(operating.rollback(at, account, Screen(output), to=to, yes=yes))


@app.command()
@with_options
def replay(
    at: Deployed,
    output: Output,
    letter: Annotated[
        str, typer.Argument(metavar="[ID]", help="Of a dead letter: status --json has it")
    ] = "",
) -> int:
    """Do again what was given up: by way of an app.

    One dead letter, or all that can be. It does no harm twice: the app looks at their accounts as
    they are now.
    """
    return asyncio.run(operating.replay(at, letter, Screen(output)))


@app.command()
@with_options
def ungoverned(
    where: Where,
    output: Output,
    fresh: Annotated[
        bool, _option("Look now; an app keeps what it found for ten minutes", "--fresh")
    ] = False,
) -> int:
    """List what reaches models past this: APIs of whoever on the same gateway.

    Exit codes: 0 there is nothing, 2 there is.
    """
    return asyncio.run(reading.ungoverned(where, Screen(output), fresh=fresh))


@app.command()
@with_options
def validate(
    output: Output,
    file: Annotated[Path | None, typer.Argument(help="The rules file; onramp.yaml here")] = None,
    settings: Annotated[
        bool, _option("Check the ONRAMP_ variables of the app as well", "--settings")
    ] = False,
) -> int:
    """Check a rules file, and say where its problems are.

    Reads nothing but the file. Exit codes: 0 it can be used, 1 it can't.
    """
    return validating.validate(file, Screen(output), with_settings=settings)


@app.command()
@with_options
def adopt(  # noqa: PLR0913, PLR0917 - the options
    api: Annotated[str, typer.Argument(metavar="API", help="Id of the API on the gateway")],
    where: Where,
    output: Output,
    account: Annotated[
        str,
        _option("The account that it leads to: name or resource id", metavar="ACCOUNT"),
    ],
    yes: Yes = False,
    dry_run: Annotated[bool, _option("Only tell what would be done", "--dry-run")] = False,
) -> int:
    """Take over an API that was made by hand or by the portal's wizard.

    Directly only: the app never touches what isn't its own. An API with the very id that ours
    would have gets our owner mark. One that holds the path of ours is moved aside, ours takes its
    place and its products, and if that fails it is moved back. For any other it is told what to
    write into onramp.yaml, with exit code 2.
    """
    return asyncio.run(adopt_api(where, api, account, Screen(output), yes=yes, dry_run=dry_run))
