"""`physsim ac`"""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, MaxNLocator
from rich.table import Table

from ._analysis import decibel, frequencies, quantities, save_csv, si, unit_of
from ._files import console, load_circuit, output_folder, save_figure
from ._main import app
from ._options import Measure, Netlist, Node, Out, Sweep

_DEEPEST = 200.0


@app.command(rich_help_panel="Circuits")
def ac(
    netlist: Netlist,
    node: Node = None,
    measure: Measure = None,
    source: Annotated[
        str | None,
        typer.Option(help="A V or I: the response to an amplitude of 1 of it alone."),
    ] = None,
    port: Annotated[
        list[str] | None,
        typer.Option(help="Two nodes, as out,0: impedances between such ports instead."),
    ] = None,
    sweep: Sweep = None,
    out: Out = "out",
) -> None:
    """Small-signal responses over frequency: magnitude and phase, or impedances between ports.

    All sources with an AC value drive, about the operating point; `--source` takes one alone.
    Frequencies are those of the `.ac` card, or around the natural frequencies.

    Examples:

        physsim ac rlc_filter.cir --node out

        physsim ac band_pass.cir --source I1 --node f4 --sweep "lin 600 3meg 12meg"

        physsim ac coupled_lc.cir --port in,0 --port out,0
    """
    folder = output_folder(Path(out))
    circuit = load_circuit(netlist)
    if port:
        ports = [_port(text) for text in port]
        f = _list(circuit, sweep)
        Z = circuit.impedance(ports, f)
        names = [plus if minus == "0" else f"{plus}-{minus}" for plus, minus in ports]
        curves = {
            f"Z({names[p]})" if p == q else f"Z({names[p]};{names[q]})": Z[:, p, q]
            for p in range(len(ports))
            for q in range(p, len(ports))
        }
        units = dict.fromkeys(curves, "Ohm")
    else:
        names = quantities(circuit, node, measure)
        only = source or _only_source(circuit)
        f = _list(circuit, sweep)
        if only is None:
            found = circuit.ac(names, f)
            curves = {str(name): found[name].values for name in found.data_vars}
        else:
            curves = {name: circuit.transfer(only, name, f) for name in names}
            console.print(f"responses to an amplitude of 1 of {only}")
        units = {name: unit_of(name) for name in curves}
    console.print(circuit.netlist.title)
    console.print(_table(f, curves, units))
    stem = f"{netlist.stem}_{'impedance' if port else 'ac'}"
    save_figure(_plot(f, curves, units), folder / f"{stem}.png")
    columns = {"frequency (Hz)": f}
    for name, curve in curves.items():
        columns |= {f"re {name}": np.real(curve), f"im {name}": np.imag(curve)}
        columns |= {f"dB {name}": decibel(curve), f"degrees {name}": _degrees(curve)}
    save_csv(columns, folder / f"{stem}.csv")


def _list(circuit, sweep):
    from circuits import listed_frequencies

    return listed_frequencies(circuit.netlist, frequencies(circuit, sweep))


def _port(text: str) -> tuple[str, str]:
    ends = [part.strip() for part in text.split(",")]
    if len(ends) == 1:
        ends.append("0")
    if len(ends) != 2 or not all(ends):
        raise ValueError(f"--port {text!r}: expected two nodes, such as out,0")
    return ends[0], ends[1]


def _only_source(circuit) -> str | None:
    """The one source there is, where none has an AC value."""
    from circuits import CurrentSource, VoltageSource

    kinds = (VoltageSource, CurrentSource)
    sources = [e for e in circuit.netlist.elements if isinstance(e, kinds)]
    silent = not any(e.ac[0] for e in sources)
    return sources[0].name if silent and len(sources) == 1 else None


def _degrees(curve):
    return np.rad2deg(np.unwrap(np.angle(curve)))


def _table(f, curves, units) -> Table:
    table = Table(caption=f"of {len(f)} frequencies from {si(f[0], 'Hz')} to {si(f[-1], 'Hz')}")
    table.add_column("", overflow="fold")
    for name in ("largest", "dB", "at", "-3 dB band"):
        table.add_column(name, justify="right")
    for name, curve in curves.items():
        size, k = np.abs(curve), int(np.argmax(np.abs(curve)))
        shown = (si(size[k], units[name]), f"{decibel(curve)[k]:.2f}", si(f[k], "Hz", 6))
        table.add_row(name, *shown, _band(f, size, k))
    return table


def _band(f, size, k) -> str:
    """Between the points where the size falls to 1 / sqrt(2) of the largest."""
    level = size[k] / np.sqrt(2)
    below = np.flatnonzero(size < level)
    left, right = below[below < k], below[below > k]
    ends = []
    for outer in ([left[-1]] if left.size else []), ([right[0]] if right.size else []):
        for j in outer:
            inner = j + 1 if j < k else j - 1
            part = (level - size[j]) / (size[inner] - size[j])
            ends.append(si(f[j] + part * (f[inner] - f[j]), "Hz"))
    if left.size and right.size:
        return " to ".join(ends)
    return f"up to {ends[0]}" if right.size else f"from {ends[0]}" if left.size else "all"


def _plot(f, curves, units) -> Figure:
    from physsim.plotting import ABOVE, style

    decades = f[-1] / f[0] > 10
    with style():
        figure = Figure(figsize=(7, 5))
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
        for name, curve in curves.items():
            above.plot(f, decibel(curve), label=name, linewidth=1)
            below.plot(f, _degrees(curve), linewidth=1)
        top = max(decibel(curve).max() for curve in curves.values())
        above.set_ylim(bottom=max(above.get_ylim()[0], top - _DEEPEST))
        above.set_ylabel("/".join(f"dB {u}" for u in dict.fromkeys(units.values())))
        above.legend(**ABOVE, ncols=4)
        below.set_ylabel("phase (degrees)")
        below.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 1.5, 3, 4.5, 9, 10]))
        below.set_xlabel("frequency")
        if decades:
            below.set_xscale("log")
        below.xaxis.set_major_formatter(EngFormatter("Hz"))
    return figure
