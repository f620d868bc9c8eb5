"""`physsim noise`"""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, NullFormatter
from rich.table import Table

from ._analysis import frequencies, quantities, save_csv, si
from ._files import console, load_circuit, output_folder, save_figure
from ._main import app
from ._options import Measure, Netlist, Node, Out, Sweep

_LINES = 5


@app.command(rich_help_panel="Circuits")
def noise(
    netlist: Netlist,
    node: Node = None,
    measure: Measure = None,
    source: Annotated[
        str | None, typer.Option(help="A V or I: also the noise referred to this input.")
    ] = None,
    temp: Annotated[
        float | None, typer.Option(help="Temperature in K. Default: .temp, or 300.15 K.")
    ] = None,
    sweep: Sweep = None,
    out: Out = "out",
) -> None:
    """Thermal noise at one output: spectral density, total and by resistor, and its rms.

    Frequencies are those of the `.ac` card, or around the natural frequencies.

    Example:  physsim noise rlc_filter.cir --node out --source V1
    """
    folder = output_folder(Path(out))
    circuit = load_circuit(netlist)
    names = quantities(circuit, node, measure)
    if len(names) > 1:
        raise ValueError("noise has one output: give one --node or one --measure")
    card = frequencies(circuit, sweep)
    found = circuit.noise(names[0], card, source=source, temperature=temp)
    if not found.resistor.size:
        raise ValueError(f"{circuit.netlist.file}: there is no resistor, so there is no noise")
    unit = found.total.units[0]
    console.print(circuit.netlist.title)
    console.print(_table(found, unit))
    stem = netlist.stem
    save_figure(_plot(found, unit), folder / f"{stem}_noise.png")
    columns = {"frequency (Hz)": found.frequency.values, f"total ({unit}^2/Hz)": found.total.values}
    if source is not None:
        columns[f"referred to {source} ({found.referred.units})"] = found.referred.values
    for name in found.resistor.values:
        columns[f"{name} ({unit}^2/Hz)"] = found.by_resistor.sel(resistor=name).values
    save_csv(columns, folder / f"{stem}_noise.csv")


def _power(found, density):
    return np.trapezoid(density, found.frequency.values, axis=0)


def _table(found, unit: str) -> Table:
    total = _power(found, found.total.values)
    parts = _power(found, found.by_resistor.values)
    f, k = found.frequency.values, int(np.argmax(found.total.values))
    console.print(
        f"{found.attrs['output']} at {found.attrs['temperature']:g} K, from {si(f[0], 'Hz')} to "
        f"{si(f[-1], 'Hz')}; at most {si(float(np.sqrt(found.total.values[k])), unit)}/sqrt(Hz), "
        f"at {si(f[k], 'Hz', 6)}"
    )
    table = Table()
    table.add_column("resistor")
    table.add_column("rms", justify="right")
    table.add_column("of the power", justify="right")
    for j in np.argsort(-parts, kind="stable")[:20]:
        table.add_row(
            str(found.resistor.values[j]), si(float(np.sqrt(parts[j])), unit),
            f"{100 * parts[j] / total:.1f} %" if total else "",
        )  # fmt: skip
    table.add_row("all", si(float(np.sqrt(total)), unit), "", style="bold")
    return table


def _plot(found, unit: str) -> Figure:
    from physsim.plotting import ABOVE, style

    f = found.frequency.values
    largest = np.argsort(-_power(found, found.by_resistor.values), kind="stable")[:_LINES]
    with style():
        figure = Figure(figsize=(7, 4.5))
        axis = figure.subplots()
        axis.loglog(f, np.sqrt(found.total), label="total", color="black", linewidth=1.5)
        for j in largest:
            density = np.sqrt(found.by_resistor.values[:, j])
            axis.loglog(f, density, label=str(found.resistor.values[j]), linewidth=1)
        axis.set_ylabel(f"{found.attrs['output']} ({unit}/$\\sqrt{{\\mathrm{{Hz}}}}$)")
        axis.set_xlabel("frequency")
        if "referred" in found:
            label = f"referred to {found.attrs['source']}"
            other = found.referred.units[0]
            right = axis if other == unit else axis.twinx()
            right.loglog(f, np.sqrt(found.referred), "--", color="gray", label=label)
            if right is not axis:
                right.set_ylabel(f"{label} ({other}/$\\sqrt{{\\mathrm{{Hz}}}}$)")
                right.spines["right"].set_visible(True)
        axis.xaxis.set_major_formatter(EngFormatter("Hz"))
        axis.xaxis.set_minor_formatter(NullFormatter())
        axis.legend(**ABOVE, ncols=4)
    return figure
