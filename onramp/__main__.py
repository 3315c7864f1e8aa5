"""``python -m onramp``: the command line."""

import logging
import sys
import traceback

import typer

from onramp.commands import app
from onramp.errors import CliError
from onramp.options import Output
from onramp.screen import Screen
from shared.errors import Denied, InvalidId, OnboardingError, RetryableError, StaleRead

FAILED, INTERRUPTED = 1, 130
_TO_DO: tuple[tuple[type[OnboardingError], str], ...] = (
    (Denied, "Ask for a role there: Reader to plan, API Management Service Contributor to write."),
    (StaleRead, "Somebody else wrote meanwhile: run it again."),
    (RetryableError, "Try again in a minute."),
    (InvalidId, "Copy the resource id from the portal (JSON view), or use the name."),
    (OnboardingError, "Change what the message says."),
)
# typer carries click's errors in itself, and names of wrong usage only this kind.
_WrongUsage: type[Exception] = typer.BadParameter.__mro__[1]


def main() -> int:
    """Run one command; its exit code. Wrong usage is 1, for 2 says that a plan has changes."""
    arguments = sys.argv[1:] or ["--help"]
    is_debug = "--debug" in arguments
    if is_debug:
        logging.basicConfig(level=logging.INFO)
    else:
        logging.disable()
        # asyncio complains of tools that azure-identity asked for a token and gave up on.
        sys.unraisablehook = lambda _: None
    screen = Screen(Output())
    try:
        return int(app(arguments, prog_name="python -m onramp", standalone_mode=False) or 0)
    except _WrongUsage as exc:
        command = next((it for it in arguments if not it.startswith("-")), "")
        help_ = " ".join(filter(None, ("python -m onramp", command, "--help")))
        said = exc.format_message() if hasattr(exc, "format_message") else str(exc)
        _tell(screen, said, f"{help_} tells more.", is_debug=is_debug)
    except CliError as exc:
        _tell(screen, exc.what, exc.do, is_debug=is_debug)
    except OnboardingError as exc:
        to_do = next(words for kind, words in _TO_DO if isinstance(exc, kind))
        _tell(screen, str(exc), to_do, is_debug=is_debug)
    except (KeyboardInterrupt, typer.Abort):
        screen.say("\nstopped")
        return INTERRUPTED
    except Exception as exc:  # noqa: BLE001 - the edge: people get a line, not a traceback
        words = f"unexpected {type(exc).__name__}: {exc}"
        _tell(screen, words, "A bug: --debug shows where. Please report it.", is_debug=is_debug)
    return FAILED


def _tell(screen: Screen, what: str, do: str, *, is_debug: bool) -> None:
    if is_debug:
        traceback.print_exc()
    screen.error(what, do)


if __name__ == "__main__":
    sys.exit(main())
