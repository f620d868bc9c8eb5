"""Plots of runs, in one style."""

import contextlib
from typing import Any

import equinox as eqx
import matplotlib.pyplot as plt
import numpy as np
from cycler import cycler
from jaxtyping import Float
from matplotlib.figure import Figure
from scipy.interpolate import Akima1DInterpolator, CubicSpline

from ._diagnostics import energy_error
from ._solution import Solution

# pyplot puts its backend off until it makes a figure itself, and before that Jupyter prints ours
# as text.
if plt.get_backend().endswith("inline"):
    plt.switch_backend(plt.get_backend())

# Okabe and Ito's colours, told apart by everyone.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")

STYLE: dict[Any, Any] = {
    "axes.prop_cycle": cycler(color=COLOURS),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "font.size": 10,
    "legend.framealpha": 0.85,
    "legend.edgecolor": "none",
    "legend.fontsize": 8,
    "figure.constrained_layout.use": True,
    "savefig.dpi": 150,
}
"""Settings of matplotlib, for `plt.rcParams.update` in a notebook; `style` is for one plot."""

ABOVE: dict[str, Any] = {
    "loc": "lower left",
    "bbox_to_anchor": (0, 1),
    "borderaxespad": 0.2,
    "borderpad": 0.2,
}
"""A legend above its axes hides nothing."""

_MAX_LINES = 6
_FEW_SAMPLES = 4000
_REFINE = 8


def style() -> contextlib.AbstractContextManager:
    """The plot style, as a context."""
    return plt.rc_context(STYLE)


def smooth(
    t: Float[np.ndarray, " n"], x: Float[np.ndarray, " n"], corners: bool = True
) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, " m"]]:
    """A curve through the samples of a waveform: steps may be as few as eight a period.

    A spline would swing over where there are `corners`, so these get Akima's curve, in the form
    that stays level between equal samples. Very few samples, and so many that lines do, are
    returned as they are.
    """
    if not 4 <= len(t) <= _FEW_SAMPLES:
        return t, x
    fine = np.linspace(t[0], t[-1], _REFINE * (len(t) - 1) + 1)
    curve = Akima1DInterpolator(t, x, method="makima") if corners else CubicSpline(t, x)
    return fine, curve(fine)


def _per_sample(solution):
    return (solution.ys.q, solution.ys.p, solution.energies)


def plot_solution(solution: Solution) -> Figure:
    """Positions, momenta and relative energy error over time."""

    if solution.energies.ndim > 1:
        solution = eqx.tree_at(_per_sample, solution, replace_fn=lambda x: x[0])
    t = np.asarray(solution.ts)
    with style():
        figure = Figure(figsize=(7, 6))
        axes = figure.subplots(3, 1, sharex=True)
        for axis, name, x in ((axes[0], "q", solution.ys.q), (axes[1], "p", solution.ys.p)):
            for i, label in enumerate(solution.coordinates[:_MAX_LINES]):
                axis.plot(t, np.asarray(x)[:, i], label=label, linewidth=1)
            axis.set_ylabel(name)
        axes[0].legend(**ABOVE, ncols=3)
        axes[2].plot(t, np.asarray(energy_error(solution)), linewidth=1, color=COLOURS[6])
        axes[2].set(ylabel="relative energy error", xlabel="time")
    return figure
