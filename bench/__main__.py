"""``python -m bench``: what onboarding costs, measured on the local Azure.

Exit codes: 0 also when figures are missed, which depends on the machine; 1 when a promise is
broken that no machine may break, such as a write where nothing changed; 2 for wrong arguments.
"""

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from bench import calls, growth, intake, storm
from bench.bed import ROOT, Setup
from bench.figures import Figure
from bench.machine import machine
from bench.report import table, write_json

BENCHES: Mapping[str, Callable[[Setup], Awaitable[list[Figure]]]] = {
    "intake": intake.run,
    "calls": calls.run,
    "storm": storm.run,
    "growth": growth.run,
}

_PAPER = 150  # columns, where nobody says how wide the page is


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    progress = Console(stderr=True)
    setup = Setup(
        app_dir=options.app,
        env=dict(options.set),
        quick=options.quick,
        say=lambda line: progress.print(f"[dim]{line}[/dim]", highlight=False),
    )
    names = tuple(BENCHES) if options.bench == "all" else (options.bench,)
    about = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "quick": options.quick}
    about |= {"settings": dict(options.set), "machine": machine()}
    figures = asyncio.run(_run(names, setup))
    about["loadAfter"] = machine()["load"]
    write_json(options.json, figures, about)
    Console(width=None if sys.stdout.isatty() else _PAPER).print(table(figures))
    progress.print(f"written to {options.json}", highlight=False)
    return 1 if any(figure.verdict == "broken" for figure in figures) else 0


async def _run(names: Sequence[str], setup: Setup) -> list[Figure]:
    figures: list[Figure] = []
    for name in names:
        setup.say(f"{name}: starting a local Azure")
        figures += await BENCHES[name](setup)
    return figures


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("bench", nargs="?", default="all", choices=(*BENCHES, "all"))
    parser.add_argument("--quick", action="store_true", help="small, to see that it works")
    parser.add_argument("--json", type=Path, default=ROOT / ".sandbox" / "bench.json")
    parser.add_argument("--app", type=Path, default=ROOT, help="folder of another build of the app")
    parser.add_argument(
        "--set",
        type=_setting,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a setting of the app; may be given again",
    )
    return parser


def _setting(text: str) -> tuple[str, str]:
    name, found, value = text.partition("=")
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


if __name__ == "__main__":
    sys.exit(main())
