"""The command line as people and pipelines run it: a process, on a pipe or on a terminal."""

import asyncio
import codecs
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
_PATIENCE_S = 300  # bounds a hang: beside others on two slow cores, each takes many seconds
# Nothing of whoever runs the tests: neither a sign-in nor a terminal's ways.
_ONRAMP = (sys.executable, "-m", "onramp")
_BARE = {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(ROOT), "LANG": "C.UTF-8"}


@dataclass(frozen=True, slots=True)
class Ran:
    code: int
    out: str
    err: str = ""


async def run(*arguments: str, env: Mapping[str, str], cwd: Path = ROOT) -> Ran:
    """On a pipe, with nobody to ask."""
    command = (*_ONRAMP, *arguments)
    streams = {"stdin": DEVNULL, "stdout": PIPE, "stderr": PIPE}
    async with _process(*command, env=env, cwd=cwd, **streams) as process:
        out, err = await process.communicate()
    return Ran(process.returncode or 0, out.decode(), err.decode())


async def shell(arguments: str, *, cwd: Path) -> Ran:
    """As a line of a shell, for where its answer goes."""
    line = f"{shlex.quote(sys.executable)} {arguments}"
    async with _process("sh", "-c", line, env={}, cwd=cwd, stdout=PIPE, stderr=PIPE) as process:
        out, err = await process.communicate()
    return Ran(process.returncode or 0, out.decode(), err.decode())


async def on_terminal(
    *arguments: str,
    env: Mapping[str, str],
    cwd: Path = ROOT,
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
    decoder = codecs.getincrementaldecoder("utf-8")("replace")  # a read may end within a sign
    command = (*_ONRAMP, *arguments)
    async with _process(*command, env={**shape, **env}, cwd=cwd, **streams) as process:
        os.close(its)
        while part := await asyncio.to_thread(_read, ours):
            shown += decoder.decode(part)
            if answer and "[y/N]" in shown:
                os.write(ours, f"{answer}\n".encode())
                answer = ""
            if due and due[0] and due[0] in shown:
                process.send_signal(signal.SIGINT)
                del due[0]
        code = await process.wait()
    os.close(ours)
    return Ran(code, shown)


@asynccontextmanager
async def _process(
    *command: str, env: Mapping[str, str], cwd: Path, **streams: Any
) -> AsyncIterator[Process]:
    """A process at work; what hangs is killed, so that no thread waits for its output."""
    process = await asyncio.create_subprocess_exec(
        *command, env={**_BARE, **env}, cwd=cwd, **streams
    )
    try:
        async with asyncio.timeout(_PATIENCE_S):
            yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def _read(terminal: int) -> bytes:
    """What is shown next; nothing when the other end has closed, which Linux tells as an error."""
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""
