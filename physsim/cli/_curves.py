"""Curves as data: drawn by matplotlib, kept beside a run's figures, drawn again by a report."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import EngFormatter

from physsim.plotting import ABOVE, COLOURS, smooth

LOOKS: dict[str, dict[str, Any]] = {
    "line": {"linewidth": 1},
    "broad": {"linewidth": 3, "alpha": 0.35},
    "dashed": {"linewidth": 0.8, "linestyle": "--"},
    "marked": {"linewidth": 1, "marker": "o", "markersize": 4},
    "dots": {"linestyle": "", "marker": ".", "markersize": 4},
    "rings": {"linestyle": "", "marker": "o", "fillstyle": "none", "clip_on": False},
}
"""How a trace may look."""


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
    smooth: bool = False
    """A waveform, of which the points are samples."""


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
        x, y = smooth(trace.x, trace.y) if trace.smooth else (trace.x, trace.y)
        axis.plot(x, y, color=colour, label=trace.name, **LOOKS[trace.look])
    axis.legend(**ABOVE, ncols=max(1, len(curves.traces)), columnspacing=1.2)
    for name, ticks, shown in (("x", axis.xaxis, curves.x), ("y", axis.yaxis, curves.y)):
        axis.set(**{f"{name}label": shown.label})
        if shown.log:
            axis.set(**{f"{name}scale": "log"})
        elif shown.words:
            ticks.set_ticks(range(len(shown.words)), shown.words)
        elif shown.unit:
            ticks.set_major_formatter(EngFormatter(shown.unit))


def save_curves(path: Path, *plots: Curves) -> None:
    """Write the curves of some plots as JSON, for `load_curves`."""
    text = json.dumps([asdict(curves) for curves in plots], default=_listed)
    path.write_text(f"{text}\n", encoding="utf-8")


def _listed(x: Any) -> list:
    return np.asarray(x).tolist()


def load_curves(path: Path) -> list[Curves]:
    """Raises `ValueError` that names the file where it does not hold curves."""
    try:
        return list(map(_curves, json.loads(path.read_text(encoding="utf-8"))))
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: not the curves of a run: {error}") from error


def _curves(data: dict[str, Any]) -> Curves:
    traces = tuple(map(_trace, data["traces"]))
    return Curves(str(data["title"]), _axis(data["x"]), _axis(data["y"]), traces, str(data["note"]))


def _axis(data: dict[str, Any]) -> Axis:
    words, span = tuple(map(str, data["words"])), data["span"]
    limits = None if span is None else (float(span[0]), float(span[1]))
    return Axis(str(data["label"]), str(data["unit"]), bool(data["log"]), words, limits)


def _trace(data: dict[str, Any]) -> Trace:
    x, y = (np.array(data[key], float) for key in "xy")
    if x.ndim != 1 or x.shape != y.shape or data["look"] not in LOOKS:
        raise ValueError("a trace is x and y of one length, and a look")
    colour = None if data["colour"] is None else int(data["colour"])
    flags = bool(data["shown"]), bool(data["smooth"])
    return Trace(str(data["name"]), x, y, data["look"], colour, *flags)
