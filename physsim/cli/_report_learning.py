"""A training of component values on a page."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ._analysis import value_unit
from ._curves import Axis, Curves, Trace, load_curves
from ._page import Plot, Table, Told, number
from ._report_seeds import history, labels, summary
from ._run import Check, Run, is_number, maybe, read_lines, table_of

_NEEDED: dict[str, Check] = {
    "loss_first": maybe(is_number),
    "loss_best": is_number,
    "iterations": is_number,
    "seconds": is_number,
    "values_before": table_of(is_number),
    "values_after": table_of(is_number),
}
_LINE: dict[str, Check] = {
    "step": is_number,
    "loss": is_number,
    "gradient_norm": is_number,
    "values": table_of(is_number),
}
_UPDATE = Axis("update")
_MOST_ROWS, _MOST, _SHOWN = 200, 24, 8
_COMPARED = (
    "Its distance from the gradient of the same run by backpropagation (BPTT), over that one's "
    "norm. It grows where the gradient itself comes near zero."
)


def training(runs: Sequence[Run]) -> Told:
    """Trainings that differ by their seeds; the best of them in detail."""
    found = [run.figures(_NEEDED) for run in runs]
    lines = [read_lines(run.beside("_metrics.jsonl", "_learned"), "learn", _LINE) for run in runs]
    names = labels(runs)
    best = min(range(len(runs)), key=lambda k: found[k]["loss_best"])
    of = f", {names[best]}, the best of {len(runs)}" if len(runs) > 1 else ""
    (learned,) = load_curves(runs[best].beside("_curves.json", "_learned"))
    plots = [
        replace(learned, title=f"{learned.title}{of}"),
        *_by_update(dict(zip(names, lines, strict=True))),
        *_of_values(found[best], lines[best], of),
    ]
    table = _value_table(found[best], of)
    return Told(summary(names, [_told(figures) for figures in found]), [*map(Plot, plots), table])


def _told(figures: dict[str, Any]) -> dict[str, float | int]:
    """What the page says first, in the order of the file."""
    return {name: x for name, x in figures.items() if is_number(x)}


def _by_update(lines: Mapping[str, list[dict[str, Any]]]) -> list[Curves]:
    """The loss, the gradient's size, and its agreement with BPTT's, where it was compared."""
    plots = []
    for title, keys, note in (
        ("loss", {"loss": "", "validation": "validation"}, ""),
        ("norm of the gradient", {"gradient_norm": ""}, ""),
        ("relative error of the gradient", {"bptt_relative_error": ""}, _COMPARED),
    ):
        traces = [
            history(" ".join(filter(None, (name, word))) or title, rows, key, log=True)
            for name, rows in lines.items()
            for key, word in keys.items()
        ]
        known = tuple(trace for trace in traces if len(trace.x))
        if known:
            plots.append(Curves(title, _UPDATE, Axis(title, log=True), known, note))
    return plots


def _of_values(figures, rows, of: str) -> list[Curves]:
    """Each trained value over its start, update by update."""
    if not rows:
        return []
    steps = np.array([row["step"] for row in rows], float)
    start = figures["values_before"]
    names = [name for name in rows[0]["values"] if start.get(name)]
    held = sorted(names, key=lambda n: -abs(np.log(abs(figures["values_after"][n] / start[n]))))
    traces = tuple(
        Trace(
            name,
            steps,
            [row["values"].get(name, np.nan) / start[name] for row in rows],
            shown=k < _SHOWN,
        )
        for k, name in enumerate(held[:_MOST])
    )
    note = f"The {_MOST} of {len(names)} that change most." if len(names) > _MOST else ""
    up = Axis("value, over its start")
    return [Curves(f"trained values{of}", _UPDATE, up, traces, note)] if traces else []


def _value_table(figures, of: str) -> Table:
    before, after = figures["values_before"], figures["values_after"]
    changed = [name for name in after if after[name] != before.get(name)]
    rows = [
        (
            name,
            *(number(x, value_unit(name), 6) for x in (before.get(name), after[name])),
            f"{after[name] / before[name] - 1:+.2%}" if before.get(name) else "",
        )
        for name in changed[:_MOST_ROWS]
    ]
    kept = f"{len(after) - len(changed)} values were not trained."
    more = f" {len(changed) - _MOST_ROWS} more changed." if len(changed) > _MOST_ROWS else ""
    columns = ("value", "before", "after", "change")
    return Table(f"component values{of}", columns, rows, kept + more)
