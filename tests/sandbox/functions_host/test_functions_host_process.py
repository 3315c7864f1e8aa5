"""The process: what it refuses, how it ends."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from sandbox.functions_host.process import HostFailedError
from tests.sandbox.functions_host.hosts import APPS, app_folder, hosted

ROOT = Path(__file__).resolve().parents[3]
APP = "app = func.FunctionApp()\n"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import nowhere\n", "No module named 'nowhere'"),
        ("", "Could not find top level function app instances"),
        (f"{APP}@app.route()\ndef f(other): ...\n", "cannot load the f function"),
        (
            f"{APP}@app.blob_trigger('b', path='c/x', connection='S')\ndef f(b): ...\n",
            "binding 'b' (blobTrigger, in) is not supported",
        ),
    ],
)
async def test_an_app_that_cannot_be_hosted_is_refused(
    tmp_path: Path, code: str, message: str
) -> None:
    with pytest.raises(HostFailedError) as failure:
        async with hosted(app_folder(tmp_path, code)):
            pass

    assert message in str(failure.value)
    assert "The function app cannot be hosted" in str(failure.value)


async def test_an_app_finds_its_own_modules_and_not_those_of_the_sandbox(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("NAME = 'mine'\n")
    code = """
import importlib.util
import mine
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

@app.route()
def f(req):
    return f"{mine.NAME} {importlib.util.find_spec('handlers')} {importlib.util.find_spec('tests')}"
"""
    async with hosted(app_folder(tmp_path, code)) as host:
        assert (await host.request("GET", "/api/f"))[1] == "mine None None"


async def test_an_app_sees_only_the_environment_it_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "real")
    (tmp_path / "local.settings.json").write_text('{"Values": {"FROM_FILE": "file"}}')
    code = """
import os
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

@app.route()
def f(req):
    names = ("AZURE_CLIENT_SECRET", "FROM_FILE", "GIVEN", "SANDBOX_FUNCTIONS_MASTER_KEY")
    return ",".join(str(os.environ.get(name)) for name in names)
"""
    async with hosted(app_folder(tmp_path, code), {"GIVEN": "given"}) as host:
        assert (await host.request("GET", "/api/f"))[1] == "None,file,given,None"


async def test_a_function_in_a_thread_does_not_keep_a_stopped_host_alive() -> None:
    begun = asyncio.Event()

    def watch(line: str) -> None:
        if "Executing 'Functions.stuck'" in line:
            begun.set()

    async with hosted(APPS / "http", on_log=watch, drain_seconds=0.2) as host:
        stuck = asyncio.create_task(host.request("GET", "/api/stuck?seconds=60"))
        await begun.wait()
        code = await host.process.stop()
        await asyncio.gather(stuck, return_exceptions=True)

    assert code == 0


async def test_the_host_ends_when_its_parent_is_killed() -> None:
    script = f"""
import asyncio, pathlib
from sandbox.functions_host.process import HostOptions, functions_host

async def main():
    async with functions_host(HostOptions(pathlib.Path({str(APPS / "http")!r}), {{}})) as host:
        print(host.pid, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""
    parent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", script), cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    host_pid = int(await parent.stdout.readline())

    parent.kill()
    await parent.wait()

    try:
        async with asyncio.timeout(120):
            while _alive(host_pid):  # noqa: ASYNC110 - not our child: nothing to await
                await asyncio.sleep(0.02)
    finally:
        with suppress(ProcessLookupError):  # only when this test fails
            os.kill(host_pid, signal.SIGKILL)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        with suppress(FileNotFoundError):  # no /proc, or it has just gone
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_the_command_line_prints_one_ready_line_and_ends_on_sigint() -> None:
    with subprocess.Popen(
        [
            *(sys.executable, "-m", "sandbox.functions_host", "--app", str(APPS / "http")),
            *("--port", "0", "--json", "--connection-string-env", "STORE"),
        ],
        cwd=ROOT,
        env={"STORE": "UseDevelopmentStorage=true", "PATH": os.environ["PATH"]},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()

    assert ready["systemKeys"].keys() == {"eventgrid_extension"}
    assert (process.returncode, rest) == (0, b"")


async def test_a_port_that_is_taken_is_a_clear_error() -> None:
    async with hosted(APPS / "http") as host:
        port = int(host.process.ready.base_url.rpartition(":")[2])

        with pytest.raises(HostFailedError, match=f"port {port} cannot be used"):
            async with hosted(APPS / "http", port=port):
                pass
