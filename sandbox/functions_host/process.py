"""Start, stop, kill and restart a Functions host as a child process.

    async with functions_host(HostOptions(app_dir, {"AzureWebJobsStorage": ...})) as host:
        await session.post(host.event_grid_url("on_event"), ...)

The child ends with its parent, however that ends: it watches its standard input.
"""

import asyncio
import json
import os
import sysconfig
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp

from sandbox.functions_host.keys import EVENT_GRID_KEY_NAME, new_master_key
from sandbox.functions_host.vendored import command

_ROOT = Path(__file__).resolve().parents[2]
# The rest of the caller's environment stays out: it may hold credentials of a real Azure.
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "SYSTEMROOT")
_KEPT_LINES = 500
_STOPPING_S = 30.0
_LONGEST_LINE = 2**22


class HostFailedError(Exception):
    """The host did not start; the message ends with what it wrote."""


@dataclass(frozen=True, slots=True)
class Ready:
    """What the host prints once it serves."""

    base_url: str
    master_key: str
    host_key: str
    event_grid_key: str
    functions: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class HostOptions:
    """How to start a host; ``env`` is all that the app sees, but for a few names such as PATH."""

    app_dir: Path
    env: Mapping[str, str]
    port: int = 0
    master_key: str = ""
    log_format: str = "text"
    drain_seconds: float = 10.0
    startup_timeout_s: float = 120.0


class FunctionsHost:
    """A host process; ``log`` keeps its last lines."""

    def __init__(self, options: HostOptions, on_log: Callable[[str], None]) -> None:
        self._options = options
        self._on_log = on_log
        self._master_key = options.master_key or new_master_key()
        self._port = options.port
        self._process: asyncio.subprocess.Process | None = None
        self._pumps: list[asyncio.Task[None]] = []
        self._ready: Ready | None = None
        self.log: deque[str] = deque(maxlen=_KEPT_LINES)

    @property
    def ready(self) -> Ready:
        if self._ready is None:
            raise HostFailedError("the host has not been started")
        return self._ready

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    def event_grid_url(self, function: str) -> str:
        """The webhook that an event subscription of this function delivers to."""
        query = urlencode({"functionName": function, "code": self.ready.event_grid_key})
        return f"{self.ready.base_url}/runtime/webhooks/EventGrid?{query}"

    async def start(self) -> None:
        """Start the process and wait until it serves; HostFailedError with its last words."""
        app_dir = self._options.app_dir.resolve()
        self._process = await asyncio.create_subprocess_exec(
            *command(app_dir, Path(sysconfig.get_path("purelib"))),
            *("--json", "--watch-stdin", "--app", str(app_dir), "--port", str(self._port)),
            *("--log-format", self._options.log_format),
            *("--drain-seconds", str(self._options.drain_seconds)),
            cwd=_ROOT,
            env=self._environment(),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=_LONGEST_LINE,
        )
        stdout, stderr = self._process.stdout, self._process.stderr
        assert stdout is not None  # noqa: S101 - both are pipes
        assert stderr is not None  # noqa: S101
        self._pumps = [asyncio.create_task(self._pump(stderr))]
        try:
            async with asyncio.timeout(self._options.startup_timeout_s):
                line = await stdout.readline()
        except BaseException:
            await self.kill()
            raise
        if not line:
            await self._ended()
            raise HostFailedError("\n".join(self.log))
        self._pumps.append(asyncio.create_task(self._pump(stdout)))
        self._ready = _parse_ready(json.loads(line))
        self._port = int(self._ready.base_url.rpartition(":")[2])

    async def stop(self) -> int:
        """End gracefully, so that running invocations can finish; 0 unless it had to be killed."""
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.terminate()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._options.drain_seconds * 2 + _STOPPING_S):
                    await self._process.wait()
        return await self.kill()

    async def kill(self) -> int:
        """End at once, as a crash does."""
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.kill()
        return await self._ended()

    async def restart(self) -> None:
        """Start again after ``stop`` or ``kill``: same port, same keys."""
        await self.stop()
        await self.start()

    async def set_state(self, state: str) -> None:
        """Make the app ``stopped`` (every request answers 403) or ``running`` again."""
        async with (
            aiohttp.ClientSession(headers={"x-functions-key": self.ready.master_key}) as session,
            session.put(f"{self.ready.base_url}/sandbox/state", json=state) as response,
        ):
            response.raise_for_status()

    def _environment(self) -> dict[str, str]:
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        key = {"SANDBOX_FUNCTIONS_MASTER_KEY": self._master_key}
        return {**inherited, **self._options.env, **key}

    async def _pump(self, stream: asyncio.StreamReader) -> None:
        while line := await stream.readline():
            text = line.decode(errors="replace").rstrip("\n")
            self.log.append(text)
            self._on_log(text)

    async def _ended(self) -> int:
        if self._process is None:
            return 0
        code = await self._process.wait()
        # A process that the app has started may hold the pipes open.
        if self._pumps:
            _, open_pumps = await asyncio.wait(self._pumps, timeout=5)
            for pump in open_pumps:
                pump.cancel()
        return code


@asynccontextmanager
async def functions_host(
    options: HostOptions, on_log: Callable[[str], None] = lambda _: None
) -> AsyncIterator[FunctionsHost]:
    """Run a host for the block; ``on_log`` gets each of its lines."""
    host = FunctionsHost(options, on_log)
    await host.start()
    try:
        yield host
    finally:
        await host.stop()


def _parse_ready(line: Mapping[str, Any]) -> Ready:
    return Ready(
        base_url=line["baseUrl"],
        master_key=line["masterKey"],
        host_key=line["hostKey"],
        event_grid_key=line["systemKeys"][EVENT_GRID_KEY_NAME],
        functions=tuple(line["functions"]),
    )
