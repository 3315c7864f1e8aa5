"""`python -m tests.simulation`: run seeds, or show one."""

import argparse
import json
import logging
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict

from tests.simulation.desk import open_desks
from tests.simulation.simulation import Outcome, Simulation


def main() -> int:
    args = _arguments()
    if args.seed is not None:
        return _show(args.seed, is_long=args.trace)
    started = time.perf_counter()
    outcomes = list(_outcomes(range(args.first, args.first + args.seeds), args.processes))
    failed = [it for it in outcomes if it.violations]
    seconds = time.perf_counter() - started
    faults = sum((Counter(it.faults) for it in outcomes), Counter[str]())
    report = {
        "seeds": len(outcomes),
        "first": args.first,
        "runs": sum(it.runs for it in outcomes),
        "calls": sum(it.calls for it in outcomes),
        "virtual_hours": round(sum(it.virtual_s for it in outcomes) / 3600),
        "faults": dict(sorted(faults.items())),
        "failed": {it.seed: [asdict(violation) for violation in it.violations] for it in failed},
        "seeds_per_s": round(len(outcomes) / seconds, 1),
    }
    if args.json:
        _say(json.dumps(report))
    else:
        _print(report)
    return 1 if failed else 0


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="how many seeds to run")
    parser.add_argument("--from", dest="first", type=int, default=0, help="the first of them")
    parser.add_argument("--seed", type=int, help="run this one and show what happened")
    parser.add_argument("--trace", action="store_true", help="with --seed: everything that did")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--processes", type=int, default=1)
    return parser.parse_args()


def _run(seed: int) -> Outcome:
    for name in ("shared", "handlers"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # the trace says it better
    with open_desks():
        return Simulation(seed).run()


def _outcomes(seeds: range, processes: int) -> Iterator[Outcome]:
    if processes < 2:
        yield from map(_run, seeds)
        return
    with ProcessPoolExecutor(processes) as pool:
        yield from pool.map(_run, seeds, chunksize=16)


def _show(seed: int, *, is_long: bool) -> int:
    outcome = _run(seed)
    lines = outcome.lines if is_long else [it for it in outcome.lines if "VIOLATION" in it]
    _say("\n".join(lines))
    _say(f"seed {seed}: {len(outcome.violations)} violations, trace {outcome.digest[:16]}")
    return 1 if outcome.violations else 0


def _print(report: dict[str, object]) -> None:
    failed = report.pop("failed")
    for name, value in report.items():
        _say(f"{name:<14} {value}")
    assert isinstance(failed, dict)
    _say(f"{'failed':<14} {len(failed)}")
    for seed, violations in list(failed.items())[:20]:
        for violation in violations[:3]:
            _say(f"  seed {seed}: {violation['oracle']}: {violation['what']}")


if __name__ == "__main__":
    sys.exit(main())
