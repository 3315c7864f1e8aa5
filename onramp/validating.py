"""The command validate."""

from collections.abc import Callable
from pathlib import Path

from rich.text import Text

from onramp.errors import CliError, ExitCode
from onramp.records import ValidationAnswer
from onramp.screen import Screen, bullets, counted
from shared.core.rules import RuleBook
from shared.errors import ConfigError
from shared.rules_file import read_rules_file
from shared.settings import read_settings

_FILE = Path("onramp.yaml")


def validate(file: Path | None, screen: Screen, *, with_settings: bool) -> int:
    """Check the file, and the settings in the environment if wanted."""
    path = file or _FILE
    if file is None and not with_settings and not path.exists():
        raise CliError(
            "there is no onramp.yaml here",
            "Name the file. An app without one works with the defaults.",
        )
    checked, problems, said = [], list[str](), list[str]()
    if file is not None or path.exists():
        checked.append(str(path))
        problems += _problems(lambda: said.append(_contents(read_rules_file(path))))
    if with_settings:
        checked.append("settings")
        problems += _problems(lambda: said.append(_named(read_settings().gateway_id.name)))
    answer = ValidationAnswer(valid=not problems, checked=tuple(checked), problems=tuple(problems))
    if screen.is_json:
        screen.json(answer)
    elif problems:
        what = " and ".join(checked)
        screen.print(Text.assemble(("x ", "bold red"), f"{what} can't be used"))
        screen.print(*bullets(problems))
    else:
        words = "; ".join(said)
        screen.print(Text.assemble(("✓ ", "green"), f"{' and '.join(checked)}: {words}"))
    return ExitCode.FAILED if problems else ExitCode.OK


def _problems(check: Callable[[], object]) -> list[str]:
    """What the readers of both put into one message, line by line."""
    try:
        check()
    except ConfigError as exc:
        return str(exc).split("\n  - ")[1:]
    return []


def _contents(book: RuleBook) -> str:
    return f"{counted(len(book.rules), 'rule')}, {counted(len(book.profiles), 'profile')}"


def _named(gateway: str) -> str:
    return f"writes to the gateway {gateway}"
