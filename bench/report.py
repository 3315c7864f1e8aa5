"""The result, as a table to read and as JSON to compare."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.table import Table

from bench.figures import Figure, Verdict

_COLOURS: Mapping[Verdict, str] = {"met": "green", "missed": "yellow", "broken": "red", "": ""}


def table(figures: Sequence[Figure]) -> Table:
    result = Table(title="What it costs", title_justify="left")
    for title, justify in (("bench", "left"), ("figure", "left"), ("measured", "right")):
        result.add_column(title, justify="right" if justify == "right" else "left")
    for title in ("should be", "verdict", "why"):
        result.add_column(title)
    for previous, figure in zip((None, *figures), figures, strict=False):
        is_new = previous is None or previous.bench != figure.bench
        if is_new and previous is not None:
            result.add_section()
        result.add_row(
            figure.bench if is_new else "",
            figure.name,
            f"{number(figure.value)} {figure.unit}".strip(),
            "" if figure.limit is None else f"{figure.sense} {number(figure.limit)}",
            figure.verdict,
            figure.why,
            style=_COLOURS[figure.verdict],
        )
    return result


def write_json(path: Path, figures: Sequence[Figure], about: Mapping[str, Any]) -> None:
    """Write everything, with the verdicts, to *path*."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [{**asdict(figure), "verdict": figure.verdict} for figure in figures]
    path.write_text(json.dumps({**about, "figures": rows}, indent=1) + "\n", encoding="utf-8")


def number(value: float) -> str:
    """Whole numbers as they are, others with three digits that mean something."""
    if value == int(value):
        return str(int(value))
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
