"""`physsim op`"""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter
from rich.table import Table

from ._analysis import save_csv, si
from ._files import console, load_circuit, output_folder, save_figure
from ._main import app
from ._options import Netlist, Out

_SHOWN = 40


@app.command(rich_help_panel="Circuits")
def op(netlist: Netlist, out: Out = "out") -> None:
    """Find the DC operating point: voltages, currents, phases of junctions.

    Sources stand at their values at t = 0, a SIN at its offset. Loops of inductors and junctions
    keep their initial flux (`ic=`, `phase=`), islands of capacitors their charge.

    Example:  physsim op junction_chain.cir
    """
    folder = output_folder(Path(out))
    circuit = load_circuit(netlist)
    point = circuit.op()
    rows = [(f"v({n})", v, "V") for n, v in point.voltages.items() if n != "0"]
    rows += [(f"i({e})", i, "A") for e, i in point.currents.items()]
    rows += [(f"phase({e})", x, "rad") for e, x in point.phases.items()]
    rows += [(f"flux({e})", x, "Wb") for e, x in point.fluxes.items()]
    rows += [(f"charge({e})", x, "C") for e, x in point.charges.items()]
    console.print(circuit.netlist.title)
    console.print(_table(rows))
    if len(rows) > _SHOWN:
        console.print(f"{len(rows) - _SHOWN} more rows are in the CSV file")
    console.print(_verdict(point))
    stem = netlist.stem
    if any(point.voltages.values()) or any(point.currents.values()):
        save_figure(_plot(point), folder / f"{stem}_op.png")
    else:
        console.print("all is at rest: voltages and currents are zero, and there is no plot")
    names, values, units = zip(*rows, strict=True)
    columns = {"quantity": names, "value": values, "unit": units}
    save_csv(columns, folder / f"{stem}_op.csv")


def _table(rows) -> Table:
    table = Table()
    table.add_column("quantity")
    table.add_column("value", justify="right")
    for name, value, unit in rows[:_SHOWN]:
        table.add_row(name, si(value, unit, 6))
    return table


def _verdict(point) -> str:
    if point.stable is None:
        return "stability: not examined (more than 300 unknowns)"
    if point.stable:
        return "stable: nothing grows from here"
    fastest = float(np.max(point.eigenvalues.real))
    return f"unstable: small deviations grow by a factor e every {si(1 / fastest, 's')}"


def _plot(point) -> Figure:
    from physsim.plotting import COLOURS, style

    groups = (("voltage", "V", point.voltages), ("current", "A", point.currents))
    with style():
        figure = Figure(figsize=(7, 5))
        axes = figure.subplots(2, 1)
        for axis, (what, unit, values), colour in zip(axes, groups, COLOURS, strict=False):
            names = [n for n in values if n != "0"][:_SHOWN]
            axis.bar(range(len(names)), [values[n] for n in names], color=colour)
            axis.set_xticks(range(len(names)), names, rotation=90 if len(names) > 12 else 0)
            axis.set_ylabel(what)
            axis.yaxis.set_major_formatter(EngFormatter(unit))
            axis.grid(visible=False, axis="x")
            axis.axhline(0, color="black", linewidth=0.5)
    return figure
