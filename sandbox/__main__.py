"""The command line of the local Azure: ``python -m sandbox serve``, ``demo``, ``rules``, ``docs``.

``serve --json`` prints one line when everything is up, and nothing else. Its keys; those in
brackets are there only with the option named:

    arm             base URL of Azure Resource Manager, http
    armTls          the same on https [--tls]
    ca, caBundle    files: the certificate to trust, and the system's with it [--tls]
    authority       Entra ID with the tenant in the path, https with --tls, else http
    tenant, clientId, clientSecret   an application that may do everything
    token           a bearer token of that application for ARM, good for a day
    identity        base URL of the managed identity endpoints: /msi/token as in App Service,
                    /metadata/identity/oauth2/token as in a virtual machine
    identityHeader  the value of X-IDENTITY-HEADER (IDENTITY_HEADER) for /msi/token
    subscription, resourceGroup      id and name of the world's first ones
    gateway         resource id of the API Management service that the app writes to; "" if none
    gatewayUrl      base URL of that service's gateway, where its APIs answer; "" if none
    models          base URL of the model endpoints; the Host header says which account is meant
    blob, queue, table   storage endpoints of Azurite, account devstoreaccount1
    storage         connection string of that account
    event_grid      base URL of Event Grid: POST {event_grid}/topics/{name}/api/events
    outcomes        URL that lists what the app published to its own topic
    functions       base URL of the Functions host; "" with --no-app
    functionKey, masterKey   for x-functions-key, the latter for /admin too [not with --no-app]

Everything listens on 127.0.0.1 alone. Exit codes: 0 after SIGINT or SIGTERM, 1 if something could
not start (the reason is on stderr), 2 for wrong arguments.

``rules`` starts nothing: it prints what a rules file means for a world. Exit codes: 0 if all is
well, 1 if a file can't be used (the reasons are on stderr), 3 if a deployment has a problem.
``docs`` makes docs/settings.md and the JSON Schemas in docs anew.
"""

import argparse
import asyncio
import json
import math
import signal
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from sandbox import demo, rules_preview, settings_doc
from sandbox.arm.faults import Faults
from sandbox.arm.latency import Latency
from sandbox.arm.throttle import Throttle
from sandbox.azurite import AzuriteMissingError
from sandbox.event_grid.events import Schema
from sandbox.event_grid.options import Options as EventGridOptions
from sandbox.functions_host.process import HostFailedError
from sandbox.local_azure import PORTS, LocalAzure, Options, local_azure
from sandbox.processes import ChildFailedError
from sandbox.welcome import env_file, welcome
from sandbox.world import World

_ROOT = Path(__file__).resolve().parents[1]
_PORTS = """\
ports with --port-base N:
  N ARM, N+1 ARM on https, N+2 identity, N+3 Event Grid, N+4 Functions,
  N+5 blobs, N+6 queues, N+7 tables, N+8 the authority on https, N+9 the API Management gateway,
  N+10 model endpoints
"""


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        return asyncio.run(_COMMANDS[options.command](options))
    except (AzuriteMissingError, ChildFailedError, HostFailedError, OSError, ValueError) as exc:
        print(f"sandbox: {exc}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description="A local Azure.")
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser(
        "serve",
        help="start it and stay up until Ctrl-C",
        description="Start the local Azure, with the function app in it, and stay up.",
        epilog=_PORTS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = serve.add_argument
    add("--world", type=Path, metavar="FILE", help="what it holds at the start (sandbox/world.py)")
    add("--record", type=Path, metavar="FILE", help="append every ARM exchange as a JSON line")
    add("--latency", choices=("none", "realistic"), default="none", help="how long ARM takes")
    add("--faults", type=Path, metavar="FILE", help="how ARM fails (sandbox/arm/faults.py)")
    add("--throttle", action="store_true", help="answer 429 where ARM's own limits are overrun")
    add("--port-base", type=_port_base, metavar="N", help="fixed ports; free ones by default")
    add("--tls", type=Path, metavar="DIR", help="ARM on https as well, certificates kept in DIR")
    add("--app", type=Path, metavar="DIR", default=_ROOT, help="the function app (this one)")
    add("--no-app", action="store_true", help="run no function app")
    add("--gateway", default="", metavar="NAME", help="where the app writes (the world's first)")
    add(
        "--event-schema",
        choices=[schema.value for schema in Schema],
        default=Schema.EVENT_GRID.value,
        help="of the events for the app (EventGridSchema)",
    )
    add(
        "--event-time-scale",
        type=_scale,
        default=1.0,
        metavar="X",
        help="factor on the waits between deliveries of an event (1: as long as in Azure)",
    )
    add("--json", action="store_true", help="one line with all endpoints when ready, no more")
    add("--env-file", type=Path, metavar="FILE", help="write the endpoints there for a shell")
    add("--quiet", action="store_true", help="don't show the app's log")
    shown = commands.add_parser("demo", help="show the whole path once")
    shown.add_argument(
        "--stay",
        action=argparse.BooleanOptionalAction,
        default=sys.stdin.isatty() and sys.stdout.isatty(),
        help="leave it all up at the end, the board with it (on a terminal)",
    )
    _add_rules(commands.add_parser("rules", help="say what a rules file means for a world"))
    commands.add_parser("docs", help="make docs/settings.md and the JSON Schemas in docs anew")
    return parser


def _add_rules(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--file", type=Path, metavar="FILE", required=True, help="the rules file, onramp.yaml")
    add("--world", type=Path, metavar="FILE", help="for what (sandbox/mixed_world.json)")
    add("--json", action="store_true", help="as JSON")


def _port_base(text: str) -> int:
    port = int(text)
    if not 1 <= port <= 65536 - PORTS:
        raise argparse.ArgumentTypeError(f"{text} is not between 1 and {65536 - PORTS}")
    return port


def _scale(text: str) -> float:
    scale = float(text)
    if not 0 <= scale < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not a factor of 0 or more")
    return scale


def _app_dir(arguments: argparse.Namespace) -> Path | None:
    if arguments.no_app:
        return None
    app: Path = arguments.app
    if not (app / "function_app.py").is_file():
        raise ValueError(f"{app} has no function_app.py (--no-app starts without an app)")
    return app


async def _serve(arguments: argparse.Namespace) -> int:
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    quiet = arguments.quiet or arguments.json
    options = Options(
        world=World.load(arguments.world) if arguments.world else World(),
        app_dir=_app_dir(arguments),
        gateway=arguments.gateway,
        tls_dir=arguments.tls,
        port_base=arguments.port_base,
        record=arguments.record,
        latency=Latency(arguments.latency),
        faults=Faults.load(arguments.faults) if arguments.faults else Faults(),
        throttle=Throttle(enforced=arguments.throttle),
        event_grid=EventGridOptions(time_scale=arguments.event_time_scale),
        event_schema=Schema(arguments.event_schema),
        on_log=(lambda _line: None) if quiet else print,
    )
    async with local_azure(options) as azure:
        with env_file(arguments.env_file, azure):
            print(_ready(azure, arguments), flush=True)
            await stop.wait()
            if not arguments.json:
                print("\nstopping")
    return 0


def _ready(azure: LocalAzure, arguments: argparse.Namespace) -> str:
    if not arguments.json:
        return welcome(azure, arguments.env_file)
    endpoints = asdict(azure.endpoints)
    extra = endpoints.pop("extra")
    return json.dumps({**endpoints, **extra, "token": azure.token()})


async def _demo(arguments: argparse.Namespace) -> int:
    return await demo.run(_ROOT, stay=arguments.stay)


async def _rules(arguments: argparse.Namespace) -> int:
    return rules_preview.run(arguments.file, arguments.world, as_json=arguments.json)


async def _docs(_arguments: argparse.Namespace) -> int:
    settings_doc.write_docs(_ROOT)
    return 0


_COMMANDS = {"serve": _serve, "demo": _demo, "rules": _rules, "docs": _docs}

if __name__ == "__main__":
    sys.exit(main())
