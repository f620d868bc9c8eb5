"""Plots of circuit runs."""

from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter

from physsim.plotting import COLOURS, style

from ._result import Result

_MAX_LINES = 6


def plot_result(result: Result, nodes: list[str] | None = None) -> Figure:
    """Node voltages above the relative energy error (the energy, where sources drive it)."""
    tree = result.circuit.tree
    nodes = nodes or [n for n in tree.nodes if tree.reference(n) != n][:_MAX_LINES]
    with style():
        figure = Figure(figsize=(7, 4.5))
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
        for node in nodes:
            above.plot(result.t, result.v(node), label=f"v({node})", linewidth=1)
        above.legend(loc="upper right", ncols=3)
        above.set_ylabel("voltage")
        above.yaxis.set_major_formatter(EngFormatter("V"))
        if result.circuit.drive is None:
            below.plot(result.t, result.energy_error, linewidth=1, color=COLOURS[6])
            below.set_ylabel("energy error\n(relative)")
        else:
            below.plot(result.t, result.energy, linewidth=1, color=COLOURS[6])
            below.set_ylabel("H")
            below.yaxis.set_major_formatter(EngFormatter("J"))
        below.set_xlabel("time")
        below.xaxis.set_major_formatter(EngFormatter("s"))
    return figure
