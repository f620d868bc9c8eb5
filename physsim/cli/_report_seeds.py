"""Runs that differ by their seeds, side by side."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ._analysis import words_of
from ._curves import Trace
from ._page import KeyFigures, Table, number
from ._run import Run, is_number


def labels(runs: Sequence[Run]) -> list[str]:
    """What tells the runs apart: nothing, the seed, or where they lie."""
    if len(runs) == 1:
        return [""]
    seeds = [f"seed {run.record.settings.get('seed')}" for run in runs]
    if len(set(seeds)) == len(runs):
        return seeds
    return [f"{run.path.parent.name}/{run.path.name}" for run in runs]


def history(
    name: str, rows: Sequence[Mapping[str, Any]], key: str, *, log: bool, scale: float = 1.0
) -> Trace:
    """A key of the lines of a metrics file over their `step`, where it is a number."""
    pairs = [(row["step"], scale * row[key]) for row in rows if is_number(row.get(key))]
    x, y = np.array(pairs, float).reshape(-1, 2).T
    # A logarithmic axis has no place for zero.
    y = np.where(y > 0, y, np.nan) if log else y
    return Trace(name, x, y, "line" if len(pairs) == len(rows) else "marked")


def summary(
    names: Sequence[str], figures: Sequence[Mapping[str, float | int]]
) -> KeyFigures | Table:
    """Figures of one run; of several a row a figure, with mean and standard deviation."""
    if len(names) == 1:
        return KeyFigures([(words_of(name), number(x)) for name, x in figures[0].items()])
    rows = []
    for figure in figures[0]:
        values = [table[figure] for table in figures if figure in table]
        spread = (float(np.mean(values)), float(np.std(values, ddof=1)))
        cells = [number(table.get(figure)) for table in figures]
        rows.append((words_of(figure), *map(number, spread), *cells))
    return Table(f"{len(names)} runs", ("figure", "mean", "sd", *names), rows)
