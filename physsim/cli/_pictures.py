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


def echo_picture(circuit, record, exact) -> Figure:
    """Three panels: the run and its echo retracing it, their difference, the gradient growing.

    `exact` is the gradient by backpropagation, in the shape of the Hamiltonian.
    """
    t = np.asarray(record.ts) * circuit.scales.time
    names = circuit.hamiltonian.parameter_names()
    with style():
        figure = Figure(figsize=(7, 8))
        run, difference, gradient = figure.subplots(3, 1, sharex=True)
        for i, name in enumerate(circuit.hamiltonian.coordinates):
            colour = COLOURS[i]
            run.plot(t, record.forward.p[:, i], color=colour, label=f"forward, Q({name})")
            run.plot(
                t[::8],
                -np.asarray(record.echo_plus.p)[::8, i],
                ".",
                color=colour,
                markersize=3,
                label=f"echo, -Q({name})",
            )
            split = np.asarray(record.echo_plus.p - record.echo_minus.p)[:, i]
            difference.plot(t, split, color=colour, label=f"Q({name})")
        run.set_ylabel("charge (dimensionless)")
        run.set_title("The echo retraces the run ...", pad=_OVER_LEGEND)
        difference.set_ylabel("echo(+eps) - echo(-eps)")
        difference.set_title("... up to the nudges' trace ...", pad=_OVER_LEGEND)
        for name, path, end, colour in zip(
            names, _columns(record.gradient), _columns(exact, 1), COLOURS, strict=False
        ):
            gradient.plot(t, path, color=colour, label=f"dL/d{name}")
            gradient.plot(0, end, "o", color=colour, markersize=7, fillstyle="none", clip_on=False)
        gradient.set(ylabel="gradient so far", xlabel="time (the echo runs from right to left)")
        gradient.set_title("... on which the gradient adds up (circles: BPTT)", pad=_OVER_LEGEND)
        gradient.xaxis.set_major_formatter(_SECONDS)
        for axis in (run, difference, gradient):
            axis.legend(**ABOVE, ncols=6)
    return figure


def _columns(tree, rows: int = -1):
    """One row a scalar parameter: its history, or its value where `rows` is 1."""
    import jax

    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(tree)]
    flat = [leaf.reshape(len(leaf) if rows < 0 else rows, -1) for leaf in leaves]
    return np.concatenate(flat, axis=1).T
