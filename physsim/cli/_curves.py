"""Curves as data: drawn by matplotlib, kept beside a run's figures, drawn again by a report."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import EngFormatter

from physsim.plotting import ABOVE, COLOURS

LOOKS: dict[str, dict[str, Any]] = {
    "line": {"linewidth": 1},
    "smooth": {"linewidth": 1},
    "broad": {"linewidth": 3, "alpha": 0.35},
    "dashed": {"linewidth": 0.8, "linestyle": "--"},
    "marked": {"linewidth": 1, "marker": "o", "markersize": 4},
    "dots": {"linestyle": "", "marker": ".", "markersize": 4},
}
"""How a trace may look; `smooth` is a line through few samples."""


@final
@dataclass(frozen=True)
class Axis:
    """What an axis shows, its SI unit, and the words that stand at 0, 1, ... if it counts."""

    label: str
    unit: str = ""
    log: bool = False
    words: tuple[str, ...] = ()
    span: tuple[float, float] | None = None
    """What is shown at first; None: everything."""


@final
@dataclass(frozen=True)
class Trace:
    """One curve; `x` and `y` are equally long, in the units of the axes."""

    name: str
    x: Any
    y: Any
    look: str = "line"
    colour: int | None = None
    """Of `physsim.plotting.COLOURS`; None: one after the other."""
    shown: bool = True


@final
@dataclass(frozen=True)
class Curves:
    """What one pair of axes holds."""

    title: str
    x: Axis
    y: Axis
    traces: tuple[Trace, ...]
    note: str = ""


def draw(curves: Curves, axis: Axes) -> None:
    """The curves on an axis of matplotlib's, without their title."""
    for k, trace in enumerate(curves.traces):
        colour = COLOURS[(k if trace.colour is None else trace.colour) % len(COLOURS)]
        axis.plot(trace.x, trace.y, color=colour, label=trace.name, **LOOKS[trace.look])
    axis.legend(**ABOVE, ncols=max(1, len(curves.traces)))
    for name, ticks, shown in (("x", axis.xaxis, curves.x), ("y", axis.yaxis, curves.y)):
        axis.set(**{f"{name}label": shown.label})
        if shown.log:
            axis.set(**{f"{name}scale": "log"})
        elif shown.words:
            ticks.set_ticks(range(len(shown.words)), shown.words)
        elif shown.unit:
            ticks.set_major_formatter(EngFormatter(shown.unit))


def save_curves(curves: Curves, path: Path) -> None:
    """Write curves as JSON, for `load_curves`."""
    path.write_text(json.dumps(asdict(curves), default=_listed) + "\n", encoding="utf-8")


def _listed(x: Any) -> list:
    return np.asarray(x).tolist()


def load_curves(path: Path) -> Curves:
    """Raises `ValueError` that names the file where it does not hold curves."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        traces = tuple(map(_trace, data["traces"]))
        axes = _axis(data["x"]), _axis(data["y"])
        return Curves(str(data["title"]), *axes, traces, str(data["note"]))
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: not the curves of a run: {error}") from error


def _axis(data: dict[str, Any]) -> Axis:
    words, span = tuple(map(str, data["words"])), data["span"]
    limits = None if span is None else (float(span[0]), float(span[1]))
    return Axis(str(data["label"]), str(data["unit"]), bool(data["log"]), words, limits)


def _trace(data: dict[str, Any]) -> Trace:
    x, y = (np.array(data[key], float) for key in "xy")
    if x.ndim != 1 or x.shape != y.shape or data["look"] not in LOOKS:
        raise ValueError("a trace is x and y of one length, and a look")
    colour = None if data["colour"] is None else int(data["colour"])
    return Trace(str(data["name"]), x, y, data["look"], colour, bool(data["shown"]))
