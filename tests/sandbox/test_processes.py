import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path

import pytest

from sandbox.processes import HOST, ChildFailedError, start, take_ports

_ROOT = Path(__file__).parents[2]
_NAP = "import time; time.sleep(600)"

# A parent that starts a child which listens, prints where, and then waits to be killed.
_PARENT = """
import asyncio, sys
from sandbox.processes import start, take_ports

async def main():
    (port,) = take_ports(1)
    child = await start("server", [sys.executable, "-m", "http.server", str(port)])
    print(port, flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""

_AZURITE_PARENT = """
import asyncio
from sandbox.azurite import azurite

async def main():
    async with azurite() as storage:
        print(storage.table.rpartition(":")[2].partition("/")[0], flush=True)
        await asyncio.sleep(600)

asyncio.run(main())
"""


async def _open(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(HOST, port)
    except OSError:
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True


async def _await_port(port: int, *, is_open: bool) -> None:
    async with asyncio.timeout(120):
        while await _open(port) is not is_open:  # noqa: ASYNC110  # of another process
            await asyncio.sleep(0.02)


async def _run_parent(source: str, **env: str) -> tuple[asyncio.subprocess.Process, int]:
    parent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", source),
        cwd=_ROOT,
        env=os.environ | env,
        stdout=asyncio.subprocess.PIPE,
    )
    assert parent.stdout is not None
    port = int(await asyncio.wait_for(parent.stdout.readline(), 120))
    await _await_port(port, is_open=True)
    return parent, port


@pytest.mark.parametrize("env", [{}, {"CHILD_GUARD_WATCH": "1"}], ids=["kernel", "watcher"])
async def test_a_child_ends_when_its_parent_is_killed(env: dict[str, str]) -> None:
    parent, port = await _run_parent(_PARENT, **env)

    parent.send_signal(signal.SIGKILL)

    await _await_port(port, is_open=False)
    await parent.wait()


async def test_azurite_ends_when_its_parent_is_killed() -> None:
    parent, port = await _run_parent(_AZURITE_PARENT)

    parent.send_signal(signal.SIGKILL)

    await _await_port(port, is_open=False)
    await parent.wait()


async def test_a_child_that_ignores_sigterm_is_killed() -> None:
    ignores = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf'); "
    child = await start("deaf", [sys.executable, "-uc", ignores + _NAP])

    async def is_deaf() -> bool:
        child.output.seek(0)
        return b"deaf" in child.output.read()

    await child.wait_until(is_deaf)
    await child.stop(grace_s=0.1)

    assert child.process.returncode == -signal.SIGKILL


async def test_a_child_that_ends_early_is_reported_with_its_own_words() -> None:
    child = await start("broken", [sys.executable, "-c", "raise SystemExit('no such disk')"])

    async def never() -> bool:
        return False

    with pytest.raises(ChildFailedError, match=r"broken ended with code 1:\nno such disk"):
        await child.wait_until(never)
    await child.stop()


async def test_a_child_that_does_not_get_ready_is_reported() -> None:
    child = await start("slow", [sys.executable, "-c", _NAP])

    async def never() -> bool:
        return False

    with pytest.raises(ChildFailedError, match=r"slow was not ready after 0\.1 s"):
        await child.wait_until(never, timeout_s=0.1)
    await child.stop()


def test_ports_are_counted_from_a_base() -> None:
    assert take_ports(3, 7000) == (7000, 7001, 7002)


def test_free_ports_differ() -> None:
    assert len(set(take_ports(50))) == 50
