"""Runs one command; whatever goes wrong becomes two lines and an exit code."""

import logging
import signal
import sys
import traceback

import typer

from onramp.commands import app
from onramp.errors import CliError, ExitCode
from onramp.options import Output
from onramp.screen import Screen
from shared.errors import Denied, InvalidId, OnboardingError, RetryableError, StaleRead

_TO_DO: tuple[tuple[type[OnboardingError], str], ...] = (
    (Denied, "Ask for a role there: Reader to plan, API Management Service Contributor to write."),
    (StaleRead, "Somebody else wrote meanwhile: run it again."),
    (RetryableError, "Try again in a minute."),
    (InvalidId, "Copy the resource id from the portal (JSON view), or use the name."),
    (OnboardingError, "Change what the message says."),
)
_NAME = "python -m onramp"
# typer carries click's errors in itself, and names of wrong usage only this kind.
_WRONG_USAGE: type[Exception] = typer.BadParameter.__mro__[1]


def run() -> int:
    """The exit code. Wrong usage is 1, for 2 says that a plan has changes."""
    arguments = sys.argv[1:] or ["--help"]
    is_debug = "--debug" in arguments
    if is_debug:
        logging.basicConfig(level=logging.INFO)
    else:
        logging.disable()
        # asyncio complains of tools that azure-identity asked for a token and gave up on.
        sys.unraisablehook = lambda _: None
    screen = Screen(Output())
    if sys.stdout is None:
        screen.error("stdout is closed", "The answer needs a place to go to.")
        return ExitCode.FAILED
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        code = int(app(arguments, prog_name=_NAME, standalone_mode=False) or 0)
    except (KeyboardInterrupt, typer.Abort):
        code = ExitCode.INTERRUPTED
    except Exception as exc:  # noqa: BLE001 - the edge: people get a line, not a traceback
        if is_debug:
            traceback.print_exc()
        screen.error(*_words(exc))
        return ExitCode.FAILED
    if code == ExitCode.INTERRUPTED:  # typer makes it of a KeyboardInterrupt as well
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # once is enough
        screen.say("\nstopped")
    return code


def _words(exc: Exception) -> tuple[str, str]:
    """What is wrong, and what to do."""
    match exc:
        case CliError():
            return exc.what, exc.do
        case OnboardingError():
            return str(exc), next(words for kind, words in _TO_DO if isinstance(exc, kind))
        case _ if isinstance(exc, _WRONG_USAGE):
            said = exc.format_message() if hasattr(exc, "format_message") else str(exc)
            ctx: typer.Context | None = getattr(exc, "ctx", None)
            return said, f"{ctx.command_path if ctx else _NAME} --help tells more."
        case _:
            words = f"unexpected {type(exc).__name__}: {exc}"
            return words, "A bug: --debug shows where. Please report it."
