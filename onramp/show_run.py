"""A run while it goes on, and what became of it."""

from collections.abc import Iterator
from types import TracebackType
from typing import Self

from rich.console import Group, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn
from rich.progress import Progress as Bar
from rich.text import Text

from onramp.records import ApplyAnswer
from onramp.screen import (
    Screen,
    bullets,
    counted,
    dim,
    heading,
    indented,
    short_account,
    short_name,
    signed,
    table,
    with_command,
)
from onramp.show_plan import commands_in, kind_word, name_of
from shared.core.records import UnitRunRecord

_DONE = frozenset({"applied"})


class Progress:
    """A bar of the writes that are done; a line for each account where nobody watches."""

    def __init__(self, screen: Screen, writes: int) -> None:
        self._before = 0
        self._current = 0
        self._bar = Bar(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            console=screen.err,
            disable=not screen.err.is_terminal,
            transient=True,
        )
        self._task = self._bar.add_task("waiting", total=writes)

    def __enter__(self) -> Self:
        self._bar.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.__exit__(kind, exc, trace)

    def tell(self, run: UnitRunRecord) -> None:
        self._current = sum(it.status in _DONE for it in run.changes)
        words = f"{short_name(run.account)}: {run.status}"
        self._bar.update(self._task, description=words, completed=self._before + self._current)

    def next(self) -> None:
        """The account is done."""
        self._before += self._current
        self._current = 0


def show_runs(answer: ApplyAnswer) -> Iterator[RenderableType]:
    yield ""
    for run in answer.accounts:
        yield from _run(run)
        yield ""
    writes = sum(it.writes for it in answer.accounts)
    yield Text(f"{counted(writes, 'change')} written.", style="bold")
    if any(it.status == "waiting" for it in answer.accounts):
        yield Text("What still waits is tried again by the app itself: see status.")


def _run(run: UnitRunRecord) -> Iterator[RenderableType]:
    yield short_account(run.account)
    yield indented(signed(run.status))
    changes = [it for it in run.changes if it.status not in ("kept", "")]
    if changes:
        rows = table("became", "action", "what", "resource")
        for it in changes:
            more = [dim(with_command(it.detail)[0])] if it.detail else []
            name = Group(Text(name_of(it.path)), *more)
            rows.add_row(signed(it.status), it.action, kind_word(it.path), name)
        yield indented(rows)
        yield from commands_in(changes)
    if run.changes_left_out:
        yield indented(dim(f"and {counted(run.changes_left_out, 'change')} more"))
    if run.error:
        yield indented(Text.assemble(("x ", "bold red"), run.error))
    if run.notes:
        yield indented(heading("Notes"))
        yield from bullets(run.notes)
