"""Plots of circuit runs."""

from textwrap import shorten

from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter

from physsim.plotting import ABOVE, COLOURS, smooth, style

from ._readout import voltage
from ._result import Result

_MAX_LINES = 6
_LONGEST_TITLE = 70


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
        waves = result.measure_all([voltage(result.circuit, node) for node in shown])
        for node, wave in zip(shown, waves.T, strict=True):
            label = f"v({node})".replace("$", r"\$")
            above.plot(*smooth(result.t, wave, driven), label=label, linewidth=1)
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
                *smooth(result.t, result.stored_energy, driven), linewidth=1, color=COLOURS[6]
            )
            below.set_ylabel("stored energy")
            below.yaxis.set_major_formatter(EngFormatter("J"))
        below.set_xlabel("time")
        below.xaxis.set_major_formatter(EngFormatter("s"))
    return figure
