"""The command line as people and pipelines run it: a process, on a pipe or on a terminal."""

import asyncio
import os
import pty
import shlex
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
_PATIENCE_S = 60
# Nothing of whoever runs the tests: neither a sign-in nor a terminal's ways.
_BARE = {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(ROOT), "LANG": "C.UTF-8"}


@dataclass(frozen=True, slots=True)
class Ran:
    code: int
    out: str
    err: str = ""


async def run(*arguments: str, env: Mapping[str, str], cwd: Path = ROOT) -> Ran:
    """On a pipe, with nobody to ask."""
    async with _process(arguments, env, cwd, stdin=DEVNULL, stdout=PIPE, stderr=PIPE) as process:
        out, err = await process.communicate()
    return Ran(process.returncode or 0, out.decode(), err.decode())


async def shell(arguments: str, *, cwd: Path) -> Ran:
    """As a line of a shell, for where its answer goes."""
    process = await asyncio.create_subprocess_shell(
        f"{shlex.quote(sys.executable)} {arguments}", env=_BARE, cwd=cwd, stdout=PIPE, stderr=PIPE
    )
    out, err = await asyncio.wait_for(process.communicate(), _PATIENCE_S)
    return Ran(process.returncode or 0, out.decode(), err.decode())


async def on_terminal(
    *arguments: str,
    env: Mapping[str, str],
    columns: int = 100,
    answer: str = "",
    interrupt_at: str | tuple[str, ...] = "",
) -> Ran:
    """On a terminal; *answer* is typed at a question, Ctrl-C when *interrupt_at* is shown.

    Of several, each once.
    """
    ours, its = pty.openpty()
    shape = {"COLUMNS": str(columns), "TERM": "xterm-256color"}
    streams = {"stdin": its, "stdout": its, "stderr": its}
    shown, due = "", [interrupt_at] if isinstance(interrupt_at, str) else [*interrupt_at]
    async with _process(arguments, {**shape, **env}, ROOT, **streams) as process:
        os.close(its)
        while part := await asyncio.to_thread(_read, ours):
            shown += part
            if answer and "[y/N]" in part:
                os.write(ours, f"{answer}\n".encode())
            if due and due[0] and due[0] in shown:
                process.send_signal(signal.SIGINT)
                del due[0]
        code = await process.wait()
    os.close(ours)
    return Ran(code, shown)


@asynccontextmanager
async def _process(
    arguments: tuple[str, ...], env: Mapping[str, str], cwd: Path, **streams: Any
) -> AsyncIterator[Process]:
    """The command line at work; what hangs is killed, so that no thread waits for its output."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "onramp", *arguments, env={**_BARE, **env}, cwd=cwd, **streams
    )
    try:
        async with asyncio.timeout(_PATIENCE_S):
            yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def _read(terminal: int) -> str:
    """What is shown next; "" when the other end has closed, which Linux tells as an error."""
    try:
        return os.read(terminal, 65536).decode(errors="replace")
    except OSError:
        return ""
