"""The console sessions of a page of docs: read, run again, and compared with what is shown.

In a session a line that is just … stands for any lines, and … within a line for any text. Times,
hosts and figures of time are compared by their form. So are ids, and where a later command names
one that the page shows, the one that came in its place is meant.
"""

import asyncio
import os
import pty
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

_PATIENCE_S = 120
_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_COLOUR = re.compile(r"\x1b\[[\d;]*m")
_VARIES = (
    (r"https?://[\w.:-]+", "<host>"),
    (r"\b\d{4}-\d\d-\d\d", "<date>"),
    (r"\d\d:\d\d(:[\d.]+)?(Z|\+00:00)", "<time>"),
    (r"\b(\d+ (minute|hour)s? ago|just now)\b", "<ago>"),
    (r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "<guid>"),
    (r"\b\d+\.\d+\b", "<number>"),
)
# Of a dead letter; of a run, a state, a unit, a digest.
_ID = re.compile(r"\b[0-9a-f]{11}-[0-9a-f]{16}\b|\b[0-9a-f]{12,}\b")
_GAP = "…"


@dataclass(frozen=True, slots=True)
class Step:
    """A command of a page, and what the page says it answers."""

    line: int
    command: str
    shown: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Console:
    """A shell in which steps are done one after the other.

    Attributes:
        prelude: Shell functions that the page defines.
        came: The ids that came in place of those that the page shows.
    """

    prelude: str
    env: Mapping[str, str]
    cwd: Path
    came: dict[str, str] = field(default_factory=dict)

    async def do(self, step: Step) -> None:
        """Do *step*; its answer must be the one that is shown."""
        command = _ID.sub(lambda found: self.came.get(found[0], found[0]), step.command)
        said = await run(f"{self.prelude}\n{command}", env=self.env, cwd=self.cwd)
        came = compare(step.shown, said)
        shown = "\n".join(step.shown)
        assert came is not None, f"line {step.line}: $ {command}\n{said}\n--- but shown:\n{shown}"
        self.came.update(came)


def section(page: str, heading: str) -> str:
    """What stands below *heading*, up to the next one of its level or above."""
    level = heading.partition(" ")[0]
    rest = page.partition(f"\n{heading}\n")[2]
    assert rest, f"no heading {heading}"
    return re.split(rf"^#{{1,{len(level)}}} ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def steps(page: str, heading: str) -> tuple[Step, ...]:
    """The commands below *heading*, in order."""
    part = section(page, heading)
    start = page.index(part)
    found = (
        step
        for block in _BLOCK.finditer(part)
        for step in _steps(block[1], page[: start + block.start(1)].count("\n") + 1)
    )
    return tuple(found)


async def run(command: str, *, env: Mapping[str, str], cwd: Path) -> str:
    """What *command* says at a terminal, 80 columns wide: the one that rich takes for dumb."""
    terminal, end = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        "bash",
        "-c",
        command,
        cwd=cwd,
        env={**env, "TERM": "dumb"},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=end,
        stderr=end,
    )
    os.close(end)
    try:
        async with asyncio.timeout(_PATIENCE_S):
            said = await asyncio.to_thread(_read, terminal)
            await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        os.close(terminal)
    return _COLOUR.sub("", said).replace("\r\n", "\n")


def compare(shown: tuple[str, ...], said: str) -> Mapping[str, str] | None:
    """The ids that came in place of those *shown*; None where *said* is something else."""
    ids: list[str] = []
    pattern = "".join(_pattern(line, ids) for line in map(_plain, shown) if line)
    lines = [line for line in map(_plain, said.splitlines()) if line]
    found = re.fullmatch(pattern, "".join(f"{line}\n" for line in lines))
    return None if found is None else dict(zip(ids, found.groups(), strict=True))


def _pattern(line: str, ids: list[str]) -> str:
    if line == _GAP:
        return r"(?:.*\n)*?"
    parts, at = list[str](), 0
    for id_ in _ID.finditer(line):
        parts += [_text(line[at : id_.start()]), f"({_ID.pattern})"]
        ids.append(id_[0])
        at = id_.end()
    return "".join([*parts, _text(line[at:]), r"\n"])


def _text(text: str) -> str:
    return re.escape(text).replace(_GAP, ".*")


def _plain(line: str) -> str:
    for varies, form in _VARIES:
        line = re.sub(varies, form, line)
    return " ".join(line.split())


def _steps(block: str, line: int) -> Iterator[Step]:
    lines, at = block.splitlines(), 0
    while at < len(lines):
        first = at
        command = [lines[at].removeprefix("$ ")]
        while command[-1].endswith("\\"):
            at += 1
            command.append(lines[at])
        at += 1
        start = at
        while at < len(lines) and not lines[at].startswith("$ "):
            at += 1
        yield Step(line + first, "\n".join(command), tuple(lines[start:at]))


def _read(terminal: int) -> str:
    """All that is written to it, until nobody has its other end."""
    parts = list[bytes]()
    while True:
        try:
            part = os.read(terminal, 65536)
        except OSError:  # Linux says EIO then (drivers/tty/pty.c)
            part = b""
        if not part:
            return b"".join(parts).decode()
        parts.append(part)
