"""Plots of circuit runs."""

from textwrap import shorten

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter
from scipy.interpolate import Akima1DInterpolator, CubicSpline

from physsim.plotting import ABOVE, COLOURS, style

from ._result import Result

_MAX_LINES = 6
_LONGEST_TITLE = 70
_FEW_SAMPLES = 4000
_REFINE = 8


def plot_result(result: Result, nodes: list[str] | None = None) -> Figure:
    """Node voltages above the relative energy error (the stored energy, where sources drive).

    By default of the first few nodes and the last, those inside subcircuits left out.
    """
    free = result.circuit.tree.free_nodes
    outer = [n for n in free if "." not in n] or free
    shown = nodes or outer[: _MAX_LINES - 1] + outer[_MAX_LINES - 1 :][-1:]
    driven = result.circuit.drive is not None
    with style():
        figure = Figure(figsize=(7, 4.5))
        figure.suptitle(
            shorten(result.circuit.netlist.title, _LONGEST_TITLE).replace("$", r"\$"),
            fontsize="medium",
        )
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
        for node in shown:
            label = f"v({node})".replace("$", r"\$")
            above.plot(*_smooth(result.t, result.v(node), driven), label=label, linewidth=1)
        more = len(free) - len(shown) if nodes is None else 0
        title = f"{len(shown)} of {len(free)} nodes" if more > 0 else None
        above.legend(**ABOVE, ncols=6, title=title)
        above.set_ylabel("voltage")
        above.yaxis.set_major_formatter(EngFormatter("V"))
        if not driven:
            below.plot(result.t, result.energy_error, linewidth=1, color=COLOURS[6])
            below.set_ylabel("energy error\n(relative)")
        else:
            below.plot(
                *_smooth(result.t, result.stored_energy, driven), linewidth=1, color=COLOURS[6]
            )
            below.set_ylabel("stored energy")
            below.yaxis.set_major_formatter(EngFormatter("J"))
        below.set_xlabel("time")
        below.xaxis.set_major_formatter(EngFormatter("s"))
    return figure


def _smooth(t, x, driven):
    """A curve through the samples: steps may be as few as eight a period.

    A spline would swing over at the corners of a pulse, so driven circuits get Akima's curve.
    """
    if not 4 <= len(t) <= _FEW_SAMPLES:
        return t, x
    fine = np.linspace(t[0], t[-1], _REFINE * (len(t) - 1) + 1)
    return fine, (Akima1DInterpolator if driven else CubicSpline)(t, x)(fine)
