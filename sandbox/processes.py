"""Child processes that cannot outlive their parent, ports and listeners."""

import asyncio
import contextlib
import os
import random
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from ssl import SSLContext
from typing import IO

from aiohttp import web

HOST = "127.0.0.1"
_GUARD = Path(__file__).with_name("child_guard.py")
_POLL_S = 0.02
_OWN_PORTS = range(15_000, 32_000)  # Linux gives out 32768 and above, others 49152 and above
_TAIL_BYTES = 4000


class ChildFailedError(Exception):
    """A child process ended, or did not become ready, where it should have run."""


@dataclass(frozen=True, slots=True)
class Child:
    name: str
    process: asyncio.subprocess.Process
    output: IO[bytes] = field(repr=False)  # its stdout and stderr, for the message of a failure

    async def wait_until(
        self, ready: Callable[[], Awaitable[bool]], *, timeout_s: float = 120
    ) -> None:
        """Return once ``ready`` says so; raise with the child's own words if it ends before."""
        try:
            async with asyncio.timeout(timeout_s):
                while not await ready():
                    if self.process.returncode is not None:
                        raise self._failed(f"ended with code {self.process.returncode}")
                    await asyncio.sleep(_POLL_S)
        except TimeoutError:
            raise self._failed(f"was not ready after {timeout_s:g} s") from None

    async def stop(self, *, grace_s: float = 5) -> None:
        """SIGTERM, then SIGKILL after ``grace_s``."""
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.terminate()
            try:
                await asyncio.wait_for(self.process.wait(), grace_s)
            except TimeoutError:
                # Its whole group: it has a session of its own, perhaps with children of its own.
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self.process.pid, signal.SIGKILL)
                await self.process.wait()
        if self.process.stdin is not None:
            self.process.stdin.close()
        self.output.close()

    def _failed(self, what: str) -> ChildFailedError:
        self.output.seek(0)
        tail = self.output.read()[-_TAIL_BYTES:].decode(errors="replace").strip()
        return ChildFailedError(f"{self.name} {what}" + (f":\n{tail}" if tail else ""))


async def start(
    name: str, command: Sequence[str], *, env: Mapping[str, str] | None = None
) -> Child:
    """Start a command that dies with this process, even when this process is killed.

    It gets a session of its own, so Ctrl-C in a terminal reaches the parent only, which then stops
    its children in order. On Linux call this from a thread that lives as long as the child: the
    kernel's "parent" is the thread (the PR_SET_PDEATHSIG manual page).
    """
    output = tempfile.TemporaryFile()  # noqa: SIM115  # closed by Child.stop
    try:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", str(_GUARD), str(os.getpid()), *command),
            stdin=asyncio.subprocess.PIPE,
            stdout=output,
            stderr=output,
            env=None if env is None else dict(env),
            start_new_session=True,
        )
    except BaseException:
        output.close()
        raise
    return Child(name, process, output)


def take_ports(count: int, base: int | None = None) -> tuple[int, ...]:
    """``count`` ports from ``base`` on, or free ones that differ from each other.

    Free ones are taken at random below the range from which systems give ports to outgoing
    connections, where one could be gone by the time the child listens on it.
    """
    if base is not None:
        return tuple(range(base, base + count))
    candidates = random.sample(_OWN_PORTS, 1000)
    return tuple(islice((port for port in candidates if _is_free(port)), count))


def check_free(base: int, count: int) -> None:
    """Refuse a block of ports of which some are taken, before anything is started."""
    taken = [str(port) for port in range(base, base + count) if not _is_free(port)]
    if taken:
        raise ValueError(
            f"ports {base} to {base + count - 1} are needed, but in use: {', '.join(taken)}"
        )


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As servers do: connections that ended a moment ago don't count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


@contextlib.asynccontextmanager
async def listen(
    app: web.Application, *, port: int = 0, tls: SSLContext | None = None
) -> AsyncIterator[str]:
    """Serve ``app`` on the loopback interface; yields the base URL, without a trailing slash."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    try:
        await web.TCPSite(runner, HOST, port, ssl_context=tls).start()
        yield f"{'https' if tls else 'http'}://{HOST}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
