"""Where the command line writes: answers on stdout, everything else on stderr.

Colour is never all that tells two things apart: each has a sign and a word as well.
"""

import re
import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from io import StringIO
from select import select
from typing import Any

from pydantic import BaseModel
from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from onramp.errors import CliError, ExitCode
from onramp.options import Output

# Sign and style of what is done, and of what became of it; of states of deployments and of runs.
SIGNS = {
    "create": ("+", "green"),
    "update": ("~", "yellow"),
    "delete": ("-", "red"),
    "blocked": ("!", "bold magenta"),
    "keep": ("=", "dim"),
    "kept": ("=", "dim"),
    "applied": ("✓", "green"),
    "verified": ("✓", "bold green"),
    "succeeded": ("✓", "green"),
    "healthy": ("✓", "green"),
    "seen": ("…", "cyan"),
    "running": ("…", "cyan"),
    "queued": ("…", "cyan"),
    "waiting": ("…", "cyan"),
    "marked": ("…", "cyan"),
    "postponed": ("…", "yellow"),
    "retiring": ("-", "yellow"),
    "removed": ("-", "dim"),
    "excluded": ("o", "dim"),
    "planned": ("o", "dim"),
    "degraded": ("!", "yellow"),
    "held": ("!", "bold magenta"),
    "quarantined": ("!", "bold red"),
    "incomplete": ("!", "bold red"),
    "rejected": ("x", "bold red"),
    "skipped": ("x", "red"),
    "failed": ("x", "bold red"),
    "unhealthy": ("x", "bold red"),
    "stale": ("x", "red"),
}
_UNKNOWN = ("?", "")
_LOOK_S = 0.2  # between looks whether somebody has answered
# All but line ends, and what turns the direction of writing.
_CONTROLS = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True, slots=True)
class Screen:
    """The answer and what goes on beside it."""

    output: Output = field(default_factory=Output)
    out: Console = field(default_factory=lambda: Console(highlight=False, markup=False))
    err: Console = field(
        default_factory=lambda: Console(stderr=True, highlight=False, markup=False)
    )

    @property
    def is_json(self) -> bool:
        said = self.output.json
        return not sys.stdout.isatty() if said is None else said

    @property
    def can_ask(self) -> bool:
        return sys.stdin.isatty() and sys.stderr.isatty()

    @property
    def beside(self) -> "Screen":
        """For text where the answer is JSON: whoever is asked sees what about, on stderr."""
        return replace(self, out=self.err) if self.is_json else self

    def print(self, *parts: RenderableType) -> None:
        for part in parts:
            with _writing():
                self.out.print(part, crop=False)

    def verbatim(self, text: str) -> None:
        self.print(verbatim(text))

    def json(self, answer: BaseModel) -> None:
        with _writing():
            sys.stdout.write(answer.model_dump_json(by_alias=True, indent=2) + "\n")
            sys.stdout.flush()

    def say(self, text: str, style: str = "") -> None:
        """Beside the answer."""
        self.err.print(Text(text, style=style))

    def error(self, what: str, do: str = "") -> None:
        self.err.print(Text.assemble(("error: ", "bold red"), what), soft_wrap=True)
        if do:
            self.err.print(Text(do), soft_wrap=True)

    def agreed(self, question: str) -> bool:
        """Ask on stderr, so that the answer on stdout stays clean."""
        # asyncio only cancels the task at Ctrl-C, which somebody who is asked would not notice.
        asyncios = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            self.err.print(Text(question), end="")
            sys.stderr.flush()
            # A read that blocks would not notice a Ctrl-C that comes just before it.
            while sys.platform != "win32" and not select([sys.stdin], [], [], _LOOK_S)[0]:
                pass
            return sys.stdin.readline().strip().lower() in ("y", "yes")
        finally:
            signal.signal(signal.SIGINT, asyncios)

    @contextmanager
    def busy(self, doing: str) -> Iterator[None]:
        """A spinner while something takes its time; nothing where nobody watches."""
        if not self.err.is_terminal:
            yield
            return
        with self.err.status(f"{doing} ...", spinner="dots"):
            yield


@contextmanager
def _writing() -> Iterator[None]:
    """Whoever stops reading (`| head`) is told nothing; a disk that is full is an error."""
    try:
        yield
    except OSError as exc:
        sys.stdout = StringIO()  # what is buffered can't be written at the end either
        if isinstance(exc, BrokenPipeError):
            raise SystemExit(ExitCode.FAILED) from exc
        raise CliError(
            f"the answer can't be written: {exc.strerror}", "What was done is done: see status."
        ) from exc


def harmless[M: BaseModel](answer: M) -> M:
    """*answer* without control characters: names of others must not steer the terminal."""
    return type(answer).model_validate(_cleaned(answer.model_dump()))


def _cleaned(value: Any) -> Any:
    match value:
        case str():
            return _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", value)
        case dict():
            return {key: _cleaned(it) for key, it in value.items()}
        case list() | tuple():
            return [_cleaned(it) for it in value]
        case _:
            return value


def signed(word: str) -> Text:
    """A word with its sign, in its colour."""
    sign, style = SIGNS.get(word, _UNKNOWN)
    return Text(f"{sign} {word}", style=style)


def heading(text: str) -> Text:
    return Text(text, style="bold")


def dim(text: str) -> Text:
    return Text(text, style="dim")


def verbatim(text: str) -> RenderableType:
    """Text to copy: no line break and no space is added."""
    return Group(Text(text, no_wrap=True, overflow="ignore"))  # print makes a new one of a Text


def indented(part: RenderableType, by: int = 2) -> Padding:
    return Padding(part, (0, 0, 0, by), expand=False)


def table(*columns: str) -> Table:
    """A table without lines; its first column never wraps."""
    made = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="dim")
    for number, column in enumerate(columns):
        made.add_column(column, overflow="fold", no_wrap=number == 0)
    return made


def bullets(lines: Iterable[str]) -> Iterator[RenderableType]:
    for line in lines:
        words, command = with_command(line)
        grid = Table.grid(padding=(0, 1))
        grid.add_row("-", Text(words))
        yield indented(grid)
        if command:
            yield verbatim(f"    {command}")


def with_command(text: str) -> tuple[str, str]:
    """The words of *text*, and the command at its end, which no line break may cut."""
    words, az, rest = text.partition(": az ")
    return (f"{words}:", f"az {rest}") if az else (text, "")


def short_account(account: str) -> Text:
    """The account's name, and where it is."""
    parts = account.strip("/").split("/")
    if len(parts) < 8:
        return heading(account)
    return Text.assemble((parts[-1], "bold"), (f"  in {parts[3]}, subscription {parts[1]}", "dim"))


def short_name(resource_id: str) -> str:
    """Its last segment; a name as it is."""
    return resource_id.rpartition("/")[2]


def moment(text: str) -> str:
    """An ISO moment in UTC, as short as people need it."""
    return f"{text[:10]} {text[11:19]}Z" if text else "never"


def counted(number: int, one: str) -> str:
    return f"{number} {one}" if number == 1 else f"{number} {one}s"
