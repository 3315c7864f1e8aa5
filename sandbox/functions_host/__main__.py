"""``python -m sandbox.functions_host --app DIR``: host one function app in this process."""

import argparse
import asyncio
import json
import os
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TextIO

from aiohttp import web

from sandbox.functions_host.errors import StartupError
from sandbox.functions_host.functions import HTTP_TRIGGER
from sandbox.functions_host.host import FunctionApp, State
from sandbox.functions_host.hostjson import load_host_config
from sandbox.functions_host.keys import EVENT_GRID_KEY_NAME, Keys, new_master_key
from sandbox.functions_host.logs import LogHandler, set_up_logging
from sandbox.functions_host.runtime import index
from sandbox.functions_host.server import make_server
from sandbox.functions_host.settings import local_settings
from sandbox.functions_host.storage import StorageConnections

_ROOT = Path(__file__).resolve().parents[2]
_MASTER_KEY = "SANDBOX_FUNCTIONS_MASTER_KEY"


@dataclass(frozen=True, slots=True)
class _Options:
    app_dir: Path
    port: int
    keys: Keys
    drain: timedelta
    as_json: bool


def main(argv: Sequence[str]) -> int:
    """Serve until SIGTERM or SIGINT; 1 when the app cannot be hosted."""
    arguments = _parser().parse_args(argv)
    app_dir = Path(arguments.app).resolve()
    # print() of the app must not mix with the ready line.
    ready_to, sys.stdout = sys.stdout, sys.stderr
    if arguments.watch_stdin:
        threading.Thread(target=_exit_with_parent, daemon=True).start()
    options = _Options(
        app_dir=app_dir,
        port=arguments.port,
        keys=Keys(os.environ.pop(_MASTER_KEY, "") or new_master_key()),
        drain=timedelta(seconds=arguments.drain_seconds),
        as_json=arguments.json,
    )
    try:
        _set_up_environment(app_dir, arguments.connection_string_env)
        handler = set_up_logging(arguments.log_format, debug=_debug_wanted())
        # Not asyncio.run: it would wait for tasks and threads of the app that do not end.
        asyncio.new_event_loop().run_until_complete(_serve(options, handler, ready_to))
    except StartupError as exc:
        print(f"The function app cannot be hosted: {exc}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sandbox.functions_host", description=__doc__)
    parser.add_argument("--app", required=True, help="folder with function_app.py and host.json")
    parser.add_argument("--port", type=int, default=7071, help="0 takes a free one (default: 7071)")
    parser.add_argument(
        "--connection-string-env",
        metavar="NAME",
        help="environment variable to use as AzureWebJobsStorage where that is not set",
    )
    parser.add_argument("--json", action="store_true", help="print the ready line as JSON")
    parser.add_argument("--log-format", choices=("text", "json"), default="text")
    parser.add_argument("--drain-seconds", type=float, default=10.0, help="grace when stopping")
    parser.add_argument(
        "--watch-stdin", action="store_true", help="end at once when standard input is closed"
    )
    return parser


def _set_up_environment(app_dir: Path, connection_string_env: str | None) -> None:
    os.environ.update(local_settings(app_dir, os.environ))
    if connection_string_env:
        value = os.environ.get(connection_string_env)
        if value is None:
            raise StartupError(f"the environment has no {connection_string_env}")
        os.environ.setdefault("AzureWebJobsStorage", value)
    # As Core Tools set them (learn.microsoft.com/azure/azure-functions/functions-app-settings).
    os.environ.setdefault("AZURE_FUNCTIONS_ENVIRONMENT", "Development")
    os.environ.setdefault("FUNCTIONS_WORKER_RUNTIME", "python")
    # The app finds its own modules only, as when deployed; ours are loaded by now.
    sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != _ROOT]
    os.chdir(app_dir)


def _debug_wanted() -> bool:
    return os.environ.get("PYTHON_ENABLE_DEBUG_LOGGING", "").casefold() in {"1", "true"}


async def _serve(options: _Options, handler: LogHandler, ready_to: TextIO) -> None:
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    config = load_host_config(options.app_dir, os.environ)
    handler.levels = config.log_levels
    async with StorageConnections(os.environ) as storage:
        app = FunctionApp(
            await index(options.app_dir),
            config=config,
            settings=os.environ,
            storage=storage,
            keys=options.keys,
        )
        handler.function_of = app.invoker.function_of
        await app.prepare()
        runner = web.AppRunner(
            make_server(app, options.drain),
            access_log=None,
            shutdown_timeout=options.drain.total_seconds(),
        )
        await runner.setup()
        port = await _listen(runner, options.port)
        app.start()
        ready = _ready(app, f"http://127.0.0.1:{port}")
        print(json.dumps(ready) if options.as_json else _ready_text(ready), file=ready_to)
        ready_to.flush()
        await stopping.wait()
        for site in list(runner.sites):
            await site.stop()
        await app.stop(options.drain, State.ENDING)
        await runner.cleanup()


async def _listen(runner: web.AppRunner, port: int) -> int:
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
    except OSError as exc:
        raise StartupError(f"port {port} cannot be used: {exc.strerror}") from exc
    host_and_port: tuple[str, int] = runner.addresses[0]
    return host_and_port[1]


def _ready(app: FunctionApp, base_url: str) -> dict[str, Any]:
    http = {item.function.name: item for item in app.http_functions}
    functions = [
        {
            "name": function.name,
            "trigger": function.trigger.type,
            **(
                {
                    "route": http[function.name].route.template,
                    "methods": sorted(http[function.name].methods),
                    "key": app.keys.function(function.name),
                }
                if function.trigger.type == HTTP_TRIGGER
                else {}
            ),
        }
        for function in app.functions
    ]
    return {
        "baseUrl": base_url,
        "masterKey": app.keys.master,
        "hostKey": app.keys.host,
        "systemKeys": {EVENT_GRID_KEY_NAME: app.keys.event_grid},
        "functions": functions,
    }


def _ready_text(ready: Mapping[str, Any]) -> str:
    lines = [f"{ready['baseUrl']}  master key {ready['masterKey']}"]
    for function in ready["functions"]:
        where = f"{ready['baseUrl']}/{function['route']}" if "route" in function else ""
        lines.append(f"    {function['name']}: {function['trigger']} {where}".rstrip())
    return "\n".join(lines)


def _exit_with_parent() -> None:
    """The parent holds the other end of our standard input; it closes however the parent ends."""
    with suppress(OSError):
        while os.read(sys.stdin.fileno(), 1024):
            pass
    os._exit(1)


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stderr.flush()
    # At once: a thread of a synchronous function would keep the interpreter from ending.
    os._exit(code)
