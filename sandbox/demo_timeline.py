"""What happens, line by line: what the demo does, and what the app's log says it did."""

import json
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.status import Status

from sandbox.contracts import Json

_MARGIN = 19  # of a line's seconds and speaker
_ROLE = "/providers/Microsoft.Authorization/roleAssignments/"


@dataclass(slots=True)
class Timeline:
    """Lines with the seconds since the start; the last thing being waited for on a terminal."""

    console: Console
    started: float = field(default_factory=time.monotonic)
    status: Status | None = None
    # Of the run that goes on, by unit: what it updated, by collection.
    updates: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def say(self, who: str, what: str, *, style: str = "") -> None:
        seconds = time.monotonic() - self.started
        self._print(f"{seconds:6.2f}s  {who:<9} {what.rstrip()}", style)

    def show(self, text: str) -> None:
        """Print *text* below what was said."""
        for line in text.splitlines():
            self._print(f"{'':{_MARGIN}}{line}".rstrip(), "dim")

    @contextmanager
    def waiting(self, what: str) -> Iterator[None]:
        """Show, on a terminal, what is being waited for: *what*, and later what `wait` says."""
        with self.console.status(what) as status:
            self.status = status if self.console.is_terminal else None
            yield

    def wait(self, what: str) -> None:
        if self.status is not None:
            self.status.update(what)

    def log(self, line: str) -> None:
        """Show what of the app's log tells the story."""
        start = line.find('{"event"')
        if start < 0:
            return
        try:
            entry = json.loads(line[start:])
        except ValueError:
            return
        if tell := _TOLD.get(entry["event"]):
            tell(self, entry)

    def _print(self, line: str, style: str) -> None:
        self.console.print(line, style=style, highlight=False, markup=False, soft_wrap=True)


def _event(timeline: Timeline, entry: Json) -> None:
    deployment = f"/{entry['deployment']}" if entry["deployment"] else ""
    timeline.say("event", f"{entry['type']} {_unit(entry)}{deployment}", style="cyan")


def _change(timeline: Timeline, entry: Json) -> None:
    """Tell of what is new or gone at once, and count what is updated until the run ends."""
    if entry["action"] == "update":
        timeline.updates[_unit(entry)][entry["path"].split("/")[-2]] += 1
    else:
        timeline.say("  write", f"{entry['action']} {_shown(entry['path'])}")


def _verified(timeline: Timeline, entry: Json) -> None:
    what = f"{_unit(entry)}/{entry['deployment']} verified: {entry['answers']}"
    timeline.say("gateway", what, style="magenta")


def _not_verified(timeline: Timeline, entry: Json) -> None:
    timeline.say("app", f"{_unit(entry)}/{entry['deployment']}: {entry['detail']}", style="yellow")


def _count(writes: int) -> str:
    return "nothing to write" if not writes else "1 write" if writes == 1 else f"{writes} writes"


def _run(timeline: Timeline, entry: Json) -> None:
    updates = timeline.updates.pop(_unit(entry), Counter())
    words = [
        f"run {entry['status']}",
        _count(entry["writes"]),
        *(f"{name} updated ({count})" for name, count in sorted(updates.items())),
        entry["detail"],
    ]
    timeline.say("app", f"{_unit(entry)}: {', '.join(filter(None, words))}", style="green")


def _unit(entry: Json) -> str:
    return str(entry.get("unit", "")).rpartition("/")[2]


def _shown(path: str) -> str:
    scope, is_role, _name = path.partition(_ROLE)
    return f"role assignment of the gateway on {scope.rpartition('/')[2]}" if is_role else path


_TOLD: Mapping[str, Callable[[Timeline, Json], None]] = {
    "event accepted": _event,
    "change applied": _change,
    "deployment verified": _verified,
    "deployment not verified": _not_verified,
    "run ended": _run,
}
