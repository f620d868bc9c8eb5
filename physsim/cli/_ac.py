"""`physsim ac`"""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, LogLocator, MaxNLocator, NullFormatter
from rich.table import Table

from ._analysis import decibel, frequencies, only_source, quantities, save_csv, si, unit_of
from ._files import console, load_circuit, output_folder, save_figure
from ._main import app
from ._options import Measure, Netlist, Node, Out, Sweep
from ._peak import Peak, find_peak

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
    Frequencies are those of the `.ac` card, or around the natural frequencies; the largest
    value and its band are found between them, on the response itself.

    Examples:

        physsim ac rlc_filter.cir --node out

        physsim ac band_pass.cir --source I1 --node f4 --sweep "lin 600 3meg 12meg"

        physsim ac coupled_lc.cir --port in,0 --port out,0
    """
    from circuits import listed_frequencies

    folder = output_folder(Path(out))
    circuit = load_circuit(netlist)
    if port and (node or measure or source):
        raise ValueError("--port asks for impedances: leave --node, --measure and --source out")
    if port:
        names, units, respond = _impedances(circuit, port)
    else:
        names, units, respond = _responses(circuit, quantities(circuit, node, measure), source)
    f = listed_frequencies(circuit.netlist, frequencies(circuit, sweep))
    curves = dict(zip(names, respond(f), strict=True))
    console.print(circuit.netlist.title)
    peaks = {
        name: find_peak(f, np.abs(curve), lambda x, k=k: float(abs(respond([x])[k][0])))
        for k, (name, curve) in enumerate(curves.items())
    }
    console.print(_table(f, peaks, units))
    stem = f"{netlist.stem}_{'impedance' if port else 'ac'}"
    save_figure(_plot(f, curves, units), folder / f"{stem}.png")
    columns = {"frequency (Hz)": f}
    for name, curve in curves.items():
        columns |= {f"re {name}": np.real(curve), f"im {name}": np.imag(curve)}
        columns |= {f"dB {name}": decibel(curve), f"degrees {name}": _degrees(curve)}
    save_csv(columns, folder / f"{stem}.csv")


def _impedances(circuit, texts: list[str]):
    """Names, units, and what gives the curves at frequencies."""
    ports = [_port(text) for text in texts]
    names = [plus if minus == "0" else f"{plus}-{minus}" for plus, minus in ports]
    pairs = [(p, q) for p in range(len(ports)) for q in range(p, len(ports))]
    curves = [f"Z({names[p]})" if p == q else f"Z({names[p]};{names[q]})" for p, q in pairs]

    def respond(f):
        Z = circuit.impedance(ports, f)
        return [Z[:, p, q] for p, q in pairs]

    return curves, dict.fromkeys(curves, "Ohm"), respond


def _responses(circuit, names: list[str], source: str | None):
    """The same, of voltages and currents."""
    only = source or only_source(circuit)
    units = {name: unit_of(name) for name in names}
    if only is not None:
        console.print(f"responses to an amplitude of 1 of {only}")
        return names, units, lambda f: [circuit.transfer(only, name, f) for name in names]

    def respond(f):
        return [curve.values for curve in circuit.ac(names, f).data_vars.values()]

    return names, units, respond


def _port(text: str) -> tuple[str, str]:
    ends = [part.strip() for part in text.split(",")]
    if len(ends) == 1:
        ends.append("0")
    if len(ends) != 2 or not all(ends):
        raise ValueError(f"--port {text!r}: expected two nodes, such as out,0")
    return ends[0], ends[1]


def _degrees(curve):
    return np.rad2deg(np.unwrap(np.angle(curve)))


def _table(f, peaks, units) -> Table:
    table = Table(caption=f"of {len(f)} frequencies from {si(f[0], 'Hz')} to {si(f[-1], 'Hz')}")
    table.add_column("", overflow="fold")
    for name in ("largest", "dB", "at", "-3 dB band"):
        table.add_column(name, justify="right")
    for name, peak in peaks.items():
        shown = (si(peak.size, units[name]), f"{decibel(peak.size):.2f}")
        table.add_row(name, *shown, si(peak.frequency, "Hz", 6), _band(peak, f))
    return table


def _band(peak: Peak, f) -> str:
    """Between the points where the size falls to 1 / sqrt(2) of the largest."""
    ends = zip((f[0], f[-1]), peak.steep, strict=True)
    if any(steep and peak.frequency == end for end, steep in ends):
        return "none: the peak is beyond the sweep"
    if np.isinf(peak.size):
        return "none: no loss"
    low, high = (None if end is None else si(end, "Hz") for end in peak.band)
    if not low and peak.steep[0]:
        low = f"below {si(f[0], 'Hz')}"
    if not high and peak.steep[1]:
        high = f"above {si(f[-1], 'Hz')}"
    if low and high:
        return f"{low} to {high}"
    return f"up to {high}" if high else f"from {low}" if low else "all"


def _plot(f, curves, units) -> Figure:
    from physsim.plotting import ABOVE, style

    decades = f[-1] / f[0] > 9.99
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
            subs = (1.0, 2.0, 5.0) if f[-1] / f[0] < 100 else (1.0,)
            below.xaxis.set_major_locator(LogLocator(subs=subs))
            below.xaxis.set_minor_formatter(NullFormatter())
        below.xaxis.set_major_formatter(EngFormatter("Hz"))
    return figure
