"""The plots of `learn` and `demo`."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter

from physsim.plotting import ABOVE, COLOURS, style

from ._curves import Curves, draw

_OVER_LEGEND = 24
_MAX_NAMED = 16
_SECONDS, _VOLTS = EngFormatter("s"), EngFormatter("V")


def training_picture(trained, curves: Curves) -> Figure:
    """What was learned before and after training against the target, the loss and the values."""
    fit = trained.fit
    with style():
        figure = Figure(figsize=(7, 6.5))
        grid = figure.add_gridspec(2, 2, height_ratios=(3, 2))
        above = figure.add_subplot(grid[0, :])
        draw(curves, above)
        _draw_losses(figure.add_subplot(grid[1, 0]), fit)
        _draw_values(figure.add_subplot(grid[1, 1]), trained)
    return figure


def _draw_losses(axis, fit) -> None:
    axis.plot(fit.losses, color=COLOURS[0], linewidth=1, label="updates")
    if len(fit.judged):
        axis.plot(*fit.judged.T, ".-", color=COLOURS[1], markersize=4, label="judged")
        axis.legend(**ABOVE, ncols=2)
    if np.all(fit.losses > 0):
        axis.set_yscale("log")
    axis.set(ylabel="loss", xlabel="update")


def _draw_values(axis, trained) -> None:
    """After over before, of each value that changed."""
    before, after = trained.before.values(), trained.after.values()
    ratios = {n: x / before[n] for n, x in after.items() if before[n] and x != before[n]}
    axis.axhline(1, color=COLOURS[6], linewidth=0.8)
    axis.plot(list(ratios.values()), "o", color=COLOURS[0], markersize=4)
    axis.set(ylabel="value, after / before")
    if len(ratios) <= _MAX_NAMED:
        axis.set_xticks(range(len(ratios)), list(ratios), rotation=60, fontsize=8)
    else:
        axis.set_xlabel("trained value")


def energy_picture(result, node: str, shown: int, title: str) -> Figure:
    """The first samples of a waveform, and the energy error over the whole run."""
    with style():
        figure = Figure(figsize=(7, 5))
        above, below = figure.subplots(2, 1)
        for name, colour in (("in", COLOURS[0]), (node, COLOURS[1])):
            above.plot(result.t[:shown], result.v(name)[:shown], color=colour, label=f"v({name})")
        above.legend(**ABOVE, ncols=2)
        above.set(ylabel="voltage", xlabel="time")
        above.set_title(title, pad=_OVER_LEGEND)
        t, low, high = _envelope(result.t, result.energy_error)
        below.fill_between(t, low, high, color=COLOURS[0], alpha=0.4, linewidth=0)
        below.set(ylabel="relative energy error\n(band it moves in)", xlabel="time")
        for axis in (above, below):
            axis.xaxis.set_major_formatter(_SECONDS)
        above.yaxis.set_major_formatter(_VOLTS)
    return figure


def _envelope(t, x, windows: int = 400):
    """(times, lowest, highest) of a long series, a point a window."""
    parts = np.array_split(np.arange(len(t)), windows)
    return t[[i[0] for i in parts]], [x[i].min() for i in parts], [x[i].max() for i in parts]
