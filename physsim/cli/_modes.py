"""`physsim modes`"""

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
_PARTS = 3
_NAMED = 4


@app.command(rich_help_panel="Circuits")
def modes(netlist: Netlist, out: Out = "out") -> None:
    """Find the natural modes: frequencies, Q, shapes, and which elements hold their energy.

    Example:  physsim modes coupled_lc.cir
    """
    folder = output_folder(Path(out))
    circuit = load_circuit(netlist)
    found = circuit.modes()
    count = len(found.frequencies)
    if not count:
        raise ValueError(f"{circuit.netlist.file}: nothing oscillates or decays: there is no mode")
    console.print(circuit.netlist.title)
    console.print(_table(found))
    if count > _SHOWN:
        console.print(f"{count - _SHOWN} more modes are in the CSV file")
    if found.constants:
        console.print(_conserved(found.constants))
    if not found.stable:
        console.print("unstable: a mode with a negative rate grows", style="yellow")
    stem = netlist.stem
    save_figure(_plot(found), folder / f"{stem}_modes.png")
    columns = {
        "mode": np.arange(1, count + 1),
        "frequency (Hz)": found.frequencies,
        "rate (1/s)": found.rates,
        "Q": found.q_factors,
    }
    for name, part in zip(found.elements, found.participation.T, strict=True):
        columns[f"energy in {name}"] = part
    for name, shape in zip(found.nodes, found.voltages.T, strict=True):
        columns[f"re v({name})"], columns[f"im v({name})"] = shape.real, shape.imag
    save_csv(columns, folder / f"{stem}_modes.csv")


def _table(found) -> Table:
    table = Table()
    for name in ("mode", "frequency", "Q", "rate"):
        table.add_column(name, justify="right")
    table.add_column("energy in")
    for k in range(min(len(found.frequencies), _SHOWN)):
        shares = found.participation[k]
        largest = np.argsort(-shares, kind="stable")[:_PARTS]
        where = ", ".join(
            f"{found.elements[j]} {100 * shares[j]:.0f} %" for j in largest if shares[j] > 0.005
        )
        f, Q = found.frequencies[k], found.q_factors[k]
        lossless = "no loss" if np.isinf(Q) else f"{Q:.4g}"
        table.add_row(
            str(k + 1),
            si(f, "Hz", 6) if f else "decays",
            lossless if f else "",
            si(found.rates[k], "1/s"),
            where,
        )
    return table


def _conserved(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    which = ", ".join(f"the {name}" for name in names[:_NAMED])
    they_are = "they are" if len(names) > 1 else "it is"
    return f"{len(names)} left out, as {they_are} conserved: {which}{more}"


def _plot(found) -> Figure:
    from physsim.plotting import COLOURS, style

    with style():
        figure = Figure(figsize=(7, 6))
        above, below = figure.subplots(2, 1, height_ratios=(1, 2))
        marks = above.vlines(found.frequencies, 0, 1, color=COLOURS[0])
        marks.set_linewidth(1.5)
        above.set_xlim(0, 1.05 * found.frequencies.max() or 1)
        above.set_yticks([])
        above.set_xlabel("natural frequency")
        above.xaxis.set_major_formatter(EngFormatter("Hz"))
        image = below.imshow(
            100 * found.participation, aspect="auto", cmap="Blues", vmin=0, interpolation="none"
        )
        below.grid(visible=False)
        below.set_ylabel("mode")
        rows, columns = found.participation.shape
        step = max(1, rows // 20)
        below.set_yticks(range(0, rows, step), range(1, rows + 1, step))
        step = max(1, columns // 40)
        below.set_xticks(
            range(0, columns, step), found.elements[::step], rotation=90 if columns > 12 else 0
        )
        figure.colorbar(image, ax=below, label="part of the stored energy (%)")
    return figure
