"""`python -m tests.simulation`: run seeds, or show one."""

import argparse
import json
import logging
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field, replace

from tests.simulation.desk import open_desks
from tests.simulation.simulation import Outcome, Simulation

_MOST_TOLD = 3  # violations of one seed: the first is as a rule what caused the others


def main() -> int:
    args = _arguments()
    if args.seed is not None:
        return _show(args.seed, is_long=args.trace)
    started, report = time.perf_counter(), Report(args.first)
    for outcome in _outcomes(range(args.first, args.first + args.seeds), args.processes):
        report.add(outcome)
        if not args.json:
            _tell(outcome)
    report.seeds_per_s = round(report.seeds / (time.perf_counter() - started), 1)
    _say(json.dumps(asdict(report)) if args.json else _summary(report))
    return 1 if report.failed else 0


@dataclass(slots=True)
class Report:
    first: int
    seeds: int = 0
    runs: int = 0
    calls: int = 0
    virtual_hours: float = 0.0
    faults: dict[str, int] = field(default_factory=dict)
    failed: dict[int, list[dict[str, object]]] = field(default_factory=dict)
    seeds_per_s: float = 0.0

    def add(self, outcome: Outcome) -> None:
        self.seeds += 1
        self.runs += outcome.runs
        self.calls += outcome.calls
        self.virtual_hours += outcome.virtual_s / 3600
        faults = Counter(self.faults) + Counter(outcome.faults)
        self.faults = dict(sorted(faults.items()))
        if outcome.violations:
            self.failed[outcome.seed] = [asdict(violation) for violation in outcome.violations]


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="how many seeds to run")
    parser.add_argument("--from", dest="first", type=int, default=0, help="the first of them")
    parser.add_argument("--seed", type=int, help="run this one and show what happened")
    parser.add_argument("--trace", action="store_true", help="with --seed: everything that did")
    parser.add_argument("--json", action="store_true", help="print one JSON object at the end")
    parser.add_argument("--processes", type=int, default=1, help="how many seeds at a time")
    return parser.parse_args()


def _run(seed: int) -> Outcome:
    for name in ("shared", "handlers"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # the trace says it better
    with open_desks():
        return Simulation(seed).run()


def _outcomes(seeds: range, processes: int) -> Iterator[Outcome]:
    if processes < 2:
        yield from map(_without_trace, seeds)
        return
    with ProcessPoolExecutor(processes) as pool:
        yield from pool.map(_without_trace, seeds, chunksize=16)


def _without_trace(seed: int) -> Outcome:
    """Of a thousand lives only what failed is of interest; each can be told again."""
    return replace(_run(seed), lines=())


def _show(seed: int, *, is_long: bool) -> int:
    outcome = _run(seed)
    lines = outcome.lines if is_long else [it for it in outcome.lines if "VIOLATION" in it]
    _say("\n".join(lines))
    _say(f"seed {seed}: {len(outcome.violations)} violations, trace {outcome.digest[:16]}")
    return 1 if outcome.violations else 0


def _tell(outcome: Outcome) -> None:
    """At once: a long run may never come to its end."""
    for violation in outcome.violations[:_MOST_TOLD]:
        _say(f"seed {outcome.seed}: {violation.oracle}: {violation.what}")


def _summary(report: Report) -> str:
    said = {
        **asdict(report),
        "virtual_hours": round(report.virtual_hours),
        "failed": len(report.failed),
    }
    return "\n".join(f"{name:<14} {value}" for name, value in said.items())


if __name__ == "__main__":
    sys.exit(main())
